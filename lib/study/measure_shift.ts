/** Several models on the same moving images. */
import { kindOf, requireOptions } from "../tensor/ops/checks.ts";
import { whole } from "../data/checks.ts";
import type { Dataset } from "../data/dataset.ts";
import type { Normalization } from "../data/normalize.ts";
import type { FloatName } from "../ffi/codes.ts";
import type { Module } from "../nn/module.ts";
import { Canvases, type CanvasOptions } from "./canvases.ts";
import { type Consistency, shiftConsistency, shiftCurve } from "./shift.ts";
import type { ShiftFigure } from "./shift_figure.ts";

/** A model to measure. */
export interface ShiftModel {
  /** What it is called in the figure. */
  readonly label: string;
  /** It gives logits for images [n, size, size, c]. */
  readonly model: Module;
  /** What it computes in; by default f32, and f64 where its weights are. */
  readonly dtype?: FloatName;
  /** What its images are brought to, as in its training; by default they stay from 0 to 1. */
  readonly normalize?: Normalization;
}

/** How far a measurement is. */
export interface ShiftProgress {
  /** The model's place in the list. */
  readonly model: number;
  /** Its label. */
  readonly label: string;
  /** Images of this model that are done. */
  readonly done: number;
  /** Images to measure it with. */
  readonly total: number;
}

/** How to measure. */
export interface MeasureShiftOptions {
  /**
   * Height and width of what the models get: they see windows of that size in the larger images of the data set. By
   * default the models get what the images have, and what comes into view as they move is black.
   */
  size?: number;
  /** Pixels by which images move, from left to right, without `size`; by default a quarter of their width. */
  shifts?: number;
  /** Images whose curves are taken, evenly spread; by default 4. */
  images?: number;
  /** The pairs of shifts follow from it; by default 0. */
  seed?: number;
  /** Only the first images; by default all. */
  limit?: number;
  /** Images at a time; by default 16, four windows of each. */
  bs?: number;
  /** Ends it early. */
  signal?: AbortSignal;
  /** Told after each batch. */
  onProgress?(state: ShiftProgress): void;
}

/** One model's measurements. */
export interface ModelShift extends Consistency {
  /** What it is called in the figure. */
  readonly label: string;
  /** Probability of the right class at each shift, for each image of the curves. */
  readonly curves: readonly (readonly number[])[];
}

/** An image whose curves were taken. */
export interface ShiftedImage {
  /** Its number in the data set. */
  readonly sample: number;
  /** Its class. */
  readonly class: string;
}

/** What was measured. */
export interface ShiftMeasurement {
  /** The shifts of the curves, pixels to the right. */
  readonly shifts: readonly number[];
  /** The images of the curves. */
  readonly images: readonly ShiftedImage[];
  /** The models, in their order. */
  readonly models: readonly ModelShift[];
}

/** Numbers of samples evenly spread over `n`, so that classes in order all have their chance. */
function samplesFor(images: number, n: number): number[] {
  const count = Math.min(images, n);
  return Array.from({ length: count }, (_, at) => Math.floor(at * n / count));
}

function checkOptions(set: Dataset, options: MeasureShiftOptions): void {
  const { size, shifts, images = 4, seed = 0, limit = 1, bs = 1 } = options;
  const caller = "measureShift";
  const side = set.imageShape[0];
  if (size !== undefined) {
    whole(caller, "size", size, 1, Infinity);
    if (size >= side) {
      throw new RangeError(`${caller}(): Expected \`size\` below the ${side} pixels of the images, got ${size}`);
    }
    if (shifts !== undefined) {
      throw new TypeError(
        `${caller}(): Expected no \`shifts\` with \`size\`, got ${kindOf(shifts)}: windows move by the ${
          side - size
        } pixels ` +
          `that the images are larger`,
      );
    }
  }
  whole(caller, "shifts", shifts ?? 1, 1, 4096);
  whole(caller, "images", images, 1, Infinity);
  whole(caller, "seed", seed, 0, 2 ** 32 - 1);
  whole(caller, "limit", limit, 1, Infinity);
  whole(caller, "bs", bs, 1, Infinity);
}

/** What a model computes in, and what its images come in: bf16 is made of f32. */
function dtypesOf({ model, dtype }: ShiftModel): { dtype: FloatName; images: CanvasOptions["dtype"] } {
  const [weight] = [...model.namedParameters()].map(([, parameter]) => parameter);
  const own = dtype ?? (weight?.dtype === "f64" ? "f64" : "f32");
  return { dtype: own, images: own === "f64" ? "f64" : "f32" };
}

