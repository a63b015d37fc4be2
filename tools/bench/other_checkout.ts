/** The training step of another checkout of this repository, by its own command. */
import { outputOf } from "../../benchmarks/support.ts";
import { UsageError } from "../../lib/cli/flags.ts";
import type { PlainRound } from "./contenders.ts";

/** What to measure there. */
export interface OtherOptions {
  readonly preset: string;
  readonly dtype: string;
  readonly bs: number;
  readonly size: number;
  readonly threads: number;
  readonly steps: number;
  readonly signal?: AbortSignal;
}

/** Refuses a folder that is no checkout of this repository, before anything is measured. */
export async function requireCheckout(folder: string): Promise<void> {
  const there = await Deno.stat(`${folder}/tools/bench.ts`).catch(() => undefined);
  if (there?.isFile) return;
  throw new UsageError(`Expected --beside with the folder of another checkout of this repository, got "${folder}"`);
}

/** One process of its `deno task bench step`: what it calls its median step, and its fastest. */
export async function otherCheckout(
  folder: string,
  { signal, bs, ...options }: OtherOptions,
): Promise<PlainRound> {
  const given = Object.entries({ ...options, bs, warmup: 3 }).flatMap(([name, value]) => [`--${name}`, `${value}`]);
  const args = ["task", "-q", "bench", "step", "--json", ...given];
  const { ms, best_img_per_s, peak_rss_mb } = JSON.parse(
    await outputOf(Deno.execPath(), args, { cwd: folder, signal }),
  );
  const best = 1e3 * bs / best_img_per_s;
  // The median of these three is the median step, their least the fastest.
  return { ms: [best, ms, ms], whole_peak_mib: peak_rss_mb, peak_mib: null };
}
