/** Optimizers while models change under them: recorded steps, late errors, replaced modules, failures. */
import { assertEquals, assertNotEquals, assertRejects, assertThrows } from "@std/assert";
import {
  capture,
  Device,
  DisposedError,
  gatherRows,
  LateError,
  nn,
  ones,
  optim,
  scope,
  type Tensor,
  tensor,
} from "../../../mod.ts";
import { PlainModel } from "../../support/plain_model.ts";

/** A module of two layers that can be replaced. */
class Two extends nn.Module {
  first: nn.Module;
  last: nn.Linear;

  constructor(device: Device) {
    super();
    this.first = new nn.Linear(2, 2, { device, bias: false });
    this.last = new nn.Linear(2, 2, { device, bias: false });
  }

  override forward(x: Tensor): Tensor {
    return this.last.forward(this.first.forward(x));
  }
}

/** Fails on the device when it runs. */
function lateError(device: Device): void {
  scope(() => void gatherRows(ones([2, 2], { device }), tensor([5], undefined, { dtype: "i32", device })));
}

async function valuesOf(tensor: Tensor): Promise<number[]> {
  return Array.from(await tensor.data());
}

/** A recorded step of a model, called three times so that the third is a replay. */
function recorded(model: Two, optimizer: optim.BoundOptimizer): () => void {
  const step = capture((x: Tensor) => {
    const loss = model.forward(x).sum();
    loss.backward();
    optimizer.step();
    return loss;
  });
  const call = (): void => scope(() => step(ones([1, 2], { device: model.last.weight.device })).dispose());
  for (let i = 0; i < 3; i++) call();
  return call;
}

Deno.test("capture: a parameter frozen by requireGrad(false) after the recording stays as it is", async () => {
  using device = new Device("cpu", { threads: 1 });
  using model = new Two(device);
  using optimizer = optim.sgd().bind(model, { lr: 1 });
  const call = recorded(model, optimizer);
  model.last.weight.requireGrad(false);
  const [first, last] = [await valuesOf((model.first as nn.Linear).weight), await valuesOf(model.last.weight)];
  call();
  assertEquals(await valuesOf(model.last.weight), last);
  assertNotEquals(await valuesOf((model.first as nn.Linear).weight), first);
  model.last.weight.requireGrad(true);
  call();
  assertNotEquals(await valuesOf(model.last.weight), last);
});

Deno.test("capture: a module assigned after the recording is the one that runs, with parameters or without", async () => {
  using device = new Device("cpu", { threads: 1 });
  using model = new Two(device);
  using optimizer = optim.sgd().bind(model, { lr: 1 });
  const call = recorded(model, optimizer);
  using replaced = model.last;
  model.last = new nn.Linear(2, 2, { device, bias: false });
  const before = await valuesOf(model.last.weight);
  call();
  assertNotEquals(await valuesOf(model.last.weight), before);
  for (let i = 0; i < 2; i++) call();
  using _layer = model.first;
  const weights = await valuesOf(model.last.weight);
  model.first = new nn.Activation("none");
  call();
  // Without the first layer, the gradient of each weight is its input, 1.
  assertEquals(await valuesOf(model.last.weight), weights.map((weight) => Math.fround(weight - 1)));
  assertEquals(replaced.weight.disposed, false);
});

Deno.test("recover: a learning rate whose change was skipped is set again", async () => {
  using device = new Device("cpu", { threads: 1 });
  using model = new PlainModel({ a: { values: [8] } }, { device });
  using optimizer = optim.sgd().bind(model, { lr: 1 });
  lateError(device);
  optimizer.lr = 0.25;
  await assertRejects(() => device.synchronize(), LateError);
  await device.recover();
  optimizer.lr = 0.25;
  model.setGrad("a", [4]);
  optimizer.step();
  assertEquals(await model.read("a"), [7]);
});

Deno.test("recover: skipped steps do not count", async () => {
  using device = new Device("cpu", { threads: 1 });
  using model = new PlainModel({ a: { values: [8] } }, { device });
  using optimizer = optim.sgd().bind(model, { lr: 1 });
  const step = (): void => {
    model.setGrad("a", [1]);
    optimizer.step();
  };
  step();
  lateError(device);
  step();
  step();
  assertEquals(optimizer.steps, 3);
  await assertRejects(() => device.synchronize(), LateError);
  await device.recover();
  assertEquals([optimizer.steps, await model.read("a")], [1, [7]]);
  step();
  assertEquals([optimizer.steps, await model.read("a")], [2, [6]]);
  const { handles } = device.stats();
  await device.recover();
  assertEquals(device.stats().handles, handles);
});

