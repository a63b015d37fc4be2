/** A file that is being downloaded: what came so far, whose bytes those are, and who else may be at work. */
import { createHash, type Hash } from "node:crypto";
import { basename, dirname, join } from "node:path";
import { FileError, ownPartial, partialSuffix, removeIfThere, syncFolder, writeFileAtomic } from "../io/atomic_file.ts";
import { readRegularText } from "../io/regular_file.ts";
import { shown } from "../io/shown.ts";

/** What a server said of the file that a partial one is the beginning of. */
export interface PartialNote {
  readonly url: string;
  /** A strong one, with its quotes; null where the server gave none. */
  readonly etag: string | null;
  readonly lastModified: string | null;
  readonly expectedBytes: number | null;
}

function noteIn(text: string): PartialNote | null {
  try {
    const { url, etag = null, lastModified = null, expectedBytes = null } = JSON.parse(text);
    const texts = [etag, lastModified].every((value) => value === null || typeof value === "string");
    const counted = expectedBytes === null || Number.isSafeInteger(expectedBytes);
    return typeof url === "string" && texts && counted ? { url, etag, lastModified, expectedBytes } : null;
  } catch {
    return null;
  }
}

/** Bytes that are read at a time where a file is hashed. */
const hashed = 1 << 20;

/**
 * The file beside the one that is wanted, `FILE.partial`, with a note of whose beginning it is, `FILE.partial.json`. Its
 * lock tells others that somebody is at work; they then write one of their own, which nobody goes on with.
 */
export class PartialFile implements Disposable {
  readonly path: string;
  /** Whether a later download may go on with it. */
  readonly #kept: boolean;
  readonly #target: string;
  readonly #file: Deno.FsFile;
  #hash: Hash = createHash("md5");
  #note: PartialNote | null = null;
  /** Bytes that it has. */
  bytes = 0;
  /** Those of them that were here before this download. */
  resumedBytes = 0;
  /** How many answers they came by. */
  answers = 0;

  private constructor(target: string, { path, file, kept }: { path: string; file: Deno.FsFile; kept: boolean }) {
    [this.#target, this.path, this.#file, this.#kept] = [target, path, file, kept];
  }

  /** What there is of a file from an address, or an empty beginning; `signal` ends the reading of it. */
  static async open(target: string, url: string, signal?: AbortSignal): Promise<PartialFile> {
    const path = `${target}${partialSuffix}`;
    const file = await lockedFile(path);
    if (file === null) return await PartialFile.#alone(target);
    const partial = new PartialFile(target, { path, file, kept: true });
    try {
      await partial.#resume(url, signal);
      return partial;
    } catch (error) {
      partial[Symbol.dispose]();
      throw error;
    }
  }

  static async #alone(target: string): Promise<PartialFile> {
    const path = ownPartial(target);
    const file = await Deno.open(path, { read: true, write: true, createNew: true });
    // It ends with the process, however that ends. Some drives have no locks; there nobody sweeps either.
    await file.tryLock(true).catch(() => {});
    return new PartialFile(target, { path, file, kept: false });
  }

