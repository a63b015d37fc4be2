/** Fetching an archive: in as many tries as it takes, each of which goes on where the last one broke off. */
import { kindOf, requireOptions, requireText } from "../tensor/ops/checks.ts";
import { createHash } from "node:crypto";
import { dirname } from "node:path";
import { DataError } from "../ffi/errors.ts";
import { shown } from "../io/shown.ts";
import { whole } from "./checks.ts";
import { Broken, request, type Wanted, WrongFile } from "./download_answer.ts";
import { PartialFile, sweepPartials } from "./partial_file.ts";

/** How far a download is. */
export interface DownloadProgress {
  /** Bytes that are here. */
  readonly bytes: number;
  /** Bytes in all; null where the server does not say. */
  readonly expectedBytes: number | null;
  /** Those of `bytes` that an earlier download had left, and that did not have to come again. */
  readonly resumedBytes: number;
}

/** What to fetch, and where it goes. */
export interface DownloadOptions {
  /** Where from. */
  readonly url: string;
  /** The file, whose folder is made. */
  readonly file: string;
  /** What its MD5 must be, in hex; null where nothing is known. */
  readonly md5: string | null;
  /** What kind of file it must be, by its first bytes: where no sum is known, a page of a proxy is told from an archive. */
  readonly kind?: "gzip";
  /** Bytes that it may have, whatever the server announces or sends; by default 16 GiB. */
  readonly mostBytes?: number;
  /** Ends it early; what came is kept for the next time. */
  readonly signal?: AbortSignal;
  /** Told after each part that came, and at first where there is a beginning already. */
  readonly onProgress?: (state: DownloadProgress) => void;
  /** Told why it tries again, and when. */
  readonly onRetry?: (line: string) => void;
  /** How often it tries again where the connection breaks or the server is busy; by default 8 times. */
  readonly retries?: number;
  /** Before the first time that it tries again, milliseconds, then twice as long each time, up to 30 s; by default 1000. */
  readonly wait?: number;
  /** Without a byte for so many milliseconds, the connection counts as broken; by default 60,000. */
  readonly timeout?: number;
  /** By default the global one. */
  readonly fetch?: (url: string, init: { signal?: AbortSignal; headers: Record<string, string> }) => Promise<Response>;
}

/** The longest pause, milliseconds. */
const longest = 30_000;

/** Bytes of a file unless more are allowed: ten times the largest known archive. */
const usual = 2 ** 34;

function check(options: DownloadOptions): void {
  requireOptions("download", options, "data.download({ url, file, md5: null })");
  for (const name of ["url", "file"] as const) requireText("download", name, options[name]);
  const { retries = 0, wait = 0, timeout = 1, mostBytes = 1, kind } = options;
  whole("download", "mostBytes", mostBytes, 1, Number.MAX_SAFE_INTEGER);
  if (kind !== undefined && kind !== "gzip") {
    throw new TypeError(`download(): Expected \`kind\` as "gzip", or none, got ${kindOf(kind)}`);
  }
  whole("download", "retries", retries, 0, 1000);
  whole("download", "wait", wait, 0, longest);
  whole("download", "timeout", timeout, 1, 2 ** 31 - 1);
}

/**
 * Downloads a file and gives its MD5. It appears under its name only once it is whole and its sum is right, of the kind
 * that it must be. What has come
 * when a connection breaks, the signal aborts or the process ends stays beside it, as `FILE.partial`, and the next try or
 * the next call goes on there, where the server has still the same file (Range with If-Range). Else a DataError says what
 * was wrong; where `FILE.partial` is a link or no file, nothing is written. Others may download the same at the same time.
 */
export async function download(options: DownloadOptions): Promise<string> {
  check(options);
  const { url, file, md5, signal, onProgress, fetch: get = fetch, timeout = 60_000, mostBytes: most = usual } = options;
  signal?.throwIfAborted();
  await Deno.mkdir(dirname(file), { recursive: true });
  await sweepPartials(file);
  using partial = await PartialFile.open(file, url, signal);
  const tell = (): void => {
    const { bytes, resumedBytes, note } = partial;
    onProgress?.({ bytes, resumedBytes, expectedBytes: note?.expectedBytes ?? null });
  };
  const wanted: Wanted = { url, get, timeout, signal, most, trusted: md5 !== null, tell };
  try {
    if (partial.bytes > 0) tell();
    const isWhole = partial.bytes === partial.note?.expectedBytes && partial.md5() === md5;
    if (!isWhole) await tryAgain(options, () => getWhole(partial, wanted, md5));
    const found = partial.md5();
    if (options.kind === "gzip") await requireGzip(partial, url);
    await partial.commit();
    return found;
  } catch (error) {
    if (!partial.resumable || error instanceof WrongFile) await partial.remove();
    signal?.throwIfAborted();
    throw told(error, url, partial);
  }
}

/** Refuses what does not begin as a gzip file does (RFC 1952). */
async function requireGzip(partial: PartialFile, url: string): Promise<void> {
  const first = await partial.beginning(40);
  if (first[0] === 0x1f && first[1] === 0x8b) return;
  const text = new TextDecoder().decode(first).split("\n", 1)[0]!;
  const got = first.length === 0
    ? "0 bytes"
    : `${partial.bytes} bytes of something else, which begin with "${shown(text)}"`;
  throw new WrongFile(
    `Expected ${url} to be a gzip archive, got ${got}: a proxy or a sign-in page may have answered: open the address in a ` +
      "browser, or give the path of an archive that is here",
  );
}

/** One try: the rest of the file, whose sum is then right. */
async function getWhole(partial: PartialFile, wanted: Wanted, md5: string | null): Promise<void> {
  await request(partial, wanted);
  const found = partial.md5();
  if (md5 === null || found === md5) return;
  if (partial.answers > 1 || partial.resumedBytes > 0) {
    // Which of the parts was wrong nobody can tell.
    await partial.restart();
    throw new Broken(`what came in parts has the MD5 ${found} and not ${md5}, so that all of it has to come again`);
  }
  throw new WrongFile(`Expected ${wanted.url} to have the MD5 ${md5}, got ${found}: it was damaged or replaced`);
}

async function tryAgain(
  { retries = 8, wait = 1000, signal, onRetry }: DownloadOptions,
  attempt: () => Promise<void>,
): Promise<void> {
  for (let round = 0;; round++) {
    try {
      return await attempt();
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof Broken)) throw error;
      if (round >= retries) throw round === 0 ? error : new Broken(`${error.message}, after ${round + 1} tries`);
      const pause = Math.max(Math.min(wait * 2 ** round, longest), error.wait);
      onRetry?.(`download: ${error.message}; trying again in ${pause / 1000} s (${round + 1} of ${retries})`);
      await sleep(pause, signal);
    }
  }
}

async function sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, milliseconds);
  const stop = (): void => resolve();
  signal?.addEventListener("abort", stop);
  await promise;
  clearTimeout(timer);
  signal?.removeEventListener("abort", stop);
  signal?.throwIfAborted();
}

/** An error as whoever asked for the file should read it. */
function told(error: unknown, url: string, partial: PartialFile): unknown {
  if (error instanceof WrongFile) return error;
  if (!(error instanceof DataError)) return error;
  const { bytes, note, path } = partial;
  const all = note?.expectedBytes ?? null;
  const kept = partial.resumable
    ? `: it goes on after the ${bytes}${all === null ? "" : ` of ${all}`} bytes in "${shown(path)}"`
    : "";
  return new DataError(
    `Cannot download ${url}: ${error.message}. Try again${kept}, or give the path of an archive that is here`,
    { cause: error.cause ?? error },
  );
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
