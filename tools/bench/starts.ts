/** How the processes that are compared are started: the library's own, and PyTorch's. */
import { fromFileUrl } from "@std/path";
import { Rival, type RivalOptions } from "./rival.ts";

/** The repository's folder. */
export const root = fromFileUrl(new URL("../../", import.meta.url));

/** The Python of the peer's environment, which `deno task bench peers` makes. */
export const peerFolder = "target/peer";
export const peerPython = `${peerFolder}/bin/python`;

/** An instruction set that both sides are kept to; undefined: all that the processor has. */
export type LimitedIsa = "avx2" | undefined;

/** How processes are started; a test has others. */
export interface Starts {
  own(options: { isa?: LimitedIsa; signal?: AbortSignal }): Promise<Rival>;
  peer(script: PeerScript, options: { isa?: LimitedIsa; threads?: number; signal?: AbortSignal }): Promise<Rival>;
}

/** A file of benchmarks/peer. */
export type PeerScript = "torch_step.py" | "torch_infer.py" | "torch_ops.py" | "torch_serve.py";

/** Variables that keep PyTorch, oneDNN and MKL to an instruction set, as `LIBTRAIN_ISA` keeps the library. */
const isaVariables = {
  avx2: {
    LIBTRAIN_ISA: "avx2",
    ONEDNN_MAX_CPU_ISA: "AVX2",
    ATEN_CPU_CAPABILITY: "avx2",
    MKL_ENABLE_INSTRUCTIONS: "AVX2",
  },
} as const;

function environment(isa: LimitedIsa): Record<string, string> {
  return isa === undefined ? {} : { ...isaVariables[isa] };
}

/** What runs this repository's own processes. */
export const starts: Starts = {
  own({ isa, signal }): Promise<Rival> {
    const args = ["run", "-q", "--no-prompt", "-P=bench", `${root}tools/bench/own.ts`];
    return Rival.start({ program: Deno.execPath(), args, env: environment(isa), signal });
  },
  async peer(script, { isa, threads, signal }): Promise<Rival> {
    requirePeer();
    const env = {
      ...environment(isa),
      ...(threads === undefined ? {} : { OMP_NUM_THREADS: `${threads}` }),
      // What torch.compile has compiled, for the next process.
      TORCHINDUCTOR_CACHE_DIR: `${root}${peerFolder}/inductor`,
    };
    const options: RivalOptions = {
      program: `${root}${peerPython}`,
      args: [`${root}benchmarks/peer/${script}`],
      env,
      signal,
    };
    return await Rival.start(options);
  },
};

/** Throws where there is no PyTorch to compare with. */
export function requirePeer(): void {
  try {
    Deno.statSync(`${root}${peerPython}`);
  } catch {
    throw new Error(`Cannot find PyTorch in ${peerFolder}: run \`deno task bench peers\``);
  }
}
