/** Reading what a run has left: its configuration, its checkpoint, its result. */
import { join } from "@std/path";
import { UsageError } from "../lib/cli/flags.ts";
import { Checkpoints, type Found } from "../lib/train/checkpoints.ts";
import { loadCheckpoint } from "../mod.ts";
import type { RunConfig } from "./run_config.ts";

/** The object in a JSON file; undefined where there is no such file. */
export async function readJson(path: string): Promise<Record<string, unknown> | undefined> {
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return undefined;
    throw error;
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`Cannot read "${path}": ${(error as Error).message}`, { cause: error });
  }
}

/** The configuration of a run's folder; undefined where the folder is none. */
export async function runConfigIn(folder: string): Promise<RunConfig | undefined> {
  return await readJson(join(folder, "config.json")) as unknown as RunConfig | undefined;
}

/** Whether a path is a folder rather than a file. Throws a UsageError where there is neither. */
export async function isFolder(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isDirectory;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory)) throw error;
    throw new UsageError(
      `Cannot find "${path}": give a run's folder or a checkpoint, as \`deno task train\` printed it`,
    );
  }
}

/**
 * The checkpoint of a run's folder, the newest that is whole, or of a file. Throws a UsageError where there is none.
 */
export async function findCheckpoint(path: string): Promise<Found> {
  if (!await isFolder(path)) return { ...await loadCheckpoint(path), path };
  const found = await new Checkpoints(path).load();
  if (found === undefined) {
    throw new UsageError(`Cannot find a checkpoint in "${path}": give the folder of a run that has saved one`);
  }
  return found;
}

/** A line that says that the newest checkpoint was not taken; undefined where it was. */
export function damageNote({ damage, path }: Found): string | undefined {
  return damage === undefined ? undefined : `warning: ${damage}. Going on from the one before it, "${path}"`;
}
