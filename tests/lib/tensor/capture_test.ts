/** Captured steps: the eager ones bit for bit, recorded anew where something changed, and what cannot be recorded. */
import { assertEquals, assertMatch, assertNotEquals, assertRejects, assertThrows } from "@std/assert";
import {
  capture,
  crossEntropy,
  Device,
  DisposedError,
  models,
  nn,
  noGrad,
  optim,
  rand,
  randn,
  scope,
  scoped,
  StateError,
  type Tensor,
  tensor,
} from "../../../mod.ts";
import { batch } from "../../support/mnist_steps.ts";
import { PlainModel } from "../../support/plain_model.ts";

const STEPS = 50;

/** Losses and the final state of a training of the MNIST preset's network, with a rate that changes at every step. */
async function trainMnist(captured: boolean): Promise<{ losses: number[]; state: Map<string, ArrayLike<number>> }> {
  using device = new Device("cpu", { threads: 2 });
  using model = models.mnistNet({ seed: 3, device });
  using optimizer = optim.ranger().bind(model);
  const rate = optim.flatCos({ lr: 8e-3, start: 0.1 }).over(STEPS);
  const run = (images: Tensor, labels: Tensor): Tensor => {
    const loss = crossEntropy(model.forward(images), labels, { labelSmoothing: 0.1 });
    loss.backward();
    optimizer.step();
    return loss;
  };
  const recorded = captured ? capture(run) : undefined;
  const step = recorded ?? scoped(run);
  const losses: Tensor[] = [];
  for (let i = 0; i < STEPS; i++) {
    optimizer.lr = rate(optimizer.steps);
    const { images, labels } = batch(device, i);
    losses.push(step(images, labels));
    images.dispose();
    labels.dispose();
  }
  assertEquals([optimizer.steps, recorded?.recordings], [STEPS, captured ? 1 : undefined]);
  const state = new Map<string, ArrayLike<number>>();
  const views = optimizer.state();
  for (const [name, each] of [...model.state(), ...views]) state.set(name, await each.data());
  for (const view of views.values()) view.dispose();
  const values: number[] = [];
  for (const loss of losses) {
    values.push(await loss.item());
    loss.dispose();
  }
  recorded?.dispose();
  return { losses: values, state };
}

Deno.test(`capture: ${STEPS} steps of the MNIST network are the eager ones bit for bit`, async () => {
  const [eager, captured] = [await trainMnist(false), await trainMnist(true)];
  assertEquals(new Set(eager.losses).size, STEPS, "every step is another");
  assertEquals(captured.losses, eager.losses);
  assertEquals([...captured.state.keys()], [...eager.state.keys()]);
  for (const [name, values] of eager.state) assertEquals(captured.state.get(name), values, name);
});

/** A captured call on a device of its own; `calls` counts how often JavaScript ran the step. */
function counter(body: (x: Tensor) => Tensor): { step: ReturnType<typeof capture<[Tensor], Tensor>>; calls(): number } {
  let calls = 0;
  return {
    step: capture((x: Tensor) => {
      calls++;
      return body(x);
    }),
    calls: () => calls,
  };
}

Deno.test("capture: eager, recorded, then replayed; every result is fresh", async () => {
  using device = new Device("cpu", { threads: 1 });
  using state = tensor([0], undefined, { device });
  const { step, calls } = counter((x) => {
    state.assign(state.add(x));
    return state.mul(10);
  });
  const results: Tensor[] = [];
  const counts: number[] = [];
  for (let i = 1; i <= 5; i++) {
    using x = tensor([i], undefined, { device });
    results.push(step(x));
    counts.push(calls());
  }
  assertEquals([counts, step.recordings], [[1, 2, 2, 2, 2], 1]);
  assertEquals(await Promise.all(results.map((result) => result.item())), [10, 30, 60, 100, 150]);
  for (const result of results) result.dispose();
  step.dispose();
  assertEquals([device.stats().handles, device.stats().storages], [1, 1]);
});

Deno.test("capture: another shape or dtype is recorded on its own", async () => {
  using device = new Device("cpu", { threads: 1 });
  const { step, calls } = counter((x) => x.mul(2).sum());
  const inputs = [[1, 2], [1, 2, 3]].flatMap((values) =>
    (["f32", "f64"] as const).map((dtype) => tensor(values, undefined, { dtype, device }))
  );
  for (let round = 0; round < 4; round++) {
    for (const x of inputs) {
      using y = step(x);
      assertEquals([await y.item(), y.dtype], [x.size === 2 ? 6 : 12, x.dtype]);
    }
  }
  assertEquals([step.recordings, calls()], [4, 8]);
  step.dispose();
  for (const x of inputs) x.dispose();
  assertEquals(device.stats().handles, 0);
});

