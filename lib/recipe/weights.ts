/** Weights of other frameworks as checkpoints that can be opened, and the other way round. */
import { StateError } from "../ffi/errors.ts";
import { firstNonFiniteOf, nonFiniteText } from "../checkpoint/finite.ts";
import { requireNamed, requireText } from "../tensor/ops/checks.ts";
import { Device } from "../tensor/device.ts";
import { saveCheckpoint } from "../checkpoint/checkpoint.ts";
import { exportFastai, fastaiClasses, readStateDict, writeFastai } from "../checkpoint/fastai.ts";
import { withoutPrefix } from "../checkpoint/names.ts";
import { readTensors, startingCounters } from "../checkpoint/state.ts";
import { makeFolderOf } from "../io/atomic_file.ts";
import { readRegularFile, weightBytes } from "../io/regular_file.ts";
import { sha256Of } from "../io/sha256.ts";
import type { JsonOptions } from "../registry/registry.ts";
import { buildModel, type ModelChoice } from "./build.ts";
import { SettingError } from "./errors.ts";
import { modelRegistry } from "../models/registry.ts";
import { Trained } from "./trained.ts";

/** Which network the weights belong to, and where the checkpoint goes. */
export interface ImportOptions {
  /** The network, by its registered name, with its options. */
  readonly model: { readonly name: string } & JsonOptions;
  /** The checkpoint to write. */
  readonly out: string;
  /** Whether everything must fit, as by default; else what does not keeps its initial weights. */
  readonly strict?: boolean;
  /** What the names in the file have before fastai's, say `module.`; by default nothing. */
  readonly prefix?: string;
}

/** What was imported. */
export interface ImportResult {
  /** The checkpoint. */
  readonly checkpoint: string;
  /** The network's name. */
  readonly model: string;
  /** Size of its output. */
  readonly classes: number;
  /** Elements of its parameters. */
  readonly parameters: number;
  /** SHA-256 of the weights' file, in hex. */
  readonly sha256: string;
  /** What kept its initial weights as the file did not fit, under fastai's names. */
  readonly leftOut: readonly string[];
}

/**
 * Turns weights of fastai or PyTorch, a safetensors file of the state dict, into a checkpoint that {@linkcode open} takes.
 *
 * Rejects with a StateError that names every tensor that does not fit.
 */
export async function importWeights(
  weights: string,
  options: ImportOptions,
): Promise<ImportResult> {
  requireText("importWeights", "weights", weights);
  requireNamed("importWeights", "model", options?.model);
  const { model, out, strict = true, prefix = "" } = options;
  requireText("importWeights", "out", out);
  if (!modelRegistry.has(model.name)) {
    const known = modelRegistry.names.join(", ");
    throw new SettingError("model.name", `Expected \`model.name\` to be one of ${known}, got "${model.name}"`);
  }
  const saved = withoutPrefix(await readStateDict(weights), prefix);
  using device = new Device("cpu");
  const one: ModelChoice = { model, seed: 0, dtype: "f32", classes: 1 };
  using first = buildModel(one, device);
  const classes = fastaiClasses(first, saved);
  const choice: ModelChoice = { ...one, classes };
  using network = buildModel(choice, device);
  const { missing, mismatched } = writeFastai(network, saved, { strict });
  const tensors = await readTensors({ model: network });
  const broken = firstNonFiniteOf(tensors);
  if (broken !== undefined) {
    throw new StateError(`Cannot import "${weights}": ${nonFiniteText(broken)}: its training had failed`);
  }
  const sha256 = await sha256Of(await readRegularFile(weights, { most: weightBytes }));
  await makeFolderOf(out);
  const config = { ...choice, imported: { format: "fastai", file: weights, sha256 } };
  await saveCheckpoint(out, { state: { tensors, counters: startingCounters }, config });
  const parameters = [...network.namedParameters().values()].reduce((sum, { size }) => sum + size, 0);
  return { checkpoint: out, model: model.name, classes, parameters, sha256, leftOut: [...missing, ...mismatched] };
}

/** What was exported. */
export interface ExportResult {
  /** The safetensors file. */
  readonly file: string;
  /** Whose names and layouts. */
  readonly format: "fastai";
  /** The network's name. */
  readonly model: string;
  /** Elements of its parameters. */
  readonly parameters: number;
}

/** Writes the weights of a run's folder, or of a checkpoint, as a state dict that fastai and PyTorch load. */
export async function exportWeights(
  path: string,
  options: { readonly out: string; readonly onWarning?: (message: string) => void },
): Promise<ExportResult> {
  requireText("exportWeights", "path", path);
  requireText("exportWeights", "out", options?.out);
  const { out, onWarning } = options;
  using trained = await Trained.open(path, { device: "cpu", onWarning });
  const { model, config, steps } = trained;
  await makeFolderOf(out);
  await exportFastai(model, out, { steps });
  const parameters = [...model.namedParameters().values()].reduce((sum, { size }) => sum + size, 0);
  return { file: out, format: "fastai", model: config.model.name, parameters };
}
