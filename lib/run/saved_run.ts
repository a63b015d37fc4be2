/** What a run's folder holds, before anything goes on in it. */
import { join } from "node:path";
import { checkpointIn, type CheckpointInfo, Checkpoints } from "../checkpoint/checkpoints.ts";
import { isThere } from "../io/atomic_file.ts";
import type { Session } from "./session.ts";

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
  const { rows: _, sessions: _sessions, ...own } = config as { rows?: Rows; sessions?: readonly Session[] };
  return own;
}