Deno.test("capture: results in arrays and objects, the same one twice, arguments handed back, and none", async () => {
  using device = new Device("cpu", { threads: 1 });
  using x = tensor([3], undefined, { device });
  using several = capture((x: Tensor) => {
    const y = x.mul(2);
    return { y, again: y, input: x } as const;
  });
  for (let i = 0; i < 4; i++) {
    const { y, again, input } = several(x);
    assertEquals([await y.item(), await again.item(), await input.item()], [6, 6, 3], `call ${i + 1}`);
    for (const each of new Set([y, again, input])) if (each !== x) each.dispose();
    assertEquals(x.disposed, false);
  }
  using list = capture((x: Tensor) => [x.add(1), x.add(2)]);
  using none = capture((x: Tensor) => void x.add(1));
  for (let i = 0; i < 3; i++) {
    const results = list(x);
    assertEquals(await Promise.all(results.map((each) => each.item())), [4, 5]);
    for (const each of results) each.dispose();
    assertEquals(none(x), undefined);
  }
});

Deno.test("capture: training and evaluation mode are recorded apart", async () => {
  using device = new Device("cpu", { threads: 1 });
  using norm = new nn.BatchNorm2d(1, { device });
  using x = tensor([[1], [3]], undefined, { device });
  const { step, calls } = counter((x) => noGrad(() => norm.forward(x)));
  const read = async (): Promise<number[]> => {
    using y = step(x);
    return Array.from(await y.data(), (value) => Math.round(value * 100) / 100);
  };
  for (let i = 0; i < 3; i++) assertEquals(await read(), [-1, 1]);
  assertEquals(calls(), 2);
  const mean = await norm.runningMean.item();
  norm.eval();
  const evaluated = await read();
  assertNotEquals(evaluated, [-1, 1]);
  assertEquals([await read(), await read(), calls()], [evaluated, evaluated, 4]);
  assertEquals(await norm.runningMean.item(), mean, "evaluation leaves the running statistics");
  norm.train();
  assertEquals([await read(), calls()], [[-1, 1], 5]);
  step.dispose();
});

/** A model of two parameters and a captured step of SGD over it. */
function smallTraining(device: Device): {
  model: PlainModel;
  optimizer: optim.BoundOptimizer;
  step: (x: Tensor) => Tensor;
  dispose(): void;
} {
  const model = new PlainModel({ a: { values: [1, 2] }, b: { values: [3, 4] } }, { device });
  const optimizer = optim.sgd().bind(model, { lr: 1 });
  const step = capture((x: Tensor) => {
    const loss = model.get("a").mul(x).add(model.get("b")).sum();
    loss.backward();
    optimizer.step();
    return loss;
  });
  return {
    model,
    optimizer,
    step,
    dispose(): void {
      step.dispose();
      optimizer.dispose();
      model.dispose();
    },
  };
}

Deno.test("capture: a rate set between steps counts, frozen groups are recorded anew", async () => {
  using device = new Device("cpu", { threads: 1 });
  const { model, optimizer, step, dispose } = smallTraining(device);
  using x = tensor([1, 1], undefined, { device });
  for (const lr of [1, 1, 0.5, 0.25]) {
    optimizer.lr = lr;
    step(x).dispose();
  }
  assertEquals([await model.read("a"), optimizer.steps], [[1 - 2.75, 2 - 2.75], 4]);
  optimizer.configure({ match: /^a$/, frozen: true });
  const b = await model.read("b");
  for (let i = 0; i < 3; i++) step(x).dispose();
  assertEquals([await model.read("a"), await model.read("b")], [[-1.75, -0.75], b.map((value) => value - 0.75)]);
  assertEquals(optimizer.steps, 7);
  dispose();
});

Deno.test("capture: a replaced module is recorded anew and trained", async () => {
  using device = new Device("cpu", { threads: 1 });
  class Head extends nn.Linear {}
  using model = new nn.Sequential(new nn.Linear(2, 2, { device }), new Head(2, 1, { device }));
  using optimizer = optim.adamw().bind(model);
  using step = capture((x: Tensor) => {
    const loss = model.forward(x).sum();
    loss.backward();
    optimizer.step();
    return loss;
  });
  using x = tensor([[1, 2]], undefined, { device });
  for (let i = 0; i < 3; i++) step(x).dispose();
  nn.replaceModules(model, Head, () => new nn.Linear(2, 1, { device }));
  const fresh = model.namedParameters().get("layers.1.weight")!;
  const before = Array.from(await fresh.data());
  for (let i = 0; i < 3; i++) step(x).dispose();
  assertNotEquals(Array.from(await fresh.data()), before);
  assertEquals(optimizer.steps, 6);
});

