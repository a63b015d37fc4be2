import project from "../deno.json" with { type: "json" };
import type { Device } from "../mod.ts";
import { deviceInfo } from "../lib/tensor/device_info.ts";

/** The toolkit's version. */
export const version: string = project.version;

const isaNames: Readonly<Record<string, string>> = { avx2: "AVX2", avx512: "AVX-512" };

/** The processor, and the instruction set that kernels use on it. */
export function cpuFacts(): { model: string; isa: string } {
  const { cpu } = deviceInfo();
  const forced = Deno.env.get("LIBTRAIN_ISA") ?? "";
  const isa = forced === "" ? cpu.available.at(-1) ?? "portable" : forced;
  return { model: cpu.model, isa: isaNames[isa] ?? isa };
}

/** `libtrain 0.1.0 · cpu (AVX2, 2 threads)` */
export function headline(device: Device): string {
  const threads = device.stats().chunksByThread.length;
  const where = device.kind === "cpu"
    ? `cpu (${cpuFacts().isa}, ${threads} thread${threads === 1 ? "" : "s"})`
    : `cuda (${deviceInfo().cuda.gpus[0]?.name ?? "GPU"})`;
  return `libtrain ${version} · ${where}`;
}
