/** Sorting runs and doing away with them: tags, and removing. */
import { basename, dirname, join, relative, resolve, sep } from "node:path";
import { kindOf, requireOptionsOf, requireText } from "../../tensor/ops/checks.ts";
import { isThere } from "../../io/atomic_file.ts";
import { RunNotFoundError } from "../../recipe/errors.ts";
import { isSeeds } from "../../recipe/seeds.ts";
import { RunFolderError } from "../../run/folder_name.ts";
import { lockFolder, lockState } from "../../run/run_lock.ts";
import { isRun } from "../../run/saved_run.ts";
import { requireTag, tagsIn, writeTags } from "../../run/tags.ts";
import { sweepAtWork, sweepsUsing, type SweepUse } from "../sweep/folder_use.ts";
import { isSweep } from "../sweep/journal.ts";
import { bytesBelow } from "./bytes.ts";
import { requirePaths } from "./paths.ts";
import { runFoldersIn } from "./list_runs.ts";

/** What to change of a run's tags. */
export interface TagChanges {
  /** Tags to add: up to 40 letters, digits, `.`, `_` and `-` each. */
  add?: readonly string[];
  /** Tags to take away; those that it has not are none to take. */
  remove?: readonly string[];
}

async function requireRun(folder: string): Promise<void> {
  if (await isRun(folder)) return;
  throw new RunNotFoundError(folder, `Cannot find a run in "${folder}": give a run's folder`);
}

/**
 * Adds tags to a run, or takes some away, in the file `tags.json` of its folder; gives those that it has now, sorted.
 *
 * Rejects with a RunNotFoundError where there is no run, and with a RangeError for what is no tag; nothing is written then.
 *
 * @example
 * ```ts ignore
 * import { study } from "@libtrain/libtrain";
 *
 * console.log(await study.tagRun("runs/20250131-120000-mnist", { add: ["best"] })); // [ "best" ]
 * ```
 */
export async function tagRun(folder: string, changes: TagChanges): Promise<string[]> {
  requireText("tagRun", "folder", folder);
  requireOptionsOf("tagRun", changes, { example: 'tagRun(folder, { add: ["best"] })', known: ["add", "remove"] });
  const { add = [], remove = [] } = changes;
  for (const [name, tags] of Object.entries({ add, remove })) {
    if (!Array.isArray(tags)) {
      throw new TypeError(`tagRun(): Expected \`${name}\` as an array of tags, got ${kindOf(tags)}`);
    }
  }
  [...add, ...remove].forEach((tag) => requireTag("tagRun", tag));
  await requireRun(folder);
  const before = await tagsIn(folder);
  const now = [...new Set([...before, ...add])].filter((tag) => !remove.includes(tag)).sort();
  if (now.join("\n") !== before.join("\n")) await writeTags(folder, now);
  return now;
}

/** A folder that may be removed. */
export interface RemovableRun {
  /** The folder, as it was given. */
  readonly folder: string;
  /** The folders of the runs in it, itself where it is one. */
  readonly runs: readonly string[];
  /** Bytes on the disk. */
  readonly bytes: number;
  /** Sweeps that have no weights of some of their runs once it is gone: their results stay, what is measured of them does not. */
  readonly usedBy: readonly SweepUse[];
}

/** Below which folder runs may be removed. */
export interface RemoveRunsOptions {
  /** Nothing outside of it is ever removed; by default `runs`. */
  root?: string;
}

/** The folder as a path below the root without a link on the way; refuses others. */
async function requireBelow(folder: string, root: string): Promise<void> {
  const refuse = (why: string): never => {
    throw new RunFolderError(`Cannot remove "${folder}": ${why}: only runs below "${root}" are removed`);
  };
  const inside = relative(resolve(root), resolve(folder));
  if (inside === "" || inside === ".." || inside.startsWith(`..${sep}`) || resolve(inside) === inside) {
    refuse(inside === "" ? "it is the folder of all runs" : "it lies elsewhere");
  }
  let at = resolve(root);
  for (const name of inside.split(sep)) {
    at = join(at, name);
    const about = await Deno.lstat(at).catch((error) => {
      if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return undefined;
      throw error;
    });
    if (about === undefined) {
      throw new RunNotFoundError(folder, `Cannot find a run in "${folder}": give a run's folder`);
    }
    if (about.isSymlink) refuse(`"${at}" is a link`);
  }
}

