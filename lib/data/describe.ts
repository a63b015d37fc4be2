/** What a data set is, before anything is made of it. */
import { requireOptions, requireText } from "../tensor/ops/checks.ts";
import { shown } from "../io/shown.ts";
import { Device } from "../tensor/device.ts";
import { findArchive, type FindOptions, importArchive } from "./find_archive.ts";
import { classNames, type KnownSet, knownSet, knownSets } from "./known_sets.ts";
import { type CacheHeader, readHeader, type UnreadableImage } from "./cache_file.ts";
import { unreadableLimit } from "./checks.ts";
import { leftOutCounts } from "./left_out.ts";
import { checkSizes, leftOutOf, type OpenOptions, sharedPaths } from "./open.ts";
import { type LeftOut, type LeftOutReason, prepare, type PreparedFile, type ReadOptions } from "./prepare.ts";

/** What to prepare, and how. */
export interface DescribeOptions extends ReadOptions, FindOptions, Pick<OpenOptions, "keep"> {
  /** The archive of a set that is given by its name; from then on it is found by that name. */
  archive?: string;
  /** Height and width of the images in training; by default 128. */
  size?: number;
  /** Describes a set too that `open` refuses for its unreadable images, all of which are then named; by default false. */
  list?: boolean;
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
  /** Those that can although their files are damaged. */
  readonly damaged: readonly UnreadableImage[];
  /** How many have the same file as another of the part. */
  readonly repeated: number;
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
  /** Files and folders that are no part of it. */
  readonly leftOut: readonly LeftOut[];
  /** How many of them, by reason. */
  readonly leftOutCounts: Partial<Record<LeftOutReason, number>>;
  /** Images of validation whose file is also one that is trained on, with that one's path. */
  readonly shared: readonly { readonly valid: string; readonly train: string }[];
  /** Why `open` refuses it, with the same options; null where it does not. Only `list` lets that be seen. */
  readonly refused: string | null;
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
      `describe(): Expected \`archive\` with one of ${names}, got "${
        shown(nameOrPath)
      }": give the archive's path alone`,
    );
  }
  if (!await isFile(archive)) {
    throw new TypeError(`describe(): Expected \`archive\` as a file, got "${shown(archive)}", which is none`);
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

function describePart(
  { images, repeated, path: cache, bytes, reused }: PreparedFile,
  { unreadable, damaged, counts, heights, widths }: CacheHeader,
): PartDescription {
  return { images, unreadable, damaged, repeated, counts, heights, widths, cache, bytes, reused };
}

/** Why too many images of a part are not readable; null where they are not. */
function refusal(
  split: string,
  { images, unreadable, damaged }: PartDescription,
  { strict = false, maxUnreadable = 0.01 }: DescribeOptions,
): string | null {
  const bad = unreadable.length;
  const all = images + bad;
  const limit = unreadableLimit("describe", maxUnreadable);
  if (strict && bad + damaged.length > 0) {
    return `${bad} of ${all} images of ${split} cannot be read, and ${damaged.length} are damaged: \`strict\` allows none`;
  }
  const most = "count" in limit ? limit.count : limit.share * all;
  return bad <= most ? null : `${bad} of ${all} images of ${split} cannot be read: \`maxUnreadable\` allows more`;
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
  const { size = 128, keep = "size", list = false } = options;
  checkSizes("describe", { size, keep });
  const { source, md5, set } = await locate(nameOrPath, options);
  const sizes = { trainSize: keep === "source" ? 0 : size, validSize: size };
  const prepared = await prepare(source, sizes, list ? { ...options, strict: false, maxUnreadable: 1 } : options);
  const { kind, bytes, key } = prepared.source;
  using device = new Device("cpu", { threads: 1 });
  const of = (split: PreparedFile["split"]): PreparedFile => prepared.files.find((file) => file.split === split)!;
  const headers = {
    train: await readHeader(of("train").path, device),
    valid: await readHeader(of("val").path, device),
  };
  const train = describePart(of("train"), headers.train);
  const valid = describePart(of("val"), headers.valid);
  const folders = headers.train.classes;
  const names = classNames(folders);
  const leftOut = leftOutOf(prepared, headers.train);
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
    leftOut,
    leftOutCounts: leftOutCounts(leftOut),
    shared: sharedPaths(prepared, headers.train, headers.valid).map(([valid, train]) => ({ valid, train })),
    refused: refusal("train", train, options) ?? refusal("val", valid, options),
    seconds: prepared.seconds,
  };
}
