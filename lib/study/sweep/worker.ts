/**
 * One worker of a sweep: an isolate with a device of its own, which works until all cells are over or it is told to stop.
 *
 * @module
 */
import { FileError } from "../../io/atomic_file.ts";
import { Work, type WorkEvent, type WorkOrder } from "./work.ts";

/** What a worker is sent. */
export type ToWorker =
  /** Import these modules, which register names of their own, then work. */
  | { readonly type: "work"; readonly order: WorkOrder; readonly modules: readonly string[] }
  /** End after the step under way. */
  | { readonly type: "stop" };

/** What it answers. */
export type FromWorker =
  | { readonly type: "event"; readonly event: WorkEvent }
  | { readonly type: "done" }
  | { readonly type: "error"; readonly message: string; readonly ofFile: boolean };

const scope = self as unknown as {
  onmessage: ((event: MessageEvent<ToWorker>) => void) | null;
  postMessage(message: FromWorker): void;
};

const stop = new AbortController();

async function work(order: WorkOrder, modules: readonly string[]): Promise<void> {
  for (const module of modules) await import(module);
  await new Work(order, stop.signal, (event) => scope.postMessage({ type: "event", event })).run();
}

scope.onmessage = async ({ data }): Promise<void> => {
  if (data.type === "stop") {
    stop.abort();
    return;
  }
  try {
    await work(data.order, data.modules);
    scope.postMessage({ type: "done" });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    scope.postMessage({ type: "error", message, ofFile: error instanceof FileError });
  }
};
