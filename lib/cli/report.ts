import { shown } from "../io/shown.ts";
import { Paths } from "./paths.ts";
import { processStreams, type Streams } from "./streams.ts";

export { processStreams, type Streams } from "./streams.ts";

/**
 * What a command says. Without `--json`, lines go to stdout; with it they go to stderr, and stdout gets exactly one
 * JSON object, given to `result`.
 */
export class Report {
  readonly json: boolean;
  readonly streams: Streams;
  /** Paths are shown as they were typed. */
  readonly paths: Paths;
  #answered = false;

  constructor(options: { json?: boolean; streams?: Streams; paths?: Paths } = {}) {
    this.json = options.json ?? false;
    this.streams = options.streams ?? processStreams();
    this.paths = options.paths ?? new Paths();
  }

  /** True once the JSON object has been printed. */
  get answered(): boolean {
    return this.#answered;
  }

  /** Prints one line for the reader: on stdout, or on stderr with `--json`. */
  line(text: string): void {
    (this.json ? this.streams.err : this.streams.out)(`${this.#shown(text)}\n`);
  }

  /** Prints one line on stderr: a warning, an error, progress. */
  note(text: string): void {
    this.streams.err(`${this.#shown(text)}\n`);
  }

  /** A name from outside must not move the cursor, whatever it is part of. */
  #shown(text: string): string {
    return this.paths.told(text).split("\n").map(shown).join("\n");
  }

  /** Hands over the command's result, printed only with `--json`; a second one is refused, since readers expect one. */
  result(value: Readonly<Record<string, unknown>>): void {
    if (!this.json) return;
    if (this.#answered) throw new Error("Expected one result a command, got a second one: merge them into one object");
    this.#answered = true;
    this.streams.out(`${JSON.stringify(this.paths.toldIn(value))}\n`);
  }

  /** The object of an ending that has no result: a failure, a signal. Whatever was answered already stays the only one. */
  ended(value: { readonly exitCode: number } & Readonly<Record<string, unknown>>): void {
    if (!this.#answered) this.result(value);
  }
}
