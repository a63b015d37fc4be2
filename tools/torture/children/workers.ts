/** Four Workers with mixed calls, ended at random and started anew. Arguments: seconds, seed, part. Says what was left. */
import { Device, full } from "../../../mod.ts";
import { Random } from "../random.ts";
import type { Progress, Start } from "./busy_worker.ts";

/** What came of it. */
export interface WorkersAnswer {
  readonly calls: number;
  readonly ended: number;
  readonly lost: readonly string[];
  readonly mib: number;
}

const [seconds = "5", seed = "0", part = "run"] = Deno.args;
const rng = new Random(Number(seed));
const WORKERS = 4;

/** MiB that may stay beyond what there was once each had run. */
const MOST = 64;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Threads of Workers and of the library: Deno keeps some of its own for a while. */
function threads(): number {
  let count = 0;
  for (const { name } of Deno.readDirSync("/proc/self/task")) {
    try {
      if (/^(worker|libtrain|cpu)-/.test(Deno.readTextFileSync(`/proc/self/task/${name}/comm`))) count++;
    } catch {
      // It has just ended.
    }
  }
  return count;
}

using device = new Device("cpu", { threads: 1 });
using mine = full([4], 3, { device });
const lost: string[] = [];
let [calls, ended] = [0, 0];

function start(): Worker {
  const worker = new Worker(new URL("busy_worker.ts", import.meta.url), { type: "module" });
  worker.onmessage = ({ data }: MessageEvent<Progress>): void => {
    calls += data.calls;
    if (data.wrong !== undefined) lost.push(data.wrong);
  };
  worker.onerror = (event): void => {
    event.preventDefault();
    lost.push(event.message);
  };
  const told: Start = { seed: rng.u32(), foreign: mine.handle };
  worker.postMessage(told);
  return worker;
}

/** The planted bug: what each Worker leaves behind. */
const leaked: unknown[] = [];

/** Ends them one after another at random times, for so many seconds. */
async function run(time: number): Promise<void> {
  const until = performance.now() + 1000 * time;
  const workers = Array.from({ length: WORKERS }, start);
  while (performance.now() < until) {
    await sleep(rng.between(50, 1500));
    const at = rng.below(WORKERS);
    workers[at]!.terminate();
    ended++;
    if (part === "leak") leaked.push(full([4 << 20], 1, { device }));
    workers[at] = start();
  }
  for (const worker of workers) worker.terminate();
  await device.synchronize();
}

async function settled(before: number): Promise<void> {
  for (let tries = 0; threads() > before && tries < 1500; tries++) await sleep(20);
}

// A thread gets its name once it runs.
while (threads() < 1) await sleep(20);
const before = threads();
await run(Math.min(Number(seconds) / 4, 20));
await settled(before);
const mib = Deno.memoryUsage().rss / 2 ** 20;
await run(Number(seconds));
await settled(before);
const more = Deno.memoryUsage().rss / 2 ** 20 - mib;
if (threads() > before) lost.push(`${threads() - before} threads stay`);
if (more > MOST) lost.push(`${Math.round(more)} MiB stay`);
using sum = mine.sum();
if (await sum.item() !== 12) lost.push("the main thread computes wrong afterwards");
const answer: WorkersAnswer = { calls, ended, lost: lost.slice(0, 20), mib: Math.round(more) };
console.log(JSON.stringify(answer));
