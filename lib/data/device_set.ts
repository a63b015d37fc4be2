/** What data sets have in common whose images live on the device, or are mapped into the host's memory. */
import { DisposedError } from "../ffi/errors.ts";
import type { Device } from "../tensor/device.ts";
import { noGrad } from "../tensor/graph.ts";
import { gatherRows, inDtype } from "../tensor/ops/shape.ts";
import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { requireBatchOptions } from "./batch_options.ts";
import { share, whole } from "./checks.ts";
import { Batch, type Batches, type BatchesConfig, type BatchOptions, type Dataset } from "./dataset.ts";
import { shuffledOrder } from "./order.ts";
import { describeTargets, type TargetKind } from "./targets.ts";
import { Backpressure } from "../tensor/backpressure.ts";
import { normalizationOf, NormalizedEpochSource } from "./normalize.ts";
import { DeviceEpochSource, type EpochSource, hostDevice, HostEpochSource, type MakeImages } from "./epoch_source.ts";

/** What batches do to images. */
export type Augmentation = Pick<
  BatchesConfig,
  "shift" | "flip" | "crop" | "minScale" | "erase" | "eraseCount"
>;

/** What a data set of this kind is made of. */
export interface DeviceSetParts {
  readonly classes: readonly string[];
  /** [h, w, c] */
  readonly imageShape: readonly [number, number, number];
  /** What the targets are; by default classes. */
  readonly targets?: TargetKind;
  /** The targets: i32 [n] of classes, else f32 [n, k]. */
  readonly labels: Tensor;
  /** What else it holds: the images, on the labels' device or on the host's. */
  readonly tensors: readonly Tensor[];
  /** Whether its batches are shuffled unless told otherwise. */
  readonly training: boolean;
}

/** A data set whose batches are made by an op from what it holds on the device. */
export abstract class DeviceDataset implements Dataset {
  /** The names of the classes; a label is a place in this list. */
  readonly classes: readonly string[];
  /** Number of images. */
  readonly length: number;
  /** [h, w, c] */
  readonly imageShape: readonly [number, number, number];
  /** What its targets are. */
  readonly targets: TargetKind;
  /** Whether its batches are shuffled unless told otherwise. */
  protected readonly training: boolean;
  readonly #labels: Tensor;
  readonly #tensors: readonly Tensor[];

  /** Takes the tensors over. */
  constructor({ classes, imageShape, targets = "classes", labels, tensors, training }: DeviceSetParts) {
    this.classes = classes;
    this.targets = targets;
    this.length = labels.shape[0]!;
    this.imageShape = imageShape;
    this.training = training;
    this.#labels = labels;
    this.#tensors = tensors;
  }

  /** Where its batches are. */
  get device(): Device {
    return this.#labels.device;
  }

  /** What batches do to images beside the order, checked: the part of the settings that is this kind's own. */
  protected abstract augmentation(options: BatchOptions): Augmentation;

  /** Enqueues the images, f32 [n, h, w, c], of the samples whose numbers are in `rows`, i32 [n], on the rows' device. */
  protected abstract images(rows: Tensor, config: BatchesConfig, epoch: number): Tensor;

  /** @internal Throws where what the images come from is known to be damaged. */
  look(): void {}

  /** @internal Waits until that was looked at as a whole. */
  async checked(): Promise<void> {}

  /** The data set in batches of `size`. */
  batches(size: number, options: BatchOptions = {}): Batches {
    requireBatchOptions(options);
    const { seed = 0, shuffle = this.training, epoch = 0, from = 0, dtype = "f32" } = options;
    const dropLast = options.dropLast ?? shuffle;
    whole("batches", "size", size, 1, this.length);
    whole("batches", "seed", seed, 0, 2 ** 32 - 1);
    whole("batches", "epoch", epoch, 0, 2 ** 32 - 1);
    share("batches", "flip", options.flip ?? 0);
    if (dtype !== "f32" && dtype !== "f64") {
      throw new TypeError(`batches(): Expected \`dtype\` as f32 or f64, got ${dtype}`);
    }
    const own = this.augmentation(options);
    const stats = options.normalize && normalizationOf("batches", options.normalize, this.imageShape[2]);
    const config: BatchesConfig = {
      dataset: this.length,
      batchSize: size,
      seed,
      ...own,
      // Only where it is given: what was recorded before there was such a setting stays the same.
      ...(stats && { normalize: stats }),
      shuffle,
      dropLast,
      dtype,
    };
    const batches = new DeviceBatches(this, config, { epoch, batch: from });
    whole("batches", "from", from, 0, batches.length);
    return batches;
  }

