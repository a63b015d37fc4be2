import { join } from "node:path";
import { DataError } from "../ffi/errors.ts";
import { readRegularFile } from "../io/regular_file.ts";
import { sha256Of } from "../io/sha256.ts";
import { shown } from "../io/shown.ts";
import { parseIdx } from "./idx.ts";
import { givenFolder, installedFolder } from "./mnist_folder.ts";

/** One part of MNIST as bytes: gray images [n, rows, cols], 0 to 255, and their labels, 0 to 9. */
export interface MnistSplit {
  /** `n * rows * cols` bytes. */
  readonly images: Uint8Array<ArrayBuffer>;
  /** `n` bytes. */
  readonly labels: Uint8Array<ArrayBuffer>;
  /** Number of images. */
  readonly n: number;
  /** Height of an image. */
  readonly rows: number;
  /** Width of an image. */
  readonly cols: number;
}

/** Both parts of MNIST. */
export interface MnistFiles {
  /** 60,000 images to train on. */
  readonly train: MnistSplit;
  /** 10,000 images to measure with. */
  readonly test: MnistSplit;
}

const side = 28;
const classes = 10;

const splits = {
  train: {
    n: 60_000,
    images: ["train-images-idx3-ubyte", "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"],
    labels: ["train-labels-idx1-ubyte", "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"],
  },
  test: {
    n: 10_000,
    images: ["t10k-images-idx3-ubyte", "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"],
    labels: ["t10k-labels-idx1-ubyte", "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"],
  },
} as const;

/** A folder with the four files. */
interface Source {
  readonly folder: string;
  /** What gets them anew where one is missing or was changed. */
  readonly cure: string;
}

async function readChecked(
  { folder, cure }: Source,
  [name, sha256]: readonly [string, string],
): Promise<Uint8Array<ArrayBuffer>> {
  const path = join(folder, name);
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    bytes = await readRegularFile(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory)) throw error;
    throw new DataError(`Cannot find MNIST's file ${name} in "${shown(folder)}": ${cure}`, { cause: error });
  }
  const found = await sha256Of(bytes);
  if (found !== sha256) {
    throw new DataError(`Expected "${shown(path)}" to have the SHA-256 ${sha256}, got ${found}: ${cure}`);
  }
  return bytes;
}

async function readSplit(name: keyof typeof splits, source: Source): Promise<MnistSplit> {
  const split = splits[name];
  // One after the other, so that none is still being read once another is refused.
  const imageBytes = await readChecked(source, split.images);
  const labelBytes = await readChecked(source, split.labels);
  const images = parseIdx(imageBytes, { file: split.images[0], axes: 3 });
  const labels = parseIdx(labelBytes, { file: split.labels[0], axes: 1 });
  const wanted = [split.n, side, side].join();
  if (images.shape.join() !== wanted || labels.shape.join() !== `${split.n}`) {
    throw new DataError(
      `Expected MNIST's ${name} images of shape ${wanted} with ${split.n} labels, got ${images.shape.join()} and ` +
        `${labels.shape.join()}: get the files anew`,
    );
  }
  if (!labels.data.every((label) => label < classes)) {
    throw new DataError(`Expected MNIST's ${name} labels from 0 to ${classes - 1}, got a larger one`);
  }
  return { images: images.data, labels: labels.data, n: split.n, rows: side, cols: side };
}

/** Reads MNIST from its npm package, or from a `folder` with the same four files; every file's checksum is checked. */
export async function readMnist({ folder }: { folder?: string | URL } = {}): Promise<MnistFiles> {
  const source = folder === undefined
    ? {
      folder: await installedFolder(),
      cure: "delete that folder's package and run `deno install`, or give the option `folder`",
    }
    : { folder: givenFolder(folder), cure: "give the folder of MNIST's four files, unpacked" };
  const train = await readSplit("train", source);
  return { train, test: await readSplit("test", source) };
}
