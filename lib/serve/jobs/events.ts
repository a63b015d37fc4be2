/** The events of a job, as its process appends them to its file. */

/** An event as it is read: of whichever version of this library wrote it, so that its type may be an unknown one. */
export interface ReadEvent {
  /** Counts from 1, over all processes of a job. */
  readonly n: number;
  /** What happened. */
  readonly type: string;
  /** What belongs to it. */
  readonly [name: string]: unknown;
}

/** A line of the file with the event in it. */
export interface EventLine {
  readonly event: ReadEvent;
  /** The JSON as it stands in the file. */
  readonly text: string;
}

/** Bytes that are read at once, and the longest line. */
const [chunkBytes, lineBytes] = [64 * 1024, 16 * 1024 * 1024];

/**
 * Reads a file of events from its beginning on as it grows. A line counts once its end is there: what a process that was
 * killed has written of its last one is cut off by the next process, and was never told.
 */
export class EventReader {
  readonly #path: string;
  #offset = 0;

  constructor(path: string) {
    this.#path = path;
  }

  /**
   * Begins not long before the event that comes after a number. Numbers only grow, so each look halves what is left: a job of
   * days has more events than a client that comes again should wait for.
   */
  async skip(after: number): Promise<void> {
    using file = await this.#opened();
    if (file === undefined) return;
    let [from, to] = [0, (await file.stat()).size];
    while (to - from > chunkBytes) {
      const middle = Math.floor((from + to) / 2);
      const bytes = await readAt(file, middle, chunkBytes);
      // The first whole line: what is none, or longer, is left to who reads on from before it.
      const begin = bytes.indexOf(10) + 1;
      const end = bytes.indexOf(10, begin);
      const found = begin === 0 || end < 0 ? [] : lineOf(new TextDecoder().decode(bytes.subarray(begin, end)));
      if (found.length === 1 && found[0]!.event.n <= after) from = middle + begin;
      else to = middle;
    }
    this.#offset = from;
  }

  async #opened(): Promise<Deno.FsFile | undefined> {
    try {
      return await Deno.open(this.#path);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return undefined;
      throw error;
    }
  }

  /** The next events, in their order; none where there is nothing new yet, or no file. */
  async next(): Promise<EventLine[]> {
    using opened = await this.#opened();
    if (opened === undefined) return [];
    for (let size = chunkBytes; size <= lineBytes; size *= 4) {
      const bytes = await readAt(opened, this.#offset, size);
      const end = bytes.lastIndexOf(10) + 1;
      if (end > 0) {
        this.#offset += end;
        return new TextDecoder().decode(bytes.subarray(0, end - 1)).split("\n").flatMap(lineOf);
      }
      if (bytes.length < size) return [];
    }
    throw new Error(`Expected lines of at most ${lineBytes} bytes in "${this.#path}", got a longer one`);
  }
}

async function readAt(file: Deno.FsFile, offset: number, size: number): Promise<Uint8Array> {
  await file.seek(offset, Deno.SeekMode.Start);
  const buffer = new Uint8Array(size);
  let length = 0;
  while (length < size) {
    const count = await file.read(buffer.subarray(length));
    if (count === null) break;
    length += count;
  }
  return buffer.subarray(0, length);
}

function lineOf(text: string): EventLine[] {
  try {
    const event = JSON.parse(text);
    return Number.isInteger(event.n) && typeof event.type === "string" ? [{ event, text }] : [];
  } catch {
    // A disk's damage; the numbers show that one is missing.
    return [];
  }
}

/** Lets several wait for something to happen, however often it does. */
export class Happening {
  readonly #waiting = new Set<() => void>();

  /** Wakes all who wait. */
  happened(): void {
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }

  /** Waits until it happens, or for some time, or until the signal aborts. */
  async wait(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    this.#waiting.add(resolve);
    const aborted = (): void => resolve();
    signal?.addEventListener("abort", aborted);
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", aborted);
      this.#waiting.delete(resolve);
    }
  }
}
