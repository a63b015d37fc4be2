/** Several models on the same moving images. */
import type { Dataset } from "../../data/dataset.ts";
import type { FloatName } from "../../ffi/codes.ts";
import { measuring } from "../../train/evaluate.ts";
import { Canvases, type CanvasOptions } from "./canvases.ts";
import { compareModels } from "./compare.ts";
import { shiftConsistency } from "./consistency.ts";
import { meanCurve, shiftCurve } from "./curves.ts";
import { type MapImages, type ShiftMap, shiftMap } from "./maps.ts";
import {
  checkMeasurement,
  type MeasureShiftOptions,
  type ModelShift,
  type ShiftedImage,
  type ShiftMeasurement,
  type ShiftModel,
  type ShiftStage,
} from "./measurement.ts";
import { shiftsOf } from "./windows.ts";

/** Numbers of samples evenly spread over `n`, so that classes in order all have their chance. */
function samplesFor(images: number, n: number): number[] {
  const count = Math.min(images, n);
  return Array.from({ length: count }, (_, at) => Math.floor(at * n / count));
}

/** What a model computes in, and what its images come in: bf16 is made of f32. */
function dtypesOf({ model, dtype }: ShiftModel): { dtype: FloatName; images: CanvasOptions["dtype"] } {
  const [weight] = [...model.namedParameters()].map(([, parameter]) => parameter);
  const own = dtype ?? (weight?.dtype === "f64" ? "f64" : "f32");
  return { dtype: own, images: own === "f64" ? "f64" : "f32" };
}

/** Options with nothing left open but what follows from the data. */
function filled(options: MeasureShiftOptions): Filled {
  const { images = 4, meanImages = 32, square = 0, mapImages = 16, seed = 0, pairs = 1, bs = 16, alpha = 0.05 } =
    options;
  const { size, shifts, kind, limit, signal, onProgress } = options;
  return {
    ...{ images, meanImages, square, mapImages, seed, pairs, bs, alpha },
    ...{ size, shifts, kind, limit, signal, onProgress },
  };
}

type Open = "size" | "shifts" | "kind" | "limit" | "signal" | "onProgress";
type Filled = Required<Omit<MeasureShiftOptions, Open>> & { [Name in Open]: MeasureShiftOptions[Name] };

/** What all models are measured on. */
interface Shared {
  readonly canvases: Canvases;
  /** Images to measure with. */
  readonly n: number;
  readonly options: Filled;
}

/**
 * Measures how much the answers of models depend on where in the image something is, all on the same windows:
 *
 * - how often they agree between two random shifts ({@linkcode shiftConsistency}, Zhang 2019), with intervals over images, and
 *   for each model beside the first the difference, image by image;
 * - the probability of the right class while an image moves sideways, and up and down: for some images, and as the mean of more;
 * - with `square`, that probability at every shift of a square, and the internal feature distance of each layer (Zhang 2019):
 *   1 minus the cosine between the features of the moved image and the features moved as far, 0 for a layer that moves with
 *   its input.
 *
 * The data set's order, not its augmentation, decides which images are taken. Consistency takes four windows an image and
 * pair, the curves twice `shifts` + 2 for each of theirs, a map (2 · `square` + 1)² for each of its own.
 *
 * Rejects with a StateError where answers or features are not finite, with a TypeError or RangeError where options do not
 * fit the images, and with the signal's reason once it aborts.
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
 * const found = await study.measureShift([{ label: "max", model: max }, { label: "blur", model: blur }], set, {
 *   kind: "circular",
 *   square: 2,
 *   mapImages: 4,
 * });
 * for (const { label, consistency, consistencyInterval: { low, high } } of found.models) {
 *   console.log(label, consistency, low, high);
 * }
 * for (const { other, measure, words } of found.comparisons) console.log(other, measure, words);
 * for (const { layer, distance } of found.models[0]!.map!.layers) console.log(layer, distance.toFixed(4));
 * await Deno.mkdir("runs", { recursive: true });
 * await Deno.writeTextFile("runs/shift.svg", study.shiftSvg(study.shiftFigure(found, { title: "MNIST moves" })));
 * ```
 */
