/** The memory of captured steps: values in one arena for as long as they are needed, and nothing left to read by mistake. */
import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { capture, crossEntropy, Device, LateError, StateError, type Tensor, tensor } from "../../../mod.ts";
import { injectOutOfMemory } from "../../../lib/ffi/native.ts";
import { startTraining, trainSteps } from "../../support/mnist_steps.ts";

/** Elements whose f32 values fill a block of 4096 bytes. */
const BLOCK = 1024;

function block(value: number, device: Device): Tensor {
  return tensor(new Float32Array(BLOCK).fill(value), undefined, { device });
}

Deno.test("capture: what a chain needs at replays are two values, and it says so", async () => {
  using device = new Device("cpu", { threads: 1 });
  using step = capture((x: Tensor) => x.mul(2).add(1).mul(3).add(2).mul(5));
  using x = block(1, device);
  step(x).dispose();
  assertEquals(step.memory, { before: 0, after: 0 });
  for (let i = 0; i < 3; i++) {
    using y = step(x);
    assertEquals(new Set(await y.data()), new Set([55]));
    // The step's scope holds all five until its end; a replay needs a value and the one it is made of.
    assertEquals(step.memory, { before: 5 * 4096, after: 2 * 4096 });
  }
  using shorter = tensor([1, 2], undefined, { device });
  for (let i = 0; i < 2; i++) step(shorter).dispose();
  assertEquals([step.recordings, step.memory], [2, { before: 5 * 4160, after: 2 * 4160 }]);
  step.dispose();
  assertEquals(step.memory, { before: 0, after: 0 });
});

Deno.test("capture: values that are read again, viewed, written in place or returned keep their place", async () => {
  using device = new Device("cpu", { threads: 1 });
  using w = block(0, device);
  const body = (x: Tensor): Record<string, Tensor> => {
    const first = x.mul(2);
    const view = first.narrow(1, BLOCK - 1);
    const filled = x.clone().fill(7);
    const later = x.add(1).mul(3).add(2).mul(5).sub(x);
    w.assign(w.add(filled));
    filled.assign(later);
    return { last: view.add(later.narrow(1, BLOCK - 1)), part: view.narrow(0, 2), filled, w, x };
  };
  using step = capture(body);
  for (let i = 1; i <= 5; i++) {
    using x = block(i, device);
    const result = step(x);
    const later = ((i + 1) * 3 + 2) * 5 - i;
    const wanted = { last: 2 * i + later, part: 2 * i, filled: later, w: 7 * i, x: i };
    for (const [name, value] of Object.entries(wanted)) {
      assertEquals(new Set(await result[name]!.data()), new Set([value]), `${name} of call ${i}`);
      result[name]!.dispose();
    }
  }
});

Deno.test("capture: the recording's own blocks go back to the system", async () => {
  const reserved: number[] = [];
  for (const captured of [false, true]) {
    using device = new Device("cpu", { threads: 2 });
    using training = startTraining({ device, captured });
    await trainSteps(training, device, 0, 4);
    reserved.push(device.stats().reservedBytes);
    if (training.captured === undefined) continue;
    const { before, after } = training.captured.memory;
    assertEquals(after < before, true, `${after} of ${before} bytes`);
    training.captured.dispose();
    assertEquals(device.stats().reservedBytes, reserved[1]! - after, "with the capture its arena goes");
  }
  assertEquals(reserved[1]! < reserved[0]!, true, `${reserved[1]} of ${reserved[0]} bytes`);
});

Deno.test("capture: what a step keeps besides its results stays as it was recorded", async () => {
  using device = new Device("cpu", { threads: 1 });
  const kept: Tensor[] = [];
  using step = capture((x: Tensor) => {
    kept.push(x.mul(10).detachFromScope());
    return x.add(1);
  });
  for (let i = 1; i <= 4; i++) {
    using x = tensor([i], undefined, { device });
    using y = step(x);
    assertEquals(await y.item(), i + 1);
  }
  assertEquals(await Promise.all(kept.map((tensor) => tensor.item())), [10, 20]);
  for (const tensor of kept) tensor.dispose();
});

Deno.test("capture: of a replay that fails nothing can be read, though other values lie in its place", async () => {
  using device = new Device("cpu", { threads: 1 });
  using logits = tensor([[1, 2, 3]], undefined, { device });
  using step = capture((x: Tensor, label: Tensor) => {
    const early = x.mul(2);
    const loss = crossEntropy(logits, label);
    return { early, loss, late: early.add(loss) };
  });
  const labels = [1, 9].map((label) => tensor([label], undefined, { dtype: "i32", device }));
  using x = tensor([5], undefined, { device });
  const run = (bad: boolean): Record<string, Tensor> => step(x, labels[bad ? 1 : 0]!);
  const losses: number[] = [];
  for (const bad of [false, false, false, true, false]) {
    const results = run(bad);
    if (bad) {
      await assertRejects(() => device.synchronize(), LateError, "cross_entropy(): Expected labels from 0 to 2");
      await device.recover();
      for (const result of Object.values(results)) {
        await assertRejects(() => result.data(), StateError, "was never computed");
      }
    } else {
      assertEquals(await results.early!.item(), 10);
      losses.push(await results.loss!.item(), await results.late!.item() - 10);
    }
    for (const result of Object.values(results)) result.dispose();
  }
  assertEquals(losses.length, 8);
  for (const loss of losses) assertEquals(Math.abs(loss - losses[0]!) < 1e-5, true, `${losses}`);
  for (const label of labels) label.dispose();
});

Deno.test("capture: without memory for the arena the step has run all the same, with a warning, and the next call records", async () => {
  using device = new Device("cpu", { threads: 1 });
  using x = block(1, device);
  using step = capture((x: Tensor) => x.mul(2).add(1));
  for (let i = 0; i < 2; i++) {
    // Blocks for the slot of the argument, the recording and its results, so that only the arena is asked for.
    const ahead = Array.from({ length: 4 }, () => block(0, device));
    for (const each of ahead) each.dispose();
    step(x).dispose();
    if (i === 1) break;
    const { handles } = device.stats();
    const warn = console.warn;
    const warnings: string[] = [];
    console.warn = (text: string) => warnings.push(text);
    injectOutOfMemory(device.handle);
    try {
      using y = step(x);
      assertEquals((await y.data())[0], 3);
    } finally {
      console.warn = warn;
    }
    assertEquals([device.stats().handles, step.recordings, warnings.length], [handles, 0, 1]);
    assertMatch(warnings[0]!, /not recorded yet .* capture_end\(\): Expected to allocate 8192 bytes/);
  }
  assertEquals(step.recordings, 1);
  using y = step(x);
  assertEquals((await y.data())[0], 3);
});
