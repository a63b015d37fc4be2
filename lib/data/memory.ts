/** Data sets that live on the device as bytes. */
import { applyOne } from "../tensor/apply.ts";
import { tensor } from "../tensor/create.ts";
import { defaultDevice, type Device } from "../tensor/device.ts";
import { kindOf, requireDevice, requireNumbers, requireOptions, requireOptionsOf } from "../tensor/ops/checks.ts";
import { allOrNothing, scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { channelsLast, whole } from "./checks.ts";
import type { BatchesConfig, BatchOptions, Dataset } from "./dataset.ts";
import { holdTargets, type TargetArrays } from "./targets.ts";
import { type Augmentation, DeviceDataset } from "./device_set.ts";

/**
 * Images in memory, and what they are to be answered with: a class each as `labels` and `classes`; any number of labels as
 * `targets` of 0 and 1 and `classes`; or numbers to predict as `targets` alone.
 */
export interface Arrays extends TargetArrays {
  /** n · h · w · c bytes, 0 to 255: images [n, h, w, c], row-major. */
  readonly images: Uint8Array<ArrayBuffer>;
  /** [h, w, c] of one image. */
  readonly imageShape: readonly [number, number, number];
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
 * Throws where sizes do not fit together, a label is no class, or a target is no finite number.
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
 *
 * // Two numbers to predict for each image.
 * using points = data.fromArrays({ images: new Uint8Array(2 * 16), imageShape: [4, 4, 1], targets: [0, 1, 0.5, 2] });
 * for await (const { targets } of points.batches(2)) console.log(targets.shape); // [2, 2]
 * ```
 */
export function fromArrays(arrays: Arrays, options: DatasetOptions = {}): Dataset {
  requireOptionsOf("fromArrays", options, {
    example: "data.fromArrays(arrays, { training: true })",
    known: ["device", "training"],
  });
  requireDevice("fromArrays", options.device);
  requireOptions("fromArrays", arrays, "fromArrays({ images, labels, imageShape, classes })");
  const { images, labels, imageShape } = arrays;
  requireNumbers("fromArrays", "imageShape", imageShape, "imageShape: […]");
  if (!(images instanceof Uint8Array)) {
    throw new TypeError(`fromArrays(): Expected \`images\` as a Uint8Array, got ${kindOf(images)}`);
  }
  channelsLast("fromArrays", imageShape);
  const size = imageShape.reduce((product, side) => product * side, 1);
  const n = labels?.length ?? images.length / size;
  if (images.length !== n * size || !Number.isInteger(n)) {
    const shape = `[${imageShape.join(", ")}]`;
    const wanted = labels === undefined ? `whole images ${shape}` : `${n * size} bytes for ${n} images ${shape}`;
    throw new TypeError(`fromArrays(): Expected ${wanted}, got ${images.length}${labels ? "" : " bytes"}`);
  }
  const { device = defaultDevice(), training = false } = options;
  const { kind, targets, classes, held } = allOrNothing(() => {
    const { kind, tensor: targets, classes } = holdTargets("fromArrays", arrays, { n, device });
    const held = scope(() => tensor(images, [n, ...imageShape], { device })).detachFromScope().heldAs("dataSet");
    return { kind, targets, classes, held };
  });
  return new MemoryDataset(held, { classes, imageShape, targets: kind, labels: targets, tensors: [held], training });
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
