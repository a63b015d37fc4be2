/** A trained run opened again: to predict, to measure, to look at its model. */
import { basename, dirname, join } from "node:path";
import { isThere } from "../io/atomic_file.ts";
import { requireOptions, requireText } from "../tensor/ops/checks.ts";
import { type CheckpointInfo, Checkpoints } from "../checkpoint/checkpoints.ts";
import { loadModelOrCheckpoint } from "../checkpoint/model_file.ts";
import { listNames } from "../checkpoint/names.ts";
import { type State, writeTensors } from "../checkpoint/state.ts";
import type { Dataset } from "../data/dataset.ts";
import { StateError } from "../ffi/errors.ts";
import { modelRegistry } from "../models/registry.ts";
import { type FoldedNorms, foldNorms } from "../nn/fold_norms.ts";
import { lossRegistry } from "../nn/losses.ts";
import type { Module } from "../nn/module.ts";
import { configOf } from "../run/saved_run.ts";
import { shown as shownName } from "../io/shown.ts";
import { Device } from "../tensor/device.ts";
import { evaluate as measure, type EvaluateOptions, type Evaluation } from "../train/evaluate.ts";
import type { Predictions } from "../train/predictions.ts";
import { buildLoss, buildMetrics, buildModel, type ModelChoice, validBatches } from "./build.ts";
import { isObject, shown, unregistered } from "./check.ts";
import { type DataChoice, type OpenPartOptions, type OpenValid, openValidData } from "./data.ts";
import { dtypeFor } from "./dtype.ts";
import { NotRegisteredHereError, RunNotFoundError, SettingError } from "./errors.ts";
import { adviseMeasuring, withModelAdvice } from "./memory_advice.ts";
import { predictImages, type PredictOptions, type PredictResult } from "./predict.ts";
import { writePredictions } from "./predictions_csv.ts";
import type { ComputeDtype, RunConfig } from "./recipe.ts";
import { damageText } from "./run.ts";

/** Which of a run's weights to take, and where to use them. */
export interface OpenRunOptions {
  /** Whether to take the average of the weights; by default false. */
  ema?: boolean;
  /** Where to compute: a device that the caller has, or the kind to open; by default `auto`. */
  device?: Device | "auto" | "cpu" | "cuda";
  /** CPU threads of a device that is opened; by default LIBTRAIN_THREADS or all. */
  threads?: number;
  /** What to compute in; by default as in training. */
  dtype?: "f32" | "bf16";
  /** Told what a reader should know, say of a damaged checkpoint. */
  onWarning?(message: string): void;
}

/** How to measure a trained run. */
export interface EvaluateRunOptions extends OpenPartOptions {
  /** A data set's name, a folder or an archive; by default that of the training. */
  data?: string;
  /** The share of images that is set aside to measure on, where there is no folder of them; by default as in training. */
  split?: number;
  /** Whether images may lie anywhere below their class's folder; by default as in training. */
  nested?: boolean;
  /** How many images may be unreadable: a number, or a share as "2%"; by default 1 %. */
  maxUnreadable?: number | string;
  /** Height and width of the images; by default as in training. */
  size?: number;
  /** Images at a time; by default as in training. */
  bs?: number;
  /** A CSV file to write: file, label, prediction and its probability of every image. */
  csv?: string;
  /** Opens the data; by default by its name or path. */
  open?: OpenValid;
  /** Told once the data are open. */
  onReady?(ready: { readonly samples: number }): void;
  /** Told how many of how many images are measured. */
  onMeasured?(done: number, total: number): void | Promise<void>;
  /** Told every single answer, at the end, with the data, which are open until it is done. */
  onPredictions?(predictions: Predictions, set: Dataset): void | Promise<void>;
}

/** The averages in a state, under the names of the weights. */
export function averages({ tensors }: State, path: string): State["tensors"] {
  const prefix = "ema.model.";
  const found = [...tensors].filter(([name]) => name.startsWith(prefix));
  if (found.length === 0) {
    throw new SettingError(
      "ema",
      `Expected a run with an average of its weights, got "${path}", which has none: leave out \`ema\``,
    );
  }
  return new Map(found.map(([name, value]) => [name.replace(prefix, "model."), value]));
}

/**
 * The checkpoint of a run's folder or of the folder `checkpoint` in it, the newest that is whole, or of a file; of a model that
 * was packed, a state of its weights alone.
 */
