/** Data sets from image files. */
import { createHash } from "node:crypto";
import { basename } from "node:path";
import { DataError } from "../ffi/errors.ts";
import { shown } from "../io/shown.ts";
import { tensor } from "../tensor/create.ts";
import { defaultDevice, type Device } from "../tensor/device.ts";
import { noGrad } from "../tensor/graph.ts";
import { gatherRows } from "../tensor/ops/shape.ts";
import { requireOptionsOf, requireText } from "../tensor/ops/checks.ts";
import { shown as shownValue } from "../ffi/shown.ts";
import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type CacheHeader, mapOrHost, type Mapped } from "./cache_file.ts";
import { unreadableLimit, whole } from "./checks.ts";
import type { Dataset, DataSource } from "./dataset.ts";
import { ImageDataset } from "./image_set.ts";
import { classNames } from "./known_sets.ts";
import { findArchive, type FindOptions } from "./find_archive.ts";
import { leftOutCounts, tell } from "./left_out.ts";
import type { Splits } from "./mnist.ts";
import { type NoisyLabels, noisyLabels, type NoisyOptions } from "./noisy_labels.ts";
import { type LeftOut, prepare, type Prepared, type PreparedFile, type ReadOptions, type Sizes } from "./prepare.ts";

/** A part of a data set. */
export type DataPart = "train" | "valid" | "test";

/** How to open image files. */
export interface OpenOptions extends ReadOptions, FindOptions {
  /** Height and width of the images in a batch, pixels. */
  size: number;
  /**
   * What the cache keeps of training images: `size` resizes their shorter side once, `source` keeps them as they are, for
   * the crop `resized`, which takes small parts of them. By default `size`.
   */
  keep?: "size" | "source";
  /**
   * Percent of wrong labels to train with, by the table `noisy_….csv` that lies beside `train/`, as Imagenette and Imagewoof
   * have it: 1, 5, 25 or 50 there. What is measured with keeps its true labels; an option of `open` alone.
   */
  noise?: number;
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
  "noise",
  "limit",
  "device",
  "reserve",
  "cache",
  "strict",
  "maxUnreadable",
  "split",
  "nested",
  "threads",
  "maxBytes",
  "signal",
  "onWarning",
  "onNote",
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
  valid_pct: "it is called split here",
  test_split: "it is called split here",
  validation_split: "it is called split here",
};

/**
 * A training and a validation set from a folder with `train/` and `val/` (`valid/` and `validation/` do too), one folder a
 * class in each, from a `.tgz` or `.tar` of one, or by a name: imagenette2, imagewoof2, and both with -320 or -160. Where
 * there is no folder to validate with, the option `split` sets images aside.
 *
 * JPEG, PNG and WebP files are decoded and resized (as PIL does: bilinear, antialiased; not turned as EXIF says) on all cores
 * into a memory-mapped cache, so that later epochs and runs only read. Its name follows from an archive's bytes, or from the
 * paths, sizes, times of change and numbers of a folder's images, and from the settings; its pixels are checked in the
 * background. A name is looked for in the cache folder and, where the script may reach its host, downloaded.
 *
 * Classes go by code points, as Python sorts them. What is left out is told by its reason.
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
  requireText("open", "nameOrPath", nameOrPath);
  checkOptions("open", options);
  const { size, keep = "size" } = options;
  const source = await findArchive(nameOrPath, options);
  const prepared = await prepare(source, { trainSize: keep === "source" ? 0 : size, validSize: size }, options);
  using held = new DisposableStack();
  const train = await mapPart(nameOrPath, prepared, "train", options);
  held.use(train);
  const valid = await mapPart(nameOrPath, prepared, "val", options);
  held.use(valid);
  const unnoised = told(nameOrPath, prepared, [train, valid], options);
  const labels = await relabelled(train, { name: nameOrPath, source, prepared }, options);
  const from = labels === null ? unnoised : { ...unnoised, contents: sumOf(`${unnoised.contents} ${labels.sha256}`) };
  const sets = {
    train: await datasetOf(train, { ...options, source: from, training: true }),
    valid: await datasetOf(valid, { ...options, source: from, training: false }),
  };
  held.move();
  return sets;
}

/** The name of each part's folder. */
const folders = { train: "train", valid: "val", test: "test" } as const satisfies Record<
  DataPart,
  PreparedFile["split"]
>;

/**
 * One part alone of what {@linkcode open} takes, in order, to measure with; there need be no other.
 *
 * @example
 * ```ts ignore
 * import { data } from "@libtrain/libtrain";
 *
 * using test = await data.openPart("photos", "test", { size: 128 });
 * console.log(test.length, test.classes);
 * ```
 */
export async function openPart(nameOrPath: string, part: DataPart, options: OpenOptions): Promise<Dataset> {
  if (typeof part !== "string" || !Object.hasOwn(folders, part)) {
    throw new TypeError(`openPart(): Expected a part of ${Object.keys(folders).join(", ")}, got ${shownValue(part)}`);
  }
  return await openAlone("openPart", nameOrPath, part, options);
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
  return await openAlone("openValid", nameOrPath, "valid", options);
}

