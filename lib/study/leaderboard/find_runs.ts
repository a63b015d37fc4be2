/** Looking for runs that are over: folders of runs, and files with results. */
import { basename, dirname, join } from "node:path";
import { isThere } from "../../io/atomic_file.ts";
import { JsonFileError, readJson } from "../../io/json_file.ts";
import { isObject, valueAt } from "../../recipe/check.ts";
import { RunNotFoundError } from "../../recipe/errors.ts";
import { configIn, isConfigWhole } from "../../run/saved_run.ts";
import { type FoundRun, foundRun } from "./found_run.ts";

/** What lies at some paths. */
export interface FoundRuns {
  /** Runs of Imagenette and Imagewoof that are over. */
  readonly runs: readonly FoundRun[];
  /** Folders of such runs that are not over. */
  readonly unfinished: readonly string[];
  /** What could not be taken for a run, and why. */
  readonly unreadable: readonly { readonly path: string; readonly reason: string }[];
  /** How many runs of other data were met. */
  readonly others: number;
}

/** The same while it is filled. */
interface Finds {
  readonly runs: FoundRun[];
  readonly unfinished: string[];
  readonly unreadable: { path: string; reason: string }[];
  others: number;
  /** Runs of sweeps that were met: each lies in its cell, and as a result in every sweep that it counts in. */
  readonly ofSweeps: Set<string>;
}

/** Whether a sweep's run was met before; notes it. */
function isMet(finds: Finds, hash: unknown, result: unknown): boolean {
  if (typeof hash !== "string") return false;
  const key = JSON.stringify([hash, valueAt(result, "commit") ?? null, valueAt(result, "top1") ?? null]);
  const met = finds.ofSweeps.has(key);
  finds.ofSweeps.add(key);
  return met;
}

/** Folders within one another, at most: a sweep's, its cell's, its seed's. */
const deepest = 6;

/** A run of a sweep as its results' file has it, in the form of a folder's two files. */
function ofSweep({ recipe, data, code, seed, top1, total }: Readonly<Record<string, unknown>>): unknown {
  if (!isObject(recipe) || !isObject(data) || !isObject(code)) return undefined;
  const { epochs } = recipe;
  return { config: { ...recipe, ...data, data: recipe["data"], seed }, result: { top1, n: total, epochs, ...code } };
}

/**
 * A file with `{ config, result }`, as benchmarks/results has them, or with several as `runs`, or one of a sweep's runs; others
 * are none of ours.
 */
async function takeFile(finds: Finds, path: string): Promise<void> {
  const found = await readJson(path);
  const several: unknown = found?.["runs"];
  const each = found === undefined ? [] : Array.isArray(several) ? several : [found];
  for (const given of each) {
    const made = isObject(given) && given["libtrain"] === "sweep-run";
    const one = made ? ofSweep(given) : given;
    if (!isObject(one) || !isObject(one["config"]) || !isObject(one["result"])) continue;
    if (made && isMet(finds, given["hash"], one["result"])) continue;
    const run = foundRun(path, one["config"], one["result"]);
    if (run === undefined) finds.others++;
    else finds.runs.push(run);
  }
}

async function takeFolder(finds: Finds, folder: string): Promise<void> {
  const config = await readJson(configIn(folder));
  const result = await readJson(join(folder, "result.json"));
  if (basename(dirname(folder)) === "cells" && result !== undefined && isMet(finds, basename(folder), result)) return;
  const run = foundRun(folder, config!, result ?? {});
  if (run === undefined) finds.others++;
  else if (result === undefined || result["stopped"] === true) finds.unfinished.push(folder);
  else if (await isConfigWhole(folder)) finds.runs.push(run);
  else {
    const reason = `Expected "${configIn(folder)}" as it was written, got another text: restore it`;
    finds.unreadable.push({ path: folder, reason });
  }
}

/** What is wrong with one file is told, and the others are read all the same. */
async function tried(finds: Finds, path: string, read: () => Promise<void>): Promise<void> {
  try {
    await read();
  } catch (error) {
    const told = error instanceof JsonFileError || error instanceof Deno.errors.PermissionDenied;
    if (!told) throw error;
    finds.unreadable.push({ path, reason: error.message });
  }
}

async function look(finds: Finds, path: string, depth: number): Promise<void> {
  if (await isThere(configIn(path))) return await tried(finds, path, () => takeFolder(finds, path));
  const entries = await Array.fromAsync(Deno.readDir(path));
  for (const { name, isDirectory, isFile } of entries.toSorted((a, b) => a.name < b.name ? -1 : 1)) {
    const own = join(path, name);
    if (isDirectory && depth < deepest) await look(finds, own, depth + 1);
    else if (isFile && name.endsWith(".json")) await tried(finds, own, () => takeFile(finds, own));
  }
}

/**
 * The runs at some paths: folders of runs, folders with such in them, and JSON files. Rejects with a RunNotFoundError where
 * there is nothing at a path.
 */
export async function findRuns(paths: readonly string[]): Promise<FoundRuns> {
  const finds: Finds = { runs: [], unfinished: [], unreadable: [], others: 0, ofSweeps: new Set() };
  for (const path of paths) {
    const about = await Deno.stat(path).catch((error) => {
      if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return undefined;
      throw error;
    });
    if (about === undefined) {
      throw new RunNotFoundError(
        path,
        `Cannot find "${path}": give a run's folder, a folder of runs, or a result's file`,
      );
    }
    if (about.isDirectory) await look(finds, path, 0);
    else await tried(finds, path, () => takeFile(finds, path));
  }
  const { ofSweeps: _, ...found } = finds;
  return found;
}
