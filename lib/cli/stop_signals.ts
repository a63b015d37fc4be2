import { exitCodes } from "./exit_codes.ts";

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

/**
 * Listens until it is disposed: the first SIGINT or SIGTERM aborts, a second one ends the process at once. `what` says what
 * the first one does.
 */
export function stopSignals(
  note: (line: string) => void,
  what = "stopping after this step; once more ends at once, without saving",
): StopSignals {
  const controller = new AbortController();
  let exitCode: number | undefined;
  let first = 0;
  const listen = (name: Deno.Signal, code: number): () => void => {
    const stop = (): void => {
      if (exitCode !== undefined) {
        if (performance.now() - first > sameSignalMs) Deno.exit(code);
        return;
      }
      first = performance.now();
      exitCode = code;
      note(`${name}: ${what}`);
      controller.abort();
    };
    Deno.addSignalListener(name, stop);
    return () => Deno.removeSignalListener(name, stop);
  };
  const undo = [
    listen("SIGINT", exitCodes.interrupted),
    ...(Deno.build.os === "windows" ? [] : [listen("SIGTERM", exitCodes.terminated)]),
  ];
  return {
    signal: controller.signal,
    get exitCode(): number | undefined {
      return exitCode;
    },
    [Symbol.dispose]: () => undo.forEach((remove) => remove()),
  };
}
