/** Optimizers bound to a model: groups, state, and what a step consumes and leaves alone. */
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Device, LateError, nn, optim, StateError, type Tensor } from "../../../mod.ts";
import { PlainModel } from "../../support/plain_model.ts";

const f64 = { dtype: "f64" } as const;

/** The optimizer's state as numbers by name. */
async function stateOf(optimizer: optim.BoundOptimizer): Promise<Map<string, number[]>> {
  const values = new Map<string, number[]>();
  for (const [name, tensor] of optimizer.state()) {
    values.set(name, Array.from(await tensor.data()));
    tensor.dispose();
  }
  return values;
}

function abc(): PlainModel {
  return new PlainModel({ a: { values: [1, 2] }, b: { values: [3] }, c: { values: [4, 5, 6, 7], shape: [2, 2] } }, f64);
}

Deno.test("groups: learning-rate scale, weight decay and freezing; the first that matches counts", async () => {
  using model = abc();
  using optimizer = optim.sgd({ wd: 0.5 }).bind(model, {
    lr: 0.25,
    groups: [
      { match: /^a$/, lrScale: 2, wd: 1 },
      { match: (path) => path === "b", frozen: true },
      { match: /^[abc]$/, wd: 0 },
    ],
  });
  for (const name of ["a", "b", "c"]) model.setGrad(name, name === "c" ? [1, 1, 1, 1] : name === "b" ? [1] : [1, 1]);
  optimizer.step();
  // 2 · 0.25 is the rate of `a`: (1 - 0.5 · 1) p - 0.5 · 1.
  assertEquals(await model.read("a"), [0, 0.5]);
  assertEquals(await model.read("b"), [3]);
  assertEquals(await model.read("c"), [3.75, 4.75, 5.75, 6.75]);
});

Deno.test("configure: freezes and thaws, and keeps the state of what is frozen", async () => {
  using model = abc();
  using optimizer = optim.sgd({ mom: 0.5 }).bind(model, { lr: 1 });
  const step = (): void => {
    model.setGrad("a", [1, 1]);
    model.setGrad("b", [1]);
    optimizer.step();
  };
  step();
  optimizer.configure({ match: /^b$/, frozen: true });
  step();
  step();
  assertEquals(await model.read("b"), [2]);
  optimizer.configure({ match: /^b$/, frozen: false, lrScale: 2 });
  step();
  // The buffer of `b` still holds its first gradient: 0.5 · 1 + 1.
  assertEquals(await model.read("b"), [2 - 2 * 1.5]);
  assertEquals((await stateOf(optimizer)).get("steps.b"), [2]);
  assertEquals((await stateOf(optimizer)).get("steps.a"), [4]);
  assertEquals((await stateOf(optimizer)).get("steps"), [4]);
});

Deno.test("step: segments without a gradient are left alone, state and count too", async () => {
  using model = abc();
  using optimizer = optim.ranger({ k: 2 }).bind(model, { lr: 0.1 });
  model.setGrad("a", [1, -1]);
  model.setGrad("b", [1]);
  model.setGrad("c", [1, 2, 3, 4]);
  optimizer.step();
  const [before, b] = [await stateOf(optimizer), await model.read("b")];
  model.setGrad("a", [1, -1]);
  model.setGrad("c", [1, 2, 3, 4]);
  optimizer.step();
  const after = await stateOf(optimizer);
  assertEquals(await model.read("b"), b);
  for (const [name, values] of before) {
    if (name.endsWith(".b")) assertEquals(after.get(name), values, name);
    else if (name !== "slow.a") assertEquals(String(after.get(name)) === String(values), false, name);
  }
});

Deno.test("step: consumes the gradients; without any it refuses", () => {
  using model = abc();
  using optimizer = optim.sgd().bind(model);
  model.setGrad("a", [1, 1]);
  optimizer.step();
  assertEquals([model.get("a").grad, optimizer.steps], [null, 1]);
  assertThrows(() => optimizer.step(), StateError, "step(): Expected gradients, got none: call backward()");
  assertEquals(optimizer.steps, 1);
});

Deno.test("state: names, shapes and views that write through", async () => {
  using model = abc();
  using optimizer = optim.ranger().bind(model);
  const state = optimizer.state();
  assertEquals([...state.keys()], [
    ...["average", "averageSquare", "slow"].flatMap((name) => ["a", "b", "c"].map((path) => `${name}.${path}`)),
    "steps.a",
    "steps.b",
    "steps.c",
    "steps",
  ]);
  assertEquals(state.get("slow.c")!.shape, [2, 2]);
  assertEquals(Array.from(await state.get("slow.c")!.data()), [4, 5, 6, 7], "Lookahead starts at the weights");
  state.get("average.a")!.fill(3);
  for (const view of state.values()) view.dispose();
  assertEquals((await stateOf(optimizer)).get("average.a"), [3, 3]);
  optimizer.resumeAt(42);
  assertEquals(optimizer.steps, 42);
});

