/** Where a command's text goes; tests put their own in place of the process's streams. */
export interface Streams {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  /** Whether `err` is a terminal, on which a line can be drawn over. */
  readonly terminal: boolean;
  /** Width of that terminal in characters. */
  readonly columns: number;
}

const pause = new Int32Array(new SharedArrayBuffer(4));

/**
 * Writes a whole text. A reader that has gone (`| head`) must not end a training, so its part is dropped; npx may hand
 * down a pipe that refuses bytes when it is full instead of waiting, so this waits, as other pipes do by themselves.
 */
function writeAll(stream: { writeSync(bytes: Uint8Array): number }, text: string): void {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length;) {
    try {
      at += stream.writeSync(bytes.subarray(at));
    } catch (error) {
      if (error instanceof Deno.errors.BrokenPipe) return;
      if (!(error instanceof Deno.errors.WouldBlock)) throw error;
      Atomics.wait(pause, 0, 0, 1);
    }
  }
}

/** The process's own stdout and stderr. */
export function processStreams(): Streams {
  const terminal = Deno.stderr.isTerminal();
  return {
    out: (text) => writeAll(Deno.stdout, text),
    err: (text) => writeAll(Deno.stderr, text),
    terminal,
    columns: terminal ? Deno.consoleSize().columns : 80,
  };
}

/**
 * What a command says. Without `--json`, lines go to stdout; with it they go to stderr, and stdout gets exactly one
 * JSON object, given to `result`.
 */
export class Report {
  readonly json: boolean;
  readonly streams: Streams;
  #answered = false;

  constructor(options: { json?: boolean; streams?: Streams } = {}) {
    this.json = options.json ?? false;
    this.streams = options.streams ?? processStreams();
  }

  /** True once the JSON object has been printed. */
  get answered(): boolean {
    return this.#answered;
  }

  /** Prints one line for the reader: on stdout, or on stderr with `--json`. */
  line(text: string): void {
    (this.json ? this.streams.err : this.streams.out)(`${text}\n`);
  }

  /** Prints one line on stderr: a warning, an error, progress. */
  note(text: string): void {
    this.streams.err(`${text}\n`);
  }

  /** Hands over the command's result, printed only with `--json`; a second one is refused, since readers expect one. */
  result(value: Readonly<Record<string, unknown>>): void {
    if (!this.json) return;
    if (this.#answered) throw new Error("Expected one result a command, got a second one: merge them into one object");
    this.#answered = true;
    this.streams.out(`${JSON.stringify(value)}\n`);
  }
}
