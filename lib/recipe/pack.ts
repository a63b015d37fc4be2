/** A run's model as one file. */
import { join } from "node:path";
import { saveModel } from "../checkpoint/model_file.ts";
import { makeFolderOf } from "../io/atomic_file.ts";
import { configOf } from "../run/saved_run.ts";
import { requireFlag, requireOptionsOf, requireText } from "../tensor/ops/checks.ts";
import { averages, findCheckpoint } from "./trained.ts";

/** What to pack, and where to. */
export interface PackOptions {
  /** The file; by default `model.safetensors` in the run's folder. */
  out?: string;
  /** Whether to take the average of the weights; by default false. */
  ema?: boolean;
}

/** A model's file. */
export interface PackedModel {
  /** The file. */
  readonly path: string;
  /** Its size. */
  readonly bytes: number;
  /** SHA-256 of its weights and configuration, in hex, which the file holds too. */
  readonly sha256: string;
  /** The network's name. */
  readonly model: string;
  /** Steps that it was trained. */
  readonly steps: number;
}

/**
 * Writes the model of a run, or of a checkpoint, as one safetensors file: weights, recipe, classes, how images are prepared,
 * and a checksum over all of it; nothing that only going on with the training would need. {@linkcode open} and the commands
 * take it in the place of the run, and give the same bits. The file appears whole or not at all.
 *
 * Rejects with a RunNotFoundError where there is no run.
 *
 * @example
 * ```ts ignore
 * import { recipe } from "@libtrain/libtrain";
 *
 * const { path, bytes } = await recipe.pack("runs/20250131-120000-mnist", { out: "runs/digits.safetensors" });
 * await using trained = await recipe.open(path);
 * console.log(bytes, trained.classes);
 * ```
 */
export async function pack(run: string, options: PackOptions = {}): Promise<PackedModel> {
  requireText("pack", "run", run);
  requireOptionsOf("pack", options, { example: 'pack(run, { out: "model.safetensors" })', known: ["out", "ema"] });
  const { out, ema = false } = options;
  requireFlag("pack", "ema", ema);
  if (out !== undefined) requireText("pack", "out", out);
  const found = await findCheckpoint(run);
  const path = out ?? join(run, "model.safetensors");
  if (out === undefined && !(await Deno.stat(run)).isDirectory) {
    throw new TypeError(`pack(): Expected \`out\` with "${run}", which is a file and no run's folder, got none`);
  }
  const average = ema || found.average === true;
  const wanted = ema && found.average !== true ? averages(found.state, run) : found.state.tensors;
  const own = [...wanted].filter(([name]) => name.startsWith("model."));
  const tensors = new Map(own.map(([name, tensor]) => [name.slice("model.".length), tensor]));
  const config = configOf(found);
  const { step: steps } = found.state.counters;
  await makeFolderOf(path);
  const sha256 = await saveModel(path, { tensors, config, steps, average });
  const { size: bytes } = await Deno.stat(path);
  const { name: model } = (config["model"] ?? {}) as { name?: unknown };
  return { path, bytes, sha256, model: String(model), steps };
}