export async function findCheckpoint(path: string): Promise<CheckpointInfo> {
  requireText("findCheckpoint", "path", path);
  const stat = await Deno.stat(path).catch((error) => {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return undefined;
    throw error;
  });
  if (stat === undefined) {
    throw new RunNotFoundError(path, `Cannot find "${shownName(path)}": give a run's folder or a checkpoint`);
  }
  if (!stat.isDirectory) return await loadModelOrCheckpoint(path);
  const own = await isThere(join(path, "state.safetensors")) && basename(path) === "checkpoint";
  const found = await new Checkpoints(own ? dirname(path) : path).load();
  if (found === undefined) {
    throw new RunNotFoundError(
      path,
      `Cannot find a checkpoint in "${shownName(path)}": give the folder of a run that has saved one`,
    );
  }
  return found;
}

/** What is known of a model whose weights were saved; what is not of the model is missing where they were imported. */
export type TrainedConfig = ModelChoice & Partial<Omit<RunConfig, keyof ModelChoice>> & {
  /** Set where a script made the run ({@linkcode createRun}). */
  readonly script?: boolean;
};

/** How the classes of data differ from those of a model, in words. */
function otherClasses(wanted: readonly string[], found: readonly string[], as: string): string {
  const missing = wanted.filter((name) => !found.includes(name));
  const extra = found.filter((name) => !wanted.includes(name));
  const expected = `Expected data of ${wanted.length} classes, ${as}, got`;
  if (missing.length + extra.length === 0) {
    const at = wanted.findIndex((name, label) => name !== found[label]);
    const [name, other] = [shownName(wanted[at]!), shownName(found[at]!)];
    return `Expected data with the class ${name}, ${as}, got ${other} in its place: the same ones in another order`;
  }
  // An accent may be a character of its own or part of its letter, which looks the same.
  const plain = (names: readonly string[]): string[] => names.map((name) => name.normalize("NFC"));
  const alike = plain(missing).some((name) => plain(extra).includes(name));
  const accents = alike ? " (accents are written in another way: rename the folders)" : "";
  if (wanted.length === found.length) {
    const one = missing.length === 1;
    const names = one ? `class ${shownName(missing[0]!)}` : `classes ${listNames(missing)}`;
    const others = one ? shownName(extra[0]!) : listNames(extra);
    return `Expected data with the ${names}, ${as}, got ${others} in ${one ? "its" : "their"} place${accents}`;
  }
  const parts = [
    ...(missing.length > 0 ? [`without ${listNames(missing)}`] : []),
    ...(extra.length > 0 ? [`with ${listNames(extra)}, which it does not know`] : []),
  ];
  return `${expected} ${found.length} ${parts.join(" and ")}${accents}`;
}

function isWhole(value: unknown, most: number): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 1 && (value as number) <= most;
}

/** What of a configuration is used before anything else is known of it; the file may be from elsewhere. */
const wanted: Readonly<Record<string, { readonly as: string; readonly fits: (value: unknown) => boolean }>> = {
  dtype: { as: "f32, bf16 or f64", fits: (value) => ["f32", "bf16", "f64"].includes(value as string) },
  classes: {
    as: "names, or a number from 1 to 1000000",
    fits: (value) =>
      Array.isArray(value)
        ? value.length > 0 && value.every((name) => typeof name === "string")
        : isWhole(value, 1_000_000),
  },
  imageShape: {
    as: "[height, width, channels]",
    fits: (value) => Array.isArray(value) && value.length === 3 && value.every((side) => isWhole(side, 65_536)),
  },
  seed: { as: "a whole number", fits: (value) => isWhole((value as number) + 1, 2 ** 32) },
};

function configIn(found: CheckpointInfo, path: string): TrainedConfig {
  const config = configOf(found);
  const { model, dtype, classes } = config;
  if (!isObject(model) || dtype === undefined || classes === undefined) {
    throw new StateError(
      `Cannot use "${found.path}": Expected a configuration with \`model\`, \`dtype\` and \`classes\`, got ` +
        `${Object.keys(config).join(", ") || "none"}: was it saved by this version?`,
    );
  }
  const wrong = Object.keys(wanted).find((name) => config[name] !== undefined && !wanted[name]!.fits(config[name]));
  if (wrong !== undefined) {
    throw new StateError(
      `Cannot use "${found.path}": Expected \`${wrong}\` of its configuration as ${wanted[wrong]!.as}, got ${
        shown(config[wrong])
      }: take another`,
    );
  }
  if (!modelRegistry.has(model["name"])) {
    throw new NotRegisteredHereError(path, "model", String(model["name"]));
  }
  return config as unknown as TrainedConfig;
}

