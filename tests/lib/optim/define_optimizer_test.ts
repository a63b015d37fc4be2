/** Optimizers in TypeScript: what they may read and write, groups, recorded steps, states, the finite check. */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  capture,
  type Captured,
  defineOp,
  Device,
  LateError,
  nn,
  ones,
  optim,
  scope,
  StateError,
  type Tensor,
  tensor,
} from "../../../mod.ts";
import { PlainModel } from "../../support/plain_model.ts";
import { fingerprint, tinyData, tinyModel, tinyTrainer } from "../train/tiny.ts";

/** Adam's update (Kingma 2015), with the decoupled decay and the epsilon of adamw. */
const adam = optim.defineOptimizer({
  name: "adam",
  states: ["average", "averageSquare"],
  options: { mom: 0.9, sqrMom: 0.99, eps: 1e-5, wd: 0.01 },
  limits: { mom: [0, 1], sqrMom: [0, 1] },
  update: ({ value, gradient, states: { average, averageSquare }, lr, step, wd }, { mom, sqrMom, eps }) => {
    average.assign(average.mul(mom).add(gradient.mul(1 - mom)));
    averageSquare.assign(averageSquare.mul(sqrMom).add(gradient.mul(gradient).mul(1 - sqrMom)));
    const corrected = (decay: number): Tensor => step.mul(Math.log(decay)).exp().neg().add(1);
    const size = averageSquare.div(corrected(sqrMom)).sqrt().add(eps);
    const decayed = value.sub(value.mul(lr).mul(wd));
    value.assign(decayed.sub(average.div(corrected(mom)).div(size).mul(lr)));
  },
});

/** Plain descent with momentum and the mean of the weights so far. */
const averaging = optim.defineOptimizer({
  name: "averaging",
  states: ["momentum", "mean"],
  copies: ["mean"],
  options: { mom: 0.5 },
  update: ({ value, gradient, states: { momentum, mean }, lr, step }, { mom }) => {
    momentum.assign(momentum.mul(mom).add(gradient));
    value.assign(value.sub(momentum.mul(lr)));
    mean.assign(mean.add(value.sub(mean).div(step.add(1))));
  },
});

async function stateOf(optimizer: optim.BoundOptimizer): Promise<Map<string, number[]>> {
  const values = new Map<string, number[]>();
  for (const [name, view] of optimizer.state()) {
    values.set(name, Array.from(await view.data()));
    view.dispose();
  }
  return values;
}

function close(ours: readonly number[], wanted: readonly number[], what: string): void {
  ours.forEach((value, i) => assert(Math.abs(value - wanted[i]!) <= 1e-12, `${what}: ${value} and ${wanted[i]}`));
}

Deno.test("defineOptimizer: adamw in TypeScript gives adamw's weights, through groups and changes of them", async () => {
  using device = new Device("cpu", { threads: 2 });
  const initial = { a: { values: [1, -2] }, b: { values: [3] }, w: { values: [4, 5, 6, 7, 8, 9], shape: [2, 3] } };
  const train = async (made: optim.Optimizer): Promise<number[][]> => {
    using model = new PlainModel(initial, { dtype: "f64", device });
    using optimizer = made.bind(model, { lr: 0.1, groups: [{ match: /^a$/, lrScale: 0.5, wd: 0.3 }] });
    const values: number[][] = [];
    for (let step = 0; step < 6; step++) {
      if (step === 2) optimizer.configure({ match: /^w$/, frozen: true });
      if (step === 4) optimizer.configure({ match: /^w$/, frozen: false, lrScale: 2 });
      optimizer.lr = 0.1 / (step + 1);
      model.setGrad("a", [1, step]);
      if (step % 2 === 0) model.setGrad("b", [-step - 1]);
      model.setGrad("w", [1, 2, -3, 4, step, 6]);
      optimizer.step();
      for (const name of ["a", "b", "w"]) values.push(await model.read(name));
    }
    const state = await stateOf(optimizer);
    return [
      ...values,
      ...["a", "b", "w"].flatMap((name) => [state.get(`average.${name}`)!, state.get(`steps.${name}`)!]),
    ];
  };
  const [ours, wanted] = [await train(adam()), await train(optim.adamw())];
  ours.forEach((values, index) => close(values, wanted[index]!, `entry ${index}`));
});

