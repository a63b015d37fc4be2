/** Data sets that live on the device as bytes. */
import { DisposedError } from "../ffi/errors.ts";
import { applyOne } from "../tensor/apply.ts";
import { tensor } from "../tensor/create.ts";
import { defaultDevice, type Device } from "../tensor/device.ts";
import { noGrad } from "../tensor/graph.ts";
import { gatherRows } from "../tensor/ops/shape.ts";
import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { Batch, type Batches, type BatchesConfig, type BatchOptions, type Dataset } from "./dataset.ts";
import { shuffledOrder } from "./order.ts";
import { Pace } from "./pace.ts";

/** Images and labels in memory. */
export interface Arrays {
  /** n · h · w · c bytes, 0 to 255: images [n, h, w, c], row-major. */
  readonly images: Uint8Array<ArrayBuffer>;
  /** n places in `classes`. */
  readonly labels: ArrayLike<number>;
  /** [h, w, c] of one image. */
  readonly imageShape: readonly [number, number, number];
  /** The names of the classes, or how many there are. */
  readonly classes: readonly string[] | number;
}

/** Where a data set lives and what it is for. */
export interface DatasetOptions {
  /** By default the default device. */
  device?: Device;
  /** Whether its batches are shuffled unless told otherwise; by default false. */
  training?: boolean;
}

/**
 * A data set from arrays, which are copied to the device once.
 *
 * Throws where sizes do not fit together or a label is no class.
 *
 * @example
 * ```ts
 * import { data } from "@libtrain/libtrain";
 *
 * using set = data.fromArrays({
 *   images: new Uint8Array(6 * 4 * 4),
 *   labels: [0, 1, 2, 0, 1, 2],
 *   imageShape: [4, 4, 1],
 *   classes: ["circle", "square", "star"],
 * });
 * for await (const { images, labels } of set.batches(2)) console.log(images.shape, await labels.data());
 * ```
 */
export function fromArrays(arrays: Arrays, options: DatasetOptions = {}): Dataset {
  return new MemoryDataset(arrays, options);
}

class MemoryDataset implements Dataset {
  readonly classes: readonly string[];
  readonly length: number;
  readonly imageShape: readonly [number, number, number];
  readonly #training: boolean;
  readonly #images: Tensor;
  readonly #labels: Tensor;

  constructor({ images, labels, imageShape, classes }: Arrays, options: DatasetOptions) {
    const device = options.device ?? defaultDevice();
    this.classes = typeof classes === "number" ? Array.from({ length: classes }, (_, index) => `${index}`) : classes;
    this.length = labels.length;
    this.imageShape = imageShape;
    this.#training = options.training ?? false;
    const bytes = imageShape.reduce((product, size) => product * size, labels.length);
    if (images.length !== bytes) {
      throw new TypeError(
        `fromArrays(): Expected ${bytes} bytes for ${labels.length} images [${
          imageShape.join(", ")
        }], got ${images.length}`,
      );
    }
    const places = Int32Array.from(labels);
    const wrong = places.findIndex((place, index) => !(labels[index] === place && this.classes[place] !== undefined));
    if (wrong >= 0) {
      throw new RangeError(
        `fromArrays(): Expected labels from 0 to ${this.classes.length - 1}, got ${labels[wrong]} for image ${wrong}`,
      );
    }
    this.#images = scope(() => tensor(images, [labels.length, ...imageShape], { device })).detachFromScope();
    this.#labels = scope(() => tensor(places, undefined, { device })).detachFromScope();
  }

