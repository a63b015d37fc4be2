/** Text files that grow by lines. */
import { FileError, writeFileAtomic } from "./atomic_file.ts";

/**
 * A file to which lines are added. A line that cannot be written, say on a full disk, is kept and tried again with the
 * next, so a training need not end for it; no line is ever there in part for long.
 */
export class LineFile {
  /** Its path. */
  readonly path: string;
  #waiting = "";
  /** Whole lines in the file; undefined until they are counted. */
  #lines: number | undefined;

  /** The file need not be there yet. */
  constructor(path: string) {
    this.path = path;
  }

  /** Adds text that ends with a line's end; gives the error where nothing could be written. */
  async add(text: string): Promise<Error | undefined> {
    this.#waiting += text;
    try {
      await appendWhole(this.path, this.#waiting);
      if (this.#lines !== undefined) this.#lines += linesIn(this.#waiting);
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
    this.#lines ??= linesIn(await textOf(this.path));
    return this.#lines - 1;
  }

  /**
   * Makes the first line name these columns: a cell goes with its column's name, one whose column is new stays empty, and one
   * whose column is gone is left out. For cells without commas.
   */
  async retitle(columns: readonly string[]): Promise<void> {
    const [title = "", ...rows] = (await textOf(this.path) || "\n").split("\n");
    if (title === columns.join()) return;
    const before = title.split(",");
    const moved = rows.map((row) => {
      const cells = row.split(",");
      return row === "" ? "" : columns.map((column) => cells[before.indexOf(column)] ?? "").join();
    });
    await writeFileAtomic(this.path, [new TextEncoder().encode([columns.join(), ...moved].join("\n"))]);
  }

  /**
   * Keeps the first line and those that pass by their text and their number, from 1; a last line that was cut off by a
   * crash goes too.
   */
  async keep(passes: (line: string, number: number) => boolean): Promise<void> {
    const text = await textOf(this.path);
    const lines = text.split("\n");
    // What follows the last line's end is no whole line.
    const whole = lines.slice(0, -1);
    const kept = whole.filter((line, at) => at === 0 || passes(line, at));
    this.#lines = undefined;
    const wanted = kept.map((line) => `${line}\n`).join("");
    if (wanted === text) return;
    await writeFileAtomic(this.path, [new TextEncoder().encode(wanted)]);
  }
}

function linesIn(text: string): number {
  return text.split("\n").length - 1;
}

async function textOf(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}

/** Appends all of a text, or nothing. */
async function appendWhole(path: string, text: string): Promise<void> {
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
