/** Reading what a run has left: its configuration, its checkpoint, its result. */
import { join } from "@std/path";
import { UsageError } from "../lib/cli/flags.ts";
import { type CheckpointInfo, Checkpoints } from "../lib/checkpoint/checkpoints.ts";
import { loadCheckpoint } from "../mod.ts";
import type { RunConfig } from "./run_config.ts";

/** What values in a JSON file must be, by their names. */
type Kinds = Readonly<Record<string, "number" | "object">>;

/**
 * The object in a JSON file, with what it must have at least; undefined where there is no such file. `advice` says what
 * to do where it is something else.
 */
export async function readJson(
  path: string,
  { kinds = {}, advice = "restore it from a copy" }: { kinds?: Kinds; advice?: string } = {},
): Promise<Record<string, unknown> | undefined> {
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return undefined;
    throw error;
  }
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch (error) {
    throw new Error(`Expected JSON in "${path}", got other text (${(error as Error).message}): ${advice}`, {
      cause: error,
    });
  }
  if (kindOf(found) !== "object") {
    throw new Error(`Expected a JSON object in "${path}", got ${JSON.stringify(found).slice(0, 40)}: ${advice}`);
  }
  const values = found as Record<string, unknown>;
  const wrong = Object.keys(kinds).find((name) => kindOf(values[name]) !== kinds[name]);
  if (wrong === undefined) return values;
  const got = JSON.stringify(values[wrong])?.slice(0, 40) ?? "none";
  throw new Error(`Expected "${wrong}" in "${path}" as a JSON ${kinds[wrong]}, got ${got}: ${advice}`);
}

function kindOf(value: unknown): string {
  return value === null || Array.isArray(value) ? "other" : typeof value;
}

/** What every plan has, without which nothing of it can be read. */
export const planKinds: Kinds = {
  seed: "number",
  epochs: "number",
  bs: "number",
  data: "object",
  model: "object",
  optimizer: "object",
  schedule: "object",
  augmentation: "object",
};

/** The configuration of a run's folder; undefined where the folder is none. */
export async function runConfigIn(folder: string): Promise<RunConfig | undefined> {
  const options = { kinds: planKinds, advice: "restore it, or begin a new run" };
  return await readJson(join(folder, "config.json"), options) as unknown as RunConfig | undefined;
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
export async function findCheckpoint(path: string): Promise<CheckpointInfo> {
  if (!await isFolder(path)) return { ...await loadCheckpoint(path), path };
  const found = await new Checkpoints(path).load();
  if (found === undefined) {
    throw new UsageError(`Cannot find a checkpoint in "${path}": give the folder of a run that has saved one`);
  }
  return found;
}

/** A line that says that the newest checkpoint was not taken; undefined where it was. */
export function damageNote({ damage, path }: CheckpointInfo): string | undefined {
  return damage === undefined ? undefined : `warning: ${damage}. Going on from the one before it, "${path}"`;
}
