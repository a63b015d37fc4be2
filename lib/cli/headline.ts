import project from "../../deno.json" with { type: "json" };
import { deviceInfo, recipe } from "../../mod.ts";

/** The toolkit's version. */
export const version: string = project.version;

/** `libtrain 0.1.0 · cpu (AVX2, 2 threads)` */
export function headline({ kind, threads }: { kind: "cpu" | "cuda"; threads: number }): string {
  const where = kind === "cpu"
    ? `cpu (${recipe.cpuFacts().isa}, ${threads} thread${threads === 1 ? "" : "s"})`
    : `cuda (${deviceInfo().cuda.gpus[0]?.name ?? "GPU"})`;
  return `libtrain ${version} · ${where}`;
}

/** {@linkcode headline} of a device that is open. */
export function deviceHeadline(
  device: { kind: "cpu" | "cuda"; stats(): { chunksByThread: readonly number[] } },
): string {
  return headline({ kind: device.kind, threads: device.stats().chunksByThread.length });
}

/** The line about a trained model that was opened. */
export function openedLine({ device, dtype, config, path }: recipe.Trained): string {
  return `${deviceHeadline(device)} · ${dtype} · ${config.model.name} of ${path}`;
}
