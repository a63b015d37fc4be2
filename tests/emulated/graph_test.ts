/** Captured steps as CUDA graphs, on the emulated GPU: the eager ones bit for bit, one launch each or for several. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  capture,
  type Captured,
  Device,
  gatherRows,
  LateError,
  LibtrainError,
  optim,
  scoped,
  StateError,
  type Tensor,
  tensor,
  upsample2d,
} from "../../mod.ts";
import { batch, startTraining, stateHash } from "../support/mnist_steps.ts";
import { PlainModel } from "../support/plain_model.ts";
import { emulator } from "./emulator.ts";

/** A few weights that SGD with momentum trains, and a step over them whose result is a row of a table. */
function training(device: Device): {
  model: PlainModel;
  optimizer: optim.BoundOptimizer;
  run(x: Tensor, row: Tensor): Tensor;
  step: Captured<[Tensor, Tensor], Tensor>;
  dispose(): void;
} {
  const model = new PlainModel({ a: { values: [1, -2, 3, 0.5] }, b: { values: [0.1, 0.2, 0.3, 0.4] } }, { device });
  const optimizer = optim.sgd({ mom: 0.9 }).bind(model, { lr: 0.1 });
  const ones = tensor([1, 1, 1, 1], undefined, { device });
  const table = tensor([[1, 2, 3, 4], [5, 6, 7, 8]], undefined, { device });
  const run = (x: Tensor, row: Tensor): Tensor => {
    const y = model.get("a").mul(x).add(model.get("b"));
    const scaled = y.mul(gatherRows(table, row).reshape([4]));
    scaled.backward(ones);
    optimizer.step();
    return scaled.detach().mul(3);
  };
  const step = capture(run);
  return {
    model,
    optimizer,
    run,
    step,
    dispose(): void {
      for (const each of [step, optimizer, model, ones, table]) each.dispose();
    },
  };
}

/** A refusal after which the GPU is as before. */
const INVALID_VALUE = 1;

type Batch = [Tensor, Tensor];

function batches(device: Device, count: number, from = 0, row = (i: number): number => i % 2): Batch[] {
  return Array.from({ length: count }, (_, i) => [
    tensor([from + i, 1, -1, 0.25 * (from + i)], undefined, { device }),
    tensor([row(from + i)], undefined, { dtype: "i32", device }),
  ]);
}

const rate = (i: number): number => 0.1 / (i + 1);

/** Results of so many steps, by calls of these sizes (1: the plain call, 0: eager), and the weights after them. */
async function trained(sizes: readonly number[]): Promise<{ values: number[][]; launches: number[] }> {
  using device = new Device("cuda");
  const { model, optimizer, step, run, dispose } = training(device);
  const values: number[][] = [];
  const launches: number[] = [];
  for (const size of sizes) {
    const [from, count] = [values.length, Math.max(size, 1)];
    const made = batches(device, count, from);
    const lr = made.map((_, i) => rate(from + i));
    await device.synchronize();
    const before = device.stats().launches;
    let results: Tensor[];
    if (size > 1) results = step.many(made, { rates: { optimizer, lr } });
    else {
      optimizer.lr = lr[0]!;
      results = [(size === 1 ? step : scoped(run))(...made[0]!)];
    }
    await device.synchronize();
    launches.push(device.stats().launches - before);
    for (const result of results) {
      values.push(Array.from(await result.data()));
      result.dispose();
    }
    for (const each of made.flat()) each.dispose();
  }
  for (const name of ["a", "b"]) values.push(await model.read(name));
  dispose();
  assertEquals(device.stats().handles, 0);
  return { values, launches };
}

