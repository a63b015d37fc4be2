/** What a data set is, before anything is made of it. */
import { requireOptions, requireText } from "../tensor/ops/checks.ts";
import { Device } from "../tensor/device.ts";
import { findArchive, type FindOptions, importArchive } from "./find_archive.ts";
import { classNames, type KnownSet, knownSet, knownSets } from "./known_sets.ts";
import { checkSizes, type OpenOptions, readHeader, type UnreadableImage } from "./open.ts";
import { prepare, type PreparedFile, type ReadOptions } from "./prepare.ts";

/** What to prepare, and how. */
export interface DescribeOptions extends ReadOptions, FindOptions, Pick<OpenOptions, "keep"> {
  /** The archive of a set that is given by its name; from then on it is found by that name. */
  archive?: string;
  /** Height and width of the images in training; by default 128. */
  size?: number;
}

/** A class as its folder is called, and as people call it. */
export interface ClassDescription {
  /** The folder's name. */
  readonly folder: string;
  /** The same, or the words for a WordNet number. */
  readonly name: string;
}

/** One part of a data set. */
export interface PartDescription {
  /** Images that can be read. */
  readonly images: number;
  /** Those that cannot. */
  readonly unreadable: readonly UnreadableImage[];
  /** Images of each class, in the order of the classes. */
  readonly counts: readonly number[];
  /** Smallest, median and largest height of the files' own images, pixels. */
  readonly heights: readonly number[];
  /** The same of their widths. */
  readonly widths: readonly number[];
  /** The pixel cache. */
  readonly cache: string;
  /** Bytes of the pixel cache. */
  readonly bytes: number;
  /** Whether it was there already. */
  readonly reused: boolean;
}

/** What a data set is. */
export interface DataDescription {
  /** As it was asked for. */
  readonly name: string;
  /** The folder or archive that it was read from. */
  readonly source: string;
  /** Which of the two that is. */
  readonly kind: "archive" | "folder";
  /** Bytes of it. */
  readonly bytes: number;
  /** SHA-256 of an archive; null for a folder. */
  readonly sha256: string | null;
  /** MD5 of an archive that belongs to a name; null where none was computed. */
  readonly md5: string | null;
  /** Whether that is the sum known for the name; null where none is known. */
  readonly verified: boolean | null;
  /** Its classes, in the order of the labels. */
  readonly classes: readonly ClassDescription[];
  /** What is trained on. */
  readonly train: PartDescription;
  /** What is measured with. */
  readonly valid: PartDescription;
  /** What it took. */
  readonly seconds: number;
}

/** Where the files are, and for a set known by its name the sum of its archive. */
interface Located {
  readonly source: string;
  readonly md5: string | null;
  readonly set?: KnownSet;
}

async function locate(nameOrPath: string, options: DescribeOptions): Promise<Located> {
  const { archive } = options;
  const set = knownSet(nameOrPath);
  if (archive === undefined) {
    const source = await findArchive(nameOrPath, options);
    if (source === nameOrPath || set === undefined) return { source, md5: null };
    return { source, md5: await importArchive(set, source, options), set };
  }
  if (set === undefined) {
    const names = knownSets.map(({ name }) => name).join(", ");
    throw new TypeError(
      `describe(): Expected \`archive\` with one of ${names}, got "${nameOrPath}": give the archive's path alone`,
    );
  }
  if (!await isFile(archive)) {
    throw new TypeError(`describe(): Expected \`archive\` as a file, got "${archive}", which is none`);
  }
  return { source: archive, md5: await importArchive(set, archive, options), set };
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** How many of the paths `split/class/file` are in each class. */
export function countsOf(folders: readonly string[], paths: readonly string[]): number[] {
  const counts = new Map<string, number>();
  for (const path of paths) {
    const [, folder = ""] = path.split("/", 2);
    counts.set(folder, (counts.get(folder) ?? 0) + 1);
  }
  return folders.map((folder) => counts.get(folder) ?? 0);
}

async function describePart(
  { images, path: cache, bytes, reused }: PreparedFile,
  device: Device,
): Promise<{ part: PartDescription; folders: readonly string[] }> {
  const { classes: folders, paths, unreadable, heights, widths } = await readHeader(cache, device);
  const counts = countsOf(folders, paths);
  return { part: { images, unreadable, counts, heights, widths, cache, bytes, reused }, folders };
}

/**
 * Says what a data set is, once it is decoded into its cache: where it was read from, its classes, how many images each
 * has, how large they are, and which cannot be read. What {@linkcode open} takes is described, and then opened at once.
 *
 * Throws as `open` does, and a TypeError for an `archive` that is no file or goes with no known name.
 *
 * @example
 * ```ts ignore
 * import { data } from "@libtrain/libtrain";
 *
 * const { classes, train } = await data.describe("photos", { size: 160 });
 * classes.forEach(({ name }, at) => console.log(name, train.counts[at]));
 * ```
 */
export async function describe(nameOrPath: string, options: DescribeOptions = {}): Promise<DataDescription> {
  requireText("describe", "nameOrPath", nameOrPath);
  requireOptions("describe", options, "data.describe(path, { size: 128 })");
  if (options.cache !== undefined) requireText("describe", "cache", options.cache);
  const { size = 128, keep = "size" } = options;
  checkSizes("describe", { size, keep });
  const { source, md5, set } = await locate(nameOrPath, options);
  const prepared = await prepare(source, { trainSize: keep === "source" ? 0 : size, validSize: size }, options);
  const { kind, bytes, key } = prepared.source;
  using device = new Device("cpu", { threads: 1 });
  const of = (split: PreparedFile["split"]): PreparedFile => prepared.files.find((file) => file.split === split)!;
  const { folders, part: train } = await describePart(of("train"), device);
  const { part: valid } = await describePart(of("val"), device);
  const names = classNames(folders);
  return {
    name: nameOrPath,
    source,
    kind,
    bytes,
    sha256: kind === "archive" ? key : null,
    md5,
    verified: set === undefined || set.md5 === null ? null : set.md5 === md5,
    classes: folders.map((folder, at) => ({ folder, name: names[at]! })),
    train,
    valid,
    seconds: prepared.seconds,
  };
}
