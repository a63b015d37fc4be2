/** A trained model from what a run has left, with the data that it belongs to. */
import { UsageError } from "../lib/cli/flags.ts";
import { type Device, type models, type State, StateError, writeTensors } from "../mod.ts";
import { buildModel, type DataConfig, type ModelConfig, type RunConfig } from "./run_config.ts";
import { damageNote, findCheckpoint } from "./run_files.ts";

/** Which of a checkpoint's weights to take. */
export interface ModelOptions {
  /** Whether to take the average of the weights. */
  ema?: boolean;
  /** Told what a reader should know. */
  note?(line: string): void;
}

/** On which data to use a model. */
export interface SourceOptions {
  /** A data set's name, a folder or an archive; by default that of the training. */
  data?: string;
  /** Height and width of the images; by default as in training. */
  size?: number;
  /** Where pixel caches and downloads are kept; by default `.cache/data`. */
  cache?: string;
}

/** A model as it was trained. */
export interface TrainedModel {
  readonly model: models.XResNet;
  /** What is not of the model is missing where the weights were imported. */
  readonly config: ModelConfig & Partial<RunConfig>;
}

/** The averages in a state, under the names of the weights. */
function averages({ tensors }: State, path: string): State["tensors"] {
  const prefix = "ema.model.";
  const found = [...tensors].filter(([name]) => name.startsWith(prefix));
  if (found.length === 0) {
    throw new UsageError(
      `Expected a run with an average of its weights, got "${path}", which has none: leave out --ema`,
    );
  }
  return new Map(found.map(([name, value]) => [name.replace(prefix, "model."), value]));
}

/** Builds the model of a run's folder, or of a checkpoint; it belongs to the caller. */
export async function openModel(path: string, device: Device, options: ModelOptions = {}): Promise<TrainedModel> {
  const found = await findCheckpoint(path);
  const note = damageNote(found);
  if (note !== undefined) options.note?.(note);
  const config = found.config as unknown as TrainedModel["config"];
  const tensors = options.ema ? averages(found.state, path) : found.state.tensors;
  const model = buildModel(config, device);
  try {
    writeTensors(tensors, { model });
  } catch (error) {
    model.dispose();
    if (!(error instanceof StateError)) throw error;
    throw new StateError(`Cannot use "${found.path}": ${error.message}`, { cause: error });
  }
  return { model, config };
}

/** The data to use a model on: those of its training, or others. */
export function dataOf(path: string, { data }: TrainedModel["config"], options: SourceOptions): DataConfig {
  const source = options.data ?? data?.path;
  if (source === undefined) {
    throw new UsageError(`Expected --data, got none: "${path}" was not trained here, so what it is for is not known`);
  }
  const size = options.size ?? data?.size ?? (source === "mnist" ? null : 128);
  // Another data set is measured as a whole.
  return { path: source, size, limit: options.data === undefined ? data?.limit ?? null : null };
}
