/**
 * Training in Workers with a deadline: the main thread stays free, and a Worker that ends takes its threads and memory
 * with it.
 *
 *     deno task example worker                    # ten Workers, one after another
 *     deno task example worker --workers 1 --epochs 100 --deadline 3000
 *
 * From another folder it needs no more than `{ "imports": { "@libtrain/libtrain": "…/libtrain/mod.ts" } }` and
 *
 *     deno run --allow-read --allow-write=runs,.cache --allow-env --allow-ffi worker.ts
 *
 * Prints a line a Worker (steps, threads and memory of the process once it has ended), then what all left behind.
 */
import { deviceInfo, recipe } from "@libtrain/libtrain";

/** What a Worker is asked for, and what it answers. */
type Job = { recipe: recipe.Recipe; deadline: number };
type Answer = { folder: string; steps: number; stopped: boolean };

const scope = globalThis as unknown as Worker & { WorkerGlobalScope?: unknown; close(): void };
if (scope.WorkerGlobalScope !== undefined) {
  scope.onmessage = async ({ data }: MessageEvent<Job>): Promise<void> => {
    // A deadline that comes before the first step rejects; a later one stops with everything saved.
    const training = recipe.train(data.recipe, { signal: AbortSignal.timeout(data.deadline) });
    const { folder, steps, stopped } = await training.result;
    scope.postMessage({ folder, steps, stopped } satisfies Answer);
    scope.close();
  };
}

function trainInWorker(job: Job): Promise<Answer> {
  const worker = new Worker(import.meta.url, { type: "module" });
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  worker.onmessage = ({ data }: MessageEvent<Answer>): void => resolve(data);
  worker.onerror = (event): void => (event.preventDefault(), reject(new Error(event.message)));
  worker.postMessage(job);
  return promise.finally(() => worker.terminate());
}

/** Threads and resident memory (MiB) of this process, once what has just ended has had time to go. */
async function held(): Promise<{ threads: number; memory: number }> {
  await new Promise((resolve) => setTimeout(resolve, 400));
  const { threads, memory } = deviceInfo().process;
  return { threads, memory: memory / 2 ** 20 };
}

function flag(name: string, usual: number): number {
  const at = Deno.args.indexOf(`--${name}`);
  return at < 0 ? usual : Number(Deno.args[at + 1]);
}

/** What the main thread does. */
export async function main(): Promise<void> {
  const [workers, epochs, deadline] = [flag("workers", 10), flag("epochs", 1), flag("deadline", 60_000)];
  const mine = recipe.preset("mnist", { data: { limit: 512 }, epochs, threads: 1 });
  const all: { threads: number; memory: number }[] = [];
  for (let worker = 1; worker <= workers; worker++) {
    const { steps, stopped } = await trainInWorker({ recipe: { ...mine, seed: worker }, deadline });
    const now = await held();
    all.push(now);
    console.log(
      `worker ${worker}: ${steps} steps${stopped ? ", stopped at its deadline" : ""}; ` +
        `${now.threads} threads, ${now.memory.toFixed(0)} MiB`,
    );
  }
  const [first, last] = [all[0]!, all.at(-1)!];
  console.log(
    `threads ${last.threads - first.threads}, memory ${
      (last.memory - first.memory).toFixed(0)
    } MiB more than after the first`,
  );
}

if (import.meta.main && scope.WorkerGlobalScope === undefined) await main();