Deno.test("cuda graphs (emulated): single replays and several at once are eager steps bit for bit", async () => {
  const eager = await trained(Array(14).fill(0));
  emulator.reset();
  const single = await trained(Array(14).fill(1));
  assertEquals(single.values, eager.values);
  // A launch of the graph, and the new rate.
  assertEquals(new Set(single.launches.slice(2)), new Set([2]), `${single.launches}`);
  const calls = emulator.callsByName();
  assertEquals([calls["cuStreamBeginCapture_v2"], calls["cuGraphLaunch"]], [1, 12]);
  emulator.reset();
  const several = await trained([1, 1, 3, 1, 4, 3, 1]);
  assertEquals(several.values, eager.values);
  assertEquals(several.launches.slice(2), [1, 2, 1, 1, 2], "however many steps, a call is one launch");
  const counts = emulator.callsByName();
  assertEquals([counts["cuStreamBeginCapture_v2"], counts["cuGraphLaunch"]], [3, 5], "3, 1 and 4 steps");
});

Deno.test("cuda graphs (emulated): few are kept, and with the captured step they go", async () => {
  using device = new Device("cuda");
  const { step, dispose } = training(device);
  const made = batches(device, 8);
  const before = emulator.live();
  for (const result of step.many(made.slice(0, 2))) result.dispose();
  for (const size of [2, 3, 4, 5, 6, 7, 2, 7, 6]) {
    for (const result of step.many(made.slice(0, size))) result.dispose();
  }
  await device.synchronize();
  const graphs = (emulator.live()["executable_graphs"] ?? 0) - (before["executable_graphs"] ?? 0);
  assertEquals(graphs, 4);
  step.dispose();
  // The queue's thread may hold the last command a moment longer.
  for (let i = 0; i < 200 && (emulator.live()["executable_graphs"] ?? 0) > 0; i++) {
    await new Promise((done) => setTimeout(done, 5));
  }
  assertEquals(emulator.live()["executable_graphs"], before["executable_graphs"]);
  for (const each of made.flat()) each.dispose();
  dispose();
});

Deno.test("cuda graphs (emulated): a kernel that finds bad data in a replay: its command is named, and the next replays are right", async () => {
  /** Weights after some good steps. */
  const good = async (count: number): Promise<number[]> => {
    using device = new Device("cuda");
    const { model, step, dispose } = training(device);
    const made = batches(device, count, 0, () => 1);
    for (const args of made) step(...args).dispose();
    const weights = await model.read("a");
    for (const each of made.flat()) each.dispose();
    dispose();
    return weights;
  };
  for (const size of [1, 4]) {
    using device = new Device("cuda");
    const { model, optimizer, step, dispose } = training(device);
    const first = batches(device, 3, 0, () => 1);
    for (const args of first) step(...args).dispose();
    await device.synchronize();
    const bad = batches(device, size, 3, (i) => i === 3 + (size >> 1) ? 2 : 1);
    const results = size === 1 ? [step(...bad[0]!)] : step.many(bad);
    const ticket = device.queue.enqueued();
    assertEquals(optimizer.steps, 3 + size);
    const error = await assertRejects(() => device.synchronize(), LateError);
    assertEquals([error.op, error.record], ["gather_rows", ticket], error.message);
    await device.recover();
    const done = 3 + (size >> 1);
    assertEquals([optimizer.steps, await model.read("a")], [done, await good(done)], `${size} steps`);
    for (const result of results) await assertRejects(() => result.data(), StateError, "was never computed");
    const { launches } = device.stats();
    const again = batches(device, 2, done, () => 1);
    for (const args of again) step(...args).dispose();
    assertEquals(await model.read("a"), await good(done + 2));
    // The slots were written by the command that failed: the first replay goes op by op, the second is a graph's.
    assert(device.stats().launches > launches);
    for (const each of [...first, ...bad, ...again].flat()) each.dispose();
    for (const result of results) result.dispose();
    dispose();
  }
});