async function openAlone(
  caller: string,
  nameOrPath: string,
  part: DataPart,
  options: OpenOptions,
): Promise<Dataset> {
  requireText(caller, "nameOrPath", nameOrPath);
  checkOptions(caller, options);
  const { size, keep, noise } = options;
  if (noise !== undefined) {
    throw new TypeError(
      `${caller}(): Expected no \`noise\`, got ${noise}: one measures with true labels, open() has it`,
    );
  }
  const sizes: Record<DataPart, Sizes> = {
    train: { trainSize: keep === "source" ? 0 : size },
    valid: { validSize: size },
    test: { testSize: size },
  };
  const prepared = await prepare(await findArchive(nameOrPath, options), sizes[part], options);
  using held = new DisposableStack();
  const mapped = await mapPart(nameOrPath, prepared, folders[part], options);
  held.use(mapped);
  const source = told(nameOrPath, prepared, [mapped], options);
  const set = await datasetOf(mapped, { ...options, source, training: false });
  held.move();
  return set;
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
  const { limit = 1, noise = 0, reserve = 0, maxUnreadable = 0, split = 0.5, nested = false } = options;
  checkSizes(caller, options);
  whole(caller, "limit", limit, 1, Infinity);
  whole(caller, "noise", noise, 0, 100);
  whole(caller, "reserve", reserve, 0, 2 ** 32 - 2);
  unreadableLimit(caller, maxUnreadable);
  if (!(split > 0 && split < 1)) {
    throw new RangeError(`${caller}(): Expected \`split\` above 0 to below 1, got ${split}`);
  }
  if (typeof nested !== "boolean") {
    throw new TypeError(`${caller}(): Expected \`nested\` as true or false, got ${nested}`);
  }
}

/** A part in memory, until a data set owns it. */
class MappedPart implements Disposable {
  readonly split: PreparedFile["split"];
  #mapped: Mapped;

  constructor(split: PreparedFile["split"], mapped: Mapped) {
    this.split = split;
    this.#mapped = mapped;
  }

  get mapped(): Mapped {
    return this.#mapped;
  }

  /** Takes others in the place of its labels. */
  relabel(values: Int32Array<ArrayBuffer>): void {
    using before = this.#mapped.labels;
    const labels = scope(() => tensor(values, undefined, { device: before.device })).detachFromScope();
    this.#mapped = { ...this.#mapped, labels: labels.heldAs("dataSet") };
  }

  get header(): CacheHeader {
    return this.mapped.header;
  }

  [Symbol.dispose](): void {
    const { pixels, table, labels, check } = this.mapped;
    for (const part of [pixels, table, labels, check]) part.dispose();
  }
}

async function mapPart(
  name: string,
  { files }: Prepared,
  split: PreparedFile["split"],
  options: OpenOptions,
): Promise<MappedPart> {
  const file = files.find((file) => file.split === split);
  if (file === undefined) throw new DataError(`Expected a part "${split}" in "${shown(name)}", found none`);
  return new MappedPart(split, await mapOrHost(file, options.device ?? defaultDevice(), options));
}

/** The paths of images that are in both parts. */
export function sharedPaths(
  { shared }: Prepared,
  train: CacheHeader,
  valid: CacheHeader,
): (readonly [val: string, train: string])[] {
  return shared.map(([row, twin]) => [valid.paths[row]!, train.paths[twin]!]);
}

/** What was left out of a set: what is there now of a folder, and what its caches say of an archive. */
export function leftOutOf({ leftOut }: Prepared, header: CacheHeader): readonly LeftOut[] {
  return leftOut ?? header.leftOut;
}

/** Tells what a reader should know of a set; gives what it was read from. */
function told(
  name: string,
  prepared: Prepared,
  parts: readonly MappedPart[],
  options: Pick<ReadOptions, "onWarning" | "onNote">,
): DataSource {
  const { kind, key } = prepared.source;
  const [first, second] = parts;
  const leftOut = leftOutOf(prepared, first!.header);
  const shared = second === undefined ? [] : sharedPaths(prepared, first!.header, second.header);
  tell({ name, leftOut, parts, shared }, options);
  const contents = createHash("sha256");
  for (const { split, header } of parts) contents.update(`${split} ${header.contents}\n`);
  return {
    name: basename(name),
    sha256: kind === "archive" ? key : null,
    contents: contents.digest("hex"),
    leftOut: leftOutCounts(leftOut),
  };
}

/** Gives what is trained on the labels of the noise that is asked for; null where none is. The pixels stay what they are. */
async function relabelled(
  train: MappedPart,
  where: Pick<NoisyOptions, "name" | "source" | "prepared">,
  { noise, cache, signal }: OpenOptions,
): Promise<NoisyLabels | null> {
  if (noise === undefined) return null;
  const noisy = await noisyLabels({ ...where, header: train.header, noise, cache, signal });
  train.relabel(noisy.labels);
  return noisy;
}

function sumOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** A data set of a part, which owns it from then on. */
async function datasetOf(
  { mapped }: MappedPart,
  options: OpenOptions & { readonly source: DataSource; readonly training: boolean },
): Promise<Dataset> {
  const { device = defaultDevice(), size, limit = Infinity, source, training } = options;
  const { pixels, table, labels, header } = mapped.header.paths.length > limit ? takeEvenly(mapped, limit) : mapped;
  using held = new DisposableStack();
  held.use(table);
  const set = new ImageDataset({
    pixels,
    table,
    labels: await toDevice(labels, device),
    size,
    classes: classNames(header.classes),
    names: header.paths,
    training,
    source,
    check: mapped.check,
  });
  held.move();
  return set;
}

/** The labels on the device of the batches. */
async function toDevice(labels: Tensor, device: Device): Promise<Tensor> {
  if (labels.device === device) return labels;
  using there = labels;
  const values = await there.data() as Int32Array<ArrayBuffer>;
  return scope(() => tensor(values, undefined, { device })).detachFromScope().heldAs("dataSet");
}

/** Rows evenly spread over all, so that every class has its share: rows go by class. */
function takeEvenly({ pixels, table, labels, header, check }: Mapped, limit: number): Mapped {
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
    check,
    header: { ...header, paths },
  };
}