/**
 * A trained model with what belongs to it: classes, image size, normalisation.
 *
 * It owns its model, and its device unless it was given one.
 */
export class Trained implements Disposable, AsyncDisposable {
  /** What was opened. */
  readonly path: string;
  /** The model, in evaluation mode, with its batch norms folded into the convolutions before them (`nn.foldNorms`). */
  readonly model: Module;
  /** Where it computes. */
  readonly device: Device;
  /** What it computes in. */
  readonly dtype: ComputeDtype;
  /** The run's configuration. */
  readonly config: TrainedConfig;
  /** Steps that it was trained. */
  readonly steps: number;
  readonly #ownDevice: boolean;
  readonly #folded: FoldedNorms;

  /** Takes the model over. */
  private constructor(
    parts: Pick<Trained, "path" | "model" | "device" | "dtype" | "config" | "steps">,
    ownDevice: boolean,
  ) {
    this.path = parts.path;
    this.model = parts.model;
    this.device = parts.device;
    this.dtype = parts.dtype;
    this.config = parts.config;
    this.steps = parts.steps;
    this.#ownDevice = ownDevice;
    this.#folded = foldNorms(parts.model);
  }

  /** @internal Opens a run's folder, or a checkpoint; {@linkcode open} calls it. */
  static async open(path: string, options: OpenRunOptions): Promise<Trained> {
    const found = await findCheckpoint(path);
    if (found.damage !== undefined) options.onWarning?.(damageText(found.damage, found.path));
    const config = configIn(found, path);
    const dtype = dtypeFor(path, config.dtype, options.dtype);
    // A model that was packed has one set of weights: the average, or none.
    const tensors = options.ema && found.average !== true ? averages(found.state, path) : found.state.tensors;
    const { device: where = "auto", threads } = options;
    const device = where instanceof Device ? where : new Device(where, { threads });
    const ownDevice = device !== where;
    try {
      const model = withModelAdvice(() => buildModel(config, device));
      try {
        withModelAdvice(() => writeTensors(tensors, { model }));
      } catch (error) {
        model.dispose();
        if (!(error instanceof StateError)) throw error;
        throw new StateError(`Cannot use "${found.path}": ${error.message}`, { cause: error });
      }
      const { step: steps } = found.state.counters;
      return new Trained({ path, model: model.eval(), device, dtype, config, steps }, ownDevice);
    } catch (error) {
      if (ownDevice) device.dispose();
      throw error;
    }
  }

  /** The classes' names, or their numbers where the names are not known. */
  get classes(): readonly string[] {
    const { classes } = this.config;
    return typeof classes === "number" ? Array.from({ length: classes }, (_, label) => `${label}`) : classes;
  }

  /** Height and width of the images that it was trained on; undefined for weights that were imported. */
  get size(): number | undefined {
    return this.config.imageShape?.[0];
  }

  /**
   * What images show: the likeliest classes of each, the likeliest first. Images are paths of JPEG or PNG files, or their
   * bytes; of each the middle square is taken, as when it was measured.
   *
   * An image that is not there, cannot be decoded, or whose answer is not finite, is one of `failures`, with the error that
   * says why, and the others are answered all the same.
   *
   * @example
   * ```ts ignore
   * const { predictions, failures } = await trained.predict(["photo.jpg", "broken.jpg"]);
   * for (const { image, guesses } of predictions) console.log(image, guesses[0]!.class);
   * for (const { image, error } of failures) console.error(image, error.message);
   * ```
   */
  async predict(
    images: readonly (string | Uint8Array<ArrayBuffer>)[],
    options: PredictOptions = {},
  ): Promise<PredictResult> {
    return await predictImages(this, images, options);
  }

  /** Which data it was measured on in training, or others. */
  dataChoice(
    options: Pick<EvaluateRunOptions, "data" | "size" | "split" | "nested" | "maxUnreadable"> = {},
  ): DataChoice {
    const { data, size: own, imageShape, transforms } = this.config;
    const name = options.data ?? data?.name;
    if (name === undefined) {
      throw new SettingError(
        "data.name",
        `Expected \`data.name\`, got none: ${
          this.config.script === true
            ? `the script that made "${this.path}" did not say which data it is of`
            : `"${this.path}" was not trained here, so what it is for is not known`
        }`,
      );
    }
    const size = options.size ?? own ??
      (name === "mnist" || imageShape === undefined && data !== undefined ? null : 128);
    // Another data set is measured as a whole, and has no options of this one.
    const same = options.data === undefined && data !== undefined;
    const { split, nested, maxUnreadable } = options;
    const read = Object.fromEntries(
      Object.entries({ split, nested, maxUnreadable }).filter(([, value]) => value !== undefined),
    );
    return { data: { ...(same ? data : { name, limit: null, keep: null }), ...read }, size, transforms };
  }