  batches(size: number, options: BatchOptions = {}): Batches {
    const { seed = 0, shift = 0, flip = 0, shuffle = this.#training, epoch = 0, from = 0, dtype = "f32" } = options;
    const dropLast = options.dropLast ?? shuffle;
    whole("size", size, 1, this.length);
    whole("seed", seed, 0, 2 ** 32 - 1);
    whole("shift", shift, 0, Math.max(...this.imageShape));
    whole("epoch", epoch, 0, 2 ** 32 - 1);
    if (!(flip >= 0 && flip <= 1)) throw new RangeError(`batches(): Expected \`flip\` from 0 to 1, got ${flip}`);
    const config: BatchesConfig = {
      dataset: this.length,
      batchSize: size,
      seed,
      shift,
      flip,
      shuffle,
      dropLast,
      dtype,
    };
    const batches = new MemoryBatches(this, config, { epoch, batch: from });
    whole("from", from, 0, batches.length);
    return batches;
  }

  /** The samples' numbers in the order of an epoch. */
  order({ shuffle, seed }: BatchesConfig, epoch: number): Int32Array<ArrayBuffer> {
    if (shuffle) return shuffledOrder(this.length, { seed, epoch });
    return Int32Array.from({ length: this.length }, (_, index) => index);
  }

  /** Enqueues a batch of the samples whose numbers are in `rows`, i32 [n]. */
  enqueue(rows: Tensor, config: BatchesConfig, epoch: number): { images: Tensor; labels: Tensor } {
    const { seed, shift, flip, dtype } = config;
    const made = noGrad(() =>
      scope(() => {
        const images = applyOne("image_batch", [this.#images, rows], { seed, epoch, shift, flip });
        return { images: dtype === "f64" ? images.to("f64") : images, labels: gatherRows(this.#labels, rows) };
      })
    );
    return { images: made.images.detachFromScope(), labels: made.labels.detachFromScope() };
  }

  /** A tensor beside the images. */
  upload(order: Int32Array<ArrayBuffer>): Tensor {
    if (this.#images.disposed) throw new DisposedError("Cannot make batches of a data set after it was disposed");
    return scope(() => tensor(order, undefined, { device: this.#images.device })).detachFromScope();
  }

  dispose(): void {
    this.#images.dispose();
    this.#labels.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  toString(): string {
    const state = this.#images.disposed ? "disposed" : this.#images.device.kind;
    return `Dataset(${this.length.toLocaleString("en-US")} images [${this.imageShape.join(", ")}], ` +
      `${this.classes.length} classes, ${state})`;
  }

  [Symbol.for("Deno.customInspect")](): string {
    return this.toString();
  }
}

class MemoryBatches implements Batches {
  readonly dataset: MemoryDataset;
  readonly config: BatchesConfig;
  readonly length: number;
  readonly samples: number;
  #next: { epoch: number; batch: number };

  constructor(dataset: MemoryDataset, config: BatchesConfig, first: { epoch: number; batch: number }) {
    const { batchSize, dropLast } = config;
    this.dataset = dataset;
    this.config = config;
    this.length = dropLast ? Math.floor(dataset.length / batchSize) : Math.ceil(dataset.length / batchSize);
    this.samples = dropLast ? this.length * batchSize : dataset.length;
    this.#next = first;
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<Batch> {
    const position = this.#next;
    this.#next = { epoch: position.epoch + 1, batch: 0 };
    return this.at(position);
  }

  async *at({ epoch, batch = 0 }: { epoch: number; batch?: number }): AsyncGenerator<Batch, void, undefined> {
    whole("epoch", epoch, 0, 2 ** 32 - 1);
    whole("batch", batch, 0, this.length);
    const { batchSize } = this.config;
    const order = this.dataset.order(this.config, epoch);
    using uploaded = this.dataset.upload(order);
    const pace = new Pace(uploaded.device);
    for (; batch < this.length; batch++) {
      const start = batch * batchSize;
      const index = order.slice(start, Math.min(start + batchSize, order.length));
      const parts = scope(() => {
        const { images, labels } = this.dataset.enqueue(uploaded.rows(start, index.length), this.config, epoch);
        return new Batch({ images, labels, index, epoch });
      });
      // On a break or throw in the loop, the generator is returned here, so the batch goes then too.
      try {
        yield parts;
      } finally {
        parts.dispose();
      }
      await pace.step();
    }
  }

  toString(): string {
    const { batchSize, shuffle, seed } = this.config;
    return `Batches(${this.length} of ${batchSize}${shuffle ? `, shuffled with seed ${seed}` : ""})`;
  }

  [Symbol.for("Deno.customInspect")](): string {
    return this.toString();
  }
}

function whole(name: string, value: number, low: number, high: number): void {
  if (!Number.isInteger(value) || value < low || value > high) {
    throw new RangeError(
      `batches(): Expected \`${name}\` as a whole number from ${low} to ${high}, got ${value}`,
    );
  }
}
