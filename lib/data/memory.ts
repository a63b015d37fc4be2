/** Data sets that live on the device as bytes. */
import { applyOne } from "../tensor/apply.ts";
import { tensor } from "../tensor/create.ts";
import { defaultDevice, type Device } from "../tensor/device.ts";
import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { channelsLast, whole } from "./checks.ts";
import type { BatchesConfig, BatchOptions, Dataset } from "./dataset.ts";
import { type Augmentation, DeviceDataset } from "./device_set.ts";

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
  const { images, labels, imageShape, classes } = arrays;
  channelsLast("fromArrays", imageShape);
  const names = typeof classes === "number" ? Array.from({ length: classes }, (_, index) => `${index}`) : classes;
  const bytes = imageShape.reduce((product, size) => product * size, labels.length);
  if (images.length !== bytes) {
    throw new TypeError(
      `fromArrays(): Expected ${bytes} bytes for ${labels.length} images [${
        imageShape.join(", ")
      }], got ${images.length}`,
    );
  }
  const places = placesOf("fromArrays", labels, names.length);
  const { device = defaultDevice(), training = false } = options;
  const held = scope(() => tensor(images, [labels.length, ...imageShape], { device })).detachFromScope();
  return new MemoryDataset(held, {
    classes: names,
    imageShape,
    labels: scope(() => tensor(places, undefined, { device })).detachFromScope(),
    tensors: [held],
    training,
  });
}

/** Labels as the device wants them; refuses what is no class. */
export function placesOf(caller: string, labels: ArrayLike<number>, classes: number): Int32Array<ArrayBuffer> {
  const places = Int32Array.from(labels);
  const wrong = places.findIndex((place, index) => !(labels[index] === place && place >= 0 && place < classes));
  if (wrong < 0) return places;
  throw new RangeError(
    `${caller}(): Expected labels from 0 to ${classes - 1}, got ${labels[wrong]} for image ${wrong}`,
  );
}

class MemoryDataset extends DeviceDataset {
  readonly #images: Tensor;

  constructor(images: Tensor, parts: ConstructorParameters<typeof DeviceDataset>[0]) {
    super(parts);
    this.#images = images;
  }

  protected override augmentation(options: BatchOptions): Augmentation {
    const { shift = 0, flip = 0 } = options;
    whole("batches", "shift", shift, 0, Math.max(...this.imageShape));
    for (const name of ["crop", "minScale", "erase", "eraseCount"] as const) {
      if (options[name] === undefined) continue;
      throw new TypeError(
        `batches(): Expected no \`${name}\` for images in arrays, got ${options[name]}: it is for image files`,
      );
    }
    return { shift, flip };
  }

  protected override images(rows: Tensor, { seed, shift, flip }: BatchesConfig, epoch: number): Tensor {
    return applyOne("image_batch", [this.#images, rows], { seed, epoch, shift, flip });
  }
}