/** A layer with an optimizer, and a step of both. */
function trained(device: Device, made: optim.Optimizer): {
  model: nn.Linear;
  optimizer: optim.BoundOptimizer;
  step: (x: Tensor) => Tensor;
} {
  const model = new nn.Linear(3, 2, { device, init: new nn.KaimingInit({ seed: 1 }) });
  const optimizer = made.bind(model, { lr: 0.1 });
  const step = (x: Tensor): Tensor => {
    const loss = model.forward(x).mul(model.forward(x)).mean();
    loss.backward();
    optimizer.step();
    return loss;
  };
  return { model, optimizer, step };
}

/** x, whose gradient is multiplied by a factor. */
const scaledBack = defineOp({
  forward: (x: Tensor, _factor: Tensor) => x.mul(1),
  backward: (dy, { inputs: [, factor] }) => [dy.mul(factor), null],
});

async function everything(model: nn.Module, optimizer: optim.BoundOptimizer): Promise<string> {
  const values = await Promise.all([...model.namedParameters().values()].map(async (value) => [...await value.data()]));
  return JSON.stringify([values, [...await stateOf(optimizer)], optimizer.steps]);
}

const makers: Record<string, () => optim.Optimizer> = {
  adam: () => adam(),
  averaging: () => averaging(),
  rmsprop: () => optim.rmsprop({ mom: 0.5, centered: true }),
  "muon beside sgd": () =>
    optim.together(optim.muon({ wd: 0.1 }), { optimizer: optim.sgd({ mom: 0.9 }), lrScale: 0.5 }),
};

for (const [name, make] of Object.entries(makers)) {
  Deno.test(`${name}: recorded steps, and many at once with rates, give the eager bits`, async () => {
    using device = new Device("cpu", { threads: 2 });
    const batches = Array.from({ length: 8 }, (_, i) => tensor([[i, 1, -1], [2, i / 3, 0]], [2, 3], { device }));
    const rates = batches.map((_, i) => 0.1 / (i + 1));
    const run = async (how: "eager" | "recorded" | "many"): Promise<string> => {
      const { model, optimizer, step } = trained(device, make());
      using recorded: Captured<[Tensor], Tensor> = capture(step);
      if (how === "many") {
        const losses = recorded.many(batches.map((x) => [x] as const), { rates: { optimizer, lr: rates } });
        for (const loss of losses) loss.dispose();
      } else {
        batches.forEach((x, i) => {
          optimizer.lr = rates[i]!;
          if (how === "eager") scope(() => void step(x));
          else recorded(x).dispose();
        });
      }
      assertEquals(recorded.recordings, how === "eager" ? 0 : 1);
      const found = await everything(model, optimizer);
      optimizer.dispose();
      model.dispose();
      return found;
    };
    const eager = await run("eager");
    assertEquals(await run("recorded"), eager);
    assertEquals(await run("many"), eager);
    for (const x of batches) x.dispose();
    assertEquals(device.stats().handles, 0, "nothing is left");
  });

  Deno.test(`${name}: a gradient that is not finite changes no weight and no state, and training goes on`, async () => {
    using device = new Device("cpu", { threads: 2 });
    using x = ones([2, 3], { device });
    using one = ones([2], { device });
    using infinite = tensor([1, Infinity], [2], { device });
    for (const recorded of [false, true]) {
      const { model, optimizer } = trained(device, make());
      // The loss stays finite: it is the gradient of the bias alone that does not.
      const step = (x: Tensor, factor: Tensor): void => {
        model.forward(x).sum().add(scaledBack(model.bias!, factor).sum()).backward();
        optimizer.step();
      };
      using captured = capture(step);
      const run = (factor: Tensor): void => recorded ? captured(x, factor) : scope(() => step(x, factor));
      for (let i = 0; i < 3; i++) run(one);
      const before = await everything(model, optimizer);
      for (const factor of [infinite, one]) run(factor);
      const error = await assertRejects(() => device.synchronize(), LateError, "xpected finite");
      assert(["assert_finite", "sgd_step"].includes(error.op), error.op);
      await device.recover();
      assertEquals(await everything(model, optimizer), before);
      run(one);
      assert(await everything(model, optimizer) !== before);
      optimizer.dispose();
      model.dispose();
    }
  });

  Deno.test(`${name}: a Trainer that goes on from a saved state gives the same bits`, async () => {
    using device = new Device("cpu", { threads: 2 });
    const batches = tinyData(device, 6 * 8, { training: true }).batches(8, { seed: 0 });
    const fit = async (state?: Awaited<ReturnType<typeof saved>>): Promise<string> => {
      using model = tinyModel(device, { seed: state === undefined ? 0 : 3 });
      using trainer = tinyTrainer(model, { optimizer: make() });
      if (state !== undefined) trainer.load(state);
      await trainer.fit(batches, { epochs: 2 });
      return fingerprint(await trainer.state());
    };
    const saved = async (stopAt: number) => {
      using model = tinyModel(device);
      using trainer = tinyTrainer(model, { optimizer: make() });
      const stop = new AbortController();
      trainer.on("batchEnd", ({ step }) => void (step === stopAt && stop.abort()));
      await trainer.fit(batches, { epochs: 2, signal: stop.signal });
      return await trainer.state();
    };
    const whole = await fit();
    for (const stopAt of [1, 4, 8]) assertEquals(await fit(await saved(stopAt)), whole, `after ${stopAt}`);
  });
}

