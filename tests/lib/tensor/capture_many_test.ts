/** Several captured steps by one call: what as many calls give, bit for bit, each with a learning rate of its own. */
import { assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import {
  capture,
  type Captured,
  crossEntropy,
  Device,
  DisposedError,
  LateError,
  nn,
  noGrad,
  optim,
  StateError,
  type Tensor,
  tensor,
} from "../../../mod.ts";
import { batch, startTraining, stateHash } from "../../support/mnist_steps.ts";
import { PlainModel } from "../../support/plain_model.ts";

const STEPS = 24;

/** Losses and state after training, the steps by calls of these sizes; of one step it is the plain call. */
async function trained(sizes: readonly number[]): Promise<{ losses: number[]; state: string; commands: number[] }> {
  using device = new Device("cpu", { threads: 2 });
  using training = startTraining({ device, captured: true });
  const { optimizer, captured } = training;
  const rate = optim.flatCos({ lr: 8e-3, start: 0.2 }).over(STEPS);
  const losses: Tensor[] = [];
  const commands: number[] = [];
  for (const size of sizes) {
    const from = losses.length;
    const batches = Array.from({ length: size }, (_, i) => batch(device, from + i));
    const lr = batches.map((_, i) => rate(from + i));
    const before = device.queue.enqueued();
    if (size === 1) {
      optimizer.lr = lr[0]!;
      losses.push(captured!(batches[0]!.images, batches[0]!.labels));
    } else {
      losses.push(
        ...captured!.many(batches.map(({ images, labels }) => [images, labels]), { rates: { optimizer, lr } }),
      );
    }
    commands.push(device.queue.enqueued() - before);
    for (const { images, labels } of batches) for (const each of [images, labels]) each.dispose();
    assertEquals([optimizer.steps, optimizer.lr], [losses.length, lr.at(-1)]);
  }
  assertEquals([losses.length, captured!.recordings], [STEPS, 1]);
  const values: number[] = [];
  for (const loss of losses) {
    values.push(await loss.item());
    loss.dispose();
  }
  return { losses: values, state: await stateHash(training), commands };
}

Deno.test("many: steps by one call are single calls bit for bit, with the rate of each", async () => {
  const single = await trained(Array(STEPS).fill(1));
  assertEquals(new Set(single.losses).size, STEPS, "every step is another");
  const together = await trained([2, 3, 1, 8, 10]);
  assertEquals(together.losses, single.losses);
  assertEquals(together.state, single.state);
  // The rates, and one command for all steps.
  assertEquals(together.commands.filter((_, i) => [1, 3, 4].includes(i)), [2, 2, 2]);
  const fromTheStart = await trained([STEPS]);
  assertEquals([fromTheStart.losses, fromTheStart.state], [single.losses, single.state], "eager, recorded, replayed");
});

/** A step over x that counts up a state by it and gives ten times the state; `calls` counts how often JavaScript ran. */
function counter(device: Device): { step: Captured<[Tensor], Tensor>; calls(): number; dispose(): void } {
  let calls = 0;
  const state = tensor([0], undefined, { device });
  const step = capture((x: Tensor) => {
    calls++;
    state.assign(state.add(x.sum()));
    return state.mul(10);
  });
  return { step, calls: () => calls, dispose: () => (step.dispose(), state.dispose()) };
}

Deno.test("many: without rates, also where shapes alternate, and for no batches", async () => {
  using device = new Device("cpu", { threads: 1 });
  const { step, calls, dispose } = counter(device);
  const sizes = [1, 1, 2, 1, 1, 2, 2, 2, 1, 1];
  const xs = sizes.map((size, i) => tensor(Array(size).fill(i + 1), undefined, { device }));
  assertEquals(step.many([]), []);
  const results = step.many(xs.map((x) => [x]));
  let sum = 0;
  const wanted = sizes.map((size, i) => 10 * (sum += size * (i + 1)));
  assertEquals(await Promise.all(results.map((result) => result.item())), wanted);
  assertEquals([calls(), step.recordings], [4, 2], "eager and recorded, once a shape");
  const before = device.queue.enqueued();
  const more = step.many(xs.map((x) => [x]));
  assertEquals(device.queue.enqueued() - before, 5, "a command for each run of one shape");
  for (const each of [...xs, ...results, ...more]) each.dispose();
  dispose();
  assertEquals(device.stats().handles, 0);
});

Deno.test("many: results are built for each step, and arguments may repeat", async () => {
  using device = new Device("cpu", { threads: 1 });
  using step = capture((x: Tensor, y: Tensor) => ({ sum: x.add(y), difference: x.sub(y), x }) as const);
  using x = tensor([3], undefined, { device });
  using y = tensor([2], undefined, { device });
  for (let round = 0; round < 2; round++) {
    const results = step.many([[x, y], [y, x], [x, x], [y, y]]);
    const values: number[][] = [];
    for (const result of results) {
      const { sum, difference, x } = result;
      values.push(await Promise.all([sum, difference, x].map((each) => each.item())));
      for (const each of Object.values(result)) each.dispose();
    }
    assertEquals(values, [[5, 1, 3], [5, -1, 2], [6, 0, 3], [4, 0, 2]]);
  }
  using none = capture((x: Tensor) => void x.add(1));
  for (let round = 0; round < 2; round++) assertEquals(none.many([[x], [x], [x]]), [undefined, undefined, undefined]);
});

Deno.test("many: a guard that no longer holds is found before the first step", async () => {
  using device = new Device("cpu", { threads: 1 });
  using norm = new nn.BatchNorm2d(1, { device });
  let calls = 0;
  using step = capture((x: Tensor) => {
    calls++;
    return noGrad(() => norm.forward(x));
  });
  using x = tensor([[1], [3]], undefined, { device });
  const run = async (): Promise<number[]> => {
    const results = step.many(Array.from({ length: 4 }, () => [x] as [Tensor]));
    const first = await Promise.all(results.map(async (y) => Math.round((await y.data())[0]! * 100) / 100));
    for (const result of results) result.dispose();
    return first;
  };
  assertEquals([await run(), calls], [[-1, -1, -1, -1], 2]);
  norm.eval();
  const evaluated = await run();
  assertEquals([new Set(evaluated).size, evaluated[0] === -1, calls], [1, false, 4]);
  assertEquals([await run(), calls], [evaluated, 4]);
});

/** A classifier of one weight matrix, [2, 3], and a captured step of SGD over it. */
function classifier(device: Device): {
  model: PlainModel;
  optimizer: optim.BoundOptimizer;
  step: Captured<[Tensor], Tensor>;
  batches(labels: readonly number[]): [Tensor][];
  dispose(): void;
} {
  const model = new PlainModel({ bias: { values: [0.5, -1, 2] } }, { device });
  const optimizer = optim.sgd({ wd: 0 }).bind(model, { lr: 1 });
  const step = capture((labels: Tensor) => {
    const loss = crossEntropy(model.get("bias").reshape([1, 3]), labels);
    loss.backward();
    optimizer.step();
    return loss;
  });
  const made: Tensor[] = [];
  return {
    model,
    optimizer,
    step,
    batches: (labels) =>
      labels.map((label) => {
        const one = tensor([label], undefined, { dtype: "i32", device });
        made.push(one);
        return [one];
      }),
    dispose(): void {
      for (const each of [step, optimizer, model, ...made]) each.dispose();
    },
  };
}

Deno.test("many: a step that fails in the middle: those before count, those after are skipped", async () => {
  /** Losses of good steps and the weights after them. */
  const good = async (count: number): Promise<{ losses: number[]; bias: number[] }> => {
    using device = new Device("cpu", { threads: 1 });
    const { model, step, batches, dispose } = classifier(device);
    const losses: number[] = [];
    for (const args of batches(Array(count).fill(1))) {
      using loss = step(...args);
      losses.push(await loss.item());
    }
    const bias = await model.read("bias");
    dispose();
    return { losses, bias };
  };
  const wanted = await good(5);

  using device = new Device("cpu", { threads: 1 });
  const { model, optimizer, step, batches, dispose } = classifier(device);
  const before = step.many(batches([1, 1, 1]));
  const lr = [1, 1, 0.25, 0.125, 0.5];
  const results = step.many(batches([1, 1, 9, 1, 1]), { rates: { optimizer, lr } });
  assertEquals([optimizer.steps, optimizer.lr], [8, 0.5]);
  const error = await assertRejects(() => device.synchronize(), LateError, "(3 classes), got 9 in row 0");
  assertEquals(error.op, "cross_entropy");
  await device.recover();
  assertEquals(optimizer.steps, 5, "the steps that were skipped do not count");
  const losses = await Promise.all(before.map((loss) => loss.item()));
  assertEquals([losses, await model.read("bias")], [wanted.losses.slice(0, 3), wanted.bias]);
  for (const lost of results) await assertRejects(() => lost.item(), StateError, "was never computed");
  // The rate is the one that was set last, whatever the failed steps had written.
  optimizer.lr = 1;
  const more = step.many(batches([1]));
  const again = await good(6);
  assertEquals([await more[0]!.item(), await model.read("bias")], [again.losses[5], again.bias]);
  for (const each of [...before, ...results, ...more]) each.dispose();
  dispose();
});

Deno.test("many: in debug mode a late error names the line of the call", async () => {
  using device = new Device("cpu", { threads: 1, debug: true });
  const { step, batches, dispose } = classifier(device);
  for (const loss of step.many(batches([1, 1]))) loss.dispose();
  const called = (): Tensor[] => step.many(batches([1, 9]));
  for (const loss of called()) loss.dispose();
  const error = await assertRejects(() => device.synchronize(), LateError);
  assertMatch(error.message, /\n {4}enqueued at called \(.*capture_many_test\.ts:\d+:\d+\)$/);
  dispose();
});

Deno.test("many: what does not fit is refused, and nothing is left behind", async () => {
  using device = new Device("cpu", { threads: 1 });
  const { model, optimizer, step, batches, dispose } = classifier(device);
  using other = new PlainModel({ w: { values: [1] } }, { device });
  using stranger = optim.sgd().bind(other);
  const args = batches([1, 1, 1]);
  for (const loss of step.many(args)) loss.dispose();
  const bias = await model.read("bias");
  const { handles } = device.stats();
  const rates = (lr: number[], of = optimizer): { rates: { optimizer: typeof of; lr: number[] } } => ({
    rates: { optimizer: of, lr },
  });
  assertThrows(
    () => step.many(args, rates([1, 1])),
    RangeError,
    "many(): Expected `rates.lr` with a rate for each of 3 steps, got 2",
  );
  assertThrows(() => step.many(args, rates([1, NaN, 1])), RangeError, "Expected a learning rate from 0, got NaN");
  assertThrows(() => step.many(args, rates([1, 1, 1], stranger)), RangeError, "optimizer that the step uses");
  assertEquals([await model.read("bias"), optimizer.lr], [bias, 1], "nothing was enqueued");
  using wrong = tensor([1], undefined, { device });
  assertThrows(
    () => step.many([args[0]!, [wrong]]),
    TypeError,
    "crossEntropy(): Expected labels [n] of dtype i32, got f32",
  );
  using nested = capture((x: Tensor) => step.many([[x]])[0]!);
  assertThrows(() => nested.many(args), StateError, "Cannot call a captured step inside capture()");
  assertEquals(device.stats().handles, handles + 1);
  step.dispose();
  assertThrows(() => step.many(args), DisposedError, "Cannot use a captured step after it was disposed");
  dispose();
});