  /** Refuses data whose classes are not the model's, and names those that are missing or left over. */
  requireClasses(found: readonly string[]): void {
    const { classes } = this.config;
    const count = typeof classes === "number" ? classes : classes.length;
    if (typeof classes === "number" ? count === found.length : String(classes) === String(found)) return;
    const as = `as "${shownName(this.path)}" was trained on`;
    if (typeof classes === "number") {
      throw new StateError(`Expected data of ${count} classes, ${as}, got ${found.length}: give others`);
    }
    throw new StateError(`${otherClasses(classes, found, as)}: give others`);
  }

  /** Top-1, top-5, loss (without label smoothing) and metrics of the training on the data that it was measured on in training, or on others. */
  async evaluate(options: EvaluateRunOptions = {}): Promise<Evaluation> {
    const { csv, onPredictions, signal } = options;
    using set: Dataset = await (options.open ?? openValidData)(this.dataChoice(options), this.device, options);
    this.requireClasses(set.classes);
    options.onReady?.({ samples: set.length });
    const { transforms } = this.config;
    const { bs = this.config.validBs ?? 64 } = options;
    const batches = validBatches({ validBs: bs, transforms, dtype: this.dtype }, set);
    let predictions: Predictions | undefined;
    const result = await measure(this.model, batches, {
      ...this.#measuredBy(options),
      dtype: this.dtype,
      signal,
      onProgress: (done) => options.onMeasured?.(done, batches.samples),
      onPredictions: csv === undefined && onPredictions === undefined ? undefined : (all): void => {
        predictions = all;
      },
    }).catch((error) => {
      throw adviseMeasuring(error, { bs, size: this.dataChoice(options).size });
    });
    if (csv !== undefined) await writePredictions(csv, predictions!, set);
    if (predictions !== undefined) await onPredictions?.(predictions, set);
    return result;
  }

  /** Loss and metrics of the training; cross entropy for weights that were imported, or a loss that is not registered. */
  #measuredBy({ onWarning }: EvaluateRunOptions): Pick<EvaluateOptions, "loss" | "metrics"> {
    const { loss, metrics = [] } = this.config;
    const [missing] = unregistered({ metrics });
    if (missing !== undefined) throw new NotRegisteredHereError(this.path, missing.kind, missing.name);
    const own = { metrics: buildMetrics(metrics) };
    if (loss === undefined) return own;
    if (lossRegistry.has(loss.name)) return { ...own, loss: buildLoss({ loss }) };
    onWarning?.(
      `Run "${this.path}" uses the loss "${loss.name}", which is not registered here: it is measured by cross entropy`,
    );
    return own;
  }

  /** Lets go of the model, and of the device that was opened for it. */
  dispose(): void {
    this.#folded.dispose();
    this.model.dispose();
    if (this.#ownDevice) this.device.dispose();
  }

  /** For `using`: {@linkcode dispose}. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** For `await using`: {@linkcode dispose}. */
  [Symbol.asyncDispose](): Promise<void> {
    this.dispose();
    return Promise.resolve();
  }

  /** Its model, classes and size. */
  toString(): string {
    const size = this.size === undefined ? "" : `, ${this.size} pixels`;
    return `Trained(${this.config.model.name}, ${this.classes.length} classes${size}, ${this.path})`;
  }

  /** What the console shows. */
  [Symbol.for("Deno.customInspect")](): string {
    return this.toString();
  }
}

/**
 * Opens a run's folder, a checkpoint, or a model that was packed, as a trained model.
 *
 * Rejects with a RunNotFoundError where there is none, and with a NotRegisteredHereError where its network is not.
 *
 * @example
 * ```ts ignore
 * import { recipe } from "@libtrain/libtrain";
 *
 * await using trained = await recipe.open("runs/20250131-120000-imagenette-128-5");
 * const { predictions } = await trained.predict(["photo.jpg"], { top: 3 });
 * for (const { image, guesses } of predictions) console.log(image, guesses);
 * ```
 */
export async function open(path: string, options: OpenRunOptions = {}): Promise<Trained> {
  requireText("open", "path", path);
  requireOptions("open", options, "open(path, { ema: true })");
  return await Trained.open(path, options);
}
