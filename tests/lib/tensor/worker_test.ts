/** Several Workers, each with its own device, and handles that cross between them. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { Device, tensor } from "../../../mod.ts";
import type { WorkerAnswer, WorkerTask } from "../../support/worker.ts";
import { endings, type Left } from "../../support/worker_ends.ts";
import { skip } from "../../skip.ts";

type Task = WorkerTask extends infer Each ? Each extends WorkerTask ? Omit<Each, "id"> : never : never;

/** A worker that can be asked, and is stopped at the end of its block. */
function startWorker(): { ask(task: Task): Promise<WorkerAnswer>; [Symbol.dispose](): void } {
  const worker = new Worker(new URL("../../support/worker.ts", import.meta.url), { type: "module" });
  const waiting = new Map<number, (answer: WorkerAnswer) => void>();
  let next = 0;
  worker.onmessage = ({ data }: MessageEvent<WorkerAnswer>): void => waiting.get(data.id)?.(data);
  return {
    ask(task): Promise<WorkerAnswer> {
      const id = next++;
      const { promise, resolve } = Promise.withResolvers<WorkerAnswer>();
      waiting.set(id, resolve);
      worker.postMessage({ ...task, id });
      return promise;
    },
    [Symbol.dispose]: () => worker.terminate(),
  };
}

Deno.test("workers: four compute at once, each on its own device, beside the main thread", async () => {
  using device = new Device("cpu", { threads: 1 });
  using a = startWorker();
  // The first alone: Deno type-checks the worker's modules then, and the others find that done.
  await a.ask({ kind: "compute", rounds: 1 });
  using b = startWorker();
  using c = startWorker();
  using d = startWorker();
  const rounds = 2000;
  const tasks = [a, b, c, d].map((worker) => worker.ask({ kind: "compute", rounds }));
  using x = tensor([1, 2, 3], undefined, { device });
  for (let i = 0; i < 200; i++) {
    using y = x.mul(i);
    assertEquals(Array.from(await y.data()), [i, 2 * i, 3 * i]);
  }
  const sum = rounds * (rounds - 1) / 2;
  for (const { values } of await Promise.all(tasks)) {
    assertEquals(values, [Math.fround(sum), Math.fround(2 * sum), Math.fround(3 * sum), 2]);
  }
  assertEquals(device.stats().handles, 1);
});

Deno.test("workers: a tensor of another thread is a typed error and stays alive", async () => {
  using device = new Device("cpu", { threads: 1 });
  using x = tensor([7], undefined, { device });
  using worker = startWorker();
  const { error } = await worker.ask({ kind: "foreign", handle: x.handle });
  assertEquals(error?.name, "TypeError");
  assertStringIncludes(error!.message, "relu(): Expected a tensor of this device and Worker as handle 0, got one of");
  assertEquals((await worker.ask({ kind: "release", handle: x.handle })).values, []);
  assertEquals([await x.item(), device.stats().handles], [7, 1]);
  const stale = x.handle;
  x.dispose();
  assertEquals((await worker.ask({ kind: "foreign", handle: stale })).error?.name, "DisposedError");
});

Deno.test("workers: one that is stopped in the middle of its work harms nobody", async () => {
  using device = new Device("cpu", { threads: 1 });
  using x = tensor([1], undefined, { device });
  for (let i = 0; i < 3; i++) {
    using worker = startWorker();
    await worker.ask({ kind: "compute", rounds: 1 });
    void worker.ask({ kind: "compute", rounds: 1_000_000 });
  }
  using y = x.add(1);
  assertEquals(await y.item(), 2);
});

for (const ending of endings) {
  const name = `workers: ten that end while ${ending} leave no thread and no memory behind`;
  Deno.test(name, async () => {
    if (Deno.build.os !== "linux") return skip(name, "it reads /proc");
    const script = fromFileUrl(new URL("../../support/worker_ends.ts", import.meta.url));
    const command = new Deno.Command(Deno.execPath(), {
      args: ["run", "-q", "--no-check", "--no-prompt", "--allow-all", script, ending],
      cwd: fromFileUrl(new URL("../../../", import.meta.url)),
      stdin: "null",
    });
    const { code, stdout, stderr } = await command.output();
    assertEquals(code, 0, new TextDecoder().decode(stderr));
    const { still, after, sum, handles }: { still: number; after: Left[]; sum: number; handles: number } = JSON.parse(
      new TextDecoder().decode(stdout),
    );
    assertEquals(still, 0);
    const threads = after.map((left) => left.threads);
    // The runtime's own pool may have one more for a while; a device of each Worker would leave twenty.
    assert(threads.every((count) => count <= threads[0]! + 1), `Threads after each Worker: ${threads}`);
    const growth = after.at(-1)!.mib - after[0]!.mib;
    assert(growth < 32, `${growth.toFixed(1)} MiB more after the tenth: ${after.map(({ mib }) => mib.toFixed())}`);
    assertEquals([sum, handles], [3 * 1024, 2], "the main thread's device works on");
  });
}
