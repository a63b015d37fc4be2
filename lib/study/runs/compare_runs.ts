/** Runs beside each other: what differs in their settings. */
import { differences } from "../../recipe/differences.ts";
import { RecipeError } from "../../recipe/errors.ts";
import { CellArms } from "../sweep/folder_use.ts";
import { summaryOfRun } from "./list_runs.ts";
import { requirePaths } from "./paths.ts";
import { readRunOf, type RunSummary } from "./read_run.ts";

/** What runs have in common, and what not. */
export interface RunComparison {
  /** In the order in which they were given. */
  readonly runs: readonly RunSummary[];
  /** Settings that are not the same in all, seed, code and machine among them, with a value for each run. */
  readonly settings: readonly { readonly path: string; readonly values: readonly string[] }[];
}

/**
 * Compares the settings of runs with what they came to.
 *
 * Rejects with a RunNotFoundError where there is no run at a path, and with a RecipeError where a configuration cannot be
 * read.
 *
 * @example
 * ```ts ignore
 * import { study } from "@libtrain/libtrain";
 *
 * const { settings } = await study.compareRuns(["runs/max", "runs/maxblur"]);
 * for (const { path, values } of settings) console.log(path, values); // model.pool [ "max", "maxblur" ]
 * ```
 */
export async function compareRuns(folders: readonly string[]): Promise<RunComparison> {
  requirePaths("compareRuns", "folders", folders, 2);
  const cells = new CellArms();
  const runs = await Promise.all(folders.map((folder) => readRunOf(folder, cells)));
  const [first, ...others] = runs.map(({ folder, config, why }) => {
    if (config !== null) return config;
    throw new RecipeError(`Cannot compare run "${folder}": its configuration cannot be read: ${why ?? "restore it"}`);
  });
  const changes = others.map((config) => differences(first!, config));
  const before = new Map(changes.flat().map((change) => [change.path, change.before]));
  return {
    runs: runs.map(summaryOfRun),
    settings: [...before].map(([path, value]) => ({
      path,
      values: [value, ...changes.map((each) => each.find((change) => change.path === path)?.now ?? value)],
    })),
  };
}
