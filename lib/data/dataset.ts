/** What data sets and their batches are. */
import { requireOptions, requireTensor } from "../tensor/ops/checks.ts";
import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { LeftOutReason } from "./prepare.ts";
import type { Normalization } from "./normalize.ts";
import type { TargetKind } from "./targets.ts";

/** What images of a batch can be in. */
export type ImageDtype = "f32" | "f64";

/** Which square of an image is taken. */
export type CropKind = "random" | "centre" | "resized";

/** How to make batches. */
export interface BatchOptions {
  /** Order and augmentation follow from it and from the epoch; 0 to 2^32 - 1, by default 0. */
  seed?: number;
  /** Moves each image by up to so many pixels along both axes, zeros coming in; by default 0. For images in arrays. */
  shift?: number;
  /** Probability of mirroring an image left to right, 0 to 1; by default 0. */
  flip?: number;
  /**
   * Which square of an image is taken, for image files; by default `random` for a training set, else `centre`.
   *
   * `random` and `centre` are as high and wide as the shorter side, anywhere along the longer one or in its middle.
   * `resized` is fastai's RandomResizedCrop: an area of `minScale` to 1 of the image's, a ratio of 3/4 to 4/3.
   */
  crop?: CropKind;
  /** The smallest share of an image's area that the crop `resized` takes, above 0 to 1; by default 0.35. */
  minScale?: number;
  /** Probability that boxes of noise are laid over an image, for image files (fastai's RandomErasing); by default 0. */
  erase?: number;
  /** The most boxes, 1 to 16; by default 1. */
  eraseCount?: number;
  /**
   * Statistics that the images are brought to, after they were moved, mirrored and erased: `mean` is taken off each channel,
   * which is then divided by `std`. By default they stay from 0 to 1.
   */
  normalize?: Normalization;
  /** Whether each epoch has an order of its own; by default true for a training set, else false. */
  shuffle?: boolean;
  /** Whether to leave out a last batch that is not full; by default as `shuffle`. */
  dropLast?: boolean;
  /** The first epoch, from 0; by default 0. */
  epoch?: number;
  /** The first batch of the first epoch, from 0; by default 0. */
  from?: number;
  /** The dtype of the images; by default f32. */
  dtype?: ImageDtype;
}

/** What a batch is made of. */
export interface BatchParts {
  /** f32 or f64 [n, h, w, c], 0 to 1 unless normalized. */
  readonly images: Tensor;
  /** What they are to be answered with: i32 [n], 0 to classes - 1; of other data sets their targets. */
  readonly labels: Tensor;
  /** The samples' numbers in the data set. */
  readonly index: Int32Array;
  /** The epoch that it is from, from 0. */
  readonly epoch: number;
}

/** Some samples; it belongs to its loader, which disposes of it when the next is asked for or the loop ends. */
export class Batch implements BatchParts {
  /** f32 or f64 [n, h, w, c], 0 to 1 unless normalized. */
  readonly images: Tensor;
  /** What they are to be answered with: i32 [n], 0 to classes - 1; of other data sets their targets. */
  readonly labels: Tensor;
  /** The samples' numbers in the data set. */
  readonly index: Int32Array;
  /** The epoch that it is from, from 0. */
  readonly epoch: number;

  /** Takes the tensors over. */
  constructor(parts: BatchParts) {
    requireOptions("Batch", parts, "new Batch({ images, labels, index, epoch: 0 })");
    const { images, labels, index, epoch } = parts;
    requireTensor("Batch", "images", images);
    requireTensor("Batch", "labels", labels);
    this.images = images;
    this.labels = labels;
    this.index = index;
    this.epoch = epoch;
  }

  /** The images, under the name that batches of other things have too. */
  get inputs(): Tensor {
    return this.images;
  }

  /** The labels, or what else the samples are to be answered with: f32 or f64 [n, k] for labels and values. */
  get targets(): Tensor {
    return this.labels;
  }