Deno.test("a replaced module gets fresh state, the others keep theirs", async () => {
  class Other extends nn.Linear {}
  const make = (): nn.Sequential => new nn.Sequential(new nn.Linear(3, 2, f64), new Other(2, 2, f64));
  using replaced = make();
  using kept = make();
  const options = { lr: 0.1 };
  using one = optim.adamw().bind(replaced, options);
  using two = optim.adamw().bind(kept, options);
  const step = (model: nn.Module, optimizer: optim.BoundOptimizer): void => {
    for (const parameter of model.namedParameters().values()) {
      parameter.setGrad(parameter.detach().mul(0).add(0.5).detachFromScope());
    }
    optimizer.step();
  };
  for (let i = 0; i < 3; i++) {
    step(replaced, one);
    step(kept, two);
  }
  const count = nn.replaceModules(replaced, Other, () => new nn.Linear(2, 2, f64));
  assertEquals(count, 1);
  step(replaced, one);
  step(kept, two);
  const [ours, theirs] = [await stateOf(one), await stateOf(two)];
  for (const name of ["average.layers.0.weight", "averageSquare.layers.0.bias", "steps.layers.0.weight", "steps"]) {
    assertEquals(ours.get(name), theirs.get(name), name);
  }
  // The fresh module's tensors have the names and shapes of the old ones, so that their state is theirs as well.
  assertEquals(ours.get("steps.layers.1.weight"), [4]);
  const wider = nn.replaceModules(
    replaced,
    nn.Linear,
    (old, path) => path === "layers.1" ? new nn.Linear(2, 5, f64) : old,
  );
  assertEquals(wider, 2);
  step(replaced, one);
  assertEquals((await stateOf(one)).get("steps.layers.1.weight"), [1], "another size begins anew");
  assertEquals((await stateOf(one)).get("steps.layers.0.weight"), [5]);
});

Deno.test("bind: models that cannot be optimized, and rates that are none", () => {
  class Empty extends nn.Module {
    override forward(x: Tensor): Tensor {
      return x;
    }
  }
  assertThrows(() => optim.sgd().bind(new Empty()), StateError, "bind(): Expected a model with parameters");
  using model = abc();
  for (const lr of [NaN, -1, Infinity]) {
    assertThrows(() => optim.sgd().bind(model, { lr }), RangeError, `Expected a learning rate from 0, got ${lr}`);
  }
  using optimizer = optim.sgd().bind(model);
  assertThrows(() => optimizer.lr = -0.1, RangeError, "Expected a learning rate from 0, got -0.1");
  assertEquals(optimizer.lr, 1e-3);
  const mixed = new nn.Sequential(new nn.Linear(2, 2, f64), new nn.Linear(2, 2));
  assertThrows(() => optim.sgd().bind(mixed), TypeError, "bind(): Expected parameters of one dtype and device");
  mixed.dispose();
});

Deno.test("weights loaded after bind() are what Lookahead starts from", async () => {
  using model = abc();
  using optimizer = optim.ranger({ k: 1, alpha: 0, wd: 0 }).bind(model, { lr: 0.1 });
  model.get("a").fill(7);
  model.setGrad("a", [1, 1]);
  optimizer.step();
  assertEquals(await model.read("a"), [7, 7], "alpha 0 goes back to the slow weights");
});

Deno.test("a shared parameter is updated once", async () => {
  using model = abc();
  Object.assign(model, { again: model.get("a") });
  using optimizer = optim.sgd().bind(model, { lr: 1 });
  model.setGrad("a", [1, 1]);
  optimizer.step();
  assertEquals(await model.read("a"), [0, 1]);
});

Deno.test("a gradient that is not finite: a late error, and weights and state as they were", async () => {
  for (const [name, make] of Object.entries({ ranger: optim.ranger, adamw: optim.adamw, sgd: optim.sgd })) {
    for (const bad of [NaN, Infinity, -Infinity]) {
      using device = new Device("cpu", { threads: 2 });
      using model = new PlainModel({ a: { values: [1, 2] }, b: { values: [3] } }, { device });
      using optimizer = make().bind(model, { lr: 0.1 });
      model.setGrad("a", [1, 1]);
      model.setGrad("b", [1]);
      optimizer.step();
      const before = [await model.read("a"), await model.read("b"), [...await stateOf(optimizer)]];
      model.setGrad("a", [1, 1]);
      model.setGrad("b", [bad]);
      optimizer.step();
      const error = await assertRejects(() => device.synchronize(), LateError, "", `${name}, ${bad}`);
      assertEquals(error.op, `${name}_step`);
      await device.recover();
      assertEquals([await model.read("a"), await model.read("b"), [...await stateOf(optimizer)]], before, name);
      model.setGrad("a", [1, 1]);
      optimizer.step();
      assertEquals(String(await model.read("a")) === String(before[0]), false, "goes on");
    }
  }
});

Deno.test("a bound optimizer is printed and disposed", () => {
  using device = new Device("cpu", { threads: 1 });
  using model = new PlainModel({ a: { values: [1, 2] } }, { device });
  const optimizer = optim.ranger().bind(model, { lr: 0.008 });
  assertEquals(Deno.inspect(optimizer), "BoundOptimizer(ranger, lr 0.008, 0 steps)");
  model.setGrad("a", [1, 1]);
  optimizer.step();
  optimizer.dispose();
  optimizer.dispose();
  assertEquals(device.stats().handles, 1, "the parameter");
});
