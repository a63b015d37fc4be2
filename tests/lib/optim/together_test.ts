/** Several optimizers as one, and several modules under one. */
import { assertEquals, assertThrows } from "@std/assert";
import { capture, Device, nn, ones, optim, scope, StateError, type Tensor, tensor } from "../../../mod.ts";
import { PlainModel } from "../../support/plain_model.ts";

async function stateOf(optimizer: optim.BoundOptimizer): Promise<Map<string, number[]>> {
  const values = new Map<string, number[]>();
  for (const [name, view] of optimizer.state()) {
    values.set(name, Array.from(await view.data()));
    view.dispose();
  }
  return values;
}

const matrices = optim.defineOptimizer({
  name: "matrices",
  states: ["sum"],
  takes: ({ rank }) => rank > 1,
  update: ({ value, gradient, states: { sum }, lr }) => {
    sum.assign(sum.add(gradient));
    value.assign(value.sub(gradient.mul(lr)));
  },
});

function model(device: Device): PlainModel {
  return new PlainModel({ w: { values: [1, 2], shape: [1, 2] }, a: { values: [3] }, b: { values: [4] } }, { device });
}

function setGrads(of: PlainModel): void {
  of.setGrad("w", [1, 1]);
  of.setGrad("a", [1]);
  of.setGrad("b", [1]);
}

Deno.test("together: the first that takes a parameter has it, each at its share of the rate", async () => {
  using device = new Device("cpu", { threads: 1 });
  using trained = model(device);
  const made = optim.together(
    { optimizer: optim.sgd({ mom: 0.5 }), match: /^a$/, lrScale: 4 },
    matrices(),
    { optimizer: optim.sgd(), lrScale: 0.5 },
  );
  assertEquals(made.config.name, "together");
  using optimizer = made.bind(trained, { lr: 0.5, groups: [{ match: /^[wb]$/, lrScale: 2 }] });
  setGrads(trained);
  optimizer.step();
  assertEquals([await trained.read("w"), await trained.read("a"), await trained.read("b")], [[0, 1], [1], [3.5]]);
  const state = await stateOf(optimizer);
  assertEquals([...state.keys()].sort(), [
    "matrices.steps",
    "matrices.steps.w",
    "matrices.sum.w",
    "sgd.momentumBuffer.a",
    "sgd.steps",
    "sgd.steps.a",
    "sgd2.momentumBuffer.b",
    "sgd2.steps",
    "sgd2.steps.b",
  ]);
  assertEquals(optimizer.toString(), "BoundOptimizer(sgd + matrices + sgd2, lr 0.5, 1 steps)");
});

Deno.test("together: all count every step, whoever has gradients, and a rule may come to parameters later", async () => {
  using device = new Device("cpu", { threads: 1 });
  using trained = new PlainModel({ a: { values: [3] } }, { device });
  using optimizer = optim.together(matrices(), optim.sgd()).bind(trained, { lr: 1 });
  const step = (): void => {
    trained.setGrad("a", [1]);
    optimizer.step();
  };
  step();
  Object.assign(trained, { w: nn.Parameter.of(tensor([[1, 2]], { device })) });
  step();
  const state = await stateOf(optimizer);
  assertEquals([state.get("matrices.steps"), state.get("sgd.steps"), state.get("matrices.steps.w")], [[2], [2], [0]]);
});

Deno.test("together: what is none of them, or leaves a parameter out, is refused", () => {
  using device = new Device("cpu", { threads: 1 });
  using trained = model(device);
  const wrong = (value: unknown): never => value as never;
  assertThrows(() => optim.together(), TypeError, "together(): Expected optimizers, got none");
  assertThrows(() => optim.together(wrong(3)), TypeError, "or { optimizer, lrScale, match } with one, got 3");
  assertThrows(() => optim.together(wrong(undefined)), TypeError, "got undefined");
  const sgd = optim.sgd();
  assertThrows(() => optim.together({ optimizer: sgd, lrScale: 0 }), RangeError, "Expected `lrScale` above 0, got 0");
  assertThrows(() => optim.together(wrong({ optimizer: sgd, lr: 1 })), TypeError, "together(): Expected options among");
  assertThrows(() => optim.together(wrong({ optimizer: sgd, match: "a" })), TypeError, "Expected `match` as a pattern");
  assertThrows(
    () => optim.together(matrices(), { optimizer: sgd, match: /^a/ }).bind(trained),
    StateError,
    'bind(): Expected an optimizer that takes "b" [1], matrices and sgd do not',
  );
});

