/**
 * Ends of a process that come from outside or by mistake: signals, errors that nobody caught, an exit from within a script.
 * In each of them a reader of `--json` gets its one object. Nothing of the library is loaded here, as signals may come first.
 */
import { exitCodes } from "./exit_codes.ts";
import { variable } from "./paths.ts";
import { Report } from "./report.ts";
import { onSignals, stopsByItself } from "./stop_signals.ts";

/** Whether a command line asks for JSON, as far as that can be told before it is understood. */
export function wantsJson(args: readonly string[]): boolean {
  const end = args.indexOf("--");
  const flags = end < 0 ? args : args.slice(0, end);
  const last = flags.findLast((arg) => /^--json(=|$)/.test(arg));
  return last !== undefined && last !== "--json=false";
}

/** Prints an error's stack where the environment has `LIBTRAIN_DEBUG`. */
export function noteStack(report: Report, error: unknown): void {
  if (variable("LIBTRAIN_DEBUG") !== undefined && error instanceof Error && error.stack !== undefined) {
    report.note(error.stack);
  }
}

/** Watches over a command from the process's first moment to its exit. */
export class Endings {
  /** What says how it ended; the command's own once its command line is read. */
  report: Report;
  readonly #controller = new AbortController();
  readonly #cleanups: (() => void)[] = [];

  constructor(args: readonly string[]) {
    this.report = new Report({ json: wantsJson(args) });
  }

  /** Aborts where a signal ends the process: children are to end with it. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Calls a function where a signal ends the process, say to remove a file that is half written. */
  onStop(cleanup: () => void): void {
    this.#cleanups.push(cleanup);
  }

  /** Begins to watch; there is no end to it but the process's. */
  watch(): this {
    onSignals((name, exitCode) => {
      // Work that stops by itself saves first. After the result there is nothing to stop.
      if (stopsByItself() || this.report.answered) return;
      this.report.note(`${name}: stopped`);
      this.#controller.abort();
      for (const cleanup of this.#cleanups) cleanup();
      this.report.ended({ stopped: true, exitCode });
      Deno.exit(exitCode);
    });
    globalThis.addEventListener("error", (event) => {
      event.preventDefault();
      this.#failed(event.error);
    });
    globalThis.addEventListener("unhandledrejection", (event) => {
      event.preventDefault();
      this.#failed(event.reason);
    });
    // Whatever else ends the process, a script that calls Deno.exit() say.
    globalThis.addEventListener("unload", () => {
      const error = "The process was ended before the command was";
      this.report.ended({ error, exitCode: Deno.exitCode });
    });
    return this;
  }

  /** An error that nobody caught is a mistake of the program's. */
  #failed(error: unknown): never {
    const message = error instanceof Error ? error.message : String(error);
    this.report.note(`error: ${message}`);
    noteStack(this.report, error);
    this.report.ended({ error: message, exitCode: exitCodes.failed });
    Deno.exit(exitCodes.failed);
  }
}
