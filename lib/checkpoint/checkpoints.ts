/** The checkpoints that a run keeps: the newest and the one before it. */
import { join } from "node:path";
import { isThere, partialSuffix, removeIfThere, syncFolder } from "../io/atomic_file.ts";
import { type Checkpoint, loadCheckpoint, saveCheckpoint, savedTensors } from "./checkpoint.ts";
import { requireNoneLost } from "./finite.ts";
import { SafetensorsError } from "./safetensors.ts";

/** A checkpoint that was found. */
export interface CheckpointInfo extends Checkpoint {
  /** Its file. */
  readonly path: string;
  /** What is wrong with the newest one, where this is the one before it. */
  readonly damage?: string;
  /** Set where it is of a model that was packed: whether its weights are the average of the training's. */
  readonly average?: boolean;
}

/** The path of a run's newest checkpoint. */
export function checkpointIn(folder: string): string {
  return join(folder, "checkpoint", "state.safetensors");
}

/** Removes what writers that were killed have left in a folder. */
export async function sweepPartial(folder: string): Promise<void> {
  for await (const { name, isFile } of Deno.readDir(folder)) {
    if (isFile && name.endsWith(partialSuffix)) await removeIfThere(join(folder, name));
  }
}

/**
 * A run's folder `checkpoint`: `state.safetensors`, and `previous.safetensors`, the one before it. At any time, and after
 * any crash, at least one of the two is whole once the first was saved.
 */
export class Checkpoints {
  readonly #folder: string;
  readonly #next: string;
  /** The path of the newest one. */
  readonly newest: string;
  readonly #previous: string;
  /** A newest one that cannot be read must not take the place of the good one before it. */
  #damaged = false;

  /** Those of a run's folder. */
  constructor(runFolder: string) {
    this.#folder = join(runFolder, "checkpoint");
    this.#next = join(this.#folder, "next.safetensors");
    this.newest = checkpointIn(runFolder);
    this.#previous = join(this.#folder, "previous.safetensors");
  }

  /** Makes the folder, and brings to an end what a killed writer has begun there. */
  async prepare(): Promise<void> {
    await Deno.mkdir(this.#folder, { recursive: true });
    await sweepPartial(this.#folder);
    if (await isThere(this.#next)) await this.#moveUp();
  }

  /** Saves a checkpoint; the newest one so far stays as the previous one. */
  async save(checkpoint: Checkpoint): Promise<void> {
    const { state } = checkpoint;
    await requireNoneLost(this.newest, state.tensors, () => savedTensors(this.newest));
    // Whole under a name of its own first, so that a full disk costs neither of the two.
    await saveCheckpoint(this.#next, checkpoint);
    await this.#moveUp();
  }

  async #moveUp(): Promise<void> {
    if (!this.#damaged && await isThere(this.newest)) await Deno.rename(this.newest, this.#previous);
    await Deno.rename(this.#next, this.newest);
    await syncFolder(this.#folder);
    this.#damaged = false;
  }

  /** The newest checkpoint, or the one before it where that is damaged; undefined where none was saved yet. */
  async load(): Promise<CheckpointInfo | undefined> {
    const newest = await this.#read(this.newest);
    if (newest !== undefined && !(newest instanceof SafetensorsError)) return newest;
    const previous = await this.#read(this.#previous);
    if (newest instanceof SafetensorsError) {
      if (previous === undefined || previous instanceof SafetensorsError) throw newest;
      this.#damaged = true;
      return { ...previous, damage: newest.message };
    }
    if (previous instanceof SafetensorsError) throw previous;
    return previous;
  }

  async #read(path: string): Promise<CheckpointInfo | SafetensorsError | undefined> {
    try {
      return { ...await loadCheckpoint(path), path };
    } catch (error) {
      if (error instanceof SafetensorsError) return error.cause instanceof Deno.errors.NotFound ? undefined : error;
      throw error;
    }
  }
}
