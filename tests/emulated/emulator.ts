/**
 * The emulated driver of this process, for tests: what it counted, what is live on it, and what it shall do wrong. Tests
 * here run in a process with the driver's folder in LD_LIBRARY_PATH, so the library under test opens the very same one.
 */
import { join } from "@std/path";

const folder = Deno.env.get("LIBTRAIN_EMULATED") ?? "";
if (folder === "") {
  throw new Error(
    "Expected LIBTRAIN_EMULATED to name the emulated driver's folder: run `deno task test --only emulated`",
  );
}

/** Opened once; never closed, as the library under test has it open too. */
const { symbols } = Deno.dlopen(join(folder, "libcuda.so"), {
  emu_seed: { parameters: ["u64"], result: "void" },
  emu_fail: { parameters: ["u64", "i32", "i32"], result: "void" },
  emu_fail_function: { parameters: ["buffer", "u64", "i32", "i32"], result: "void" },
  emu_reset: { parameters: [], result: "void" },
  emu_devices: { parameters: ["i32"], result: "void" },
  emu_driver_version: { parameters: ["i32"], result: "void" },
  emu_cudnn_version: { parameters: ["u64"], result: "void" },
  emu_nvrtc_fails: { parameters: ["i32"], result: "void" },
  emu_capacity: { parameters: ["u64"], result: "void" },
  emu_calls: { parameters: [], result: "u64" },
  emu_launches: { parameters: [], result: "u64" },
  emu_launch_counts: { parameters: ["buffer", "u32"], result: "u32" },
  emu_call_counts: { parameters: ["buffer", "u32"], result: "u32" },
  emu_live: { parameters: ["buffer", "u32"], result: "u32" },
  emu_leaked: { parameters: ["buffer", "u32"], result: "u32" },
});

type Lines = (to: Uint8Array<ArrayBuffer>, size: number) => number;

function counts(lines: Lines): Record<string, number> {
  const buffer = new Uint8Array(1 << 16);
  const bytes = lines(buffer, buffer.length);
  if (bytes > buffer.length) throw new Error(`Expected at most ${buffer.length} bytes of counts, got ${bytes}`);
  const text = new TextDecoder().decode(buffer.subarray(0, bytes));
  return Object.fromEntries(
    text.split("\n").filter((line) => line !== "").map((line) => {
      const [name = "", count = ""] = line.split(" ");
      return [name, Number(count)];
    }),
  );
}

/** How a call is made to fail. */
export interface Failure {
  /** A CUresult; without it, what that call would give: out of memory for allocations, a failed launch for others. */
  readonly code?: number;
  /** Whether every call after it fails too, as after an illegal address. */
  readonly forever?: boolean;
}

/** The emulated driver. */
export const emulator = {
  /** Seeds the order of streams, blocks and threads. */
  seed(value: number): void {
    symbols.emu_seed(BigInt(value));
  },
  /** Makes the `next`-th call from now fail, of those that can; 0 for none. */
  failCall(next: number, { code = 0, forever = false }: Failure = {}): void {
    symbols.emu_fail(BigInt(next), code, forever ? 1 : 0);
  },
  /** {@linkcode failCall} for the `next`-th call of one function. */
  failFunction(name: string, next: number, { code = 0, forever = false }: Failure = {}): void {
    symbols.emu_fail_function(new TextEncoder().encode(`${name}\0`), BigInt(next), code, forever ? 1 : 0);
  },
  /** Forgets the counts, what was to fail, and an error that would stay. */
  reset(): void {
    symbols.emu_reset();
  },
  setDevices(count: number): void {
    symbols.emu_devices(count);
  },
  /** 13000 for 13.0. */
  setDriverVersion(version: number): void {
    symbols.emu_driver_version(version);
  },
  /** 92100 for 9.21.0. */
  setCudnnVersion(version: number): void {
    symbols.emu_cudnn_version(BigInt(version));
  },
  setNvrtcFails(fails: boolean): void {
    symbols.emu_nvrtc_fails(fails ? 1 : 0);
  },
  /** How much device memory there is, in bytes. */
  setCapacity(bytes: number): void {
    symbols.emu_capacity(BigInt(bytes));
  },
  /** Calls of all libraries since the last reset. */
  calls(): number {
    return Number(symbols.emu_calls());
  },
  /** Kernels, convolutions and matrix products that ran since the last reset. */
  launches(): number {
    return Number(symbols.emu_launches());
  },
  /** The same by name: kernels under theirs, and "cudnn_forward", "cublaslt_matmul" and such. */
  launchesByName(): Record<string, number> {
    return counts(symbols.emu_launch_counts);
  },
  /** Calls by the function's name. */
  callsByName(): Record<string, number> {
    return counts(symbols.emu_call_counts);
  },
  /** What is there now: bytes, allocations, streams, events, modules, graphs, … */
  live(): Record<string, number> {
    return counts(symbols.emu_live);
  },
  /** What a context still had when it was destroyed, since the last reset; nothing where all was given back. */
  leaked(): Record<string, number> {
    return counts(symbols.emu_leaked);
  },
} as const;

/**
 * Starts a program with the emulated driver in its reach. The loader looks at its path when a process starts, Deno hands
 * such a path to nobody, and `env` sets it anew.
 */
export function emulatedCommand(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Deno.Command {
  return new Deno.Command("env", {
    args: [`LD_LIBRARY_PATH=${folder}`, program, ...args],
    env: { LD_LIBRARY_PATH: "", LIBTRAIN_NVRTC_DIR: "", LIBTRAIN_KERNEL_CACHE: "", ...env },
    stdout: "piped",
    stderr: "piped",
  });
}

/**
 * What is live once queues that were destroyed have ended, their threads end on their own; fails where it is more than
 * `before`. Less is no wonder: the tests of a process share the GPU, and what one has forgotten goes at any time.
 */
export async function closedTo(before: Record<string, number>): Promise<void> {
  const more = (): string[] => {
    const now = emulator.live();
    return Object.keys(now).filter((kind) => now[kind]! > (before[kind] ?? 0)).map((kind) =>
      `${kind}: ${now[kind]}, before ${before[kind] ?? 0}`
    );
  };
  for (let i = 0; i < 6000 && more().length > 0; i++) await new Promise((done) => setTimeout(done, 5));
  const left = more();
  if (left.length > 0) throw new Error(`Expected nothing left on the GPU, got ${left.join("; ")}`);
}
