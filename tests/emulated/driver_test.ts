/** The emulated driver shows what a GPU would hide: missing waits, wrong addresses, what capture refuses. */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { addressOf, cuda, launch, made, Out, Session, text } from "./driver.ts";
import { emulator } from "./emulator.ts";

const OK = 0, INVALID_VALUE = 1, OUT_OF_MEMORY = 2, INVALID_CONTEXT = 201, INVALID_HANDLE = 400, NOT_FOUND = 500;
const NOT_READY = 600, ILLEGAL_ADDRESS = 700, LAUNCH_FAILED = 719;
const CAPTURE_UNSUPPORTED = 900, CAPTURE_INVALIDATED = 901, CAPTURE_ISOLATION = 905;

function floats(count: number, value: (index: number) => number = () => NaN): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: count }, (_, index) => value(index));
}

/** A test with a context of its own; counts and errors are forgotten before and after. */
function test(name: string, body: (session: Session) => void): void {
  Deno.test(`emulated driver: ${name}`, () => {
    emulator.reset();
    emulator.seed(1);
    try {
      using session = new Session();
      body(session);
      emulator.reset();
    } finally {
      emulator.reset();
    }
  });
}

/** y = x + 1 on a stream. */
function addOne(session: Session, x: bigint, y: bigint, count: number, stream = session.stream): void {
  const args = [{ pointer: x }, { pointer: y }, { u32: count }];
  assertEquals(launch(session.kernel("add_one"), stream, args, { blocks: 2, threads: 8 }), OK);
}

test("nothing runs until somebody waits", (session) => {
  const x = session.upload(floats(20, (i) => i));
  const y = session.floats(20);
  addOne(session, x, y, 20);
  assertEquals(emulator.launches(), 0);
  assertEquals(cuda.cuStreamQuery(session.stream), NOT_READY);
  assertEquals(cuda.cuStreamSynchronize(session.stream), OK);
  assertEquals(emulator.launchesByName(), { add_one: 1 });
  const got = floats(20);
  assertEquals(session.download(y, got), OK);
  assertEquals(got, floats(20, (i) => i + 1));
});

test("streams that nothing orders run in any order", (session) => {
  const other = session.newStream();
  const outcomes = (ordered: boolean): Set<number> => {
    const seen = new Set<number>();
    for (let seed = 0; seed < 20; seed++) {
      emulator.seed(seed);
      const x = session.upload(floats(1, () => 1));
      assertEquals(cuda.cuStreamSynchronize(session.stream), OK);
      addOne(session, x, x, 1);
      const event = made((out) => cuda.cuEventCreate(out, 0));
      assertEquals(cuda.cuEventRecord(event, session.stream), OK);
      if (ordered) assertEquals(cuda.cuStreamWaitEvent(other, event, 0), OK);
      const got = floats(1);
      assertEquals(session.download(x, got, other), OK);
      assertEquals(cuda.cuCtxSynchronize(), OK);
      assertEquals(cuda.cuEventQuery(event), OK);
      seen.add(got[0]!);
    }
    return seen;
  };
  assertEquals(outcomes(true), new Set([2]));
  assertEquals(outcomes(false), new Set([1, 2]));
});

