/** Data sets from image files. */
import { basename } from "node:path";
import { DataError, OutOfMemoryError } from "../ffi/errors.ts";
import { openImageCache } from "../ffi/image.ts";
import { tensor } from "../tensor/create.ts";
import { defaultDevice, type Device } from "../tensor/device.ts";
import { noGrad } from "../tensor/graph.ts";
import { gatherRows } from "../tensor/ops/shape.ts";
import { requireOptionsOf } from "../tensor/ops/checks.ts";
import { scope } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";
import { share, whole } from "./checks.ts";
import type { Dataset } from "./dataset.ts";
import { ImageDataset } from "./image_set.ts";
import { classNames } from "./known_sets.ts";
import { findArchive, type FindOptions } from "./find_archive.ts";
import type { Splits } from "./mnist.ts";
import { hostDevice } from "./epoch_source.ts";
import { prepare, type Prepared, type PreparedFile, type ReadOptions } from "./prepare.ts";

/** How to open image files. */
export interface OpenOptions extends ReadOptions, FindOptions {
  /** Height and width of the images in a batch, pixels. */
  size: number;
  /**
   * What the cache keeps of training images: `size` resizes their shorter side once, `source` keeps them as they are, for
   * the crop `resized`, which takes small parts of them. By default `size`.
   */
  keep?: "size" | "source";
  /** Only so many images of each part, evenly spread over them. */
  limit?: number;
  /**
   * Where the data sets live; by default the default device. A GPU has a copy of all pixels, where there is room for it; else
   * the host makes the batches, and `onWarning` is told.
   */
  device?: Device;
  /** GPU memory that the data sets leave free for a training, MiB; by default the larger of 2 GiB and a quarter of all. */
  reserve?: number;
}

const optionNames = [
  "size",
  "keep",
  "limit",
  "device",
  "reserve",
  "cache",
  "strict",
  "maxUnreadable",
  "threads",
  "maxBytes",
  "signal",
  "onWarning",
  "onProgress",
  "onDownload",
] as const satisfies readonly (keyof OpenOptions)[];

const ofBatches = "it is an option of batches(): train.batches(32, { seed: 0 })";

/** Other libraries' names for what has another one here, or is asked elsewhere. */
const elsewhere: Readonly<Record<string, string>> = {
  imageSize: "it is called size here",
  image_size: "it is called size here",
  img_size: "it is called size here",
  resize: "it is called size here",
  batchSize: "a data set is cut into batches by train.batches(32)",
  batch_size: "a data set is cut into batches by train.batches(32)",
  seed: ofBatches,
  flip: ofBatches,
  crop: ofBatches,
  shuffle: ofBatches,
  normalize: ofBatches,
  num_workers: "it is called threads here",
  numWorkers: "it is called threads here",
  root: "the path is the argument before the options",
};

/**
 * A training and a validation set from a folder with `train/` and `val/`, one folder a class in each, from a `.tgz` or
 * `.tar` of one, or by a name: imagenette2, imagewoof2, and both with -320 or -160.
 *
 * JPEG and PNG files are decoded and resized (as PIL does: bilinear, antialiased; not turned as EXIF says) on all cores into a
 * memory-mapped cache, whose name follows from the contents and the settings, so that later epochs and runs only read. A
 * name is looked for in the cache folder and, where the script may reach its host, downloaded.
 *
 * Throws a DataError for what is no such folder or archive, for classes without images, and where more than
 * `maxUnreadable` of the images cannot be read.
 *
 * @example
 * ```ts ignore
 * import { data } from "@libtrain/libtrain";
 *
 * const { train, valid } = await data.open("imagenette2-320", { size: 128 });
 * for await (const { images } of train.batches(32, { seed: 0, flip: 0.5 })) {
 *   console.log(images.shape); // [32, 128, 128, 3]
 * }
 * ```
 */
export async function open(nameOrPath: string, options: OpenOptions): Promise<Splits> {
  checkOptions("open", options);
  const { size, keep = "size" } = options;
  const source = await findArchive(nameOrPath, options);
  const prepared = await prepare(source, { trainSize: keep === "source" ? 0 : size, validSize: size }, options);
  const train = await openPart(nameOrPath, prepared, "train", options);
  try {
    return { train, valid: await openPart(nameOrPath, prepared, "val", options) };
  } catch (error) {
    train.dispose();
    throw error;
  }
}

/**
 * The validation set alone, of what {@linkcode open} takes; there need be no `train/`.
 *
 * @example
 * ```ts ignore
 * import { data } from "@libtrain/libtrain";
 *
 * using valid = await data.openValid("imagenette2-320.tgz", { size: 128 });
 * console.log(valid.length, valid.classes);
 * ```
 */
export async function openValid(nameOrPath: string, options: Omit<OpenOptions, "keep">): Promise<Dataset> {
  checkOptions("openValid", options);
  const source = await findArchive(nameOrPath, options);
  const prepared = await prepare(source, { trainSize: null, validSize: options.size }, options);
  return await openPart(nameOrPath, prepared, "val", options);
}

/** Refuses sizes that no batch has, and what there is no such thing to keep of. */
export function checkSizes(caller: string, { size, keep = "size" }: Pick<OpenOptions, "size" | "keep">): void {
  whole(caller, "size", size, 1, 4096);
  if (keep !== "size" && keep !== "source") {
    throw new TypeError(`${caller}(): Expected \`keep\` as size or source, got "${keep}"`);
  }
}

