/**
 * The driver's own functions, as a program calls them, for the tests of the emulated driver itself. Every call gives its
 * CUresult; what it makes is written to the places it was given.
 */
import { join } from "@std/path";

const library = Deno.dlopen(join(Deno.env.get("LIBTRAIN_EMULATED") ?? "", "libcuda.so"), {
  emu_address: { parameters: ["buffer"], result: "u64" },
  emu_peek: { parameters: ["u64"], result: "i32" },
  cuInit: { parameters: ["u32"], result: "i32" },
  cuDevicePrimaryCtxRetain: { parameters: ["buffer", "i32"], result: "i32" },
  cuDevicePrimaryCtxRelease_v2: { parameters: ["i32"], result: "i32" },
  cuCtxSetCurrent: { parameters: ["u64"], result: "i32" },
  cuCtxSynchronize: { parameters: [], result: "i32" },
  cuStreamCreate: { parameters: ["buffer", "u32"], result: "i32" },
  cuStreamDestroy_v2: { parameters: ["u64"], result: "i32" },
  cuStreamSynchronize: { parameters: ["u64"], result: "i32" },
  cuStreamQuery: { parameters: ["u64"], result: "i32" },
  cuStreamWaitEvent: { parameters: ["u64", "u64", "u32"], result: "i32" },
  cuStreamBeginCapture_v2: { parameters: ["u64", "i32"], result: "i32" },
  cuStreamEndCapture: { parameters: ["u64", "buffer"], result: "i32" },
  cuStreamIsCapturing: { parameters: ["u64", "buffer"], result: "i32" },
  cuGraphGetNodes: { parameters: ["u64", "u64", "buffer"], result: "i32" },
  cuGraphInstantiateWithFlags: { parameters: ["buffer", "u64", "u64"], result: "i32" },
  cuGraphLaunch: { parameters: ["u64", "u64"], result: "i32" },
  cuGraphExecDestroy: { parameters: ["u64"], result: "i32" },
  cuGraphDestroy: { parameters: ["u64"], result: "i32" },
  cuEventCreate: { parameters: ["buffer", "u32"], result: "i32" },
  cuEventRecord: { parameters: ["u64", "u64"], result: "i32" },
  cuEventQuery: { parameters: ["u64"], result: "i32" },
  cuEventDestroy_v2: { parameters: ["u64"], result: "i32" },
  cuMemAlloc_v2: { parameters: ["buffer", "usize"], result: "i32" },
  cuMemFree_v2: { parameters: ["u64"], result: "i32" },
  cuMemAllocHost_v2: { parameters: ["buffer", "usize"], result: "i32" },
  cuMemFreeHost: { parameters: ["u64"], result: "i32" },
  cuMemcpyHtoDAsync_v2: { parameters: ["u64", "u64", "usize", "u64"], result: "i32" },
  cuMemcpyDtoHAsync_v2: { parameters: ["u64", "u64", "usize", "u64"], result: "i32" },
  cuMemcpyDtoDAsync_v2: { parameters: ["u64", "u64", "usize", "u64"], result: "i32" },
  cuMemsetD32Async: { parameters: ["u64", "u32", "usize", "u64"], result: "i32" },
  cuModuleLoadData: { parameters: ["buffer", "buffer"], result: "i32" },
  cuModuleUnload: { parameters: ["u64"], result: "i32" },
  cuModuleGetFunction: { parameters: ["buffer", "u64", "buffer"], result: "i32" },
  cuFuncSetAttribute: { parameters: ["u64", "i32", "i32"], result: "i32" },
  cuFuncGetParamInfo: { parameters: ["u64", "usize", "buffer", "buffer"], result: "i32" },
  cuLaunchKernel: {
    parameters: ["u64", "u32", "u32", "u32", "u32", "u32", "u32", "u32", "u64", "buffer", "u64"],
    result: "i32",
  },
});

/** The functions. */
export const cuda = library.symbols;

/** What a call writes: one 64-bit number, also as bytes to give to it. */
export class Out {
  readonly words = new BigUint64Array(new ArrayBuffer(64));

