import { exitCodes } from "./exit_codes.ts";
import type { Report } from "./report.ts";

/** A second signal this soon is the first once more: a terminal's Ctrl-C reaches us directly and through our parents. */
const sameSignalMs = 300;

/** SIGINT and SIGTERM as an AbortSignal. */
export interface StopSignals extends Disposable {
  /** Aborts at the first signal. */
  readonly signal: AbortSignal;
  /** The exit status of the signal that came, 130 or 143; undefined before. */
  readonly exitCode: number | undefined;
}

/** What some work comes to; null where a signal ended it before it had anything to save. */
export async function unlessAborted<Result>(work: Promise<Result>, signal?: AbortSignal): Promise<Result | null> {
  try {
    return await work;
  } catch (error) {
    if (signal?.aborted && error === signal.reason) return null;
    throw error;
  }
}

/** Calls a function at each SIGINT and SIGTERM; the function returned stops that. */
export function onSignals(stop: (name: Deno.Signal, exitCode: number) => void): () => void {
  const listen = (name: Deno.Signal, code: number): () => void => {
    const listener = (): void => stop(name, code);
    Deno.addSignalListener(name, listener);
    return () => Deno.removeSignalListener(name, listener);
  };
  const undo = [
    listen("SIGINT", exitCodes.interrupted),
    ...(Deno.build.os === "windows" ? [] : [listen("SIGTERM", exitCodes.terminated)]),
  ];
  return () => undo.forEach((remove) => remove());
}

/** Works that stop by themselves at a signal. */
let stopping = 0;

/** Whether a command sees to signals itself at the moment. */
export function stopsByItself(): boolean {
  return stopping > 0;
}

/**
 * Listens until it is disposed: the first SIGINT or SIGTERM aborts, a second one ends the process at once, with the object
 * that `--json` promises. `what` says what the first one does.
 */
export function stopSignals(
  report: Report,
  what = "stopping after this step; once more ends at once, without saving",
): StopSignals {
  const controller = new AbortController();
  let exitCode: number | undefined;
  let first = 0;
  const undo = onSignals((name, code) => {
    if (exitCode !== undefined) {
      if (performance.now() - first <= sameSignalMs) return;
      report.ended({ stopped: true, exitCode: code });
      Deno.exit(code);
    }
    first = performance.now();
    exitCode = code;
    report.note(`${name}: ${what}`);
    controller.abort();
  });
  stopping++;
  return {
    signal: controller.signal,
    get exitCode(): number | undefined {
      return exitCode;
    },
    [Symbol.dispose]: (): void => {
      stopping--;
      undo();
    },
  };
}