export async function measureShift(
  models: readonly ShiftModel[],
  set: Dataset,
  options: MeasureShiftOptions = {},
): Promise<ShiftMeasurement> {
  checkMeasurement(models, set, options);
  const canvases = new Canvases(set, options);
  const own = filled(options);
  const n = Math.min(own.limit ?? Infinity, set.length);
  const found: ModelShift[] = [];
  for (const place of models.keys()) found.push(await measureOne(models, place, { canvases, n, options: own }));
  const { kind, size, margin } = canvases;
  const { images, pairs, seed, alpha } = own;
  return {
    ...{ kind, size, margin, pairs, seed, alpha },
    shifts: shiftsOf(margin),
    images: await imagesOf(canvases, samplesFor(images, n)),
    models: found,
    comparisons: compareModels(found, { alpha, seed }),
  };
}

async function measureOne(
  models: readonly ShiftModel[],
  place: number,
  { canvases, n, options }: Shared,
): Promise<ModelShift> {
  const { label, model, normalize, layers } = models[place]!;
  const { bs, seed, pairs, alpha, signal, square } = options;
  const { size, margin, kind } = canvases;
  const { dtype, images } = dtypesOf(models[place]!);
  const given = { dtype: images, normalize };
  const tell = (stage: ShiftStage, total: number) => (done: number): void =>
    options.onProgress?.({ model: place, label, stage, done, total });
  return await measuring(model, async () => {
    const curves = await curvesOf(place, models, { canvases, n, options });
    const windows = { size, margin, seed, pairs, alpha, dtype, signal, onProgress: tell("consistency", n) };
    const consistency = await shiftConsistency(model, canvases.batches(bs, n, given), windows);
    let map: ShiftMap | null = null;
    if (square > 0) {
      const samples = samplesFor(options.mapImages, n);
      map = await shiftMap(model, chunks(canvases, samples, bs, given), {
        ...{ size, margin, square, alpha, dtype, signal, layers, circular: kind === "circular" },
        onProgress: tell("map", samples.length * ((2 * square + 1) ** 2 - 1)),
      });
    }
    return { label, ...consistency, ...curves, map };
  });
}

/** Images for a map, some at a time. */
async function* chunks(
  canvases: Canvases,
  samples: readonly number[],
  bs: number,
  given: CanvasOptions,
): AsyncGenerator<MapImages, void, undefined> {
  for (let from = 0; from < samples.length; from += bs) {
    const { images, labels } = await canvases.some(samples.slice(from, from + bs), given);
    using _images = images;
    yield { images, labels };
  }
}

/** The curves of the images that are shown, and the means of more. */
async function curvesOf(
  place: number,
  models: readonly ShiftModel[],
  { canvases, n, options }: Shared,
): Promise<Pick<ModelShift, "curves" | "verticalCurves" | "means">> {
  const { label: name, model, normalize } = models[place]!;
  const { images, meanImages, bs, alpha, signal, onProgress } = options;
  const { size, margin } = canvases;
  const { dtype, images: dtypeOfImages } = dtypesOf(models[place]!);
  const [shown, averaged] = [samplesFor(images, n), samplesFor(meanImages, n)];
  const all = [...new Set([...shown, ...averaged])];
  const found = new Map<number, { horizontal: number[]; vertical: number[] }>();
  for (const [at, sample] of all.entries()) {
    signal?.throwIfAborted();
    const one = await canvases.one(sample, { dtype: dtypeOfImages, normalize });
    using image = one.image;
    const how = { size, margin, label: one.label, dtype, bs: 4 * bs };
    found.set(sample, {
      horizontal: await shiftCurve(model, image, how),
      vertical: await shiftCurve(model, image, { ...how, axis: "vertical" }),
    });
    onProgress?.({ model: place, label: name, stage: "curves", done: at + 1, total: all.length });
  }
  const along = (axis: "horizontal" | "vertical", samples: readonly number[]): number[][] =>
    samples.map((sample) => found.get(sample)![axis]);
  return {
    curves: along("horizontal", shown),
    verticalCurves: along("vertical", shown),
    means: {
      horizontal: meanCurve(along("horizontal", averaged), alpha),
      vertical: meanCurve(along("vertical", averaged), alpha),
    },
  };
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