/**
 * Measures how much the answers of models depend on where in the image something is, all on the same windows: how often
 * they agree between two random shifts (Zhang 2019), and, for some images, the probability of the right class while the
 * image moves sideways. The data set's order, not its augmentation, decides which images are taken.
 *
 * @example
 * ```ts
 * import { data, models, study } from "@libtrain/libtrain";
 *
 * const { train, valid } = await data.mnist({ limit: 32 });
 * train.dispose();
 * using set = valid;
 * using blur = models.mnistNet({ pool: "maxblur", seed: 0 });
 * using max = models.mnistNet({ pool: "max", seed: 0 });
 * const found = await study.measureShift([{ label: "blur", model: blur }, { label: "max", model: max }], set, { images: 2 });
 * for (const { label, consistency } of found.models) console.log(label, consistency);
 * await Deno.mkdir("runs", { recursive: true });
 * await Deno.writeTextFile("runs/shift.svg", study.shiftSvg(study.shiftFigure(found, { title: "MNIST moves" })));
 * ```
 */
export async function measureShift(
  models: readonly ShiftModel[],
  set: Dataset,
  options: MeasureShiftOptions = {},
): Promise<ShiftMeasurement> {
  if (!Array.isArray(models)) {
    throw new TypeError(`measureShift(): Expected \`models\` as an array of { name, model }, got ${kindOf(models)}`);
  }
  if (typeof (set as Partial<Dataset> | undefined)?.batches !== "function") {
    throw new TypeError(`measureShift(): Expected \`set\` as a data set, got ${kindOf(set)}`);
  }
  requireOptions("measureShift", options, "measureShift(models, set, { shifts: 8 })");
  checkOptions(set, options);
  const canvases = new Canvases(set, options);
  const n = Math.min(options.limit ?? Infinity, set.length);
  const samples = samplesFor(options.images ?? 4, n);
  const found: ModelShift[] = [];
  for (const model of models.keys()) found.push(await measureOne(models, model, { canvases, n, samples, options }));
  const { margin } = canvases;
  return {
    shifts: Array.from({ length: margin + 1 }, (_, at) => at - (margin - (margin >> 1))),
    images: await imagesOf(canvases, samples),
    models: found,
  };
}

/** What all models are measured on. */
interface Shared {
  readonly canvases: Canvases;
  readonly n: number;
  readonly samples: readonly number[];
  readonly options: MeasureShiftOptions;
}

async function measureOne(
  models: readonly ShiftModel[],
  place: number,
  { canvases, n, samples, options }: Shared,
): Promise<ModelShift> {
  const { label, model, normalize } = models[place]!;
  const { bs = 16, seed = 0, signal } = options;
  const { size, margin } = canvases;
  const { dtype, images } = dtypesOf(models[place]!);
  const given = { dtype: images, normalize };
  const curves: number[][] = [];
  for (const sample of samples) {
    signal?.throwIfAborted();
    const one = await canvases.one(sample, given);
    using image = one.image;
    curves.push(await shiftCurve(model, image, { size, margin, label: one.label, dtype }));
  }
  const onProgress = (done: number): void => options.onProgress?.({ model: place, label, done, total: n });
  const windows = { size, margin, seed, dtype, signal, onProgress };
  return { label, ...await shiftConsistency(model, canvases.batches(bs, n, given), windows), curves };
}

async function imagesOf({ set }: Canvases, samples: readonly number[]): Promise<ShiftedImage[]> {
  const images: ShiftedImage[] = [];
  for (const sample of samples) {
    for await (const { labels } of set.batches(1, { shuffle: false, from: sample })) {
      const label = await labels.item();
      images.push({ sample, class: set.classes[label] ?? `${label}` });
      break;
    }
  }
  return images;
}

/** The figure of a measurement: a panel an image, a line a model. */
export function shiftFigure({ shifts, images, models }: ShiftMeasurement, { title }: { title: string }): ShiftFigure {
  return {
    title,
    panels: images.map(({ sample, class: name }) => `image ${sample}: ${name}`),
    shifts,
    series: models.map(({ label, consistency, curves }) => ({
      label: `${label}: consistency ${(100 * consistency).toFixed(2)} %`,
      curves,
    })),
  };
}
