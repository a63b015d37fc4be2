/** Where the files of a data set are: a path, or what is known by a name. */
import { requireOptions, requireSignal, requireText } from "../tensor/ops/checks.ts";
import { join, resolve } from "node:path";
import { DataError } from "../ffi/errors.ts";
import { isThere, ownPartial, writeFileAtomic } from "../io/atomic_file.ts";
import { readRegularText } from "../io/regular_file.ts";
import { shown } from "../io/shown.ts";
import { download, type DownloadProgress, md5Of } from "./download.ts";
import { DataNotFoundError } from "./errors.ts";
import { type KnownSet, knownSet, knownSets } from "./known_sets.ts";
import { defaultCache, type ReadOptions } from "./prepare.ts";

/** Where to look, and who is told. */
export interface FindOptions extends Pick<ReadOptions, "cache" | "signal" | "onNote"> {
  /** Told how far a download is. */
  onDownload?(state: DownloadProgress): void;
}

/** What is noted of a set whose archive lies elsewhere. */
interface Note {
  readonly archive: string;
}

function noteFile(name: string, cache: string): string {
  return join(cache, `${name}.json`);
}

/** The path in a note; undefined where it is none. */
function archiveIn(text: string): string | undefined {
  try {
    const note: Partial<Note> | null = JSON.parse(text);
    return typeof note?.archive === "string" ? note.archive : undefined;
  } catch {
    return undefined;
  }
}

/** The archive of a known set on this machine; undefined where there is none. */
async function archiveOf({ name }: KnownSet, cache: string): Promise<string | undefined> {
  const own = join(cache, `${name}.tgz`);
  if (await isThere(own)) return own;
  const file = noteFile(name, cache);
  if (!await isThere(file)) return undefined;
  const archive = archiveIn(await readRegularText(file));
  if (archive === undefined) {
    throw new DataNotFoundError(
      `Expected "${
        shown(file)
      }" to say where the archive of ${name} is, as {"archive": "…"}, got other text: remove it, or ` +
        `give the archive to importArchive()`,
      { set: name, why: "unreadableNote" },
    );
  }
  return await isThere(archive) ? archive : undefined;
}

/** The path of a folder or an archive for a path or a name; downloads where that is allowed and needed. */
export async function findArchive(nameOrPath: string, options: FindOptions = {}): Promise<string> {
  requireText("findArchive", "nameOrPath", nameOrPath);
  requireOptions("findArchive", options, "data.findArchive(path, {})");
  if (await isThere(nameOrPath)) return nameOrPath;
  const set = knownSet(nameOrPath);
  if (set === undefined) {
    const names = knownSets.map(({ name }) => name).join(", ");
    throw new Deno.errors.NotFound(
      `Cannot find "${shown(nameOrPath)}": give a folder with train/ and val/, an archive of one, or ${names}`,
    );
  }
  const { cache = defaultCache, signal } = options;
  const archive = await archiveOf(set, cache);
  if (archive !== undefined) return archive;
  const { hostname } = new URL(set.url);
  const { state } = await Deno.permissions.query({ name: "net", host: `${hostname}:443` });
  if (state !== "granted") {
    throw new DataNotFoundError(
      `Data set ${set.name} is not on this machine, and this script may not reach ${hostname}, which has it: allow ` +
        `that, or, with the archive at hand, open it by its path or give it to importArchive()`,
      { set: set.name, why: "missing" },
    );
  }
  const file = join(cache, `${set.name}.tgz`);
  await download({
    url: set.url,
    file,
    md5: set.md5,
    kind: "gzip",
    signal,
    onProgress: (state) => options.onDownload?.(state),
    onRetry: (line) => options.onNote?.(line),
  });
  return file;
}

/**
 * Takes a file for the archive of a known set from now on, once its MD5 is right; gives the sum, which for sets without a
 * known one is not checked.
 */
export async function importArchive(set: KnownSet, archive: string, options: FindOptions = {}): Promise<string> {
  requireOptions("importArchive", set, "data.importArchive(data.knownSets[0], path)");
  requireText("importArchive", "archive", archive);
  requireOptions("importArchive", options, "data.importArchive(set, path, {})");
  requireSignal("importArchive", options.signal);
  requireText("importArchive", "set.name", set.name);
  const { cache = defaultCache, signal } = options;
  const md5 = await md5Of(archive, { signal });
  if (set.md5 !== null && md5 !== set.md5) {
    throw new DataError(
      `Expected "${
        shown(archive)
      }" to have the MD5 ${set.md5} of ${set.name}, got ${md5}: give the official archive, or open ` +
        `this one by its path`,
    );
  }
  await Deno.mkdir(cache, { recursive: true });
  const note: Note = { archive: resolve(archive) };
  const file = noteFile(set.name, cache);
  await writeFileAtomic(file, [new TextEncoder().encode(`${JSON.stringify(note)}\n`)], ownPartial(file));
  return md5;
}