/** What would be removed; rejects as {@linkcode removeRuns} does. */
async function removable(folder: string, root: string): Promise<RemovableRun> {
  await requireBelow(folder, root);
  const own = await isRun(folder);
  const sweep = !own && await isSweep(folder);
  if (!own && !sweep && !await isSeeds(folder)) {
    throw new RunNotFoundError(
      folder,
      `Cannot find a run in "${folder}": give the folder of a run, of several seeds or of a sweep`,
    );
  }
  const runs = await runFoldersIn(folder);
  for (const path of new Set([folder, ...runs])) {
    if (await lockState(path) !== "held") continue;
    throw new RunFolderError(`Cannot remove "${folder}": a process trains in "${path}": stop it first`);
  }
  const working = sweep ? await sweepAtWork(folder) : undefined;
  if (working !== undefined) {
    throw new RunFolderError(
      `Cannot remove "${folder}": ${working}: stop the sweep first; of one that was killed wait a minute`,
    );
  }
  return { folder, runs, bytes: await bytesBelow(folder), usedBy: await sweepsUsing(runs, folder) };
}

/**
 * What {@linkcode removeRuns} would remove, with its bytes; nothing is touched.
 *
 * Rejects as that does.
 */
export async function removableRuns(
  folders: readonly string[],
  options: RemoveRunsOptions = {},
): Promise<RemovableRun[]> {
  requirePaths("removableRuns", "folders", folders);
  requireOptionsOf("removableRuns", options, { example: "removableRuns([folder])", known: ["root"] });
  const { root = "runs" } = options;
  requireText("removableRuns", "root", root);
  const found: RemovableRun[] = [];
  for (const folder of new Set(folders)) found.push(await removable(folder, root));
  return found;
}

/**
 * Removes folders of runs, of several seeds and of sweeps, with everything in them; gives what is gone. All are looked at before the
 * first is removed. Links in a folder go, and what they lead to stays.
 *
 * Rejects with a RunFolderError for a folder that a process trains in, a sweep between two of its runs too, that lies outside
 * `root`, or on the way to which is a link, and with a RunNotFoundError for one that is no run's.
 *
 * @example
 * ```ts
 * import { recipe, study } from "@libtrain/libtrain";
 *
 * const mine = recipe.preset("mnist", { epochs: 1, bs: 32, data: { limit: 64 } });
 * const { folder } = await recipe.train(mine).result;
 * const [gone] = await study.removeRuns([folder]);
 * console.log(gone?.bytes);
 * ```
 */
export async function removeRuns(folders: readonly string[], options: RemoveRunsOptions = {}): Promise<RemovableRun[]> {
  const found = await removableRuns(folders, options);
  const gone: RemovableRun[] = [];
  for (const each of found) {
    // Given with a folder that it lies in.
    if (!await isThere(each.folder)) continue;
    const held = [each.folder, ...each.runs.filter((path) => path !== each.folder)];
    const locks: Disposable[] = [];
    try {
      for (const path of held) locks.push(await lockFolder(path));
      // Away from where runs are looked for at once: one that is half removed is no run.
      const aside = join(dirname(each.folder), `.removing-${basename(each.folder)}-${Deno.pid}`);
      await Deno.rename(each.folder, aside);
      await Deno.remove(aside, { recursive: true });
    } finally {
      for (const lock of locks) lock[Symbol.dispose]();
    }
    gone.push(each);
  }
  return gone;
}
