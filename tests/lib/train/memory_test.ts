/** A training that runs out of memory: the state is that before the step, and a smaller batch trains afterwards. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { Device, OutOfMemoryError } from "../../../mod.ts";
import { fingerprint, tinyData, tinyModel, tinyTrainer } from "./tiny.ts";

Deno.test("Trainer: a batch too large changes nothing, and the same model trains with a smaller one", async () => {
  using device = new Device("cpu", { threads: 1 });
  using train = tinyData(device, 512, { training: true });
  using model = tinyModel(device);
  using large = tinyTrainer(model);
  const before = fingerprint(await large.state());
  const { handles, memory } = device.stats();
  const held = Object.values(memory.holders).reduce((sum, bytes) => sum + bytes, 0);
  device.queue.limit(held + 1_500_000);
  const error = await assertRejects(() => large.fit(train.batches(512, { seed: 0 }), { epochs: 1 }), OutOfMemoryError);
  assert(error.holders!.results > error.holders!.weights && error.source === "device", error.message);
  // The counters know which training was begun.
  const tensorsOf = (text: string): string => text.split("\n").slice(0, -1).join("\n");
  assertEquals(tensorsOf(fingerprint(await large.state())), tensorsOf(before));
  assertEquals([large.counters.step, large.counters.batch, large.optimizer.steps], [0, 0, 0]);
  assertEquals(device.stats().handles, handles);
  using small = tinyTrainer(model);
  const { steps } = await small.fit(train.batches(16, { seed: 0 }), { epochs: 1 });
  assertEquals([steps, device.queue.failed()], [32, false]);
});