Deno.test("capture: what cannot be recorded says so, and the next call works", async () => {
  using device = new Device("cpu", { threads: 1 });
  const { model, optimizer, dispose } = smallTraining(device);
  using x = tensor([1, 1], undefined, { device });
  const inner = capture((x: Tensor) => x.add(1));
  const attempts: [string, (x: Tensor) => Tensor][] = [
    ["Cannot set a learning rate inside capture(): do it before or after", (x) => (optimizer.lr = 0.5, x.add(1))],
    ["Cannot change parameter groups inside capture()", (x) => (optimizer.configure({ match: /a/ }), x.add(1))],
    [
      "Cannot copy host values to the device inside capture(): pass it in",
      (x) => x.add(tensor([1, 1], [2], { device })),
    ],
    ["randn(): Cannot draw random numbers inside capture()", (x) => x.add(randn([2], { device }))],
    ["rand(): Cannot draw random numbers inside capture()", (x) => x.add(rand([2], { device, seed: calls }))],
    ["Cannot call a captured step inside capture(): call the plain function", (x) => inner(x)],
    ["from the step", (x) => {
      if (calls === 2) throw new StateError("from the step");
      return x.add(1);
    }],
  ];
  let calls = 0;
  for (const [message, body] of attempts) {
    let broken = true;
    calls = 0;
    using step = capture((x: Tensor) => {
      calls++;
      return broken ? body(x) : x.mul(2);
    });
    step(x).dispose();
    const before = device.stats().handles;
    assertThrows(() => step(x), StateError, message);
    assertEquals(device.stats().handles, before, message);
    broken = false;
    for (let i = 0; i < 3; i++) {
      using y = step(x);
      assertEquals(Array.from(await y.data()), [2, 2], message);
    }
  }
  inner.dispose();
  assertEquals(Array.from(await model.get("a").data()), [1, 2]);
  dispose();
});

Deno.test("capture: reading a value inside rejects, recorded or not it is no way to wait", async () => {
  using device = new Device("cpu", { threads: 1 });
  const reads: Promise<unknown>[] = [];
  using step = capture((x: Tensor) => {
    const y = x.mul(2);
    reads.push(y.data());
    return y;
  });
  using x = tensor([1], undefined, { device });
  step(x).dispose();
  await reads[0];
  step(x).dispose();
  await assertRejects(() => reads[1]!, StateError, "Cannot read a tensor's values inside capture()");
});

Deno.test("capture: gradients that are left behind are refused, those from before are added once", async () => {
  using device = new Device("cpu", { threads: 1 });
  using w = tensor([2], undefined, { device }).requireGrad();
  using x = tensor([3], undefined, { device });
  using leaves = capture((x: Tensor) => void w.mul(x).backward());
  leaves(x);
  assertThrows(
    () => leaves(x),
    StateError,
    "capture(): Expected the step to use up its gradients, got one left behind",
  );
  w.setGrad(null);

  const { model, step, dispose } = smallTraining(device);
  using one = tensor([1, 1], undefined, { device });
  for (let i = 0; i < 3; i++) step(one).dispose();
  const before = await model.read("a");
  model.setGrad("a", [10, 20]);
  step(one).dispose();
  assertEquals(await model.read("a"), [before[0]! - 11, before[1]! - 21], "as an eager step");
  for (let i = 0; i < 3; i++) step(one).dispose();
  assertEquals(await model.read("a"), [before[0]! - 14, before[1]! - 24]);
  dispose();
});

Deno.test("capture: a replay counts as a write for what backward has saved", () => {
  using device = new Device("cpu", { threads: 1 });
  const { model, step, dispose } = smallTraining(device);
  using x = tensor([1, 1], undefined, { device });
  for (let i = 0; i < 2; i++) step(x).dispose();
  scope(() => {
    const y = model.get("a").mul(model.get("b")).sum();
    step(x);
    const error = assertThrows(() => y.backward(), StateError);
    assertMatch(error.message, /Cannot use the saved tensor "[ab]" of mul\(\), as sgd_step\(\) wrote over it since/);
  });
  dispose();
});

