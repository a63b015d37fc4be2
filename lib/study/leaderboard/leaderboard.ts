/** Our runs beside the published leaderboards of Imagenette and Imagewoof. */
import { dirname, join } from "node:path";
import { kindOf, requireText } from "../../tensor/ops/checks.ts";
import { readJson } from "../../io/json_file.ts";
import { taskName } from "../../recipe/image_presets.ts";
import { isObject } from "../../recipe/check.ts";
import { differences } from "../../recipe/differences.ts";
import { changeList } from "../../recipe/errors.ts";
import { entriesOf, type LeaderboardEntry } from "./entries.ts";
import { findRuns } from "./find_runs.ts";
import type { FoundRun } from "./found_run.ts";
import { type PublishedRow, publishedRows } from "./published.ts";
import { brokenRule, fewestRuns, type Refused, taskOf } from "./rules.ts";

/** A row with what is published and what was run here. */
export interface LeaderboardRow extends PublishedRow {
  /** Ours, the best first; none where the row has not been run. */
  readonly entries: readonly LeaderboardEntry[];
}

/** The leaderboards. */
export interface Leaderboard {
  /** Every row, those with wrong labels after those without. */
  readonly rows: readonly LeaderboardRow[];
  /** Runs that break a rule, each with the first that it breaks. */
  readonly refused: readonly Refused[];
  /** Runs of different seeds that an entry takes to be ranked. */
  readonly fewestRuns: number;
  /** Folders of runs of these data that are not over. */
  readonly unfinished: readonly string[];
  /** What could not be taken for a run, and why. */
  readonly unreadable: readonly { readonly path: string; readonly reason: string }[];
  /** How many runs of other data were met. */
  readonly others: number;
}

/** What a machine or a run has of its own, beside the runs that it was begun with. */
const own: readonly string[] = ["seed", "device", "threads", "dtype"];

/** A run of several seeds that was made to go on with another recipe than theirs. */
async function mixedRecipe(run: FoundRun): Promise<Refused | undefined> {
  const group = await readJson(join(dirname(run.path), "group.json"));
  const recipe = group?.["recipe"];
  if (!isObject(recipe)) return undefined;
  const kept = Object.fromEntries(Object.keys(recipe).map((name) => [name, run.config[name]]));
  const changed = differences(recipe, kept).filter(({ path }) => !own.includes(path) && path !== "data.name");
  if (changed.length === 0) return undefined;
  const reason = `Expected one recipe in all runs of "${dirname(run.path)}", got ${changeList(changed)}`;
  return { path: run.path, rule: "recipe", reason };
}

/**
 * The published leaderboards of Imagenette and Imagewoof with our runs beside them. Runs of one recipe by one commit on the
 * same images are an entry: the mean of at least five seeds, or else provisional, which is shown and not ranked. A run that
 * breaks a rule of the leaderboards is refused by its name: several views of an image, a validation size above the training
 * size, weights that are not random, a part of the data, code that is not committed, another recipe than the seeds beside it.
 *
 * `paths` are folders of runs, folders that have such in them, and JSON files with `{ config, result }`, as those below
 * `benchmarks/results`, or of runs of a sweep. A result from elsewhere says what a run here cannot have: `testTimeAugmentation` and `validSize`.
 * Rejects with a RunNotFoundError where there is nothing at a path.
 *
 * @example
 * ```ts
 * import { study } from "@libtrain/libtrain";
 *
 * const { rows } = await study.leaderboard([]);
 * const [row] = rows;
 * console.log(row?.name, row?.published?.top1, row?.entries.length); // imagenette-128-5 0.8743 0
 * ```
 */
export async function leaderboard(paths: readonly string[]): Promise<Leaderboard> {
  if (!Array.isArray(paths)) {
    throw new TypeError(`leaderboard(): Expected \`paths\` as an array of paths, got ${kindOf(paths)}`);
  }
  paths.forEach((path, at) => requireText("leaderboard", `paths[${at}]`, path));
  const { runs, ...finds } = await findRuns(paths);
  const refused: Refused[] = [];
  const kept = new Map<string, FoundRun[]>();
  for (const run of runs) {
    const broken = brokenRule(run) ?? await mixedRecipe(run);
    if (broken !== undefined) {
      refused.push(broken);
      continue;
    }
    const name = taskName(taskOf(run)!);
    kept.set(name, [...kept.get(name) ?? [], run]);
  }
  const rows = publishedRows().map((row) => ({ ...row, entries: entriesOf(kept.get(row.name) ?? [], row) }));
  return { rows, refused, fewestRuns, ...finds };
}
