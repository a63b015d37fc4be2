/** Several workers of one process. */
import { FileError } from "../../io/atomic_file.ts";
import { SweepError } from "./journal.ts";
import { Work, type WorkEvent, type WorkOrder } from "./work.ts";
import type { FromWorker, ToWorker } from "./worker.ts";

/** What is done by whom. */
interface Job {
  readonly order: WorkOrder;
  readonly jobs: number;
  readonly modules: readonly string[];
  readonly signal: AbortSignal;
  readonly tell: (event: WorkEvent) => void;
}

/** Works in this isolate, or in `jobs` others beside it. */
export async function workAll({ order, jobs, modules, signal, tell }: Job): Promise<void> {
  if (jobs === 1) {
    await new Work(order, signal, tell).run();
    return;
  }
  const failure = new AbortController();
  const all = AbortSignal.any([signal, failure.signal]);
  const ended = await Promise.allSettled(Array.from({ length: jobs }, async (_, at) => {
    try {
      await inWorker({ ...order, by: `${order.by}.${at + 1}` }, { modules, signal: all, tell });
    } catch (error) {
      // What ends one, say a full disk, would end the others: they save and stop.
      failure.abort();
      throw error;
    }
  }));
  const failed = ended.find(({ status }) => status === "rejected");
  if (failed?.status === "rejected") throw failed.reason;
}

async function inWorker(
  order: WorkOrder,
  { modules, signal, tell }: Pick<Job, "modules" | "signal" | "tell">,
): Promise<void> {
  const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module", name: order.by });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const send = (message: ToWorker): void => worker.postMessage(message);
  const stop = (): void => send({ type: "stop" });
  worker.onmessage = ({ data }: MessageEvent<FromWorker>): void => {
    if (data.type === "event") tell(data.event);
    else if (data.type === "done") resolve();
    else reject(data.ofFile ? new FileError(data.message) : new SweepError(data.message));
  };
  worker.onerror = (event): void => {
    event.preventDefault();
    reject(new SweepError(`A worker of the sweep ended: ${event.message}`));
  };
  signal.addEventListener("abort", stop);
  if (signal.aborted) stop();
  send({ type: "work", order, modules });
  try {
    await promise;
  } finally {
    signal.removeEventListener("abort", stop);
    worker.terminate();
  }
}
