/** Parameters that backward reaches and no optimizer has. */
import { assertEquals, assertNotEquals, assertRejects, assertThrows } from "@std/assert";
import { capture, Device, nn, ones, optim, scope, StateError, type Tensor, Trainer } from "../../../mod.ts";
import { tinyData } from "../train/tiny.ts";

/** A layer where no walk over fields finds it. */
class Hidden extends nn.Module {
  readonly seen: nn.Linear;
  readonly #unseen: nn.Linear;

  constructor(device: Device) {
    super();
    this.seen = new nn.Linear(2, 3, { device, bias: false });
    this.#unseen = new nn.Linear(3, 4, { device, bias: false });
  }

  get unseen(): nn.Linear {
    return this.#unseen;
  }

  override forward(x: Tensor): Tensor {
    return this.#unseen.forward(this.seen.forward(x));
  }
}

const message =
  "step(): Expected an optimizer for every parameter that backward() reached, got one of shape [4, 3] that " +
  "none is bound to and that would never train, as is usual for a layer in a #private field or a local variable";

/** A step of a model with all its optimizers. */
function stepOf(model: nn.Module, optimizers: readonly optim.BoundOptimizer[]): (x: Tensor) => Tensor {
  return (x) => {
    const loss = model.forward(x).sum();
    loss.backward();
    for (const optimizer of optimizers) optimizer.step();
    return loss;
  };
}

Deno.test("step() refuses a layer in a private field, captured or not", async () => {
  using device = new Device("cpu", { threads: 1 });
  using x = ones([1, 2], { device });
  for (const captured of [false, true]) {
    using model = new Hidden(device);
    using _unseen = model.unseen;
    using optimizer = optim.sgd().bind(model, { lr: 1 });
    const before = [...await model.seen.weight.data()];
    const step = stepOf(model, [optimizer]);
    using recorded = capture(step);
    assertThrows(() => captured ? recorded(x) : scope(() => step(x)), StateError, message);
    assertEquals([...await model.seen.weight.data()], before, "nothing is half trained");
    assertEquals(model.seen.weight.grad, null, "the gradients are consumed all the same");
  }
});

Deno.test("step() takes a private layer that has an optimizer of its own, or needs no gradient", async () => {
  using device = new Device("cpu", { threads: 1 });
  using x = ones([1, 2], { device });
  using model = new Hidden(device);
  using _unseen = model.unseen;
  using optimizer = optim.sgd().bind(model, { lr: 1 });
  model.unseen.weight.requireGrad(false);
  scope(() => stepOf(model, [optimizer])(x));
  model.unseen.weight.requireGrad(true);
  using own = optim.sgd().bind(model.unseen, { lr: 1 });
  const before = [...await model.unseen.weight.data()];
  using recorded = capture(stepOf(model, [optimizer, own]));
  for (let i = 0; i < 3; i++) recorded(x).dispose();
  assertNotEquals([...await model.unseen.weight.data()], before);
});

Deno.test("step() lets two networks with an optimizer each train in turn through one loss", () => {
  using device = new Device("cpu", { threads: 1 });
  using x = ones([1, 2], { device });
  using generator = new nn.Linear(2, 2, { device });
  using critic = new nn.Linear(2, 1, { device });
  using generating = optim.adamw().bind(generator);
  using judging = optim.adamw().bind(critic);
  for (let i = 0; i < 3; i++) {
    scope(() => critic.forward(generator.forward(x).detach()).sum().backward());
    judging.step();
    scope(() => nn.noGradOf(critic, () => critic.forward(generator.forward(x)).sum().neg()).backward());
    generating.step();
  }
  assertEquals([generating.steps, judging.steps], [3, 3]);
});

Deno.test("step() leaves alone what another backward has reached", () => {
  using device = new Device("cpu", { threads: 1 });
  using x = ones([1, 2], { device });
  using unbound = new nn.Linear(2, 1, { device });
  using model = new nn.Linear(2, 1, { device });
  using optimizer = optim.sgd().bind(model);
  scope(() => model.forward(x).sum().backward());
  scope(() => unbound.forward(x).sum().backward());
  optimizer.step();
  assertEquals(optimizer.steps, 1);
});

Deno.test("Trainer: a network with a layer in a private field is refused at its first step", async () => {
  class Net extends nn.Module {
    readonly body: nn.Linear;
    readonly #head: nn.Linear;

    constructor(device: Device) {
      super();
      this.body = new nn.Linear(64, 8, { device });
      this.#head = new nn.Linear(8, 4, { device });
    }

    override forward(x: Tensor): Tensor {
      return this.#head.forward(this.body.forward(x.reshape([-1, 64])));
    }
  }
  using device = new Device("cpu", { threads: 1 });
  for (const captured of [true, false]) {
    using model = new Net(device);
    using trainer = new Trainer(model, {
      optimizer: optim.sgd(),
      schedule: optim.constant({ lr: 0.1 }),
      capture: captured,
    });
    const batches = tinyData(device, 16, { training: true }).batches(8, { seed: 0 });
    await assertRejects(
      () => trainer.fit(batches, { epochs: 1 }),
      StateError,
      "got 2 of shapes [4, 8], [4] that none is bound",
    );
  }
});
