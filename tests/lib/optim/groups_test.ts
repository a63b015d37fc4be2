/** Groups that match nothing, and what freezing costs and keeps. */
import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import {
  capture,
  crossEntropy,
  Device,
  nn,
  ones,
  optim,
  readSafetensors,
  relu,
  scope,
  type Tensor,
  tensor,
} from "../../../mod.ts";

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

/** The network of tests/fixtures/make_groups.py. */
class BodyAndHead extends nn.Module {
  readonly body: nn.Linear;
  readonly head: nn.Linear;

  constructor(device: Device) {
    super();
    this.body = new nn.Linear(4, 5, { device, dtype: "f64" });
    this.head = new nn.Linear(5, 3, { device, dtype: "f64" });
  }

  override forward(x: Tensor): Tensor {
    return this.head.forward(relu(this.body.forward(x)));
  }
}

for (const captured of [false, true]) {
  Deno.test(`rates and decays by group are those of PyTorch's groups${captured ? ", captured" : ""}`, async () => {
    const { tensors } = await readSafetensors(
      new URL("../../fixtures/training/groups.safetensors", import.meta.url).pathname,
    );
    using device = new Device("cpu", { threads: 1 });
    const stored = (name: string): Tensor => {
      const { data, shape } = tensors.get(name)!;
      return tensor(data as Float64Array<ArrayBuffer>, shape, { device, dtype: name === "y" ? "i32" : "f64" });
    };
    using x = stored("x");
    using y = stored("y");
    const group = (part: string, wd: number, lrScale?: number): optim.ParameterGroup[] => [
      { match: new RegExp(`^${part}.*weight`), lrScale, wd },
      { match: new RegExp(`^${part}.*bias`), lrScale },
    ];
    const cases = {
      adamw: [optim.adamw({ mom: 0.9, sqrMom: 0.99, eps: 1e-5, wd: 1 }), [
        ...group("body", 0.3, 0.1),
        ...group("head", 0.01),
      ]],
      sgd: [optim.sgd({ mom: 0.9 }), [{ match: /^body/, lrScale: 0.1 }]],
    } as const;
    for (const [name, [optimizer, groups]] of Object.entries(cases)) {
      using model = new BodyAndHead(device);
      for (const [path, parameter] of model.namedParameters()) {
        using initial = stored(`initial.${path}`);
        parameter.assign(initial);
      }
      using bound = optimizer.bind(model, { lr: 0.05, groups });
      const body = (x: Tensor, y: Tensor): Tensor => {
        const loss = crossEntropy(model.forward(x), y);
        loss.backward();
        bound.step();
        return loss;
      };
      using recorded = capture(body);
      for (let step = 0; step < 5; step++) {
        (captured ? recorded(x, y) : scope(() => body(x, y))).dispose();
        for (const [path, parameter] of model.namedParameters()) {
          const wanted = tensors.get(`${name}.${path}`)!.data as Float64Array;
          const [got, from] = [await parameter.data(), step * parameter.size];
          const error = Math.max(...[...got].map((value, at) => Math.abs(value - wanted[from + at]!)));
          assert(error < 1e-12, `${name} ${path} step ${step}: ${error}`);
        }
      }
    }
  });
}

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