Deno.test("cuda graphs (emulated): whatever call of a first replay fails, it is a typed error, and the stream goes on", async () => {
  const wanted = (await trained([1, 1, 1, 1])).values;
  for (const size of [1, 2]) {
    let failures = 0;
    for (let at = 1; at < 200; at++) {
      using device = new Device("cuda");
      const { model, optimizer, step, dispose } = training(device);
      const made = batches(device, 4);
      for (const i of [0, 1]) {
        optimizer.lr = rate(i);
        step(...made[i]!).dispose();
      }
      await device.synchronize();
      const lr = [rate(2), rate(3)];
      const run = async (): Promise<void> => {
        if (size === 2) step.many(made.slice(2), { rates: { optimizer, lr } }).forEach((each) => each.dispose());
        for (const i of size === 1 ? [2, 3] : []) {
          optimizer.lr = rate(i);
          step(...made[i]!).dispose();
        }
        await device.synchronize();
      };
      const before = emulator.calls();
      emulator.failCall(at, { code: INVALID_VALUE });
      let failed: unknown;
      try {
        await run();
      } catch (error) {
        failed = error;
      }
      const calls = emulator.calls() - before;
      emulator.failCall(0);
      emulator.failCall(0);
      if (failed !== undefined) {
        failures++;
        assert(failed instanceof LibtrainError, `call ${at}: ${failed}`);
        await device.recover();
        for (let i = optimizer.steps; i < 4; i++) {
          optimizer.lr = rate(i);
          step(...made[i]!).dispose();
        }
      }
      assertEquals([await model.read("a"), await model.read("b")], wanted.slice(4), `call ${at}: ${failed}`);
      for (const each of made.flat()) each.dispose();
      dispose();
      if (at > calls) break;
    }
    assert(failures > 20, `${failures} of the calls failed`);
  }
});

Deno.test("cuda graphs (emulated): a convolutional network by single replays and by several at once is the eager one bit for bit", async () => {
  const trainedNetwork = async (sizes: readonly number[], plan: string): Promise<{ found: unknown; plan: string }> => {
    using device = new Device("cuda");
    device.usePlan(plan);
    using network = startTraining({ device, captured: sizes.some((size) => size > 0) });
    const { optimizer, captured } = network;
    const losses: number[] = [];
    for (const size of sizes) {
      const from = losses.length;
      const made = Array.from({ length: Math.max(size, 1) }, (_, i) => batch(device, from + i, 4));
      const lr = made.map((_, i) => rate(from + i));
      const args = made.map(({ images, labels }): Batch => [images, labels]);
      if (size < 2) optimizer.lr = lr[0]!;
      const results = size < 2 ? [network.step(...args[0]!)] : captured!.many(args, { rates: { optimizer, lr } });
      for (const loss of results) {
        losses.push(await loss.item());
        loss.dispose();
      }
      for (const each of args.flat()) each.dispose();
    }
    return { found: { losses, state: await stateHash(network) }, plan: device.plan() };
  };
  const eager = await trainedNetwork(Array(8).fill(0), "");
  assertEquals((await trainedNetwork(Array(8).fill(1), eager.plan)).found, eager.found);
  assertEquals((await trainedNetwork([1, 3, 4], eager.plan)).found, eager.found);
});

Deno.test("cuda graphs (emulated): a step that resamples to many sizes is one launch, and the eager one bit for bit", async () => {
  const sizes = Array.from({ length: 70 }, (_, i) => i + 2);
  const run = (x: Tensor): Tensor => {
    const all = sizes.map((size) => upsample2d(x, { size: [size, 1], mode: "bilinear" }).mul(1 / size));
    return all.map((y) => y.sum()).reduce((sum, each) => sum.add(each));
  };
  using device = new Device("cuda");
  using step = capture(run);
  const eager = scoped(run);
  for (let i = 0; i < 4; i++) {
    using x = tensor([1, 2 + i, -3, 5], [1, 2, 1, 2], { device });
    using computed = eager(x);
    const wanted = await computed.data();
    const before = device.stats().launches;
    using got = step(x);
    assertEquals(await got.data(), wanted);
    if (i >= 2) assertEquals(device.stats().launches - before, 1);
  }
});
