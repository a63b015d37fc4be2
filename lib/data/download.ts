/** Fetching an archive. */
import { requireOptions, requireText } from "../tensor/ops/checks.ts";
import { createHash } from "node:crypto";
import { basename, dirname, join } from "node:path";
import { DataError } from "../ffi/errors.ts";
import { ownPartial, partialSuffix, syncFolder } from "../io/atomic_file.ts";

/** How far a download is. */
export interface DownloadProgress {
  /** Bytes that came. */
  readonly bytes: number;
  /** Bytes in all; null where the server does not say. */
  readonly expectedBytes: number | null;
}

/** What to fetch, and where it goes. */
export interface DownloadOptions {
  /** Where from. */
  readonly url: string;
  /** The file, whose folder is made. */
  readonly file: string;
  /** What its MD5 must be, in hex; null where nothing is known. */
  readonly md5: string | null;
  /** Ends it early. */
  readonly signal?: AbortSignal;
  /** Told after each part that came. */
  readonly onProgress?: (state: DownloadProgress) => void;
  /** By default the global one. */
  readonly fetch?: (url: string, init: { signal?: AbortSignal }) => Promise<Response>;
}

/**
 * Downloads a file and gives its MD5. It appears under its name only once it is whole and its sum is right; else a
 * DataError says what was wrong, and nothing stays. Others may download the same at the same time.
 */
export async function download(options: DownloadOptions): Promise<string> {
  requireOptions("download", options, "data.download({ url, file, md5: null })");
  for (const name of ["url", "file"] as const) requireText("download", name, options[name]);
  const { url, file, md5, signal, onProgress, fetch: get = fetch } = options;
  await Deno.mkdir(dirname(file), { recursive: true });
  const response = await get(url, { signal }).catch((error: Error) => {
    signal?.throwIfAborted();
    throw new DataError(`Cannot download ${url}: ${error.message}${cure}`, { cause: error });
  });
  if (!response.ok || response.body === null) {
    await response.body?.cancel();
    throw new DataError(`Cannot download ${url}: the server answered ${response.status} ${response.statusText}${cure}`);
  }
  const length = response.headers.get("content-length");
  const expectedBytes = length === null ? null : Number(length);
  const partial = ownPartial(file);
  try {
    await sweep(file);
    const found = await write(response.body, partial, (bytes) => onProgress?.({ bytes, expectedBytes }));
    if (expectedBytes !== null && found.bytes !== expectedBytes) {
      throw new DataError(`Cannot download ${url}: it ended after ${found.bytes} of ${expectedBytes} bytes${cure}`);
    }
    if (md5 !== null && found.md5 !== md5) {
      throw new DataError(`Expected ${url} to have the MD5 ${md5}, got ${found.md5}: it was damaged or replaced`);
    }
    await Deno.rename(partial, file);
    await syncFolder(dirname(file));
    return found.md5;
  } catch (error) {
    await Deno.remove(partial).catch(() => {});
    signal?.throwIfAborted();
    if (error instanceof DataError) throw error;
    throw new DataError(`Cannot download ${url}: ${(error as Error).message}${cure}`, { cause: error });
  }
}

/** What to do about it. */
const cure = ". Try again, or give the path of an archive that is here";

/** Removes what downloads of a file have left whose process was killed: nobody holds their lock. */
async function sweep(file: string): Promise<void> {
  for await (const { name } of Deno.readDir(dirname(file))) {
    if (!name.startsWith(`${basename(file)}.`) || !name.endsWith(partialSuffix)) continue;
    const path = join(dirname(file), name);
    try {
      using left = await Deno.open(path);
      if (await left.tryLock(true)) await Deno.remove(path);
    } catch {
      // Gone meanwhile, or the drive has no locks: then it is left alone.
    }
  }
}

async function write(
  body: ReadableStream<Uint8Array>,
  path: string,
  onBytes: (bytes: number) => void,
): Promise<{ bytes: number; md5: string }> {
  using file = await Deno.open(path, { write: true, createNew: true });
  // It ends with the process, however that ends. Some drives have no locks; there nobody sweeps either.
  await file.tryLock(true).catch(() => {});
  const hash = createHash("md5");
  let bytes = 0;
  for await (const part of body) {
    hash.update(part);
    for (let at = 0; at < part.length;) at += await file.write(part.subarray(at));
    bytes += part.length;
    onBytes(bytes);
  }
  await file.sync();
  return { bytes, md5: hash.digest("hex") };
}

/** MD5 of a file, in hex. */
export async function md5Of(path: string, options: { signal?: AbortSignal } = {}): Promise<string> {
  const hash = createHash("md5");
  using file = await Deno.open(path);
  for await (const part of file.readable) {
    options.signal?.throwIfAborted();
    hash.update(part);
  }
  return hash.digest("hex");
}
