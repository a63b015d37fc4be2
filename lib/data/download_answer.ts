/** One request of a download, and what to make of the answer. */
import { DataError } from "../ffi/errors.ts";
import type { PartialFile, PartialNote } from "./partial_file.ts";

/** What another try may put right. */
export class Broken extends DataError {
  /** Milliseconds that the server asks to be left alone. */
  readonly wait: number;

  constructor(message: string, { wait = 0, cause }: { wait?: number; cause?: unknown } = {}) {
    super(message, { cause });
    this.wait = wait;
  }
}

/** What no other try puts right: the server has another file than the one that is wanted. */
export class WrongFile extends DataError {}

/** What is asked for. */
export interface Wanted {
  readonly url: string;
  readonly get: (url: string, init: { signal?: AbortSignal; headers: Record<string, string> }) => Promise<Response>;
  /** Milliseconds without a byte. */
  readonly timeout: number;
  readonly signal?: AbortSignal;
  /** Bytes of the file, at most. */
  readonly most: number;
  /** Whether a known sum tells in the end that the parts belong together. */
  readonly trusted: boolean;
  /** Called after each part. */
  readonly tell: () => void;
}

/** What a server says when it is busy, or something behind it is. */
const passing = [408, 425, 429, 500, 502, 503, 504];

/** The longest pause that a server may ask for, milliseconds. */
const longest = 60_000;

/** Asks for what a file still lacks, and adds it; throws a {@linkcode Broken} for what another try may put right. */
export async function request(partial: PartialFile, wanted: Wanted): Promise<void> {
  const { url, get, timeout, signal } = wanted;
  const same = partial.note?.etag ?? partial.note?.lastModified ?? null;
  // Nothing would tell that the rest belongs to the same file.
  if (partial.bytes > 0 && same === null && !wanted.trusted) await partial.restart();
  // Compressed on the way, bytes would have other places and another number.
  const headers: Record<string, string> = { "accept-encoding": "identity" };
  if (partial.bytes > 0) {
    headers.range = `bytes=${partial.bytes}-`;
    if (same !== null) headers["if-range"] = same;
  }
  const quiet = new Quiet(timeout, signal);
  try {
    const response = await quiet.within(get(url, { signal: quiet.signal, headers }));
    const body = await accepted(response, partial, wanted);
    if (body !== null) await take(body, partial, wanted, quiet);
  } finally {
    quiet.end();
  }
}

/** Ends a request that has gone quiet. */
class Quiet {
  readonly #stop = new AbortController();
  readonly #milliseconds: number;
  readonly #given: AbortSignal | undefined;
  readonly signal: AbortSignal;

  constructor(milliseconds: number, given?: AbortSignal) {
    this.#milliseconds = milliseconds;
    this.#given = given;
    this.signal = given === undefined ? this.#stop.signal : AbortSignal.any([given, this.#stop.signal]);
  }

