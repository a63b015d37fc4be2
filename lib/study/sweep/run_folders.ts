/** Where the weights of a sweep's runs are, for what is measured of them beside their accuracy. */
import { join } from "node:path";
import { isThere } from "../../io/atomic_file.ts";
import { sweepsBeside } from "./folder_use.ts";
import { readSweep } from "./sweep.ts";
import { cellIn } from "./places.ts";

/** A run of a sweep, and its folder. */
export interface SweepRunFolder {
  /** Its arm. */
  readonly arm: string;
  /** Its seed. */
  readonly seed: number;
  /** Its folder; null where its weights are not here, as of a result from another machine. */
  readonly run: string | null;
}

/**
 * The folders of a sweep's runs that were trained to their end, in the order of its arms and seeds. A run that the sweep shares
 * with one beside it may be in that one's folder.
 *
 * Rejects with a SweepError where the folder is none of a sweep.
 *
 * @example
 * ```ts
 * import { study } from "@libtrain/libtrain";
 *
 * const plan = study.gridOf({ pool: ["maxblur", "max"] }, {
 *   preset: "mnist",
 *   changes: { epochs: 1, bs: 32, data: { limit: 64 }, threads: 1 },
 *   name: "moved-pools",
 * });
 * const { folder } = await study.sweep(plan, { runs: 1 });
 * const runs = (await study.sweepRuns(folder)).flatMap(({ run }) => run ?? []);
 * const { runs: [blur] } = await study.shiftRuns(runs, { limit: 16, square: 0, out: "runs/moved-pools/shift.svg" });
 * console.log(blur!.pool, blur!.seed); // maxblur 0
 * ```
 */
export async function sweepRuns(folder: string): Promise<SweepRunFolder[]> {
  const { arms } = await readSweep(folder);
  const beside = await sweepsBeside(folder);
  const found: SweepRunFolder[] = [];
  for (const { arm, runs } of arms) {
    for (const { seed, hash, status } of runs) {
      if (status === "done") found.push({ arm, seed, run: await firstOf(beside.map((each) => cellIn(each, hash))) });
    }
  }
  return found;
}

async function firstOf(runs: readonly string[]): Promise<string | null> {
  for (const run of runs) if (await isThere(join(run, "checkpoint", "state.safetensors"))) return run;
  return null;
}
