/** The runs that there are below a folder. */
import { join } from "node:path";
import { RunNotFoundError } from "../../recipe/errors.ts";
import { isRun } from "../../run/saved_run.ts";
import { CellArms } from "../sweep/folder_use.ts";
import { requireOptionsOf, requireText } from "../../tensor/ops/checks.ts";
import { readRunOf, type RunState, type RunSummary, type StudiedRun } from "./read_run.ts";

/** Which runs to list; one that is left out takes all. */
export interface ListRunsOptions {
  /** Those with every word of it in folder, preset, data, network, arm, state, tags or seed (`seed-1`), whatever the case. */
  find?: string;
  /** Those of one state. */
  state?: RunState;
  /** Those with a tag. */
  tag?: string;
}

/** How deep below a folder runs lie at most: a person's folder, a sweep's, that of its cells, the run's own. */
const deepest = 6;

/** The folders of runs below a folder, itself included, in order of their paths. Links are not followed. */
export async function runFoldersIn(folder: string, depth = 0): Promise<string[]> {
  if (await isRun(folder)) return [folder];
  if (depth === deepest) return [];
  const names: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    // Names that begin with a dot are not for people: what is being removed, say.
    if (isDirectory && !name.startsWith(".")) names.push(name);
  }
  const found: string[] = [];
  for (const name of names.sort()) found.push(...await runFoldersIn(join(folder, name), depth + 1));
  return found;
}

function fits(run: RunSummary, { find = "", state, tag }: ListRunsOptions): boolean {
  if (state !== undefined && run.state !== state) return false;
  if (tag !== undefined && !run.tags.includes(tag)) return false;
  const { folder, preset, data, model, seed, arms, tags } = run;
  const text = [folder, preset, data, model, run.state, seed === null ? null : `seed-${seed}`, ...arms, ...tags].join(
    "\n",
  )
    .toLowerCase();
  return find.toLowerCase().split(/\s+/).every((word) => text.includes(word));
}

/** A run without what only its figures need. */
export function summaryOfRun({ config: _, metrics: _metrics, ...summary }: StudiedRun): RunSummary {
  return summary;
}

/**
 * The runs below a folder, those of several seeds and of sweeps too, in order of their folders; links are not followed.
 *
 * Rejects with a RunNotFoundError where there is no such folder.
 *
 * @example
 * ```ts ignore
 * import { study } from "@libtrain/libtrain";
 *
 * for (const { folder, top1, tags } of await study.listRuns("runs", { state: "over" })) console.log(folder, top1, tags);
 * ```
 */
export async function listRuns(folder = "runs", options: ListRunsOptions = {}): Promise<RunSummary[]> {
  requireText("listRuns", "folder", folder);
  requireOptionsOf("listRuns", options, {
    example: 'listRuns("runs", { state: "over" })',
    known: ["find", "state", "tag"],
  });
  let folders: string[];
  try {
    folders = await runFoldersIn(folder);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory)) throw error;
    throw new RunNotFoundError(folder, `Cannot find "${folder}": give a folder with runs`);
  }
  const runs: RunSummary[] = [];
  const cells = new CellArms();
  for (const path of folders) {
    try {
      runs.push(summaryOfRun(await readRunOf(path, cells)));
    } catch (error) {
      // It was removed while others were read.
      if (!(error instanceof RunNotFoundError)) throw error;
    }
  }
  return runs.filter((run) => fits(run, options));
}