  get bytes(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.words.buffer);
  }

  get value(): bigint {
    return this.words[0]!;
  }
}

/** Makes something by a call that has to succeed. */
export function made(call: (out: Uint8Array<ArrayBuffer>) => number): bigint {
  const out = new Out();
  const status = call(out.bytes);
  if (status !== 0) throw new Error(`Expected the driver to make something, got CUresult ${status}`);
  return out.value;
}

/** The address of a buffer, which has to outlive its use. */
export function addressOf(buffer: Float32Array<ArrayBuffer> | BigUint64Array<ArrayBuffer>): bigint {
  return cuda.emu_address(new Uint8Array(buffer.buffer));
}

/** A zero-terminated text. */
export function text(value: string): Uint8Array<ArrayBuffer> {
  const bytes = new TextEncoder().encode(value);
  const buffer = new Uint8Array(new ArrayBuffer(bytes.length + 1));
  buffer.set(bytes);
  return buffer;
}

/** A value of a kernel's argument. */
export type Argument = { readonly pointer: bigint } | { readonly u32: number } | { readonly i64: bigint };

/** How a kernel is launched. */
export interface Launch {
  readonly blocks?: number;
  readonly threads?: number;
  readonly shared?: number;
}

/** Launches; the arguments are read by the call. */
export function launch(kernel: bigint, stream: bigint, args: readonly Argument[], how: Launch = {}): number {
  const { blocks = 1, threads = 1, shared = 0 } = how;
  const values = new BigUint64Array(new ArrayBuffer(128));
  const places = new BigUint64Array(new ArrayBuffer(128));
  for (const [index, argument] of args.entries()) {
    if ("pointer" in argument) values[index] = argument.pointer;
    else if ("u32" in argument) values[index] = BigInt(argument.u32);
    else values[index] = BigInt.asUintN(64, argument.i64);
    places[index] = addressOf(values) + BigInt(8 * index);
  }
  const bytes = new Uint8Array(places.buffer);
  const status = cuda.cuLaunchKernel(kernel, blocks, 1, 1, threads, 1, 1, shared, stream, bytes, 0n);
  values.fill(0xffff_ffff_ffff_ffffn);
  return status;
}

/** The kernels of tests/emulated/kernels/selftest.cu, in a context of this thread. */
export class Session implements Disposable {
  readonly module: bigint;
  readonly stream: bigint;

  constructor() {
    cuda.cuInit(0);
    cuda.cuCtxSetCurrent(made((out) => cuda.cuDevicePrimaryCtxRetain(out, 0)));
    this.module = made((out) => cuda.cuModuleLoadData(out, text("\x7fELFselftest/kernel.cu")));
    this.stream = this.newStream();
  }

  newStream(): bigint {
    return made((out) => cuda.cuStreamCreate(out, 1));
  }

  kernel(name: string): bigint {
    return made((out) => cuda.cuModuleGetFunction(out, this.module, text(name)));
  }

  /** Device memory for this many floats. */
  floats(count: number): bigint {
    return made((out) => cuda.cuMemAlloc_v2(out, BigInt(4 * count)));
  }

  upload(values: Float32Array<ArrayBuffer>, stream = this.stream): bigint {
    const target = this.floats(values.length);
    const status = cuda.cuMemcpyHtoDAsync_v2(target, addressOf(values), BigInt(4 * values.length), stream);
    if (status !== 0) throw new Error(`Expected a copy to the device, got CUresult ${status}`);
    return target;
  }

  /** Waits, as pageable memory does; the status of the copy. */
  download(from: bigint, to: Float32Array<ArrayBuffer>, stream = this.stream): number {
    return cuda.cuMemcpyDtoHAsync_v2(addressOf(to), from, BigInt(4 * to.length), stream);
  }

  /** Whatever the session left goes with its context. */
  [Symbol.dispose](): void {
    cuda.cuDevicePrimaryCtxRelease_v2(0);
  }
}
