/** On what results were measured. */
import { join } from "@std/path";
import { deviceInfo, recipe } from "../../mod.ts";
import { codeVersion } from "../../lib/run/code_version.ts";
import { readJson } from "../../lib/io/json_file.ts";
import { isEmulated, type PartContext } from "./part.ts";

/** A version of the code as `tools/gpu_pack.ts` writes it beside what it packs. */
type Packed = Awaited<ReturnType<typeof codeVersion>>;

/** The code that was packed, which is what runs where `tools/gpu_check.sh` runs it: what git says there may be older. */
async function packedVersion(): Promise<Packed | undefined> {
  const folder = Deno.env.get("GPU_PACK");
  if (folder === undefined) return undefined;
  return await readJson(join(folder, "part1/pack.json"), { advice: "pack again" }) as Packed | undefined;
}

/** Facts of a result's machine and code. */
export interface Machine {
  readonly date: string;
  readonly commit: string | null;
  readonly dirty: boolean | null;
  /** "NVIDIA H100 80GB HBM3", or the processor. */
  readonly device: string;
  /** Measured on the tests' stand-in for a GPU: no result. */
  readonly emulated: boolean;
  readonly capability: string | null;
  readonly memory: number | null;
  /** The newest CUDA that the driver takes. */
  readonly cuda: string | null;
  /** The driver's own version. */
  readonly driver: string | null;
  readonly cudnn: string | null;
  readonly cublaslt: string | null;
  readonly nvrtc: string | null;
  readonly cpu: string;
  readonly isa: string;
  readonly cores: number;
}

/** The NVIDIA driver's version; null where it does not tell. */
async function driverVersion(): Promise<string | null> {
  try {
    const text = await Deno.readTextFile("/proc/driver/nvidia/version");
    return /\b(\d{3}\.\d+(\.\d+)?)\b/.exec(text)?.[1] ?? null;
  } catch {
    return null;
  }
}

/** Looks. */
export async function machine(context: Pick<PartContext, "device">): Promise<Machine> {
  const { cpu, cuda } = deviceInfo();
  const facts = recipe.cpuFacts();
  const { commit, dirty } = await packedVersion() ?? await codeVersion();
  const gpu = context.device === "cuda" ? cuda.gpus[0] : undefined;
  return {
    date: new Date().toISOString().slice(0, 10),
    commit,
    dirty,
    device: gpu?.name ?? cpu.model,
    emulated: isEmulated(context),
    capability: gpu?.capability ?? null,
    memory: gpu?.memory ?? null,
    cuda: cuda.driver,
    driver: gpu === undefined ? null : await driverVersion(),
    cudnn: cuda.cudnn,
    cublaslt: cuda.cublaslt,
    nvrtc: cuda.nvrtc,
    cpu: facts.model,
    isa: facts.isa,
    cores: cpu.cores,
  };
}
