/** What a run's folder holds, before anything goes on in it. */
import { readRegularFile, readRegularText } from "../io/regular_file.ts";
import { join } from "node:path";
import { checkpointIn, type CheckpointInfo, Checkpoints } from "../checkpoint/checkpoints.ts";
import { isThere } from "../io/atomic_file.ts";
import { sha256Of } from "../io/sha256.ts";

/** How many rows of each file belong to a state. */
export interface Rows {
  /** Of `metrics.csv`. */
  readonly metrics: number;
  /** Of `steps.csv`. */
  readonly steps: number;
}

/** A run's folder with the state that was saved there last. */
export interface SavedRun {
  /** The folder. */
  readonly path: string;
  /** Its checkpoints. */
  readonly checkpoints: Checkpoints;
  /** The newest that is whole; undefined where none was saved yet. */
  readonly found: CheckpointInfo | undefined;
}

/** The path of a run's configuration, a copy to read of what its checkpoints hold. */
export function configIn(folder: string): string {
  return join(folder, "config.json");
}

/** Where the SHA-256 of the configuration's file is, in hex. */
export function configSumIn(folder: string): string {
  return join(folder, "checkpoint", "config.sha256");
}

/**
 * Whether a run's `config.json` has the bytes that were written, by their sum; true where none was kept, as in runs of
 * earlier versions.
 */
export async function isConfigWhole(folder: string): Promise<boolean> {
  if (!await isThere(configSumIn(folder)) || !await isThere(configIn(folder))) return true;
  const wanted = (await readRegularText(configSumIn(folder))).trim();
  return await sha256Of(await readRegularFile(configIn(folder))) === wanted;
}

/** Whether a folder is a run's: it has a configuration, or a checkpoint. */
export async function isRun(folder: string): Promise<boolean> {
  return await isThere(configIn(folder)) || await isThere(checkpointIn(folder)) ||
    await isThere(join(folder, "checkpoint", "previous.safetensors"));
}

/** Reads what a run's folder has saved; what a killed writer has left half done there is brought to an end first. */
export async function loadRun(path: string): Promise<SavedRun> {
  const checkpoints = new Checkpoints(path);
  await checkpoints.prepare();
  return { path, checkpoints, found: await checkpoints.load() };
}

/** The configuration that a checkpoint was saved with, without what belongs to its files. */
export function configOf(
  { config }: Pick<CheckpointInfo, "config">,
): Readonly<Record<string, unknown>> {
  const { rows: _, sessions: _sessions, logs: _logs, ...own } = config;
  return own;
}