function checkOptions(caller: string, options: OpenOptions): void {
  requireOptionsOf(caller, options, {
    example: `data.${caller}(path, { size: 128 }), height and width of the images in a batch`,
    known: optionNames,
    names: elsewhere,
  });
  const { limit = 1, reserve = 0, maxUnreadable = 0 } = options;
  checkSizes(caller, options);
  whole(caller, "limit", limit, 1, Infinity);
  whole(caller, "reserve", reserve, 0, 2 ** 32 - 2);
  share(caller, "maxUnreadable", maxUnreadable);
}

/** An image that cannot be read. */
export interface UnreadableImage {
  /** `split/class/file` */
  readonly path: string;
  /** What is wrong with it. */
  readonly reason: string;
}

/** What a cache file's header says that is of use here. */
export interface CacheHeader {
  /** Names of the class folders; a label is a place in this list. */
  readonly classes: readonly string[];
  /** `split/class/file` of each image. */
  readonly paths: readonly string[];
  readonly unreadable: readonly UnreadableImage[];
  /** Smallest, median and largest height of the files' own images. */
  readonly heights: readonly number[];
  /** The same of their widths. */
  readonly widths: readonly number[];
}

/** A cache file as tensors. */
interface Mapped {
  readonly pixels: Tensor;
  readonly table: Tensor;
  readonly labels: Tensor;
  readonly header: CacheHeader;
}

/** Maps a cache file, or copies it to the device, and reads its header; the tensors belong to the caller. */
async function mapCache(path: string, device: Device, reserve?: number): Promise<Mapped> {
  const raw = openImageCache(device.handle, path, reserve);
  const own = (part: keyof typeof raw): Tensor => scope(() => new Tensor(device, raw[part])).detachFromScope().heldAs("dataSet");
  using header = own("header");
  const parts = { pixels: own("pixels"), table: own("table"), labels: own("labels") };
  using held = new DisposableStack();
  for (const part of Object.values(parts)) held.use(part);
  const mapped = { ...parts, header: parseHeader(path, await header.data() as Uint8Array) };
  held.move();
  return mapped;
}

function parseHeader(path: string, bytes: Uint8Array): CacheHeader {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch (error) {
    throw new DataError(`Cannot read the header of the pixel cache "${path}": remove it, and it is made again`, {
      cause: error,
    });
  }
}

/** The header of a cache file. */
export async function readHeader(path: string, device: Device): Promise<CacheHeader> {
  const { header, pixels, table, labels } = await mapCache(path, device);
  for (const tensor of [pixels, table, labels]) tensor.dispose();
  return header;
}

async function openPart(
  name: string,
  { source: { kind, key }, files }: Prepared,
  split: PreparedFile["split"],
  options: Omit<OpenOptions, "keep">,
): Promise<Dataset> {
  const { device = defaultDevice(), size, limit = Infinity } = options;
  const file = files.find((file) => file.split === split);
  if (file === undefined) throw new DataError(`Expected a part "${split}" in "${name}", found none`);
  const mapped = await mapOrHost(file, device, options);
  // Given back where anything fails before a data set owns it.
  using held = new DisposableStack();
  for (const part of [mapped.pixels, mapped.table, mapped.labels]) held.use(part);
  const { onWarning = console.warn } = options;
  const [bad] = mapped.header.unreadable;
  if (bad !== undefined) {
    const count = `${file.unreadable} of ${file.images + file.unreadable} images of ${split}`;
    onWarning(`${count} cannot be read and are left out, the first: ${bad.path}: ${bad.reason}`);
  }
  const { pixels, table, labels, header } = file.images > limit ? takeEvenly(mapped, limit) : mapped;
  held.use(table);
  const set = new ImageDataset({
    pixels,
    table,
    labels: await toDevice(labels, device),
    size,
    classes: classNames(header.classes),
    names: header.paths,
    training: split === "train",
    source: { name: basename(name), ...(kind === "archive" ? { sha256: key } : { sha256: null, listing: key }) },
  });
  held.move();
  return set;
}

/** A cache file on the device, or where that has no room for it on the host. */
async function mapOrHost(
  { path, split, bytes }: PreparedFile,
  device: Device,
  { reserve, onWarning = console.warn }: Pick<OpenOptions, "reserve" | "onWarning">,
): Promise<Mapped> {
  try {
    return await mapCache(path, device, reserve);
  } catch (error) {
    if (!(error instanceof OutOfMemoryError) || device.kind === "cpu") throw error;
    const size = bytes.toLocaleString("en-US");
    onWarning(
      `${size} bytes of ${split} images do not fit into the GPU's memory beside a training: the host makes the batches`,
    );
    return await mapCache(path, hostDevice());
  }
}

/** The labels on the device of the batches. */
async function toDevice(labels: Tensor, device: Device): Promise<Tensor> {
  if (labels.device === device) return labels;
  using there = labels;
  const values = await there.data() as Int32Array<ArrayBuffer>;
  return scope(() => tensor(values, undefined, { device })).detachFromScope().heldAs("dataSet");
}

/** Rows evenly spread over all, so that every class has its share: rows go by class. */
function takeEvenly({ pixels, table, labels, header }: Mapped, limit: number): Mapped {
  using all = table;
  using every = labels;
  const n = header.paths.length;
  const places = Int32Array.from({ length: limit }, (_, at) => Math.floor(at * n / limit));
  const made = noGrad(() =>
    scope(() => {
      const rows = tensor(places, undefined, { device: all.device });
      return { table: gatherRows(all, rows), labels: gatherRows(every, rows) };
    })
  );
  const paths = Array.from(places, (place) => header.paths[place]!);
  return {
    pixels,
    table: made.table.detachFromScope().heldAs("dataSet"),
    labels: made.labels.detachFromScope().heldAs("dataSet"),
    header: { ...header, paths },
  };
}
