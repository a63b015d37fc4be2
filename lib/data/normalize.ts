/** Images brought to the mean and deviation that a model's weights were trained for. */
import { kindOf, requireOptions, requireTensor } from "../tensor/ops/checks.ts";
import { tensor } from "../tensor/create.ts";
import type { Device } from "../tensor/device.ts";
import { noGrad } from "../tensor/graph.ts";
import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { ImageDtype } from "./dataset.ts";
import type { EpochSource } from "./epoch_source.ts";

/** What is taken off the channels of images from 0 to 1, and what they are divided by then. */
export interface Normalization {
  /** One number a channel, or one for all. */
  readonly mean: readonly number[];
  /** One number above 0 a channel, or one for all. */
  readonly std: readonly number[];
}

/** Of ImageNet's training images, red, green and blue: what published weights are trained with (torchvision, fastai). */
export const imagenetStats: Normalization = Object.freeze({
  mean: Object.freeze([0.485, 0.456, 0.406]),
  std: Object.freeze([0.229, 0.224, 0.225]),
});

/** Of MNIST's training images. */
export const mnistStats: Normalization = Object.freeze({
  mean: Object.freeze([0.1307]),
  std: Object.freeze([0.3081]),
});

/** Checked, with one number a channel each: the same statistics are always written the same way. */
export function normalizationOf(caller: string, stats: Normalization, channels: number): Normalization {
  requireOptions(caller, stats, "{ mean: [0.5], std: [0.25] }");
  const { mean, std } = stats;
  const wide = (name: keyof Normalization, values: readonly number[], wanted: string, low: number): number[] => {
    const field = `\`normalize.${name}\``;
    if (!Array.isArray(values)) throw new TypeError(`${caller}(): Expected ${field} as a list, got ${kindOf(values)}`);
    if (values.length !== channels && values.length !== 1) {
      const some = channels === 1 ? "one number" : `${channels} numbers, one a channel, or one for all`;
      throw new RangeError(`${caller}(): Expected ${field} as ${some}, got ${values.length}`);
    }
    const wrong = values.findIndex((value) => !(Number.isFinite(value) && value > low));
    if (wrong >= 0) throw new RangeError(`${caller}(): Expected ${field} as ${wanted}, got ${kindOf(values[wrong])}`);
    return values.length === channels ? [...values] : Array.from({ length: channels }, () => values[0]!);
  };
  return {
    mean: wide("mean", mean, "finite numbers", -Infinity),
    std: wide("std", std, "finite numbers above 0", 0),
  };
}

/** A normalization on a device: `[c]` each, in what it is computed in. */
class Normalizer {
  readonly #mean: Tensor;
  readonly #std: Tensor;

  constructor({ mean, std }: Normalization, { device, dtype }: { device: Device; dtype: ImageDtype }) {
    const hold = (values: readonly number[]): Tensor =>
      scope(() => tensor([...values], undefined, { device, dtype })).detachFromScope();
    this.#mean = hold(mean);
    this.#std = hold(std);
  }

  /** Enqueues it for images [n, h, w, c] from 0 to 1. */
  apply(images: Tensor): Tensor {
    const { dtype } = this.#mean;
    return (images.dtype === dtype ? images : images.to(dtype)).sub(this.#mean).div(this.#std);
  }

  [Symbol.dispose](): void {
    this.#mean.dispose();
    this.#std.dispose();
  }
}

/**
 * Images from 0 to 1 less `mean`, divided by `std`, channel by channel: what the option `normalize` of `batches()` does to
 * each batch, for images that come from elsewhere. The last axis is the channels'; f32 or f64.
 *
 * @example
 * ```ts
 * import { data, tensor } from "@libtrain/libtrain";
 *
 * using image = tensor([0.485, 0.456, 0.631], [1, 1, 1, 3]);
 * using ready = data.normalize(image, data.imagenetStats);
 * console.log(await ready.data()); // 0, 0, 1
 * ```
 */
export function normalize(images: Tensor, stats: Normalization): Tensor {
  requireTensor("normalize", "images", images);
  const { device, dtype, shape } = images;
  if (dtype !== "f32" && dtype !== "f64") {
    throw new TypeError(`normalize(): Expected images in f32 or f64, from 0 to 1, got ${dtype}`);
  }
  const channels = shape.at(-1);
  if (channels === undefined) throw new TypeError("normalize(): Expected images [n, h, w, c], got a scalar");
  using normalizer = new Normalizer(normalizationOf("normalize", stats, channels), { device, dtype });
  return noGrad(() => scope(() => normalizer.apply(images)));
}

/** A pass whose images are normalized on the device of the batches, wherever they were made. */
export class NormalizedEpochSource implements EpochSource {
  readonly #source: EpochSource;
  readonly #normalizer: Normalizer;

  /** Takes the pass over. */
  constructor(source: EpochSource, stats: Normalization, where: { device: Device; dtype: ImageDtype }) {
    this.#source = source;
    this.#normalizer = new Normalizer(stats, where);
  }

  rows(start: number, end: number): Tensor {
    return this.#source.rows(start, end);
  }

  images(rows: Tensor, start: number, end: number): Tensor {
    return this.#normalizer.apply(this.#source.images(rows, start, end));
  }

  dispose(): void {
    this.#source.dispose();
    this.#normalizer[Symbol.dispose]();
  }
}