test("pinned memory is read when the copy runs, pageable memory at the call", (session) => {
  const source = floats(4, () => 1);
  const pinned = made((out) => cuda.cuMemAllocHost_v2(out, 16n));
  const [fromPageable, fromPinned] = [session.upload(source), session.floats(4)];
  const ones = session.upload(source);
  // Device to pinned memory: also later.
  assertEquals(cuda.cuMemcpyDtoHAsync_v2(pinned, ones, 16n, session.stream), OK);
  assertEquals(cuda.cuStreamSynchronize(session.stream), OK);
  assertEquals(cuda.cuMemcpyHtoDAsync_v2(fromPinned, pinned, 16n, session.stream), OK);
  // Too early: the copy has not run.
  const twos = session.upload(floats(4, () => 2), session.newStream());
  assertEquals(cuda.cuCtxSynchronize(), OK);
  assertEquals(cuda.cuMemcpyHtoDAsync_v2(fromPinned, pinned, 16n, session.stream), OK);
  const other = session.newStream();
  emulator.seed(3);
  assertEquals(cuda.cuMemcpyDtoHAsync_v2(pinned, twos, 16n, other), OK);
  assertEquals(cuda.cuStreamSynchronize(other), OK);
  source.fill(9);
  const [pageable, reused] = [floats(4), floats(4)];
  assertEquals(session.download(fromPageable, pageable), OK);
  assertEquals(session.download(fromPinned, reused), OK);
  assertEquals(pageable, floats(4, () => 1));
  assertEquals(reused, floats(4, () => 2));
  assertEquals(cuda.cuMemFreeHost(pinned), OK);
});

test("memory without a value is NaN, and a write beside an allocation fails at the next wait", (session) => {
  const stray = session.kernel("stray");
  for (const at of [5n, -1n]) {
    const y = session.floats(5);
    const got = floats(5, () => 0);
    assertEquals(session.download(y, got), OK);
    assert(got.every(Number.isNaN));
    assertEquals(launch(stray, session.stream, [{ pointer: y }, { i64: at }]), OK);
    assertEquals(cuda.cuStreamSynchronize(session.stream), ILLEGAL_ADDRESS, `at ${at}`);
    // CUDA never forgets it.
    assertEquals(cuda.cuMemAlloc_v2(new Out().bytes, 4n), ILLEGAL_ADDRESS);
    assertEquals(launch(stray, session.stream, [{ pointer: y }, { i64: 0n }]), ILLEGAL_ADDRESS);
    emulator.reset();
    assertEquals(cuda.cuMemFree_v2(y), OK);
  }
});

test("an address that is none fails at the next wait", (session) => {
  const y = session.floats(1);
  assertEquals(launch(session.kernel("stray"), session.stream, [{ pointer: y }, { i64: 1n << 45n }]), OK);
  assertEquals(cuda.cuStreamSynchronize(session.stream), ILLEGAL_ADDRESS);
  emulator.reset();
  // Kernels with barriers run again afterwards.
  const x = session.upload(floats(64, (i) => i));
  const turned = session.floats(64);
  assertEquals(
    launch(session.kernel("turn_around"), session.stream, [{ pointer: x }, { pointer: turned }], { threads: 64 }),
    OK,
  );
  const got = floats(64);
  assertEquals(session.download(turned, got), OK);
  assertEquals(got, floats(64, (i) => 63 - i));
});

test("a pointer that a kernel finds in memory", (session) => {
  const x = session.upload(floats(4, (i) => i + 1));
  const [place, y] = [session.floats(2), session.floats(4)];
  const pointer = BigUint64Array.of(x);
  assertEquals(cuda.cuMemcpyHtoDAsync_v2(place, addressOf(pointer), 8n, session.stream), OK);
  const args = [{ pointer: place }, { pointer: y }];
  for (let round = 0; round < 2; round++) {
    assertEquals(launch(session.kernel("follow"), session.stream, args, { threads: 4 }), OK);
    const got = floats(4);
    assertEquals(session.download(y, got), OK);
    assertEquals(got, floats(4, (i) => i + 1));
  }
  // The pointer is what the host wrote: the device's own addresses are nowhere in its memory.
  const back = new BigUint64Array(1);
  assertEquals(cuda.cuMemcpyDtoHAsync_v2(addressOf(back), place, 8n, session.stream), OK);
  assertEquals(back, pointer);
});

test("memory that was freed", (session) => {
  const x = session.upload(floats(64, () => 1));
  assertEquals(cuda.cuMemFree_v2(x), OK);
  assertEquals(cuda.cuMemFree_v2(x), INVALID_VALUE);
  assertEquals(session.download(x, floats(64)), INVALID_VALUE);
  assertEquals(launch(session.kernel("stray"), session.stream, [{ pointer: x }, { i64: 3n }]), OK);
  assertEquals(cuda.cuStreamSynchronize(session.stream), OK);
  // Found when the place is given out again.
  assertEquals(cuda.cuMemAlloc_v2(new Out().bytes, 256n), ILLEGAL_ADDRESS);
});

