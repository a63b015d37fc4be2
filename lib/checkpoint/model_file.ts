/** A trained model as one file: its weights, and what is needed to use them; nothing that only a training needs. */
import { checkpointOf, checksum, parsed } from "./checkpoint.ts";
import type { CheckpointInfo } from "./checkpoints.ts";
import { requireNoneLost } from "./finite.ts";
import {
  readSafetensors,
  type SafeTensor,
  SafetensorsError,
  type SafetensorsFile,
  writeSafetensors,
} from "./safetensors.ts";
import { startingCounters } from "./state.ts";

const format = "libtrain-model-1";

/** What a model's file holds. */
export interface ModelFile {
  /** The weights by the model's paths. */
  readonly tensors: ReadonlyMap<string, SafeTensor>;
  /** The run's configuration: recipe, classes, shape of the images, normalisation. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Steps that it was trained. */
  readonly steps: number;
  /** Whether they are the average of the weights. */
  readonly average: boolean;
}

/** What `model.` stands before the names of a state, and not before those of a model's file. */
const prefix = "model.";

/**
 * Writes a model's file atomically; gives the SHA-256 of its content, which the file holds too. Rejects with a StateError
 * where weights are not finite and those saved at that path are.
 */
export async function saveModel(path: string, { tensors, config, steps, average }: ModelFile): Promise<string> {
  await requireNoneLost(path, tensors, async () => {
    try {
      return (await readSafetensors(path)).tensors;
    } catch (error) {
      if (error instanceof SafetensorsError) return undefined;
      throw error;
    }
  });
  const texts = { config: JSON.stringify(config), steps: `${steps}`, weights: average ? "average" : "last" };
  const sha256 = await checksum(tensors, Object.values(texts));
  await writeSafetensors(path, tensors, { metadata: { format, ...texts, sha256 } });
  return sha256;
}

/** A model's file, or a checkpoint, as the checkpoint of a state; a damaged file gives a SafetensorsError that names it. */
export async function loadModelOrCheckpoint(path: string): Promise<CheckpointInfo> {
  const file = await readSafetensors(path);
  const own = file.metadata["format"];
  if (own?.startsWith("libtrain-model") !== true) return { ...await checkpointOf(path, file), path };
  if (own !== format) {
    throw new SafetensorsError(
      `Expected "${path}" to be a model of format ${format}, got ${own}: another version of libtrain packed it, pack it anew`,
    );
  }
  return { ...await modelOf(path, file), path };
}

async function modelOf(path: string, { tensors, metadata }: SafetensorsFile): Promise<Omit<CheckpointInfo, "path">> {
  const { config = "", steps = "", weights = "", sha256 } = metadata;
  const found = await checksum(tensors, [config, steps, weights]);
  if (found !== sha256) {
    throw new SafetensorsError(
      `Expected "${path}" to have the content that was packed (SHA-256 ${sha256}), got ${found}: it is damaged, copy or ` +
        "pack it anew",
    );
  }
  const step = Number(steps);
  if (!Number.isSafeInteger(step) || step < 0) {
    throw new SafetensorsError(`Expected "${path}" to hold its steps as a whole number, got "${steps}": pack it anew`);
  }
  const named = new Map([...tensors].map(([name, tensor]) => [`${prefix}${name}`, tensor]));
  return {
    state: { tensors: named, counters: { ...startingCounters, step } },
    config: parsed(path, "config", config),
    average: weights === "average",
  };
}
