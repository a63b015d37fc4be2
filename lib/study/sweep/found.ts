/** Runs that are over, wherever they came from: committed results, other sweeps, and folders of other runs. */
import { join } from "node:path";
import { shown } from "../../io/shown.ts";
import { RecipeError } from "../../recipe/errors.ts";
import type { RunConfig } from "../../recipe/recipe.ts";
import { isThere } from "../../io/atomic_file.ts";
import { requireText } from "../../tensor/ops/checks.ts";
import { armHash, type Speed } from "./costs.ts";
import { hashOf, identityOf } from "./identity.ts";
import { type AnswersOptions, finishedIn, readRecord, recordOf, type SweepRun } from "./record.ts";

/** Where a run that is over was found. */
export type Found =
  | { readonly kind: "record"; readonly speed: Speed } & RecordFile
  | { readonly kind: "run"; readonly path: string; readonly speed: Speed };

/** Names in a folder, sorted; none where it is not there. */
async function namesIn(folder: string): Promise<{ name: string; isDirectory: boolean }[]> {
  try {
    const names = await Array.fromAsync(Deno.readDir(folder));
    return names.sort((a, b) => a.name < b.name ? -1 : 1);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return [];
    throw error;
  }
}

/** The results below a folder that somebody names, the first of each hash. */
async function recordsBelow(folder: string, found: Map<string, RecordFile>): Promise<void> {
  for (const { name, isDirectory } of await namesIn(folder)) {
    const path = join(folder, name);
    if (isDirectory) await recordsBelow(path, found);
    else if (name.endsWith(".json")) {
      const record = await readRecord(path);
      if (record !== undefined && !found.has(record.hash)) found.set(record.hash, { path, record });
    }
  }
}

/** A result in a file. */
export interface RecordFile {
  /** The file. */
  readonly path: string;
  /** What it holds. */
  readonly record: SweepRun;
}

/** The results in folders that somebody names, one of each hash. Rejects with a RecipeError where a folder is not there. */
export async function recordsIn(folders: readonly string[]): Promise<RecordFile[]> {
  const found = new Map<string, RecordFile>();
  await requireFolders(folders);
  for (const folder of folders) await recordsBelow(folder, found);
  return [...found.values()];
}

/** Refuses folders of results that are not there, or no folders. */
export async function requireFolders(folders: readonly string[]): Promise<void> {
  for (const [at, folder] of folders.entries()) {
    requireText("sweep", `results[${at}]`, folder);
    const there = await isThere(folder);
    if (there && (await Deno.stat(folder)).isDirectory) continue;
    throw new RecipeError(
      `Expected \`results\` as folders with results of sweeps, got "${folder}", which is ${
        there ? "no folder: give the one that it lies in" : "not there"
      }`,
    );
  }
}

/** Folders of a run that are none of further runs. */
const ofRun: readonly string[] = ["checkpoint", ".claims"];

/** How deep below `runs` a run lies: `runs/SWEEP/cells/HASH`, and one more for what people sort them into. */
const deepest = 4;

/** Told of what was left out, and why. */
type OnSkip = (message: string) => void;

function skipped(path: string, error: unknown, onSkip: OnSkip): void {
  const reason = error instanceof Error ? error.message : String(error);
  onSkip(`"${shown(path)}" is left out of what was run before: ${reason}`);
}

/** Nobody has named what lies here: one odd file among other runs holds up no sweep. */
async function runsBelow(folder: string, found: Map<string, Found>, onSkip: OnSkip, depth = 1): Promise<void> {
  const names = await namesIn(folder).catch((error) => {
    skipped(folder, error, onSkip);
    return [];
  });
  for (const { name, isDirectory } of names) {
    const path = join(folder, name);
    if (isDirectory) {
      if (!ofRun.includes(name) && depth <= deepest) await runsBelow(path, found, onSkip, depth + 1);
      continue;
    }
    try {
      if (folder.endsWith("results") && name.endsWith(".json")) await takeRecord(path, found);
      if (name === "result.json") await takeRun(folder, found);
    } catch (error) {
      skipped(path, error, onSkip);
    }
  }
}

function foundRecord({ path, record }: RecordFile): Found {
  const { recipe, data, trainSeconds: seconds, machine: { device, cpu } } = record;
  const arm = armHash({ ...recipe, ...data } as unknown as RunConfig);
  return { kind: "record", path, record, speed: { arm, seconds, device, cpu } };
}

async function takeRecord(path: string, found: Map<string, Found>): Promise<void> {
  const record = await readRecord(path);
  // It takes the place of its own run, which need not be measured again then.
  if (record === undefined || found.get(record.hash)?.kind === "record") return;
  found.set(record.hash, foundRecord({ path, record }));
}

async function takeRun(folder: string, found: Map<string, Found>): Promise<void> {
  const finished = await isThere(join(folder, "config.json")) ? await finishedIn(folder) : undefined;
  if (finished === undefined) return;
  const hash = hashOf(identityOf(finished.config));
  if (found.has(hash)) return;
  const { trainSeconds: seconds, cpu } = finished.result;
  const speed = {
    ...{ arm: armHash(finished.config), device: finished.config.device },
    seconds: typeof seconds === "number" && seconds > 0 ? seconds : null,
    cpu: typeof cpu === "string" ? cpu : null,
  };
  found.set(hash, { kind: "run", path: folder, speed });
}

/**
 * Runs that are over by their hash: results in folders that are named count first, then what lies below `runs`, of which
 * `onSkip` is told what cannot be read.
 *
 * Rejects with a RecipeError for a named folder that is not there, and with a JsonFileError for a damaged result in it.
 */
export async function findOver(
  results: readonly string[],
  runs: string,
  onSkip: OnSkip,
): Promise<Map<string, Found>> {
  const named = (await recordsIn(results)).map((file) => [file.record.hash, foundRecord(file)] as const);
  const found = new Map<string, Found>(named);
  await runsBelow(runs, found, onSkip);
  return found;
}

/**
 * The record of what was found; undefined where it is none after all, of which `onSkip` is told: then the run is trained
 * here.
 */
export async function recordOfFound(
  found: Found,
  { onSkip, ...options }: Pick<AnswersOptions, "cache" | "threads" | "signal"> & { onSkip: OnSkip },
): Promise<Omit<SweepRun, "sweep" | "arm"> | undefined> {
  if (found.kind === "record") return found.record;
  try {
    return await recordOf(found.path, options);
  } catch (error) {
    if (options.signal?.aborted) throw error;
    skipped(found.path, error, onSkip);
    return undefined;
  }
}
