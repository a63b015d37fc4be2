/** What a square of shifts does to a model's answers and to its features. */
import type { FloatName } from "../../ffi/codes.ts";
import type { Module } from "../../nn/module.ts";
import { noGrad } from "../../tensor/graph.ts";
import { softmax } from "../../tensor/ops/softmax.ts";
import { scope } from "../../tensor/scope.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { measuring } from "../../train/evaluate.ts";
import { logitsOf } from "../../train/precision.ts";
import { type Interval, meanOf, studentInterval } from "../statistics/intervals.ts";
import { distancesOf, type FeatureLayer, type FeatureOptions, Features } from "./features.ts";
import {
  cornerOf,
  notFinite,
  requireCanvas,
  requireLabel,
  type Shift,
  type WindowOptions,
  windowsAt,
} from "./windows.ts";

/** A layer's feature distance. */
export interface LayerShift extends FeatureLayer {
  /** By how much its maps are smaller than the image; null where its features have no place in the image. */
  readonly downsampling: number | null;
  /** The mean over images and all shifts but none, 0 to 2. */
  readonly distance: number;
  /** Student's interval over images for it; null of one image. */
  readonly interval: Interval | null;
  /** The mean distance of two different images that did not move, 0 to 2: what to compare with; null of one image. */
  readonly between: number | null;
  /** The mean over images at each shift, [down][right] in the order of the map's shifts. */
  readonly map: readonly (readonly number[])[];
}

/** What a square of shifts does. */
export interface ShiftMap {
  /** The shifts along either axis, pixels down and to the right, rising. */
  readonly shifts: readonly number[];
  /** The mean probability of the right class at each shift, [down][right]. */
  readonly probability: readonly (readonly number[])[];
  /** The network's layers in the order in which they are called, and what the classes get. */
  readonly layers: readonly LayerShift[];
  /** Images. */
  readonly n: number;
}

/** Images to move, with room around them, and their classes. */
export interface MapImages {
  /** [n, size + margin, size + margin, c] */
  readonly images: Tensor;
  readonly labels: readonly number[];
}

/** Which square. */
export interface MapOptions extends WindowOptions, FeatureOptions {
  /** Height and width of the windows, which the model gets. */
  readonly size: number;
  /** Pixels to either side. */
  readonly square: number;
  /** The chance of being wrong that intervals take. */
  readonly alpha: number;
  /** What the model computes in; by default what the images come in. */
  readonly dtype?: FloatName;
  readonly signal?: AbortSignal;
  /** Told how many moved images are done. */
  onProgress?(done: number): void;
}

/** Sums over images, at each shift of a square. */
class Sums {
  readonly #side: number;
  readonly probability: Float64Array;
  readonly layers: Float64Array[] = [];
  /** Of each layer, for each image the sum over shifts. */
  readonly images: number[][] = [];
  /** Of each layer, the distances of images from the one before. */
  readonly between: number[][] = [];
  n = 0;

  constructor(side: number) {
    this.#side = side;
    this.probability = new Float64Array(side * side);
  }

  /** The sums over as many images as a map. */
  map(sums: Float64Array): number[][] {
    const side = this.#side;
    return Array.from(
      { length: side },
      (_, row) => Array.from(sums.subarray(row * side, (row + 1) * side), (sum) => sum / this.n),
    );
  }

  addProbability(place: number, values: ArrayLike<number>, labels: readonly number[]): void {
    const classes = values.length / labels.length;
    for (const [image, label] of labels.entries()) {
      requireLabel("measureShift", label, classes);
      const value = Number(values[image * classes + label]);
      if (!Number.isFinite(value)) throw notFinite("measureShift");
      this.probability[place]! += value;
    }
  }

  addDistances(place: number, distances: readonly (readonly number[])[]): void {
    for (const [layer, own] of distances.entries()) {
      this.layers[layer] ??= new Float64Array(this.probability.length);
      const images = this.images[layer] ??= [];
      for (const [image, distance] of own.entries()) {
        this.layers[layer]![place]! += distance;
        images[this.n + image] = (images[this.n + image] ?? 0) + distance;
      }
    }
  }

  addBetween(between: readonly (readonly number[])[]): void {
    for (const [layer, distances] of between.entries()) (this.between[layer] ??= []).push(...distances);
  }
}

/** Every shift of a square but none, from above to below and from left to right, with its place. */
function shiftsIn(square: number): { shift: Shift; place: number }[] {
  const side = 2 * square + 1;
  return Array.from({ length: side * side }, (_, place) => ({
    place,
    shift: { dy: Math.floor(place / side) - square, dx: place % side - square },
  })).filter(({ shift: { dy, dx } }) => dy !== 0 || dx !== 0);
}

/**
 * Moves images to every place of a square, all of a batch at once: the probability of the right class there, and how far each
 * layer's features are from having moved with the image ({@linkcode Features}).
 */
export async function shiftMap(
  model: Module,
  batches: AsyncIterable<MapImages>,
  options: MapOptions,
): Promise<ShiftMap> {
  const { size, margin, square, dtype, signal, onProgress } = options;
  const side = 2 * square + 1;
  const sums = new Sums(side);
  const shifts = shiftsIn(square);
  const middle = square * side + square;
  let done = 0;
  using features = new Features(model, options);
  await measuring(model, async () => {
    for await (const { images, labels } of batches) {
      requireCanvas(images, { size, margin });
      const forward = (shift: Shift) => (): Tensor =>
        logitsOf(model, windowsAt(images, cornerOf(shift, margin), size), dtype);
      {
        using own = noGrad(() => scope(() => softmax(features.unmoved(forward({ dy: 0, dx: 0 }))).to("f32")));
        sums.addProbability(middle, await own.data(), labels);
      }
      for (const { shift, place } of shifts) {
        signal?.throwIfAborted();
        const { probabilities, distances } = noGrad(() =>
          scope(() => {
            const { logits, distances } = features.moved(shift, forward(shift));
            return { probabilities: softmax(logits).to("f32"), distances };
          })
        );
        using _probabilities = probabilities;
        using _distances = distances;
        const [values, far] = await Promise.all([probabilities.data(), distances.data()]);
        sums.addProbability(place, values, labels);
        sums.addDistances(place, distancesOf(far, distances.shape[0]!, labels.length));
        done += labels.length;
        onProgress?.(done);
      }
      sums.addBetween(await features.between());
      sums.n += labels.length;
    }
  });
  return mapOf(sums, features.layers, options);
}

function mapOf(sums: Sums, layers: readonly FeatureLayer[], { size, square, alpha }: MapOptions): ShiftMap {
  const moves = (2 * square + 1) ** 2 - 1;
  return {
    shifts: Array.from({ length: 2 * square + 1 }, (_, at) => at - square),
    probability: sums.map(sums.probability),
    layers: layers.map((layer, at) => {
      const own = sums.images[at]!.map((sum) => sum / moves);
      const between = sums.between[at]!;
      const [height = 1] = layer.shape;
      return {
        ...layer,
        downsampling: layer.shape.length === 3 && height > 1 ? size / height : null,
        distance: meanOf(own),
        interval: own.length > 1 ? positive(studentInterval(own, alpha)) : null,
        between: between.length > 0 ? meanOf(between) : null,
        map: sums.map(sums.layers[at]!),
      };
    }),
    n: sums.n,
  };
}

/** An interval of what is never below 0. */
function positive({ low, high }: Interval): Interval {
  return { low: Math.max(0, low), high };
}