Deno.test("bind: a list of modules, with paths behind their index; what is in two of them counts once", async () => {
  using device = new Device("cpu", { threads: 1 });
  using first = new PlainModel({ a: { values: [1] } }, { device });
  using second = new PlainModel({ b: { values: [2] } }, { device });
  Object.assign(second, { shared: first.get("a") });
  using optimizer = optim.sgd().bind([first, second], { lr: 1, groups: [{ match: /^1\./, lrScale: 0.5 }] });
  assertEquals([...optimizer.groups.keys()], ["0.a", "1.b"]);
  first.setGrad("a", [1]);
  second.setGrad("b", [1]);
  optimizer.step();
  assertEquals([await first.read("a"), await second.read("b")], [[0], [1.5]]);
  assertThrows(
    () => optim.sgd().bind([]),
    TypeError,
    "bind(): Expected a model, or a list of models, got an empty list",
  );
  assertThrows(() => optim.sgd().bind([first, 3 as never]), TypeError, "got 3");
});

Deno.test("two optimizers in one step: recorded it gives the eager bits, and none takes the other's gradients", async () => {
  using device = new Device("cpu", { threads: 2 });
  const run = async (recorded: boolean): Promise<string> => {
    const init = (seed: number): { init: nn.KaimingInit; device: Device } => ({
      init: new nn.KaimingInit({ seed }),
      device,
    });
    using generator = new nn.Linear(2, 3, init(1));
    using critic = new nn.Linear(3, 1, init(2));
    using generating = optim.together(optim.muon(), optim.adamw()).bind(generator, { lr: 0.01 });
    using judging = optim.adamw().bind(critic, { lr: 0.02 });
    const step = (real: Tensor, noise: Tensor): Tensor => {
      const made = generator.forward(noise);
      const judged = critic.forward(made.detach()).mean().sub(critic.forward(real).mean());
      judged.backward();
      judging.step();
      nn.noGradOf(critic, () => critic.forward(made).mean().neg()).backward();
      assertEquals(critic.weight.grad, null, "no gradient of the generator's loss");
      generating.step();
      return judged;
    };
    using captured = capture(step);
    for (let i = 0; i < 6; i++) {
      using real = tensor([[i, 1, 2]], { device });
      using noise = tensor([[1, -i]], { device });
      if (i === 4) [generating.lr, judging.lr] = [0.02, 0.01];
      if (recorded) captured(real, noise).dispose();
      else scope(() => void step(real, noise));
    }
    assertEquals(captured.recordings, recorded ? 1 : 0);
    assertEquals([generating.steps, judging.steps], [6, 6]);
    const values = [...generator.state().values(), ...critic.state().values()];
    const states = [await stateOf(generating), await stateOf(judging)].map((state) => [...state]);
    return JSON.stringify([await Promise.all(values.map(async (value) => [...await value.data()])), states]);
  };
  assertEquals(await run(true), await run(false));
});

Deno.test("backward() refuses to add to a gradient that another optimizer's step has left; discard() lets go of it", () => {
  using device = new Device("cpu", { threads: 1 });
  using x = ones([1, 2], { device });
  using generator = new nn.Linear(2, 2, { device });
  using critic = new nn.Linear(2, 1, { device });
  using generating = optim.sgd().bind(generator);
  using judging = optim.sgd().bind(critic);
  const generate = (): void => scope(() => critic.forward(generator.forward(x)).sum().backward());
  const judge = (): void => scope(() => critic.forward(x).sum().backward());
  generate();
  generating.step();
  assertThrows(
    judge,
    StateError,
    "backward(): Cannot add to the gradient of a parameter [1], which is of another loss",
  );
  judging.discard();
  assertEquals([critic.weight.grad, critic.bias!.grad], [null, null]);
  judge();
  judging.step();
  // One backward for both, and gradients of several backwards for one, are what they were.
  generate();
  generating.step();
  judging.step();
  judge();
  judge();
  judging.step();
  assertEquals([generating.steps, judging.steps], [2, 3]);
});

Deno.test("discard() inside a recorded step uses the gradients up", () => {
  using device = new Device("cpu", { threads: 1 });
  using x = ones([1, 2], { device });
  using generator = new nn.Linear(2, 2, { device });
  using critic = new nn.Linear(2, 1, { device });
  using generating = optim.sgd().bind(generator);
  using judging = optim.sgd().bind(critic);
  using step = capture((x: Tensor) => {
    critic.forward(generator.forward(x)).sum().backward();
    generating.step();
    judging.discard();
  });
  for (let i = 0; i < 4; i++) step(x);
  assertEquals([step.recordings, generating.steps, judging.steps], [1, 4, 0]);
});