  /** What the network gives, in time; what it throws is Broken, but for the signal and where the script may not go. */
  async within<Given>(given: Promise<Given>): Promise<Given> {
    const { promise, reject } = Promise.withResolvers<never>();
    const late = new Broken(`no byte came for ${this.#milliseconds / 1000} s`);
    const timer = setTimeout(() => reject(late), this.#milliseconds);
    try {
      return await Promise.race([given, promise]);
    } catch (error) {
      if (error === late) {
        given.catch(() => {});
        throw late;
      }
      this.#given?.throwIfAborted();
      const { message } = error as Error;
      if (error instanceof Deno.errors.NotCapable) {
        throw new DataError(`this script may not reach it, or where it leads to (${message})`, { cause: error });
      }
      throw new Broken(message, { cause: error });
    } finally {
      clearTimeout(timer);
    }
  }

  /** Lets go of the connection. */
  end(): void {
    this.#stop.abort();
  }
}

function count(text: string | null): number | null {
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : null;
}

/** What the server says of the whole file. */
function noteOf({ headers }: Response, url: string, expectedBytes: number | null): PartialNote {
  const etag = headers.get("etag");
  return {
    url,
    // A weak one says that files are alike, not that their bytes are the same.
    etag: etag?.startsWith('"') ? etag : null,
    lastModified: headers.get("last-modified"),
    expectedBytes,
  };
}

/** The body, if the answer is what was asked for; null where the file is whole already. */
async function accepted(
  response: Response,
  partial: PartialFile,
  { url, most }: Wanted,
): Promise<ReadableStream<Uint8Array> | null> {
  const { status, statusText, headers, body } = response;
  const refuse = async (error: Error): Promise<never> => {
    await body?.cancel().catch(() => {});
    throw error;
  };
  const answered = `the server answered ${status}${statusText === "" ? "" : ` ${statusText}`}`;
  if (status === 206 && partial.bytes > 0) {
    const range = headers.get("content-range") ?? "none";
    if (body !== null && fits(response, partial)) {
      partial.answers++;
      return body;
    }
    const { bytes } = partial;
    await partial.restart();
    return await refuse(
      new Broken(`asked for the bytes from ${bytes} on, the server gave other ones (Content-Range: ${range})`),
    );
  }
  if (status === 200 && body !== null) {
    // It knows no ranges, or has another file by now.
    if (partial.bytes > 0) await partial.restart();
    partial.answers = 1;
    const announced = count(headers.get("content-length"));
    if (announced !== null && announced > most) return await refuse(tooLarge(url, most, announced));
    await partial.remember(noteOf(response, url, announced));
    return body;
  }
  if (status === 416 && partial.bytes > 0) {
    const [, all = null] = /^bytes \*\/(\d+)$/.exec(headers.get("content-range") ?? "") ?? [];
    const { bytes, note } = partial;
    const known = note?.expectedBytes ?? count(all);
    if (bytes === known && bytes === (count(all) ?? bytes)) {
      await body?.cancel().catch(() => {});
      return null;
    }
    await partial.restart();
    const has = all === null ? "" : `, it has ${all}`;
    return await refuse(
      new Broken(`${answered} to the bytes from ${bytes} on of ${note?.expectedBytes ?? "an unknown number"}${has}`),
    );
  }
  if (!passing.includes(status)) return await refuse(new DataError(answered));
  const wait = Math.min(1000 * (count(headers.get("retry-after")) ?? 0), longest);
  return await refuse(new Broken(answered, { wait }));
}

/** Whether a part is the rest of the same file. */
function fits({ headers }: Response, { bytes, note }: PartialFile): boolean {
  const [, first, last, all] = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(headers.get("content-range") ?? "") ?? [];
  if (first === undefined || Number(first) !== bytes) return false;
  const expected = note?.expectedBytes ?? null;
  const whole = all === "*" ? expected : count(all!);
  if (whole === null || (expected !== null && whole !== expected)) return false;
  const isAs = (now: string | null, before: string | null = null): boolean =>
    now === null || before === null || now === before;
  return Number(last) === whole - 1 && isAs(headers.get("etag"), note?.etag) &&
    isAs(headers.get("last-modified"), note?.lastModified);
}

function tooLarge(url: string, most: number, got: number | "more"): WrongFile {
  return new WrongFile(`Expected ${url} to have at most ${most} bytes, got ${got}: raise \`mostBytes\` if it is right`);
}

/** Adds what comes. */
async function take(
  body: ReadableStream<Uint8Array>,
  partial: PartialFile,
  { url, most, tell }: Wanted,
  quiet: Quiet,
): Promise<void> {
  const reader = body.getReader();
  const expected = partial.note?.expectedBytes ?? null;
  try {
    while (true) {
      const { done, value } = await quiet.within(reader.read()).catch((error) => {
        if (!(error instanceof Broken)) throw error;
        const all = expected === null ? "" : ` of ${expected}`;
        throw new Broken(`the connection broke after ${partial.bytes}${all} bytes (${error.message})`, {
          cause: error.cause,
        });
      });
      if (done) break;
      if (expected !== null && partial.bytes + value.length > expected) {
        await partial.restart();
        throw new Broken(`more came than the ${expected} bytes that the server had announced`);
      }
      if (partial.bytes + value.length > most) throw tooLarge(url, most, "more");
      await write(partial, value);
      tell();
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
  if (expected !== null && partial.bytes !== expected) {
    throw new Broken(`it ended after ${partial.bytes} of ${expected} bytes`);
  }
}

async function write(partial: PartialFile, part: Uint8Array): Promise<void> {
  try {
    await partial.write(part);
  } catch (error) {
    throw new DataError(`${(error as Error).message}: free some space, or choose another folder`, { cause: error });
  }
}
