/** Text files that grow by lines. */
import { FileError, writeFileAtomic } from "./atomic_file.ts";
import { readRegularText, requireRegularFile } from "./regular_file.ts";
import { changeSince, type LogSum, RunningSum } from "./log_sum.ts";

/**
 * A file to which lines are added. A line that cannot be written, say on a full disk, is kept and tried again with the
 * next, so a training need not end for it; no line is ever there in part for long. A sum is kept over what was written.
 */
export class LineFile {
  /** Its path. */
  readonly path: string;
  readonly #head: string | undefined;
  #waiting = "";
  /** Of the whole lines in the file; undefined until they are read. */
  #sum: RunningSum | undefined;

  /** The file need not be there yet; `head` is its first line, with which {@linkcode begin} and {@linkcode keep} make it. */
  constructor(path: string, { head }: { head?: string } = {}) {
    this.path = path;
    this.#head = head;
  }

  /** Lines that could not be written yet. */
  get waiting(): number {
    return this.#waiting.split("\n").length - 1;
  }

  /** Makes the file anew, with its first line alone. */
  async begin(): Promise<void> {
    const text = this.#head === undefined ? "" : `${this.#head}\n`;
    await Deno.writeTextFile(this.path, text);
    this.#sum = new RunningSum().add(text);
  }

  /** Adds text that ends with a line's end; gives the error where nothing could be written. */
  async add(text: string): Promise<Error | undefined> {
    this.#waiting += text;
    try {
      await appendWhole(this.path, this.#waiting);
      this.#sum?.add(this.#waiting);
      this.#waiting = "";
      return undefined;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      return new FileError(`Cannot write "${this.path}": ${reason}`, { cause: error });
    }
  }

  /**
   * Brings all lines onto the disk, also those that could not be written before; throws where it cannot. Gives how many
   * there are, without the first.
   */
  async sync(): Promise<number> {
    const error = await this.add("");
    if (error !== undefined) throw error;
    using file = await Deno.open(this.path);
    await file.sync();
    return (await this.sum()).lines - 1;
  }

  /** The sum of the lines that were written: of these alone, whatever somebody else has done to the file. */
  async sum(): Promise<LogSum> {
    this.#sum ??= new RunningSum().add(wholeLines(await textOf(this.path) ?? ""));
    return this.#sum.sum();
  }

  /** What is other than it was by a sum, in words; undefined where nothing is. */
  async changeSince(sum: LogSum): Promise<string | undefined> {
    const text = await textOf(this.path);
    return text === undefined && sum.lines > 0 ? "it is gone" : changeSince(sum, text ?? "");
  }

  /**
   * Makes the first line name these columns: a cell goes with its column's name, one whose column is new stays empty, and one
   * whose column is gone is left out. For cells without commas. Gives whether anything had to change.
   */
  async retitle(columns: readonly string[]): Promise<boolean> {
    const [title = "", ...rows] = (await textOf(this.path) || "\n").split("\n");
    if (title === columns.join()) return false;
    const before = title.split(",");
    const moved = rows.map((row) => {
      const cells = row.split(",");
      return row === "" ? "" : columns.map((column) => cells[before.indexOf(column)] ?? "").join();
    });
    await this.#rewrite([columns.join(), ...moved].join("\n"));
    return true;
  }

  /**
   * Keeps the first line and those that pass by their text and their number, from 1; a last line that was cut off by a
   * crash goes too. A file that has lost its first line, or is gone, gets that again.
   */
  async keep(passes: (line: string, number: number) => boolean): Promise<void> {
    const text = await textOf(this.path) ?? "";
    const whole = wholeLines(text).split("\n").slice(0, -1);
    const kept = whole.filter((line, at) => at === 0 || passes(line, at));
    const headed = this.#head !== undefined && kept.length === 0 ? [this.#head] : kept;
    const wanted = headed.map((line) => `${line}\n`).join("");
    // Bytes that are no text came as replacement characters, and would not give the text's sum.
    if (wanted === text && !text.includes("\ufffd")) this.#sum = new RunningSum().add(wanted);
    else await this.#rewrite(wanted);
  }

  async #rewrite(text: string): Promise<void> {
    this.#sum = undefined;
    await writeFileAtomic(this.path, [new TextEncoder().encode(text)]);
    this.#sum = new RunningSum().add(text);
  }
}

/** Bytes of a log that is read whole: 1 GiB, some ten million steps. */
const logBytes = 2 ** 30;

/** What follows the last line's end is no whole line. */
function wholeLines(text: string): string {
  return text.slice(0, text.lastIndexOf("\n") + 1);
}

async function textOf(path: string): Promise<string | undefined> {
  try {
    return await readRegularText(path, { most: logBytes });
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Appends all of a text, or nothing. */
async function appendWhole(path: string, text: string): Promise<void> {
  await requireRegularFile(path);
  using file = await Deno.open(path, { append: true, create: true });
  const { size } = await file.stat();
  const bytes = new TextEncoder().encode(text);
  try {
    for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
  } catch (error) {
    await file.truncate(size);
    throw error;
  }
}
