/** Where a command's text goes. Output is not the work: what cannot be written never ends it. */

/** Two streams of text; tests put their own in place of the process's. */
export interface Streams {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  /** Whether `err` is a terminal, on which a line can be drawn over. */
  readonly terminal: boolean;
  /** Width of that terminal in characters. */
  readonly columns: number;
}

/** What bytes are written to: the process's stdout, say. */
export interface Sink {
  /** Writes some of the bytes, and says how many. */
  writeSync(bytes: Uint8Array): number;
}

const pause = new Int32Array(new SharedArrayBuffer(4));

/**
 * Writes a whole text; gives the error where it cannot. npx may hand down a pipe that refuses bytes when it is full instead
 * of waiting, so this waits, as other pipes do by themselves.
 */
function writeAll(sink: Sink, text: string): unknown {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length;) {
    try {
      at += sink.writeSync(bytes.subarray(at));
    } catch (error) {
      if (!(error instanceof Deno.errors.WouldBlock)) return error;
      Atomics.wait(pause, 0, 0, 1);
    }
  }
  return undefined;
}

/**
 * A stream whose failures end nothing: on a full disk what does not fit is lost, `tell` hears of it once, and each later text
 * is tried again. A reader that has gone (`| head`) wants no more, which needs no telling.
 */
export function tolerant(sink: Sink, name: string, tell: (line: string) => void): (text: string) => void {
  let told = false;
  let cut = false;
  return (text) => {
    // What came before may have been cut off within its line.
    const error = writeAll(sink, cut && !text.startsWith("\r") ? `\n${text}` : text);
    cut = error !== undefined;
    if (!cut || told || error instanceof Deno.errors.BrokenPipe) return;
    told = true;
    const reason = error instanceof Error ? error.message : String(error);
    tell(`warning: Cannot write to ${name}: ${reason}. The work goes on, and what is printed meanwhile is lost\n`);
  };
}

/** The process's own stdout and stderr; each is told of on the other. */
export function processStreams(): Streams {
  const terminal = Deno.stderr.isTerminal();
  const streams: { out: Streams["out"]; err: Streams["err"] } = {
    out: tolerant(Deno.stdout, "stdout", (line) => streams.err(line)),
    // With --json stdout is one object, so nothing else may go there.
    err: tolerant(Deno.stderr, "stderr", () => {}),
  };
  return { ...streams, terminal, columns: terminal ? widthOfTerminal() : 80 };
}

/** A terminal may have gone meanwhile. */
function widthOfTerminal(): number {
  try {
    return Deno.consoleSize().columns;
  } catch {
    return 80;
  }
}
