/** Data sets from image files. */
import { basename } from "@std/path";
import { DataError, OutOfMemoryError } from "../ffi/errors.ts";
import { openImageCache } from "../ffi/image.ts";
import { tensor } from "../tensor/create.ts";
import { defaultDevice, type Device } from "../tensor/device.ts";
import { noGrad } from "../tensor/graph.ts";
import { gatherRows } from "../tensor/ops/shape.ts";
import { scope } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";
import { share, whole } from "./checks.ts";
import type { Dataset } from "./dataset.ts";
import { ImageDataset } from "./image_set.ts";
import { classNames } from "./known_sets.ts";
import { locate, type LocateOptions } from "./locate.ts";
import type { Splits } from "./mnist.ts";
import { hostDevice } from "./pass.ts";
import { prepare, type Prepared, type PreparedFile, type ReadOptions } from "./prepare.ts";

/** How to open image files. */
export interface OpenOptions extends ReadOptions, LocateOptions {
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
   * the host makes the batches, and `warn` says so.
   */
  device?: Device;
  /** GPU memory that a data set leaves free, MiB; by default the larger of 2 GiB and a quarter of all. */
  leave?: number;
}

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
  const { size, keep = "size" } = options;
  checkOptions("open", options);
  const source = await locate(nameOrPath, options);
  const prepared = await prepare(source, { trainSize: keep === "source" ? 0 : size, validSize: size }, options);
  const train = await opened(nameOrPath, prepared, "train", options);
  try {
    return { train, valid: await opened(nameOrPath, prepared, "val", options) };
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
  const source = await locate(nameOrPath, options);
  const prepared = await prepare(source, { trainSize: null, validSize: options.size }, options);
  return await opened(nameOrPath, prepared, "val", options);
}

function checkOptions(caller: string, { size, keep, limit = 1, leave = 0, maxUnreadable = 0 }: OpenOptions): void {
  whole(caller, "size", size, 1, 4096);
  if (keep !== undefined && keep !== "size" && keep !== "source") {
    throw new TypeError(`${caller}(): Expected \`keep\` as size or source, got "${keep}"`);
  }
  whole(caller, "limit", limit, 1, Infinity);
  whole(caller, "leave", leave, 0, 2 ** 32 - 2);
  share(caller, "maxUnreadable", maxUnreadable);
}

/** What a cache file's header says that is of use here. */
export interface CacheHeader {
  /** Names of the class folders; a label is a place in this list. */
  readonly classes: readonly string[];
  /** `split/class/file` of each image. */
  readonly paths: readonly string[];
  readonly unreadable: readonly { readonly path: string; readonly reason: string }[];
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
async function mapCache(path: string, device: Device, leave?: number): Promise<Mapped> {
  const raw = openImageCache(device.handle, path, leave);
  const own = (part: keyof typeof raw): Tensor => scope(() => new Tensor(device, raw[part])).detachFromScope();
  using header = own("header");
  const parts = { pixels: own("pixels"), table: own("table"), labels: own("labels") };
  try {
    const text = new TextDecoder().decode(await header.data() as Uint8Array);
    return { ...parts, header: JSON.parse(text) };
  } catch (error) {
    for (const tensor of Object.values(parts)) tensor.dispose();
    throw error;
  }
}

/** The header of a cache file. */
export async function readHeader(path: string, device: Device): Promise<CacheHeader> {
  const { header, pixels, table, labels } = await mapCache(path, device);
  for (const tensor of [pixels, table, labels]) tensor.dispose();
  return header;
}

async function opened(
  name: string,
  { source: { kind, key }, files }: Prepared,
  split: PreparedFile["split"],
  options: Omit<OpenOptions, "keep">,
): Promise<Dataset> {
  const { device = defaultDevice(), size, limit = Infinity } = options;
  const file = files.find((file) => file.split === split);
  if (file === undefined) throw new DataError(`Expected a part "${split}" in "${name}", found none`);
  const mapped = await placed(file, device, options);
  const [bad] = mapped.header.unreadable;
  if (bad !== undefined) {
    const count = `${file.unreadable} of ${file.images + file.unreadable} images of ${split}`;
    options.warn?.(`${count} cannot be read and are left out, the first: ${bad.path}: ${bad.reason}`);
  }
  const { pixels, table, labels, header } = file.images > limit ? spread(mapped, limit) : mapped;
  return new ImageDataset({
    pixels,
    table,
    labels: await moved(labels, device),
    size,
    classes: classNames(header.classes),
    names: header.paths,
    training: split === "train",
    source: { name: basename(name), ...(kind === "archive" ? { sha256: key } : { sha256: null, listing: key }) },
  });
}

/** A cache file on the device, or where that has no room for it on the host. */
async function placed(
  { path, split, bytes }: PreparedFile,
  device: Device,
  { leave, warn = console.warn }: Pick<OpenOptions, "leave" | "warn">,
): Promise<Mapped> {
  try {
    return await mapCache(path, device, leave);
  } catch (error) {
    if (!(error instanceof OutOfMemoryError) || device.kind === "cpu") throw error;
    const size = bytes.toLocaleString("en-US");
    warn(
      `${size} bytes of ${split} images do not fit into the GPU's memory beside a training: the host makes the batches`,
    );
    return await mapCache(path, hostDevice());
  }
}

/** The labels on the device of the batches. */
async function moved(labels: Tensor, device: Device): Promise<Tensor> {
  if (labels.device === device) return labels;
  using there = labels;
  const values = await there.data() as Int32Array<ArrayBuffer>;
  return scope(() => tensor(values, undefined, { device })).detachFromScope();
}

/** Rows evenly spread over all, so that every class has its share: rows go by class. */
function spread({ pixels, table, labels, header }: Mapped, limit: number): Mapped {
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
    table: made.table.detachFromScope(),
    labels: made.labels.detachFromScope(),
    header: { ...header, paths },
  };
}
