/** The pixel caches of a folder: what there is, and removing it. */
import { basename, join } from "node:path";
import { removeIfThere } from "../io/atomic_file.ts";
import { shown } from "../io/shown.ts";
import { requireOptionsOf, requireText } from "../tensor/ops/checks.ts";
import { defaultCache } from "./prepare.ts";

/** A file of decoded pixels. */
export interface PixelCache {
  /** Where it is. */
  readonly path: string;
  /** The name of the folder or archive that it was made of; null where its header cannot be read. */
  readonly dataSet: string | null;
  /** Which part of it. */
  readonly part: "train" | "val" | "test" | null;
  /** Pixels of the shorter side, 0 for that of the files. */
  readonly size: number | null;
  /** How many images it has. */
  readonly images: number | null;
  /** Bytes on the disk. */
  readonly bytes: number;
  /** When it was last read, as the system notes it: most do once a day. */
  readonly lastUsed: Date | null;
  /** `unfinished` is what a process writes, or has left when it was killed. */
  readonly state: "whole" | "unfinished";
}

/** Which pixel caches. */
export interface CachesOptions {
  /** The folder that they are in; by default `.cache/data`. */
  cache?: string;
  /** Those of one data set alone, by the name of its folder or archive, with or without `.tgz`; or one file, by its name. */
  name?: string;
}

/** What {@linkcode clearCaches} did. */
export interface ClearedCaches {
  /** What is gone. */
  readonly removed: readonly PixelCache[];
  /** What is still there, as a process is writing it. */
  readonly kept: readonly PixelCache[];
  /** Bytes of what is gone. */
  readonly freedBytes: number;
}

const ending = /\.pixels(\.\d+-\d+\.partial)?$/;
const magic = "LTPIXELS";
/** The preamble's numbers, u64 after the magic, that count here: core-rs/src/image/cache/mod.rs has all. */
const [imagesAt, headerAt, headerBytesAt, preambleBytes] = [32, 104, 112, 120];
/** The longest header that is read: that of ImageNet has some 60 MB. */
const longestHeader = 2 ** 28;

async function readAt(file: Deno.FsFile, at: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  await file.seek(at, Deno.SeekMode.Start);
  for (let done = 0; done < length;) {
    const count = await file.read(bytes.subarray(done));
    if (count === null) return bytes.subarray(0, done);
    done += count;
  }
  return bytes;
}

type Facts = Pick<PixelCache, "dataSet" | "part" | "size" | "images">;
const unknown: Facts = { dataSet: null, part: null, size: null, images: null };

/** What the file says of itself. */
async function factsOf(path: string): Promise<Facts> {
  try {
    using file = await Deno.open(path);
    const preamble = await readAt(file, 0, preambleBytes);
    if (preamble.length < preambleBytes || new TextDecoder().decode(preamble.subarray(0, 8)) !== magic) return unknown;
    const view = new DataView(preamble.buffer);
    const [images, at, length] = [imagesAt, headerAt, headerBytesAt].map((at) => Number(view.getBigUint64(at, true)));
    if (length! > longestHeader) return unknown;
    const { source, split, size } = JSON.parse(new TextDecoder().decode(await readAt(file, at!, length!)));
    if (typeof source?.name !== "string" || typeof size !== "number") return unknown;
    const part = split === "train" || split === "val" || split === "test" ? split : null;
    return { dataSet: source.name, part, size, images: images! };
  } catch {
    return unknown;
  }
}

async function look(path: string, name: string): Promise<PixelCache | null> {
  const before = await Deno.stat(path).catch(() => null);
  if (before === null || !before.isFile) return null;
  const state = name.endsWith(".pixels") ? "whole" : "unfinished";
  const facts = state === "whole" ? await factsOf(path) : unknown;
  const { atime, mtime, size: bytes } = before;
  const after = await Deno.stat(path).catch(() => null);
  if (atime !== null && mtime !== null && after?.atime?.getTime() !== atime.getTime()) {
    // To have looked at it here is no use of it. Where it may not be written to, so be it.
    await Deno.utime(path, atime, mtime).catch(() => {});
  }
  const times = [atime, mtime].flatMap((time) => time === null ? [] : [time.getTime()]);
  return { path, ...facts, bytes, lastUsed: times.length === 0 ? null : new Date(Math.max(...times)), state };
}

