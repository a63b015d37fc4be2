/** What results come to that were made before, on whatever machine: neither the data nor the weights are needed. */
import { RecipeError } from "../../recipe/errors.ts";
import type { RunConfig } from "../../recipe/recipe.ts";
import { requireKnownOptions, requireOptions } from "../../tensor/ops/checks.ts";
import { seedsFrom } from "./cells.ts";
import { imagesOf } from "./compare_answers.ts";
import { recordsIn } from "./found.ts";
import { hashOf, identityOf } from "./identity.ts";
import type { Arm, Plan } from "./plan.ts";
import type { SweepRun } from "./record.ts";
import { resultOf, type SweepResult } from "./results.ts";

/** Which results to put together. */
export interface ReadResultsOptions {
  /** Folders with results of sweeps. */
  results: readonly string[];
  /** Seeds of each arm; by default 6. */
  runs?: number;
  /** The first seed; by default 0. */
  firstSeed?: number;
}

/** Whether a record is of an arm: of its recipe, with the record's seed, on the record's images. */
function isOf({ recipe }: Arm, { hash, seed, data }: SweepRun): boolean {
  return hashOf(identityOf({ ...recipe, ...data, seed } as unknown as RunConfig)) === hash;
}

/** Refuses results on different images, which say nothing of one another. */
function requireSameImages(plan: Plan, records: readonly { record: SweepRun; path: string }[]): void {
  const [first, ...others] = records;
  const other = others.find(({ record }) => imagesOf(record) !== imagesOf(first!.record));
  if (other === undefined) return;
  throw new RecipeError(
    `Expected results of ${plan.name} on the same images, got "${
      first!.path
    }" and "${other.path}" on others: give the ` +
      "folder of one data set",
  );
}

/**
 * What a plan's runs came to, by results that were made before: those of a sweep's folder, or committed ones. A result counts
 * for each arm whose recipe it is of, whichever sweep it was made in, so that a baseline that several studies share is in all
 * of them. Nothing is trained, and neither data nor weights are needed.
 *
 * Rejects with a RecipeError where a folder is not there, where none of its results is of an arm, and where results are of
 * different images; and with a JsonFileError for a damaged one.
 *
 * @example
 * ```ts
 * import { study } from "@libtrain/libtrain";
 *
 * const plan = study.gridOf({ pool: ["maxblur", "max"] }, {
 *   preset: "mnist",
 *   changes: { epochs: 1, bs: 32, data: { limit: 64 }, threads: 1 },
 *   name: "kept-pools",
 * });
 * const { folder } = await study.sweep(plan, { runs: 2 });
 * const { arms } = await study.readResults(plan, { results: [`${folder}/results`], runs: 2 });
 * console.log(arms.map(({ summary }) => summary?.n)); // [ 2, 2 ]
 * ```
 */
export async function readResults(plan: Plan, options: ReadResultsOptions): Promise<SweepResult> {
  requireOptions("readResults", options, 'readResults(plan, { results: ["benchmarks/results/sweeps"] })');
  requireKnownOptions("readResults", options, ["results", "runs", "firstSeed"], {});
  const { results, runs = 6, firstSeed = 0 } = options;
  if (!Array.isArray(results) || results.length === 0) {
    throw new TypeError("readResults(): Expected `results` as an array of folders, at least one: give one");
  }
  const seeds = seedsFrom(firstSeed, runs);
  const all = await recordsIn(results);
  const own = plan.arms.flatMap((arm) =>
    all.filter(({ record }) => seeds.includes(record.seed) && isOf(arm, record))
      .map(({ record, path }) => ({ path, record: { ...record, sweep: plan.name, arm: arm.name } }))
  );
  if (own.length === 0) {
    throw new RecipeError(
      `Expected results of ${plan.name} in ${
        results.map((folder) => `"${folder}"`).join(", ")
      }, got ${all.length} of ` +
        "other recipes or seeds: give the settings that they were made with",
    );
  }
  requireSameImages(plan, own);
  const records = own.map(({ record }) => record);
  return resultOf(plan, { folder: results[0]!, seeds, records, failures: [], stopped: false });
}