Deno.test("defineOptimizer: copies begin as the weights, and follow them until the first step", async () => {
  using device = new Device("cpu", { threads: 1 });
  using model = new PlainModel({ a: { values: [1] } }, { device });
  using optimizer = averaging().bind(model, { lr: 1 });
  model.get("a").fill(4);
  assertEquals((await stateOf(optimizer)).get("mean.a"), [4]);
  model.setGrad("a", [2]);
  optimizer.step();
  assertEquals([await model.read("a"), (await stateOf(optimizer)).get("mean.a")], [[2], [3]]);
});

Deno.test("defineOptimizer: what is frozen or has no gradient is not updated, and counts no step", async () => {
  using device = new Device("cpu", { threads: 1 });
  const updated: string[] = [];
  const noting = optim.defineOptimizer({
    name: "noting",
    update: ({ value, gradient, lr, path }) => {
      updated.push(path);
      value.assign(value.sub(gradient.mul(lr)));
    },
  });
  using model = new PlainModel({ a: { values: [1] }, b: { values: [2] }, c: { values: [3] }, d: { values: [4] } }, {
    device,
  });
  using optimizer = noting().bind(model, { lr: 1, groups: [{ match: /^b$/, frozen: true }] });
  assertEquals([...optimizer.groups].map(([path, { frozen }]) => [path, frozen]), [
    ["a", false],
    ["b", true],
    ["c", false],
    ["d", false],
  ]);
  assertEquals(model.get("b").requiresGrad, false);
  for (const name of ["a", "b", "d"]) model.setGrad(name, [1]);
  optimizer.step();
  assertEquals(updated, ["a", "d"]);
  const state = await stateOf(optimizer);
  assertEquals(["a", "b", "c", "d"].map((name) => state.get(`steps.${name}`)), [[1], [0], [0], [1]]);
  assertEquals(state.get("steps"), [1]);
  assertEquals([await model.read("b"), await model.read("c")], [[2], [3]]);
});

Deno.test("defineOptimizer: state is kept for what stays when modules are replaced", async () => {
  using device = new Device("cpu", { threads: 1 });
  using model = new PlainModel({ a: { values: [1] }, b: { values: [2, 3] } }, { device });
  using optimizer = averaging().bind(model, { lr: 0.5 });
  const step = (): void => {
    model.setGrad("a", [1]);
    model.setGrad("b", model.get("b").size === 2 ? [1, 1] : [1, 1, 1]);
    optimizer.step();
  };
  step();
  model.get("b").dispose();
  Object.assign(model, { b: nn.Parameter.of(tensor([7, 8, 9], [3], { device })) });
  step();
  const state = await stateOf(optimizer);
  assertEquals([state.get("steps.a"), state.get("steps.b"), state.get("steps")], [[2], [1], [2]]);
  assertEquals([state.get("momentum.a"), state.get("momentum.b")], [[1.5], [1, 1, 1]]);
});