  get #noteFile(): string {
    return `${this.path}.json`;
  }

  /** What is known of the bytes; null where nothing is. */
  get note(): PartialNote | null {
    return this.#note;
  }

  /** Whether a later download can go on with what is here. */
  get resumable(): boolean {
    return this.#kept && this.bytes > 0;
  }

  async #resume(url: string, signal?: AbortSignal): Promise<void> {
    const note = noteIn(await readRegularText(this.#noteFile).catch(() => ""));
    const { size } = await this.#file.stat();
    if (note?.url !== url || size > (note.expectedBytes ?? Infinity)) return await this.restart();
    const buffer = new Uint8Array(hashed);
    while (true) {
      signal?.throwIfAborted();
      const count = await this.#file.read(buffer);
      if (count === null) break;
      this.#hash.update(buffer.subarray(0, count));
      this.bytes += count;
    }
    this.#note = note;
    this.resumedBytes = this.bytes;
    this.answers = this.bytes > 0 ? 1 : 0;
  }

  /** Notes what the server says of the file. */
  async remember(note: PartialNote): Promise<void> {
    if (JSON.stringify(note) === JSON.stringify(this.#note)) return;
    this.#note = note;
    if (!this.#kept) return;
    const text = new TextEncoder().encode(`${JSON.stringify(note)}\n`);
    // Who has the lock is alone here; a name of which nobody thinks that it was left behind.
    const fresh = `${this.#noteFile}.new`;
    // A link would be followed.
    await removeIfThere(fresh);
    await writeFileAtomic(this.#noteFile, [text], fresh);
  }

  /** Forgets all that came. */
  async restart(): Promise<void> {
    if ((await this.#file.stat()).size > 0) await this.#file.truncate(0);
    await this.#file.seek(0, Deno.SeekMode.Start);
    this.#hash = createHash("md5");
    this.#note = null;
    [this.bytes, this.resumedBytes, this.answers] = [0, 0, 0];
  }

  /** Adds what came. */
  async write(part: Uint8Array): Promise<void> {
    for (let at = 0; at < part.length;) {
      const count = await this.#file.write(part.subarray(at));
      this.#hash.update(part.subarray(at, at + count));
      [at, this.bytes] = [at + count, this.bytes + count];
    }
  }

  /** The first bytes, as many as there are of so many. */
  async beginning(count: number): Promise<Uint8Array> {
    await this.#file.seek(0, Deno.SeekMode.Start);
    const buffer = new Uint8Array(count);
    const read = await this.#file.read(buffer) ?? 0;
    await this.#file.seek(0, Deno.SeekMode.End);
    return buffer.subarray(0, read);
  }

  /** MD5 of the bytes, in hex. */
  md5(): string {
    return this.#hash.copy().digest("hex");
  }

  /** Gives the file its name, once all of it is on the disk. */
  async commit(): Promise<void> {
    await this.#file.sync();
    await Deno.rename(this.path, this.#target);
    if (this.#kept) await removeIfThere(this.#noteFile);
    await syncFolder(dirname(this.#target));
  }

  /** Removes it. */
  async remove(): Promise<void> {
    for (const path of [this.path, ...(this.#kept ? [this.#noteFile] : [])]) await removeIfThere(path).catch(() => {});
  }

  [Symbol.dispose](): void {
    this.#file.close();
  }
}

/** Refuses to write through a link, and into what is no file: what it leads to would be lost. */
async function requireNoOther(path: string): Promise<void> {
  const about = await Deno.lstat(path).catch(() => null);
  if (about === null || about.isFile) return;
  const what = about.isSymlink ? "a link" : about.isDirectory ? "a folder" : "no regular file";
  throw new FileError(`Expected "${shown(path)}" as a file to download into, got ${what}: remove it`);
}

/** A file under a lock of its own; null where somebody else has that, or the drive has no locks. */
async function lockedFile(path: string): Promise<Deno.FsFile | null> {
  while (true) {
    await requireNoOther(path);
    const file = await Deno.open(path, { read: true, write: true, create: true });
    try {
      if (!await file.tryLock(true).catch(() => false)) {
        file.close();
        return null;
      }
      // One that ended meanwhile has renamed or removed what was opened here.
      const [own, there] = [await file.stat(), await Deno.lstat(path).catch(() => null)];
      if (there !== null && there.ino === own.ino && there.dev === own.dev) return file;
    } catch (error) {
      file.close();
      throw error;
    }
    file.close();
  }
}

/** Removes what downloads of a file have left that nobody can go on with: their processes were killed, nobody holds the lock. */
export async function sweepPartials(file: string): Promise<void> {
  const base = basename(file);
  for await (const { name, isFile } of Deno.readDir(dirname(file))) {
    if (
      !isFile || !name.startsWith(`${base}.`) || !name.endsWith(partialSuffix) || name === `${base}${partialSuffix}`
    ) continue;
    const path = join(dirname(file), name);
    try {
      using left = await Deno.open(path);
      if (await left.tryLock(true)) await Deno.remove(path);
    } catch {
      // Gone meanwhile, or the drive has no locks: then it is left alone.
    }
  }
}
