/** The file of a job's events: what is in it has happened, and nothing else has. */
import { FileError } from "../../io/atomic_file.ts";
import { requireRegularFile } from "../../io/regular_file.ts";
import type { JobEvent, JobEvents, JobEventType } from "./events.ts";

/** Bytes that are read at a time, from the end on. */
const chunkBytes = 65_536;

const newline = 0x0a;

/** How events are made and told. */
export interface EventsOptions {
  /** The job's name. */
  readonly job: string;
  /** Told each event once it is in the file. */
  readonly onEvent?: (event: JobEvent) => void | Promise<void>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** The bytes of the last whole line, and where it ends; what comes after was being written as a process was killed. */
async function lastLine(file: Deno.FsFile, size: number): Promise<{ line: string; end: number }> {
  let bytes = new Uint8Array(0);
  for (let from = size; from > 0;) {
    const count = Math.min(chunkBytes, from);
    from -= count;
    const longer = new Uint8Array(count + bytes.length);
    await file.seek(from, Deno.SeekMode.Start);
    for (let at = 0; at < count;) {
      const read = await file.read(longer.subarray(at, count));
      if (read === null) throw new FileError("Cannot read a job's events: the file was cut while it was read");
      at += read;
    }
    longer.set(bytes, count);
    bytes = longer;
    const end = bytes.lastIndexOf(newline);
    if (end < 0) continue;
    const before = end === 0 ? -1 : bytes.lastIndexOf(newline, end - 1);
    if (before < 0 && from > 0) continue;
    return { line: new TextDecoder().decode(bytes.subarray(before + 1, end)), end: from + end + 1 };
  }
  return { line: "", end: 0 };
}

function parsedEvent(path: string, line: string): JobEvent {
  try {
    const event = JSON.parse(line) as JobEvent;
    const counts = [event?.n, event?.attempt].every((count) => Number.isSafeInteger(count) && count > 0);
    if (counts && typeof event.type === "string") return event;
  } catch {
    // Told below, as every other line that is no event.
  }
  throw new FileError(
    `Expected the last line of "${path}" as an event, got ${JSON.stringify(line.slice(0, 60))}: restore the file, or ` +
      "begin anew in another `output`",
  );
}

/**
 * Appends events, each with a number of its own that goes on over all attempts: first a whole line in the file, synced, then
 * told. On a full disk events wait for the next one, and are told once they are in the file; {@linkcode close} rejects where
 * they never came there.
 */
export class EventsFile {
  /** Its path. */
  readonly path: string;
  /** The event that was last when the file was opened; undefined in a new one. */
  readonly last: JobEvent | undefined;
  readonly #file: Deno.FsFile;
  readonly #options: EventsOptions;
  readonly #attempt: number;
  #size: number;
  #n: number;
  #waiting: JobEvent[] = [];
  #work: Promise<void> = Promise.resolve();
  #told: FileError | undefined;
  #error: { readonly error: unknown } | undefined;

  private constructor(
    path: string,
    file: Deno.FsFile,
    size: number,
    last: JobEvent | undefined,
    options: EventsOptions,
  ) {
    this.path = path;
    this.#file = file;
    this.#size = size;
    this.last = last;
    this.#n = last?.n ?? 0;
    this.#attempt = (last?.attempt ?? 0) + 1;
    this.#options = options;
  }

  /** Opens the file for another attempt, or makes it; what a killed process has left of a line is cut off. */
  static async open(path: string, options: EventsOptions): Promise<EventsFile> {
    await requireRegularFile(path);
    const file = await Deno.open(path, { read: true, write: true, create: true });
    try {
      const { size } = await file.stat();
      const { line, end } = await lastLine(file, size);
      if (end < size) await file.truncate(end);
      await file.seek(end, Deno.SeekMode.Start);
      return new EventsFile(path, file, end, end === 0 ? undefined : parsedEvent(path, line), options);
    } catch (error) {
      file.close();
      throw error;
    }
  }

  /** Which attempt this is, from 1. */
  get attempt(): number {
    return this.#attempt;
  }

  /** The number of the last event. */
  get n(): number {
    return this.#n;
  }

  /** Adds an event; resolves once it is in the file and was told. */
  async add<Type extends JobEventType>(type: Type, values: JobEvents[Type]): Promise<void> {
    this.tell(type, values);
    await this.#work;
    this.#rethrow();
  }

  /** Adds an event without waiting: what fails is thrown by the next call that waits. */
  tell<Type extends JobEventType>(type: Type, values: JobEvents[Type]): void {
    const { job, now } = this.#options;
    const time = new Date(now()).toISOString();
    const event = { n: ++this.#n, time, job, attempt: this.#attempt, type, ...values };
    this.#waiting.push(event as unknown as JobEvent);
    this.#work = this.#work.then(() => this.#write()).catch((error) => void (this.#error ??= { error }));
  }

  /** Ends it; rejects where events could not be written. */
  async close(): Promise<void> {
    try {
      await this.#work;
      await this.#write();
      this.#rethrow();
      if (this.#waiting.length > 0) throw this.#told!;
    } finally {
      this.#file.close();
    }
  }

  #rethrow(): void {
    const failed = this.#error;
    this.#error = undefined;
    if (failed !== undefined) throw failed.error;
  }

  /** Writes what waits: all of it, or nothing. */
  async #write(): Promise<void> {
    if (this.#waiting.length === 0) return;
    const events = this.#waiting;
    const bytes = new TextEncoder().encode(events.map((event) => `${JSON.stringify(event)}\n`).join(""));
    try {
      await this.#file.seek(this.#size, Deno.SeekMode.Start);
      for (let at = 0; at < bytes.length;) at += await this.#file.write(bytes.subarray(at));
      await this.#file.syncData();
    } catch (error) {
      await this.#file.truncate(this.#size).catch(() => {});
      const reason = error instanceof Error ? error.message : String(error);
      this.#told = new FileError(`Cannot write "${this.path}": ${reason}: free some space, and run the job again`, {
        cause: error,
      });
      return;
    }
    this.#size += bytes.length;
    this.#waiting = this.#waiting.slice(events.length);
    for (const event of events) await this.#options.onEvent?.(event);
  }
}
