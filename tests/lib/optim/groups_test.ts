/** Groups that match nothing, and what freezing costs and keeps. */
import { assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { capture, Device, nn, ones, optim, scope, type Tensor } from "../../../mod.ts";

/** Three layers in a row. */
class Three extends nn.Module {
  readonly body: nn.Linear;
  readonly norm: nn.BatchNorm2d;
  readonly head: nn.Linear;

  constructor(device: Device, seed = 0) {
    super();
    const init = new nn.KaimingInit({ seed });
    this.body = new nn.Linear(2, 3, { device, init });
    this.norm = new nn.BatchNorm2d(3, { device });
    this.head = new nn.Linear(3, 2, { device, init });
  }

  override forward(x: Tensor): Tensor {
    return this.head.forward(this.norm.forward(this.body.forward(x)));
  }
}

Deno.test("bind() and configure() refuse a group that matches no parameter", () => {
  using device = new Device("cpu", { threads: 1 });
  using model = new Three(device);
  const refused = "Expected the group's pattern /bodi/ to match a parameter's path, it matches none: the model has " +
    '"body.weight", "body.bias", "norm.weight", "norm.bias" and 2 more';
  const before = device.stats().handles;
  assertThrows(
    () => optim.sgd().bind(model, { groups: [{ match: /bodi/, frozen: true }] }),
    RangeError,
    `bind(): ${refused}`,
  );
  assertEquals(device.stats().handles, before);
  using optimizer = optim.sgd().bind(model);
  assertThrows(() => optimizer.configure({ match: /bodi/, frozen: true }), RangeError, `configure(): ${refused}`);
  assertThrows(
    () => optimizer.configure({ match: () => false }),
    RangeError,
    "configure(): Expected the group's function `match` to match",
  );
});

Deno.test("bind() refuses a group whose parameters all belong to groups before it", () => {
  using device = new Device("cpu", { threads: 1 });
  using model = new Three(device);
  assertThrows(
    () => optim.sgd().bind(model, { groups: [{ match: /./, wd: 0 }, { match: /^head/, lrScale: 10 }] }),
    RangeError,
    "bind(): Expected the group's pattern /^head/ to match a parameter that no group before it has, it matches only " +
      "others': put it first",
  );
});

/** What three steps leave in the head, with a body that is not trained. */
async function headAfter(device: Device, freeze: (model: Three) => readonly optim.ParameterGroup[]): Promise<number[]> {
  using model = new Three(device);
  using optimizer = optim.ranger({ k: 2 }).bind(model, { lr: 0.1, groups: freeze(model) });
  using x = ones([4, 2], { device });
  for (let i = 0; i < 3; i++) {
    scope(() => model.forward(x).sum().backward());
    assertEquals(model.body.weight.grad, null, "no gradient is computed");
    optimizer.step();
  }
  return [...await model.head.weight.data()];
}

Deno.test("bind() computes no gradients of frozen groups, and trains the others to the same bits", async () => {
  using device = new Device("cpu", { threads: 1 });
  const byGroup = await headAfter(device, () => [{ match: /^body/, frozen: true }]);
  const byHand = await headAfter(device, (model) => {
    for (const parameter of model.body.namedParameters().values()) parameter.requireGrad(false);
    return [];
  });
  assertEquals(byGroup, byHand);
});

Deno.test("configure() gives back the gradients of what it froze, and of nothing else", async () => {
  using device = new Device("cpu", { threads: 1 });
  using model = new Three(device);
  using x = ones([4, 2], { device });
  model.norm.bias.requireGrad(false);
  const optimizer = optim.sgd().bind(model, { lr: 1 });
  using step = capture((x: Tensor) => {
    const loss = model.forward(x).sum();
    loss.backward();
    optimizer.step();
    return loss;
  });
  const tracked = (): boolean[] => [...model.namedParameters().values()].map(({ requiresGrad }) => requiresGrad);
  for (let i = 0; i < 3; i++) step(x).dispose();
  optimizer.configure({ match: /^(body|norm)/, frozen: true });
  assertEquals(tracked(), [false, false, false, false, true, true]);
  const [frozen, trained] = [[...await model.norm.weight.data()], [...await model.head.bias!.data()]];
  for (let i = 0; i < 3; i++) step(x).dispose();
  assertEquals([...await model.norm.weight.data()], frozen);
  assertNotEquals([...await model.head.bias!.data()], trained);
  optimizer.configure({ match: /^body/, frozen: false });
  assertEquals(tracked(), [true, true, false, false, true, true]);
  optimizer.dispose();
  assertEquals(tracked(), [true, true, true, false, true, true], "a disposed optimizer freezes nothing");
});
