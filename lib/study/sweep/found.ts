/** Runs that are over, wherever they came from: committed results, other sweeps, and folders of other runs. */
import { join } from "node:path";
import { JsonFileError } from "../../io/json_file.ts";
import { RecipeError } from "../../recipe/errors.ts";
import { isThere } from "../../io/atomic_file.ts";
import { requireText } from "../../tensor/ops/checks.ts";
import { hashOf, identityOf } from "./identity.ts";
import { readRecord, runConfigIn, type SweepRun } from "./record.ts";

/** Where a run that is over was found. */
export type Found =
  | { readonly kind: "record" } & RecordFile
  | { readonly kind: "run"; readonly path: string };

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

/** Refuses folders of results that are not there. */
export async function requireFolders(folders: readonly string[]): Promise<void> {
  for (const [at, folder] of folders.entries()) {
    requireText("sweep", `results[${at}]`, folder);
    if (await isThere(folder)) continue;
    throw new RecipeError(
      `Expected \`results\` as folders with results of sweeps, got "${folder}", which is not there`,
    );
  }
}

/** Folders of a run that are none of further runs. */
const ofRun: readonly string[] = ["checkpoint", ".claims"];

/** How deep below `runs` a run lies: `runs/SWEEP/cells/HASH`, and one more for what people sort them into. */
const deepest = 4;

async function runsBelow(folder: string, found: Map<string, Found>, depth = 1): Promise<void> {
  for (const { name, isDirectory } of await namesIn(folder)) {
    const path = join(folder, name);
    if (isDirectory) {
      if (!ofRun.includes(name) && depth <= deepest) await runsBelow(path, found, depth + 1);
      continue;
    }
    // Of another program, or of another version: here nobody has named it.
    if (folder.endsWith("results") && name.endsWith(".json")) {
      const record = await readRecord(path).catch((error) => {
        if (error instanceof JsonFileError) return undefined;
        throw error;
      });
      // It takes the place of its own run, which need not be measured again then.
      if (record !== undefined && found.get(record.hash)?.kind !== "record") {
        found.set(record.hash, { kind: "record", path, record });
      }
    }
    if (name !== "result.json" || !await isThere(join(folder, "config.json"))) continue;
    const config = await runConfigIn(folder);
    if (config === undefined) continue;
    const hash = hashOf(identityOf(config));
    if (!found.has(hash)) found.set(hash, { kind: "run", path: folder });
  }
}

/**
 * Runs that are over by their hash: results in folders that are named count first, then what lies below `runs`.
 *
 * Rejects with a RecipeError for a named folder that is not there, and with a JsonFileError for a damaged result in it.
 */
export async function findOver(results: readonly string[], runs: string): Promise<Map<string, Found>> {
  const named = (await recordsIn(results)).map((file) =>
    [file.record.hash, { kind: "record" as const, ...file }] as const
  );
  const found = new Map<string, Found>(named);
  await runsBelow(runs, found);
  return found;
}