test("memory is counted, and runs out", (session) => {
  const before = emulator.live();
  emulator.setCapacity(before["bytes"]! + 1000);
  try {
    const x = session.floats(200);
    assertEquals(emulator.live()["bytes"], before["bytes"]! + 800);
    assertEquals(emulator.live()["allocations"], before["allocations"]! + 1);
    assertEquals(cuda.cuMemAlloc_v2(new Out().bytes, 201n), OUT_OF_MEMORY);
    assertEquals(cuda.cuMemAlloc_v2(new Out().bytes, 0n), INVALID_VALUE);
    assertEquals(cuda.cuMemFree_v2(x), OK);
    assertEquals(emulator.live(), before);
  } finally {
    emulator.setCapacity(2 ** 31);
  }
});

test("capture records, and a graph replays with the arguments of then", (session) => {
  const x = session.upload(floats(8, () => 0));
  assertEquals(cuda.cuStreamSynchronize(session.stream), OK);
  assertEquals(cuda.cuStreamBeginCapture_v2(session.stream, 1), OK);
  addOne(session, x, x, 8);
  addOne(session, x, x, 4);
  const status = new Out();
  assertEquals(cuda.cuStreamIsCapturing(session.stream, status.bytes), OK);
  assertEquals(Number(status.value & 0xffffffffn), 1);
  const graph = made((out) => cuda.cuStreamEndCapture(session.stream, out));
  assertEquals(made((out) => cuda.cuGraphGetNodes(graph, 0n, out)), 2n);
  const executable = made((out) => cuda.cuGraphInstantiateWithFlags(out, graph, 0n));
  assertEquals(cuda.cuGraphDestroy(graph), OK);
  assertEquals(emulator.launches(), 0);
  for (let i = 0; i < 3; i++) assertEquals(cuda.cuGraphLaunch(executable, session.stream), OK);
  const got = floats(8);
  assertEquals(session.download(x, got), OK);
  assertEquals(got, floats(8, (i) => i < 4 ? 6 : 3));
  assertEquals(emulator.launchesByName(), { add_one: 6 });
  assertEquals(cuda.cuGraphExecDestroy(executable), OK);
  assertEquals(cuda.cuGraphLaunch(executable, session.stream), INVALID_HANDLE);
});

test("capture refuses what waits or allocates, and is spoilt by it", (session) => {
  const y = session.floats(4);
  const event = made((out) => cuda.cuEventCreate(out, 0));
  assertEquals(cuda.cuEventRecord(event, session.stream), OK);
  const host = floats(4, () => 1);
  const refused: Record<string, () => number> = {
    "waiting for the stream": () => cuda.cuStreamSynchronize(session.stream),
    "asking the stream": () => cuda.cuStreamQuery(session.stream),
    "waiting for everything": () => cuda.cuCtxSynchronize(),
    "asking an event": () => cuda.cuEventQuery(event),
    allocating: () => cuda.cuMemAlloc_v2(new Out().bytes, 4n),
    freeing: () => cuda.cuMemFree_v2(y),
    "a pageable copy": () => session.download(y, host),
    "loading a module": () => cuda.cuModuleLoadData(new Out().bytes, text("\x7fELFselftest/kernel.cu")),
  };
  for (const [what, call] of Object.entries(refused)) {
    assertEquals(cuda.cuStreamBeginCapture_v2(session.stream, 1), OK);
    assertEquals(call(), CAPTURE_UNSUPPORTED, what);
    const args = [{ pointer: y }, { i64: 0n }];
    assertEquals(launch(session.kernel("stray"), session.stream, args), CAPTURE_INVALIDATED, what);
    assertEquals(cuda.cuStreamEndCapture(session.stream, new Out().bytes), CAPTURE_INVALIDATED, what);
    // The stream is of use again.
    assertEquals(cuda.cuStreamSynchronize(session.stream), OK, what);
  }
  assertEquals(cuda.cuStreamBeginCapture_v2(session.stream, 1), OK);
  assertEquals(cuda.cuStreamWaitEvent(session.stream, event, 0), CAPTURE_ISOLATION);
  assertEquals(cuda.cuStreamEndCapture(session.stream, new Out().bytes), CAPTURE_INVALIDATED);
});

