/** Images that are larger than what a model gets, so that windows can move in them. */
import { requireWhole } from "../tensor/ops/checks.ts";
import { Batch, type Dataset, type ImageDtype } from "../data/dataset.ts";
import { type Normalization, normalize } from "../data/normalize.ts";
import { noGrad } from "../tensor/graph.ts";
import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { widen, type WindowOptions } from "./shift.ts";

/** What a model gets of them. */
export interface CanvasOptions {
  /** What they come in. */
  readonly dtype: ImageDtype;
  /** What they are brought to; by default they stay from 0 to 1. */
  readonly normalize?: Normalization;
}

/** Pixels by which images move unless told otherwise: a quarter of what the model gets, as many to either side. */
export function shiftMargin(size: number): number {
  requireWhole("shiftMargin", "size", size, 1);
  return 2 * Math.round(size / 8);
}

/** The images of a data set with `margin` more pixels than the model gets: their own, or black where they have none. */
export class Canvases implements WindowOptions {
  readonly set: Dataset;
  readonly size: number;
  readonly margin: number;
  readonly #pad: boolean;

  /** Of images that are larger than `size`, or, where no size is given, of black around images of the model's size. */
  constructor(set: Dataset, { size, shifts }: { size?: number; shifts?: number }) {
    const [height, width] = set.imageShape;
    if (height !== width) throw new RangeError(`Expected square images to move, got ${height} x ${width}`);
    this.set = set;
    this.size = size ?? height;
    this.margin = size === undefined ? shifts ?? shiftMargin(height) : height - size;
    this.#pad = size === undefined;
  }

  /** Batches of them, the first `limit`. */
  async *batches(bs: number, limit: number, options: CanvasOptions): AsyncGenerator<Batch, void, undefined> {
    const { dtype } = options;
    for await (const batch of this.set.batches(Math.min(bs, this.set.length), { shuffle: false, dtype })) {
      const n = Math.min(batch.index.length, limit - batch.index[0]!);
      if (n <= 0) return;
      using images = this.#canvas(batch.images, n, options);
      yield new Batch({ images, labels: batch.labels, index: batch.index.subarray(0, n), epoch: batch.epoch });
    }
  }

  /** One of them, [1, h, w, c], which belongs to the caller, and its class. */
  async one(sample: number, options: CanvasOptions): Promise<{ image: Tensor; label: number }> {
    const { dtype } = options;
    for await (const { images, labels } of this.set.batches(1, { shuffle: false, from: sample, dtype })) {
      const image = this.#canvas(images, 1, options);
      return { image, label: await labels.item() };
    }
    throw new RangeError(`Expected a sample from 0 to ${this.set.length - 1}, got ${sample}`);
  }

  /** What comes into view is black, as the model knows black: it is brought to mean and deviation with the rest. */
  #canvas(images: Tensor, n: number, { normalize: stats }: CanvasOptions): Tensor {
    return noGrad(() =>
      scope(() => {
        const canvas = this.#pad ? widen(images.narrow(0, n), this.margin) : images.narrow(0, n);
        return stats === undefined ? canvas : normalize(canvas, stats);
      })
    ).detachFromScope();
  }
}
