/** Small files out of an archive, which is read as a stream as far as they are asked for. */
import { DataError } from "../ffi/errors.ts";
import { shown } from "../io/shown.ts";

const block = 512;
/** Bytes of a file that is taken, at most. */
const most = 2 ** 26;

/** A file of an archive. */
export interface TarFile {
  readonly path: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Bytes of a stream in pieces of any length. */
class Bytes {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  #part: Uint8Array = new Uint8Array();

  constructor(stream: ReadableStream<Uint8Array>) {
    this.#reader = stream.getReader();
  }

  /** Goes over so many bytes and gives them to `take`; false where the stream ends before. */
  async pass(count: number, take?: (part: Uint8Array) => void): Promise<boolean> {
    for (let left = count; left > 0;) {
      if (this.#part.length === 0) {
        const { done, value } = await this.#reader.read();
        if (done) return false;
        this.#part = value;
      }
      const own = this.#part.subarray(0, left);
      take?.(own);
      this.#part = this.#part.subarray(own.length);
      left -= own.length;
    }
    return true;
  }

  /** So many bytes; null where the stream ends before. */
  async take(count: number): Promise<Uint8Array<ArrayBuffer> | null> {
    const bytes = new Uint8Array(count);
    let at = 0;
    const isWhole = await this.pass(count, (part) => {
      bytes.set(part, at);
      at += part.length;
    });
    return isWhole ? bytes : null;
  }

  async end(): Promise<void> {
    await this.#reader.cancel().catch(() => {});
  }
}

function textOf(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}

/** The file's bytes, decompressed where it is gzip. */
async function contentsOf(path: string): Promise<ReadableStream<Uint8Array>> {
  const file = await Deno.open(path);
  const start = new Uint8Array(2);
  await file.read(start);
  await file.seek(0, Deno.SeekMode.Start);
  const isGzip = start[0] === 0x1f && start[1] === 0x8b;
  return isGzip ? file.readable.pipeThrough(new DecompressionStream("gzip")) : file.readable;
}

/** The files whose paths fit, from a `.tar` or `.tgz`, in the archive's order. */
export async function* filesInTar(
  archive: string,
  fits: (path: string) => boolean,
  { signal }: { signal?: AbortSignal } = {},
): AsyncGenerator<TarFile, void> {
  const bytes = new Bytes(await contentsOf(archive));
  try {
    while (true) {
      signal?.throwIfAborted();
      const header = await bytes.take(block);
      if (header === null || header.every((byte) => byte === 0)) return;
      const size = parseInt(textOf(header.subarray(124, 136)).trim() || "0", 8);
      if (!Number.isSafeInteger(size)) throw new DataError(`Cannot read "${shown(archive)}": a damaged entry`);
      const path = textOf(header.subarray(0, 100));
      const isFile = header[156] === 0 || header[156] === 0x30;
      const padded = Math.ceil(size / block) * block;
      if (isFile && size <= most && fits(path)) {
        const found = await bytes.take(size);
        if (found === null) return;
        yield { path, bytes: found };
        if (!await bytes.pass(padded - size)) return;
      } else if (!await bytes.pass(padded)) return;
    }
  } finally {
    await bytes.end();
  }
}

/** The first file whose path fits; null where none does. */
export async function findInTar(
  archive: string,
  fits: (path: string) => boolean,
  options: { signal?: AbortSignal } = {},
): Promise<TarFile | null> {
  for await (const file of filesInTar(archive, fits, options)) return file;
  return null;
}