  /** A batch of the same samples that belongs to the caller. */
  clone(): Batch {
    const copy = (tensor: Tensor): Tensor => scope(() => tensor.clone()).detachFromScope();
    const { index, epoch } = this;
    return new Batch({ images: copy(this.images), labels: copy(this.labels), index: index.slice(), epoch });
  }

  /** Lets go of the tensors; a second call does nothing. */
  dispose(): void {
    this.images.dispose();
    this.labels.dispose();
  }

  /** A batch does not outlive its block: `using kept = batch.clone()`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Samples, epoch and shape. */
  toString(): string {
    return `Batch(${this.index.length} samples of epoch ${this.epoch}, images [${this.images.shape.join(", ")}])`;
  }

  /** What the console shows. */
  [Symbol.for("Deno.customInspect")](): string {
    return this.toString();
  }
}

/** What is recorded of batches in a run's configuration, and compared when a run goes on. */
export interface BatchesConfig {
  /** Samples in the data set. */
  readonly dataset: number;
  /** Samples in a full batch. */
  readonly batchSize: number;
  /** What order and augmentation follow from. */
  readonly seed: number;
  /** Pixels by which an image is moved at most. */
  readonly shift: number;
  /** Probability of mirroring an image. */
  readonly flip: number;
  /** Which square of an image is taken; not set for images in arrays. */
  readonly crop?: CropKind;
  /** The smallest share of an image's area that is taken. */
  readonly minScale?: number;
  /** Probability of boxes of noise; not set for images in arrays. */
  readonly erase?: number;
  /** How many boxes at most. */
  readonly eraseCount?: number;
  /** What images are brought to, one number a channel; not set where they stay as they are. */
  readonly normalize?: Normalization;
  /** Whether each epoch has an order of its own. */
  readonly shuffle: boolean;
  /** Whether a last batch that is not full is left out. */
  readonly dropLast: boolean;
  /** The dtype of the images. */
  readonly dtype: ImageDtype;
}

/**
 * How a data set is cut into batches. Each `for await` over it is one epoch: first the one of the option `epoch`, then the
 * one after it, and so on; `at()` gives any epoch from any batch on, always the same.
 *
 * The next batch comes once at most two of the steps before it are still under way on the device: a loop that reads nothing
 * neither fills the queue nor keeps the event loop from turning. A late error of those steps is thrown there.
 */
export interface Batches extends AsyncIterable<Batch> {
  /** Batches in an epoch. */
  readonly length: number;
  /** Samples in an epoch. */
  readonly samples: number;
  /** Its settings, the defaults filled in. */
  readonly config: BatchesConfig;
  /** The data set that they come from. */
  readonly dataset: Dataset;
  /** One epoch, from one of its batches on. */
  at(position: { epoch: number; batch?: number }): AsyncIterableIterator<Batch>;
}

/** What a data set was read from. */
export interface DataSource {
  /** The file's or folder's name. */
  readonly name: string;
  /** SHA-256 of an archive in hex; null for a folder. */
  readonly sha256: string | null;
  /** SHA-256 over the paths and bytes of all images, in hex: the same wherever they lie. */
  readonly contents: string;
  /** How many files and folders are left out, by reason. */
  readonly leftOut: Partial<Record<LeftOutReason, number>>;
}

/** Images with labels, or with other targets. */
export interface Dataset {
  /** What it was read from; not set for arrays. */
  readonly source?: DataSource;
  /** The file of each image, below the set's folder; not set for arrays. */
  readonly names?: readonly string[];
  /** The names of the classes; a label is a place in this list. Values to predict have none. */
  readonly classes: readonly string[];
  /** What its targets are; classes where it is not set. */
  readonly targets?: TargetKind;
  /** Number of images. */
  readonly length: number;
  /** [h, w, c] */
  readonly imageShape: readonly [number, number, number];
  /** The data set in batches of `size`. */
  batches(size: number, options?: BatchOptions): Batches;
  /** Lets go of what it holds on the device. */
  dispose(): void;
  /** A data set does not outlive its block: `using set = data.fromArrays(…)`. */
  [Symbol.dispose](): void;
}
