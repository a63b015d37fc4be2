/** Reading files that somebody names: regular ones, up to a size. */
import { FileError } from "./atomic_file.ts";

/** Bytes of an image, and of most other files: 256 MiB. */
const usual = 256 * 2 ** 20;

/** Bytes of a file of weights that is read in one piece: 8 GiB. */
export const weightBytes = 8 * 2 ** 30;

/** How much to take. */
export interface ReadOptions {
  /** Bytes of the file, at most; by default 256 MiB. */
  most?: number;
}

function kindOf(about: Deno.FileInfo): string {
  if (about.isDirectory) return "a folder";
  if (about.isFifo) return "a named pipe";
  if (about.isSocket) return "a socket";
  return about.isCharDevice || about.isBlockDevice ? "a device" : "something else";
}

function mebibytes(bytes: number): string {
  return `${Math.ceil(bytes / 2 ** 20).toLocaleString("en")} MiB`;
}

function check(path: string, about: Deno.FileInfo, most: number): void {
  if (!about.isFile) throw new FileError(`Expected a regular file, got ${kindOf(about)}: "${path}"`);
  if (about.size > most) {
    throw new FileError(`Expected a file of at most ${mebibytes(most)}, got ${mebibytes(about.size)}: "${path}"`);
  }
}

/** Throws a FileError for what is there and is no regular file, before it is opened to write. */
export async function requireRegularFile(path: string): Promise<void> {
  try {
    check(path, await Deno.stat(path), Infinity);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory)) throw error;
  }
}

/**
 * Opens a file to read. Throws a FileError for what is no regular file, or too large, and Deno's errors where it cannot be
 * opened. It is looked at before, since opening a named pipe waits for somebody to write, and after, as it may be another
 * one by then.
 */
export async function openRegularFile(path: string, { most = Infinity }: ReadOptions = {}): Promise<Deno.FsFile> {
  check(path, await Deno.stat(path), most);
  const file = await Deno.open(path);
  try {
    check(path, await file.stat(), most);
  } catch (error) {
    file.close();
    throw error;
  }
  return file;
}

/**
 * The bytes of a file; throws what {@linkcode openRegularFile} throws, and a FileError where it grows beyond its limit while
 * it is read.
 */
export async function readRegularFile(
  path: string,
  { most = usual }: ReadOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  using file = await openRegularFile(path, { most });
  const { size } = await file.stat();
  // One byte more shows that the file has ended where it said.
  let bytes = new Uint8Array(size + 1);
  let length = 0;
  while (true) {
    const count = await file.read(bytes.subarray(length));
    if (count === null) return bytes.subarray(0, length);
    length += count;
    if (length > most) throw new FileError(`Expected a file of at most ${mebibytes(most)}, got more: "${path}"`);
    if (length === bytes.length) {
      const longer = new Uint8Array(Math.min(2 * length, most + 1));
      longer.set(bytes);
      bytes = longer;
    }
  }
}

/** The text of a file, as {@linkcode readRegularFile} reads it. */
export async function readRegularText(path: string, options: ReadOptions = {}): Promise<string> {
  return new TextDecoder().decode(await readRegularFile(path, options));
}
