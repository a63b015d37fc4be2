/** Images that are larger than what a model gets, so that windows can move in them. */
import { Batch, type Dataset, type ImageDtype } from "../../data/dataset.ts";
import { type Normalization, normalize } from "../../data/normalize.ts";
import { noGrad } from "../../tensor/graph.ts";
import { requireWhole } from "../../tensor/ops/checks.ts";
import { concat } from "../../tensor/ops/shape.ts";
import { scope } from "../../tensor/scope.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { widen, type WindowOptions, wrap } from "./windows.ts";

/**
 * What comes into view as an image moves: `cropped` is a window in a larger image, `circular` is what left the view on the
 * other side, `padded` is black.
 */
export type ShiftKind = "cropped" | "circular" | "padded";

/** Their names. */
export const shiftKinds = ["cropped", "circular", "padded"] as const satisfies readonly ShiftKind[];

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

/** The images of a data set with `margin` more pixels than the model gets: their own, themselves again, or black. */
export class Canvases implements WindowOptions {
  readonly set: Dataset;
  readonly kind: ShiftKind;
  readonly size: number;
  readonly margin: number;

  /** Of images that are larger than `size`, which is for `cropped`, or of what surrounds images of the model's size. */
  constructor(set: Dataset, { kind, size, shifts }: { kind?: ShiftKind; size?: number; shifts?: number }) {
    const [height, width] = set.imageShape;
    if (height !== width) throw new RangeError(`Expected square images to move, got ${height} x ${width}`);
    this.set = set;
    this.kind = kind ?? (size === undefined ? "padded" : "cropped");
    this.size = size ?? height;
    this.margin = size === undefined ? shifts ?? shiftMargin(height) : height - size;
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

  /** Some of them in one tensor [n, h, w, c], which belongs to the caller, and their classes. */
  async some(samples: readonly number[], options: CanvasOptions): Promise<{ images: Tensor; labels: number[] }> {
    const found: { image: Tensor; label: number }[] = [];
    try {
      for (const sample of samples) found.push(await this.one(sample, options));
      const images = noGrad(() => scope(() => concat(found.map(({ image }) => image)))).detachFromScope();
      return { images, labels: found.map(({ label }) => label) };
    } finally {
      for (const { image } of found) image.dispose();
    }
  }

  /** Black that comes into view is black as the model knows it: it is brought to mean and deviation with the rest. */
  #canvas(images: Tensor, n: number, { normalize: stats }: CanvasOptions): Tensor {
    const { kind, margin } = this;
    return noGrad(() =>
      scope(() => {
        const own = images.narrow(0, n);
        const canvas = kind === "padded" ? widen(own, margin) : kind === "circular" ? wrap(own, margin) : own;
        return stats === undefined ? canvas : normalize(canvas, stats);
      })
    ).detachFromScope();
  }
}
