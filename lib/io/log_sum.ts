/** Sums over a text file that grows by lines: by them a change is seen, and where it begins. */
import { createHash, type Hash } from "node:crypto";

/** What a log was at some moment; what came after it does not count. */
export interface LogSum {
  /** Whole lines. */
  readonly lines: number;
  /** Their length in bytes. */
  readonly bytes: number;
  /** SHA-256 of these bytes, in hex. */
  readonly sha256: string;
  /** Lines from one mark to the next. */
  readonly every: number;
  /** The beginning of the SHA-256 of all bytes up to each mark. */
  readonly marks: readonly string[];
}

/** Marks that are kept: with more lines they are set further apart. */
const mostMarks = 64;

/** Hexadecimal digits of a mark. */
const markDigits = 16;

/** The sum of lines as they come. */
export class RunningSum {
  readonly #hash: Hash = createHash("sha256");
  #lines = 0;
  #bytes = 0;
  #every: number;
  #marks: string[] = [];
  readonly #most: number;

  /** `every` is from an earlier sum, to be compared with it mark by mark. */
  constructor(every?: number) {
    this.#every = every ?? 1;
    this.#most = every === undefined ? mostMarks : Infinity;
  }

  /** Whole lines so far. */
  get lines(): number {
    return this.#lines;
  }

  /** Takes text of whole lines. */
  add(text: string): this {
    const lines = text.split("\n").slice(0, -1);
    for (let at = 0; at < lines.length;) {
      // As many at once as there are up to the next mark.
      const upTo = lines.slice(at, at + this.#every - this.#lines % this.#every);
      this.#take(upTo);
      at += upTo.length;
    }
    return this;
  }

  #take(lines: readonly string[]): void {
    const bytes = new TextEncoder().encode(lines.map((line) => `${line}\n`).join(""));
    this.#hash.update(bytes);
    this.#lines += lines.length;
    this.#bytes += bytes.length;
    if (this.#lines % this.#every !== 0) return;
    this.#marks.push(this.#digest().slice(0, markDigits));
    if (this.#marks.length < this.#most) return;
    this.#marks = this.#marks.filter((_, at) => at % 2 === 1);
    this.#every *= 2;
  }

  #digest(): string {
    return this.#hash.copy().digest("hex");
  }

  /** The sum of the lines so far. */
  sum(): LogSum {
    return {
      lines: this.#lines,
      bytes: this.#bytes,
      sha256: this.#digest(),
      every: this.#every,
      marks: [...this.#marks],
    };
  }
}

/** Whether a value from a file is a sum; one that is not says nothing. */
export function isLogSum(value: unknown): value is LogSum {
  const { lines, bytes, sha256, every, marks } = (value ?? {}) as Partial<Record<keyof LogSum, unknown>>;
  return [lines, bytes].every((count) => Number.isSafeInteger(count) && (count as number) >= 0) &&
    Number.isSafeInteger(every) && (every as number) > 0 && typeof sha256 === "string" && Array.isArray(marks);
}

/**
 * What a log's text has become since its sum was taken, in words: `line 3 differs`, `a line from 65 to 66 differs`,
 * `it ends after line 2 of 9`; undefined where it is as it was, with or without more lines after these.
 */
export function changeSince({ lines, bytes, sha256, every, marks }: LogSum, text: string): string | undefined {
  const now = new TextEncoder().encode(text);
  if (now.length >= bytes && createHash("sha256").update(now.subarray(0, bytes)).digest("hex") === sha256) {
    return undefined;
  }
  const running = new RunningSum(every).add(text);
  const found = running.sum().marks;
  const wrong = marks.findIndex((mark, at) => found[at] !== mark);
  const first = (wrong < 0 ? marks.length : wrong) * every + 1;
  if (running.lines < lines && (wrong < 0 || wrong >= found.length)) {
    return `it ends after line ${running.lines} of ${lines}`;
  }
  const last = Math.min(first + every - 1, lines);
  return first >= last ? `line ${Math.min(first, lines)} differs` : `a line from ${first} to ${last} differs`;
}