Deno.test("ranger: a fresh parameter in an old one's place is not pulled to the old slow weights", async () => {
  using device = new Device("cpu", { threads: 1 });
  using model = new PlainModel({ a: { values: [100] }, b: { values: [3] } }, { device });
  using optimizer = optim.ranger({ wd: 0, k: 2 }).bind(model, { lr: 0 });
  const step = (): void => {
    model.setGrad("a", [1]);
    optimizer.step();
  };
  step();
  model.get("a").dispose();
  Object.assign(model, { a: nn.Parameter.of(tensor([0], undefined, { device })) });
  step();
  assertEquals(await model.read("a"), [0]);
});

Deno.test("optimizer: state goes to parameters of the same shape, not only of the same size", async () => {
  using device = new Device("cpu", { threads: 1 });
  using model = new PlainModel({ a: { values: [1, 2, 3, 4, 5, 6], shape: [2, 3] } }, { device });
  using optimizer = optim.sgd({ mom: 0.5 }).bind(model, { lr: 0 });
  model.setGrad("a", [1, 2, 3, 4, 5, 6]);
  optimizer.step();
  model.get("a").dispose();
  Object.assign(model, { a: nn.Parameter.of(tensor([1, 2, 3, 4, 5, 6], [3, 2], { device })) });
  const state = optimizer.state();
  assertEquals(await valuesOf(state.get("momentumBuffer.a")!), [0, 0, 0, 0, 0, 0]);
  for (const view of state.values()) view.dispose();
});

Deno.test("optimizer: a parameter that moves to another name takes its state along", async () => {
  using device = new Device("cpu", { threads: 1 });
  using model = new PlainModel({ a: { values: [1] }, b: { values: [2] } }, { device });
  using optimizer = optim.sgd({ mom: 0.5 }).bind(model, { lr: 0 });
  model.setGrad("a", [7]);
  model.setGrad("b", [8]);
  optimizer.step();
  Object.assign(model, { a: model.get("b"), b: model.get("a") });
  const state = optimizer.state();
  assertEquals([await state.get("momentumBuffer.a")!.data(), await state.get("momentumBuffer.b")!.data()].map(Number), [
    8,
    7,
  ]);
  for (const view of state.values()) view.dispose();
});

Deno.test("step: where it throws, the gradients are consumed and nothing is left behind", async () => {
  using device = new Device("cpu", { threads: 1 });
  using model = new PlainModel({ a: { values: [1] }, b: { values: [2] } }, { device });
  using optimizer = optim.sgd().bind(model, { lr: 1 });
  const { handles } = device.stats();
  model.setGrad("a", [1]);
  model.get("b").setGrad(ones([3], { device }).detachFromScope());
  assertThrows(() => optimizer.step(), TypeError);
  assertEquals([model.get("a").grad, model.get("b").grad, optimizer.steps], [null, null, 0]);
  assertEquals(device.stats().handles, handles);
  assertEquals(await model.read("a"), [1]);
});

Deno.test("optimizer: after dispose() every use is a DisposedError, and makes nothing", () => {
  using device = new Device("cpu", { threads: 1 });
  using model = new PlainModel({ a: { values: [1] } }, { device });
  const optimizer = optim.ranger().bind(model, { lr: 1 });
  optimizer.dispose();
  model.setGrad("a", [1]);
  const { handles } = device.stats();
  const uses = [
    () => optimizer.step(),
    () => optimizer.state(),
    () => optimizer.prepare(),
    () => optimizer.configure({ match: /a/, frozen: true }),
    () => optimizer.lr = 0.5,
  ];
  for (const use of uses) assertThrows(use, DisposedError, "Cannot use an optimizer after it was disposed");
  assertEquals(device.stats().handles, handles);
  assertNotEquals(model.get("a").grad, null);
});

Deno.test("groups: a pattern with the flag g or y matches every parameter alike", async () => {
  for (const match of [/weight/g, /weight./y]) {
    using device = new Device("cpu", { threads: 1 });
    using model = new PlainModel({ weightA: { values: [1] }, weightB: { values: [2] } }, { device });
    using optimizer = optim.sgd().bind(model, { lr: 1, groups: [{ match, frozen: true }] });
    model.setGrad("weightA", [1]);
    model.setGrad("weightB", [1]);
    optimizer.step();
    assertEquals([await model.read("weightA"), await model.read("weightB")], [[1], [2]], `${match}`);
  }
});