test("a graph may not outlive its memory", (session) => {
  const [x, y] = [session.floats(4), session.floats(4)];
  assertEquals(cuda.cuStreamBeginCapture_v2(session.stream, 1), OK);
  assertEquals(cuda.cuMemcpyDtoDAsync_v2(y, x, 16n, session.stream), OK);
  const graph = made((out) => cuda.cuStreamEndCapture(session.stream, out));
  const executable = made((out) => cuda.cuGraphInstantiateWithFlags(out, graph, 0n));
  assertEquals(cuda.cuMemFree_v2(x), OK);
  assertEquals(cuda.cuGraphLaunch(executable, session.stream), OK);
  assertEquals(cuda.cuStreamSynchronize(session.stream), ILLEGAL_ADDRESS);
});

test("launches that CUDA refuses", (session) => {
  const y = session.floats(2048);
  const args = [{ pointer: y }, { pointer: y }, { u32: 1 }];
  const bounded = session.kernel("sum_blocks");
  assertEquals(launch(bounded, session.stream, args, { threads: 257 }), INVALID_VALUE, "its launch bounds");
  assertEquals(launch(session.kernel("add_one"), session.stream, args, { threads: 1025 }), INVALID_VALUE);
  assertEquals(launch(session.kernel("add_one"), session.stream, args, { blocks: 0 }), INVALID_VALUE);
  const shared = { threads: 32, shared: 48 * 1024 + 4 };
  assertEquals(launch(bounded, session.stream, args, shared), INVALID_VALUE, "without asking for it");
  assertEquals(cuda.cuFuncSetAttribute(bounded, 8, 227 * 1024 + 1), INVALID_VALUE);
  assertEquals(cuda.cuFuncSetAttribute(bounded, 8, shared.shared), OK);
  assertEquals(launch(bounded, session.stream, args, shared), OK);
  assertEquals(cuda.cuModuleGetFunction(new Out().bytes, session.module, text("nothing")), NOT_FOUND);
  const [offset, bytes] = [new Out(), new Out()];
  assertEquals(cuda.cuFuncGetParamInfo(bounded, 2n, offset.bytes, bytes.bytes), OK);
  assertEquals([offset.value, bytes.value], [16n, 4n]);
  assertEquals(cuda.cuFuncGetParamInfo(bounded, 3n, offset.bytes, bytes.bytes), INVALID_VALUE);
});

test("kernels that are wrong", (session) => {
  const y = session.floats(64);
  const failing = (kernel: string, shared: number): number => {
    assertEquals(launch(session.kernel(kernel), session.stream, [{ pointer: y }], { threads: 64, shared }), OK);
    const status = cuda.cuStreamSynchronize(session.stream);
    emulator.reset();
    return status;
  };
  assertEquals(failing("divergent", 0), LAUNCH_FAILED);
  assertEquals(failing("beyond_shared", 252), LAUNCH_FAILED);
  assertEquals(failing("beyond_shared", 256), OK);
  // A missing barrier: two launches, in which the threads run in two directions, differ.
  const x = session.upload(floats(64, (i) => i));
  const [first, second] = [0, 1].map(() => {
    const got = floats(64);
    const args = [{ pointer: x }, { pointer: y }];
    assertEquals(launch(session.kernel("racy"), session.stream, args, { threads: 64, shared: 256 }), OK);
    assertEquals(session.download(y, got), OK);
    return got;
  });
  assertNotEquals(first, second);
});

