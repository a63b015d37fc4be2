/** Timing of calls on the device: each one once, with its tensors, and nothing unless asked. */
import { assert, assertEquals } from "@std/assert";
import { capture, Device, scope, type Tensor, tensor } from "../../../mod.ts";
import { timedCalls } from "../../../lib/tensor/profile.ts";

Deno.test("timedCalls: each call in its order, with bytes and shapes of what it reads and writes", async () => {
  using device = new Device("cpu", { threads: 1 });
  using x = tensor([[1, 2, 3], [4, 5, 6]], undefined, { device });
  using y = tensor([[1], [2], [3]], undefined, { device });
  x.mul(2).dispose();
  const calls = await timedCalls(device, () => {
    scope(() => {
      x.matmul(y).exp();
      x.assign(x.mul(2));
    });
  });
  assertEquals(calls.map(({ ms: _, ...call }) => call), [
    { op: "matmul", read: 36, written: 8, inputs: [["f32", [2, 3]], ["f32", [3, 1]]], outputs: [["f32", [2, 1]]] },
    { op: "exp", read: 8, written: 8, inputs: [["f32", [2, 1]]], outputs: [["f32", [2, 1]]] },
    { op: "affine", read: 24, written: 24, inputs: [["f32", [2, 3]]], outputs: [["f32", [2, 3]]] },
    { op: "assign", read: 48, written: 24, inputs: [["f32", [2, 3]], ["f32", [2, 3]]], outputs: [] },
  ]);
  assert(calls.every(({ ms }) => ms >= 0 && ms < 1000));
  x.mul(2).dispose();
  await device.synchronize();
  assertEquals(device.queue.timed(), []);
});

Deno.test("timedCalls: thousands of calls come whole, and a replay is one", async () => {
  using device = new Device("cpu", { threads: 1 });
  using x = tensor([1, 2, 3], undefined, { device });
  const many = await timedCalls(device, () => {
    for (let i = 0; i < 3000; i++) x.mul(2).dispose();
  });
  assertEquals([many.length, new Set(many.map(({ op }) => op)).size], [3000, 1]);
  using step = capture((x: Tensor) => x.mul(2).exp());
  for (let i = 0; i < 2; i++) step(x).dispose();
  const replay = await timedCalls(device, () => step(x).dispose());
  assertEquals(replay.map(({ op, inputs }) => [op, inputs.length]), [["replay", 0]]);
});
