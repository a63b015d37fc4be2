/** Training leaves nothing behind, and asks the system for memory in its first steps alone. */
import { assertEquals } from "@std/assert";
import { Device, scope, tensor } from "../../../mod.ts";
import { batch, startTraining, trainSteps } from "../../support/mnist_steps.ts";

for (const captured of [false, true]) {
  const how = captured ? "captured" : "eager";

  Deno.test(`memory: ${how} steps leave live tensors, buffers and bytes as they were`, async () => {
    using device = new Device("cpu", { threads: 2 });
    const training = startTraining({ device, captured });
    // A capture runs eagerly, then records, then replays: from the third step on nothing is new.
    await trainSteps(training, device, 0, 3);
    const { handles, storages, bytes, reservedBytes, systemAllocations } = device.stats();
    await trainSteps(training, device, 3, 23);
    const after = device.stats();
    assertEquals(
      [after.handles, after.storages, after.bytes, after.reservedBytes, after.systemAllocations],
      [handles, storages, bytes, reservedBytes, systemAllocations],
      "handles, buffers, bytes, reserved bytes, allocations",
    );
    training[Symbol.dispose]();
    const end = device.stats();
    assertEquals([end.handles, end.storages, end.bytes], [0, 0, 0]);
  });
}

Deno.test("memory: the second step allocates nothing from the system", async () => {
  using device = new Device("cpu", { threads: 2 });
  using training = startTraining({ device, captured: false });
  const made = batch(device, 0);
  const step = async (): Promise<number> => {
    const before = device.stats().systemAllocations;
    using _loss = training.step(made.images, made.labels);
    await device.synchronize();
    return device.stats().systemAllocations - before;
  };
  const first = await step();
  assertEquals(first > 20, true, `the first step allocates: ${first}`);
  assertEquals([await step(), await step()], [0, 0]);
  made.images.dispose();
  made.labels.dispose();
});

Deno.test("memory: enqueuing far ahead costs none", async () => {
  using device = new Device("cpu", { threads: 1 });
  using x = tensor(new Float32Array(10_000).fill(1), undefined, { device });
  let y = x.mul(1);
  // Thousands of buffers' worth is enqueued before the first of it has run.
  for (let i = 0; i < 1000; i++) {
    const next = scope(() => y.add(1).mul(0.5).add(0.5));
    y.dispose();
    y = next;
  }
  const { systemAllocations, storages } = device.stats();
  assertEquals([systemAllocations < 10, storages], [true, 2], `${systemAllocations} allocations`);
  assertEquals(Array.from(await y.data()).every((value) => Math.abs(value - 2) < 1e-5), true);
  y.dispose();
});

Deno.test("memory: evaluation leaves nothing behind either", async () => {
  using device = new Device("cpu", { threads: 2 });
  using training = startTraining({ device, captured: false });
  training.model.eval();
  const { images, labels } = batch(device, 0);
  const { handles } = device.stats();
  for (let i = 0; i < 3; i++) {
    using logits = scope(() => training.model.forward(images));
    assertEquals(logits.shape, [8, 10]);
    await logits.data();
  }
  assertEquals(device.stats().handles, handles);
  images.dispose();
  labels.dispose();
});