test("barriers, shuffles, votes and shared memory", (session) => {
  const y = session.floats(64 * 8);
  const got = floats(64 * 8);
  const x = session.upload(floats(1000, (i) => i));
  for (let direction = 0; direction < 2; direction++) {
    assertEquals(launch(session.kernel("lanes"), session.stream, [{ pointer: y }], { threads: 64 }), OK);
    assertEquals(session.download(y, got), OK);
    const expected = floats(64 * 8, (at) => {
      const [i, warp] = [Math.floor(at / 8), Math.floor(at / 256) * 32];
      const lane = i - warp;
      return [
        warp + 5,
        lane === 0 ? i : i - 1,
        lane >= 30 ? i : i + 2,
        (i & ~7) | ((i & 7) ^ 3),
        11,
        10,
        1,
        warp === 0 ? 1 : 0,
      ][at % 8]!;
    });
    assertEquals(got, expected);
    const args = [{ pointer: x }, { pointer: y }, { u32: 1000 }];
    assertEquals(
      launch(session.kernel("sum_blocks"), session.stream, args, { blocks: 2, threads: 256, shared: 32 }),
      OK,
    );
    assertEquals(session.download(y, got), OK);
    assertEquals(got[0]! + got[1]!, 999 * 500);
  }
});

test("handles that are none, calls without a context, calls that shall fail", (session) => {
  const stream = session.newStream();
  assertEquals(cuda.cuStreamDestroy_v2(stream), OK);
  assertEquals(cuda.cuStreamSynchronize(stream), INVALID_HANDLE);
  assertEquals(cuda.cuCtxSetCurrent(0n), OK);
  assertEquals(cuda.cuStreamSynchronize(session.stream), INVALID_CONTEXT);
  cuda.cuCtxSetCurrent(made((out) => cuda.cuDevicePrimaryCtxRetain(out, 0)));
  cuda.cuDevicePrimaryCtxRelease_v2(0);
  emulator.failCall(2);
  assertEquals(cuda.cuStreamSynchronize(session.stream), OK);
  assertEquals(cuda.cuMemAlloc_v2(new Out().bytes, 4n), OUT_OF_MEMORY);
  assertEquals(cuda.cuStreamSynchronize(session.stream), OK);
  emulator.failCall(1, { code: LAUNCH_FAILED, forever: true });
  assertEquals(cuda.cuStreamSynchronize(session.stream), LAUNCH_FAILED);
  assertEquals(cuda.cuMemAlloc_v2(new Out().bytes, 4n), LAUNCH_FAILED);
  assertEquals(addressOf(floats(1)) > 0n, true);
});

async function hostAccess(...words: string[]): Promise<{ said: string; signal: Deno.Signal | null; err: string }> {
  const script = fromFileUrl(new URL("./host_access.ts", import.meta.url));
  const library = `${Deno.env.get("LIBTRAIN_EMULATED")}/libcuda.so`;
  const args = [
    "run",
    "-q",
    "--no-prompt",
    `--allow-ffi=${library}`,
    "--allow-env=LIBTRAIN_EMULATED",
    script,
    ...words,
  ];
  // Deno hands a path of the loader to nobody; the child opens the driver by its own path.
  const env = { LD_LIBRARY_PATH: "" };
  const output = await new Deno.Command(Deno.execPath(), { args, env, stdout: "piped", stderr: "piped" }).output();
  const decoder = new TextDecoder();
  return { said: decoder.decode(output.stdout), signal: output.signal, err: decoder.decode(output.stderr) };
}

Deno.test("emulated driver: a host that touches device memory dies of it", async () => {
  const { said, signal, err } = await hostAccess();
  assertEquals([said, signal], ["allocated\n", "SIGSEGV"], err);
});

Deno.test("emulated driver: it also dies where a kernel was at that memory by a pointer of its own", async () => {
  const { said, signal, err } = await hostAccess("followed");
  assertEquals([said, signal], ["followed 0 0 0\nallocated\n", "SIGSEGV"], err);
});