Deno.test("capture: replayed after parts of the model are gone: no crash", async () => {
  using device = new Device("cpu", { threads: 1 });
  const { model, step, dispose } = smallTraining(device);
  using x = tensor([1, 1], undefined, { device });
  for (let i = 0; i < 3; i++) step(x).dispose();
  model.get("a").dispose();
  // Blocks of what is gone would be handed out again, if the recording did not hold them.
  using other = scope(() => x.mul(7));
  using loss = step(x);
  assertEquals(Number.isFinite(await loss.item()), true);
  assertEquals(Array.from(await other.data()), [7, 7]);
  dispose();
  assertEquals(device.stats().handles, 3);
});

Deno.test("capture: disposed twice, and not used afterwards", () => {
  using device = new Device("cpu", { threads: 1 });
  using x = tensor([1], undefined, { device });
  const step = capture((x: Tensor) => x.mul(2));
  for (let i = 0; i < 3; i++) step(x).dispose();
  step.dispose();
  step[Symbol.dispose]();
  assertThrows(() => step(x), DisposedError, "Cannot use a captured step after it was disposed");
  assertEquals(device.stats().handles, 1);
  assertEquals(device.stats().reservedBytes > 0, true);
});

Deno.test("capture: a late error inside a replay names the op; recover() goes on", async () => {
  using device = new Device("cpu", { threads: 1 });
  using step = capture((labels: Tensor) => crossEntropy(logits, labels));
  using logits = tensor([[1, 2, 3]], undefined, { device });
  const labels = (label: number): Tensor => tensor([label], undefined, { dtype: "i32", device });
  using good = labels(1);
  using bad = labels(9);
  for (let i = 0; i < 3; i++) step(good).dispose();
  using lost = step(bad);
  await assertRejects(
    () => lost.item(),
    Error,
    "cross_entropy(): Expected labels from 0 to 2 (3 classes), got 9 in row 0",
  );
  await device.recover();
  using loss = step(good);
  assertEquals(Number.isFinite(await loss.item()), true);
});

Deno.test("capture: a parameter frozen after the recording stays as it is", async () => {
  using device = new Device("cpu", { threads: 1 });
  const { model, step, dispose } = smallTraining(device);
  using x = tensor([1, 1], undefined, { device });
  for (let i = 0; i < 3; i++) step(x).dispose();
  model.get("b").requireGrad(false);
  const [a, b] = [await model.read("a"), await model.read("b")];
  for (let i = 0; i < 3; i++) step(x).dispose();
  assertEquals([await model.read("a"), await model.read("b")], [a.map((value) => value - 3), b]);
  model.get("b").requireGrad();
  for (let i = 0; i < 3; i++) step(x).dispose();
  assertEquals(await model.read("b"), b.map((value) => value - 3));
  dispose();
});

Deno.test("capture: a device in the slot of one that is gone gets recordings of its own", async () => {
  using step = capture((x: Tensor) => x.add(1));
  for (let opened = 0; opened < 3; opened++) {
    using device = new Device("cpu", { threads: 1 });
    using x = tensor([opened], undefined, { device });
    for (let i = 0; i < 3; i++) {
      using y = step(x);
      assertEquals(await y.item(), opened + 1);
    }
  }
});

Deno.test("capture: arguments in arrays and objects are copied in at each replay, and another structure is recorded anew", async () => {
  using device = new Device("cpu", { threads: 1 });
  const of = (value: number): Tensor => tensor([value, 2 * value], { device }).detachFromScope();
  using step = capture(({ pair: [a, b] }: { pair: [Tensor, Tensor] }, c: Tensor) => ({
    sum: [a.add(b).sum()],
    c: c.mul(2),
  }));
  for (let call = 1; call <= 4; call++) {
    using a = of(call);
    using b = of(10 * call);
    const { sum: [sum], c } = step({ pair: [a, b] }, a);
    assertEquals([await sum!.item(), ...await c.data()], [33 * call, 2 * call, 4 * call]);
    sum!.dispose();
    c.dispose();
  }
  assertEquals(step.recordings, 1);
  using list = capture((parts: readonly Tensor[] | { only: Tensor }) =>
    "only" in parts ? parts.only.mul(3) : parts[0]!.mul(2)
  );
  using x = of(1);
  for (const [parts, wanted] of [[[x], 2], [{ only: x }, 3], [[x], 2], [{ only: x }, 3]] as const) {
    using y = list(parts);
    assertEquals((await y.data())[0], wanted);
  }
  assertEquals(list.recordings, 2);
});