function checked(caller: string, options: CachesOptions): Required<Pick<CachesOptions, "cache">> & CachesOptions {
  requireOptionsOf(caller, options, {
    example: `data.${caller}({ cache: "${defaultCache}" })`,
    known: ["cache", "name"],
    names: { folder: "it is called cache here", dataSet: "it is called name here" },
  });
  const { cache = defaultCache, name } = options;
  requireText(caller, "cache", cache);
  if (name !== undefined) requireText(caller, "name", name);
  return { cache, name };
}

/** The name of an archive without its ending. */
function bare(name: string): string {
  return name.replace(/\.(tgz|tar\.gz|tar)$/i, "");
}

async function find(caller: string, options: CachesOptions): Promise<PixelCache[]> {
  const { cache, name } = checked(caller, options);
  const found: PixelCache[] = [];
  try {
    for await (const entry of Deno.readDir(cache)) {
      const one = ending.test(entry.name) ? await look(join(cache, entry.name), entry.name) : null;
      if (one !== null) found.push(one);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  const order = ({ dataSet, path }: PixelCache): string => `${dataSet ?? "\uffff"}\n${path}`;
  found.sort((a, b) => order(a) < order(b) ? -1 : 1);
  if (name === undefined) return found;
  const wanted = basename(name);
  const own = found.filter(({ path, dataSet }) =>
    basename(path) === wanted || (dataSet !== null && bare(dataSet) === bare(wanted))
  );
  if (own.length > 0) return own;
  const names = [...new Set(found.flatMap(({ dataSet }) => dataSet ?? []))];
  const there = names.length === 0 ? "there are none" : `there are those of ${names.map(shown).join(", ")}`;
  throw new Deno.errors.NotFound(`Cannot find pixel caches of "${shown(name)}" in "${shown(cache)}": ${there}`);
}

/**
 * The pixel caches that there are, in the order of their data sets. Throws a `Deno.errors.NotFound` where there are none of
 * the one that is named.
 *
 * @example
 * ```ts ignore
 * import { data } from "@libtrain/libtrain";
 *
 * for (const { dataSet, path, bytes } of await data.caches()) console.log(dataSet, path, bytes);
 * ```
 */
export async function caches(options: CachesOptions = {}): Promise<readonly PixelCache[]> {
  return await find("caches", options);
}

/** Whether a process is writing a file: it holds its lock. Where the drive has no locks, one cannot know, and it may be. */
async function isBeingWritten({ path, state }: PixelCache): Promise<boolean> {
  if (state === "whole") return false;
  try {
    using file = await Deno.open(path);
    return !await file.tryLock(true);
  } catch (error) {
    return !(error instanceof Deno.errors.NotFound);
  }
}

/**
 * Removes the pixel caches that {@linkcode caches} gives; they are made again where they are needed. What a process is
 * writing stays. A training keeps the pixels of a cache that it has open, whose bytes are free once it ends.
 *
 * @example
 * ```ts ignore
 * import { data } from "@libtrain/libtrain";
 *
 * const { freedBytes } = await data.clearCaches({ name: "imagenette2-320" });
 * ```
 */
export async function clearCaches(options: CachesOptions = {}): Promise<ClearedCaches> {
  const [removed, kept]: [PixelCache[], PixelCache[]] = [[], []];
  for (const one of await find("clearCaches", options)) {
    if (await isBeingWritten(one)) kept.push(one);
    else {
      await removeIfThere(one.path);
      removed.push(one);
    }
  }
  return { removed, kept, freedBytes: removed.reduce((sum, { bytes }) => sum + bytes, 0) };
}