  /** The samples' numbers in the order of an epoch. */
  order({ shuffle, seed }: BatchesConfig, epoch: number): Int32Array<ArrayBuffer> {
    if (shuffle) return shuffledOrder(this.length, { seed, epoch });
    return Int32Array.from({ length: this.length }, (_, index) => index);
  }

  /** Enqueues a batch of the samples from place `start` up to and without `end` of a pass. */
  enqueue(pass: EpochSource, { dtype }: BatchesConfig, start: number, end: number): { images: Tensor; labels: Tensor } {
    const made = noGrad(() =>
      scope(() => {
        const rows = pass.rows(start, end);
        const images = pass.images(rows, start, end);
        const labels = gatherRows(this.#labels, rows);
        return { images: inDtype(images, dtype), labels: this.targets === "classes" ? labels : inDtype(labels, dtype) };
      })
    );
    return { images: made.images.detachFromScope(), labels: made.labels.detachFromScope() };
  }

  /** An epoch in some order; of its samples only so many come in batches. */
  async pass(
    order: Int32Array<ArrayBuffer>,
    samples: number,
    config: BatchesConfig,
    epoch: number,
  ): Promise<EpochSource> {
    if (this.#labels.disposed) throw new DisposedError("Cannot make batches of a data set after it was disposed");
    const make = (rows: Tensor): Tensor => this.images(rows, config, epoch);
    const source = await this.#source(order, make, { samples, batchSize: config.batchSize });
    const { normalize, dtype } = config;
    if (normalize === undefined) return source;
    return new NormalizedEpochSource(source, normalize, { device: this.device, dtype });
  }

  async #source(
    order: Int32Array<ArrayBuffer>,
    make: MakeImages,
    ahead: { samples: number; batchSize: number },
  ): Promise<EpochSource> {
    const { device } = this;
    if (this.#tensors.every((tensor) => tensor.device === device)) return new DeviceEpochSource(order, device, make);
    // What went wrong there in an earlier epoch was told to whoever used that.
    await hostDevice().recover();
    return new HostEpochSource({ order, device, make, ...ahead });
  }

  /** Lets go of what it holds on the device. */
  dispose(): void {
    for (const held of [this.#labels, ...this.#tensors]) held.dispose();
  }

  /** A data set does not outlive its block. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** How many images of which shape, and where. */
  toString(): string {
    const state = this.#labels.disposed ? "disposed" : this.device.kind;
    return `Dataset(${this.length.toLocaleString("en-US")} images [${this.imageShape.join(", ")}], ` +
      `${describeTargets(this.targets, this.classes, this.#labels.shape[1] ?? 1)}, ${state})`;
  }

  /** What the console shows. */
  [Symbol.for("Deno.customInspect")](): string {
    return this.toString();
  }
}

class DeviceBatches implements Batches {
  readonly dataset: DeviceDataset;
  readonly config: BatchesConfig;
  readonly length: number;
  readonly samples: number;
  #next: { epoch: number; batch: number };

  constructor(dataset: DeviceDataset, config: BatchesConfig, first: { epoch: number; batch: number }) {
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
    whole("batches", "epoch", epoch, 0, 2 ** 32 - 1);
    whole("batches", "batch", batch, 0, this.length);
    const { batchSize } = this.config;
    const order = this.dataset.order(this.config, epoch);
    const pass = await this.dataset.pass(order, this.samples, this.config, epoch);
    // On a break or throw in the loop, the generator is returned where it yields, so batch and pass go then too.
    try {
      const backpressure = new Backpressure(this.dataset.device);
      for (; batch < this.length; batch++) {
        this.dataset.look();
        // No epoch ends on images that were not checked; only the first one has to wait for it.
        if (batch === this.length - 1) await this.dataset.checked();
        const start = batch * batchSize;
        const index = order.slice(start, Math.min(start + batchSize, order.length));
        const { images, labels } = this.dataset.enqueue(pass, this.config, start, start + index.length);
        const parts = new Batch({ images, labels, index, epoch });
        try {
          yield parts;
        } finally {
          parts.dispose();
        }
        await backpressure.step();
      }
    } finally {
      pass.dispose();
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