Deno.test("defineOptimizer: options that are unknown, of another type or out of range are refused", () => {
  const wrong = (value: unknown): never => value as never;
  const cases: [() => unknown, typeof RangeError | typeof TypeError, string][] = [
    [
      () => adam(wrong({ momentum: 0.9 })),
      TypeError,
      "adam(): Expected options among mom, sqrMom, eps, wd, got `momentum`",
    ],
    [() => adam(wrong({ lr: 0.9 })), TypeError, "got `lr`: the learning rate is the schedule's"],
    [() => adam(wrong({ mom: "0.9" })), TypeError, 'adam(): Expected `mom` as a number, got "0.9"'],
    [() => adam({ mom: 2 }), RangeError, "adam(): Expected `mom` from 0 to 1, got 2"],
    [() => adam({ wd: -1 }), RangeError, "adam(): Expected `wd` from 0, got -1"],
    [() => adam({ eps: NaN }), RangeError, "adam(): Expected `eps` as a finite number, got NaN"],
    [() => optim.rmsprop({ sqrMom: 2 }), RangeError, "rmsprop(): Expected `sqrMom` from 0 to 1, got 2"],
    [() => optim.muon(wrong({ beta: 2 })), TypeError, "muon(): Expected options among mom, nesterov, wd, got `beta`"],
  ];
  for (const [make, kind, message] of cases) assertThrows(make, kind, message);
  assertEquals(adam({ mom: 0.8 }).config, { name: "adam", mom: 0.8, sqrMom: 0.99, eps: 1e-5, wd: 0.01 });
});

Deno.test("defineOptimizer: a definition that cannot work is refused when it is made", () => {
  const update = (): void => {};
  const make = (definition: object): unknown => optim.defineOptimizer(definition as never);
  const cases: [object, string][] = [
    [{ update }, "Expected `name` as a name of letters and digits, got undefined"],
    [{ name: "a.b", update }, 'Expected `name` as a name of letters and digits, got "a.b"'],
    [{ name: "a" }, "Expected `update` as a function, got undefined"],
    [{ name: "a", update, states: ["x", "x"] }, 'Expected `states` with different names, got "x" twice'],
    [{ name: "a", update, states: ["steps"] }, "Expected `states` without steps"],
    [{ name: "a", update, states: ["x.y"] }, 'Expected `states` as names of letters and digits, got "x.y"'],
    [{ name: "a", update, states: ["x"], copies: ["y"] }, 'Expected `copies` among the states x, got "y"'],
    [{ name: "a", update, takes: true }, "Expected `takes` as a function, got boolean"],
    [
      { name: "a", update, state: ["x"] },
      "Expected options among name, states, copies, options, limits, takes, update",
    ],
  ];
  for (const [definition, message] of cases) {
    assertThrows(() => make(definition), TypeError, `defineOptimizer(): ${message}`);
  }
});

Deno.test("defineOptimizer: an update that writes nothing, or is not synchronous, is told at the step", () => {
  using device = new Device("cpu", { threads: 1 });
  using model = new PlainModel({ a: { values: [1] } }, { device });
  const step = (update: () => unknown): void => {
    using optimizer = optim.defineOptimizer({ name: "odd", update: update as () => void })().bind(model);
    model.setGrad("a", [1]);
    optimizer.step();
  };
  assertThrows(() => step(() => 3), TypeError, 'odd(): Expected an `update` that writes the weights of "a"');
  assertThrows(() => step(() => Promise.resolve()), TypeError, "Expected a synchronous function");
});

Deno.test("groups: weight decay for an optimizer that has none is refused", () => {
  using device = new Device("cpu", { threads: 1 });
  using model = new PlainModel({ a: { values: [1] } }, { device });
  const message = "Expected a group without `wd` for averaging, which has no weight decay, got 0.1";
  assertThrows(() => averaging().bind(model, { groups: [{ match: /a/, wd: 0.1 }] }), TypeError, `bind(): ${message}`);
  using optimizer = averaging().bind(model);
  assertThrows(() => optimizer.configure({ match: /a/, wd: 0.1 }), TypeError, `configure(): ${message}`);
});

Deno.test("muon: a parameter that nobody takes is an error that names the cure", () => {
  using device = new Device("cpu", { threads: 1 });
  using model = new nn.Linear(3, 2, { device });
  assertThrows(
    () => optim.muon().bind(model),
    StateError,
    'bind(): Expected an optimizer that takes "bias" [2], muon does not: put one beside, say optim.together(muon(), ' +
      "optim.adamw())",
  );
});
