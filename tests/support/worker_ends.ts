/**
 * Workers one after another that end without a word: prints, as JSON, the process's threads and memory after each. A process of
 * its own, as what /proc says of it needs every permission.
 */
import { full } from "../../lib/tensor/create.ts";
import { Device } from "../../lib/tensor/device.ts";
import type { WorkerAnswer, WorkerTask } from "./worker.ts";

/** What the process has after a Worker. */
export interface Left {
  /** Threads but Deno's own, some of which it keeps for some seconds. */
  readonly threads: number;
  /** Resident MiB. */
  readonly mib: number;
}

/** How a Worker ends: with nothing to do, in the midst of device work that it waits for, or of calls that fill its queue. */
export const endings = ["idle", "waiting", "calling"] as const;

/** Names of the process's threads, without Deno's own: its pool, and those without a name, of which one starts at some time. */
function threadNames(): string[] {
  const names: string[] = [];
  for (const { name } of Deno.readDirSync("/proc/self/task")) {
    try {
      names.push(Deno.readTextFileSync(`/proc/self/task/${name}/comm`).trim());
    } catch {
      // It has just ended.
    }
  }
  return names.filter((name) => !/^(tokio|deno)/.test(name));
}

/** How many threads are a Worker's, or the library's. */
function ofWorkers(): number {
  return threadNames().filter((name) => /^(worker|libtrain|cpu)-/.test(name)).length;
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Starts a Worker, has it hold tensors of a device, and ends it. */
async function runWorker(ending: (typeof endings)[number]): Promise<void> {
  const worker = new Worker(new URL("worker.ts", import.meta.url), { type: "module" });
  const ask = (task: WorkerTask): Promise<WorkerAnswer> => {
    worker.postMessage(task);
    return new Promise((resolve) => worker.onmessage = ({ data }: MessageEvent<WorkerAnswer>): void => resolve(data));
  };
  const { values, error } = await ask({ id: 0, kind: "hold", mib: 48 });
  if (`${values}` !== `${[48 * 2 ** 19, 2 ** 26, 9]}`) throw new Error(`Wrong values: ${values ?? error?.message}`);
  if (ending === "waiting") void ask({ id: 1, kind: "toil", rounds: 300 });
  if (ending === "calling") void ask({ id: 1, kind: "compute", rounds: 30_000 });
  if (ending !== "idle") await sleep(100);
  worker.terminate();
}

/** Waits until a Worker's threads are gone: Deno lets a script go on until it gives way to the event loop. */
async function settled(threads: number): Promise<Left> {
  const until = performance.now() + 15_000;
  while (ofWorkers() > threads && performance.now() < until) await sleep(20);
  return { threads: threadNames().length, mib: Deno.memoryUsage().rss / 2 ** 20 };
}

if (import.meta.main) {
  const ending = Deno.args[0] as (typeof endings)[number];
  using device = new Device("cpu", { threads: 2 });
  using x = full([1024], 3, { device });
  // A thread gets its name once it runs.
  while (ofWorkers() < 2) await sleep(20);
  const before = ofWorkers();
  const after: Left[] = [];
  for (let i = 0; i < 10; i++) {
    await runWorker(ending);
    after.push(await settled(before));
  }
  using sum = x.sum();
  const still = ofWorkers() - before;
  console.log(JSON.stringify({ still, after, sum: await sum.item(), handles: device.stats().handles }));
}
