/** Modules: names, modes, shared parameters, replacing, and who owns what. */
import { assertEquals, assertNotEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { Device, models, nn, optim, scope, type Tensor, tensor, zeros } from "../../../mod.ts";

class Pair extends nn.Module {
  readonly first: nn.Linear;
  readonly others: (nn.Module | null)[];
  readonly norm: nn.BatchNorm2d;
  scale: nn.Parameter;
  readonly width = 3;

  constructor(options: nn.ModuleOptions) {
    super();
    this.first = new nn.Linear(2, 3, options);
    this.others = [null, new nn.Activation("relu"), new nn.Linear(3, 3, { ...options, bias: false })];
    this.norm = new nn.BatchNorm2d(3, options);
    this.scale = nn.Parameter.of(tensor([1, 2, 3], undefined, { device: options.device }));
  }

  override forward(x: Tensor): Tensor {
    const y = this.others.reduce((y, layer) => layer?.forward(y) ?? y, this.first.forward(x));
    return this.norm.forward(y).mul(this.scale);
  }
}

Deno.test("module: parameters and buffers by path, in the order of the fields", () => {
  using device = new Device("cpu", { threads: 1 });
  using pair = new Pair({ device });
  assertEquals([...pair.namedParameters().keys()], [
    "scale",
    "first.weight",
    "first.bias",
    "others.2.weight",
    "norm.weight",
    "norm.bias",
  ]);
  assertEquals([...pair.namedBuffers().keys()], ["norm.runningMean", "norm.runningVariance"]);
  assertEquals([...pair.state().keys()], [...pair.namedParameters().keys(), ...pair.namedBuffers().keys()]);
  assertEquals([...pair.modules()].map(([path]) => path), ["", "first", "others.1", "others.2", "norm"]);
  assertEquals([...pair.children().keys()], ["first", "others.1", "others.2", "norm"]);
  assertEquals(Deno.inspect(pair), "Pair(27 parameters, training)");
  assertEquals(pair.namedParameters().get("scale")!.requiresGrad, true);
  assertEquals(pair.namedBuffers().get("norm.runningMean")!.requiresGrad, false);
});

Deno.test("module: a shared parameter appears once, under its first name", () => {
  using device = new Device("cpu", { threads: 1 });
  using pair = new Pair({ device });
  (pair.others[2] as nn.Linear).weight.dispose();
  (pair.others[2] as nn.Linear).weight = pair.first.weight;
  assertEquals([...pair.namedParameters().keys()].filter((name) => name.endsWith("weight")), [
    "first.weight",
    "norm.weight",
  ]);
});

Deno.test("module: modes reach every child", () => {
  using device = new Device("cpu", { threads: 1 });
  using pair = new Pair({ device });
  assertStrictEquals(pair.eval(), pair);
  assertEquals([...pair.modules()].map(([, module]) => module.training), Array(5).fill(false));
  pair.norm.train();
  assertEquals([pair.training, pair.norm.training], [false, true]);
  assertEquals(String(pair.train()), "Pair(27 parameters, training)");
});

Deno.test("module: its tensors belong to it and to no scope", async () => {
  using device = new Device("cpu", { threads: 1 });
  const pair = scope(() => new Pair({ device }));
  assertEquals(await pair.scale.data(), new Float32Array([1, 2, 3]));
  using x = tensor([[1, 2], [3, 4]], undefined, { device });
  scope(() => pair.forward(x).mul(pair.forward(x)).sum().backward());
  for (const [name, parameter] of pair.namedParameters()) {
    assertEquals(parameter.grad?.shape, parameter.shape, name);
    assertEquals((await parameter.grad!.data()).length, parameter.size);
  }
  assertEquals(device.stats().handles, 1 + 8 + 6);
  pair.dispose();
  pair.dispose();
  assertEquals(device.stats().handles, 1);
});

Deno.test("replaceModules: everywhere, with path and old module, keeping the mode", () => {
  using device = new Device("cpu", { threads: 1 });
  using pair = new Pair({ device });
  pair.eval();
  const paths: string[] = [];
  const count = nn.replaceModules(pair, nn.Linear, (old, path) => {
    paths.push(path);
    const [outs = 0, ins = 0] = old.weight.shape;
    return new nn.Linear(ins, outs, { device, bias: false });
  });
  assertEquals([count, paths], [2, ["first", "others.2"]]);
  assertEquals([pair.first.training, pair.first.bias], [false, null]);
  assertEquals(nn.replaceModules(pair, nn.Conv2d, (old) => old), 0);
  assertEquals(device.stats().handles, pair.state().size, "what was replaced is disposed");
});

/** Parameters and buffers in arrays, and a module that is inside itself. */
class Loop extends nn.Module {
  readonly scales: (nn.Parameter | nn.Buffer)[];
  readonly deep: readonly nn.Parameter[][];
  readonly inner: nn.Linear;
  parent: nn.Module = this;

  constructor(options: nn.ModuleOptions & { device: Device }) {
    super();
    const values = (): Tensor => tensor([1, 2], undefined, { device: options.device });
    this.scales = [nn.Parameter.of(values()), nn.Buffer.of(values()), nn.Parameter.of(values())];
    this.deep = [[nn.Parameter.of(values())]];
    this.inner = new nn.Linear(2, 2, options);
    Object.assign(this.inner, { parent: this });
  }

  override forward(x: Tensor): Tensor {
    return this.inner.forward(x).mul(this.scales[0]!).mul(this.scales[2]!).mul(this.deep[0]![0]!);
  }
}

Deno.test("module: parameters in arrays are trained, a cycle is walked once", async () => {
  using device = new Device("cpu", { threads: 1 });
  const loop = new Loop({ device });
  const names = ["scales.0", "scales.2", "deep.0.0", "inner.weight", "inner.bias"];
  assertEquals([...loop.namedParameters().keys()], names);
  assertEquals([...loop.namedBuffers().keys()], ["scales.1"]);
  assertEquals([...loop.modules()].map(([path]) => path), ["", "inner"]);
  loop.eval();
  assertEquals([loop.training, loop.inner.training], [false, false]);
  loop.train();
  assertEquals([loop.training, loop.inner.training], [true, true]);
  assertEquals(nn.replaceModules(loop, nn.Conv2d, (old) => old), 0);
  using optimizer = optim.sgd().bind(loop, { lr: 1 });
  using x = tensor([[1, 1]], undefined, { device });
  scope(() => {
    loop.forward(x).sum().backward();
    optimizer.step();
  });
  for (const name of ["scales.0", "scales.2", "deep.0.0"]) {
    assertNotEquals(Array.from(await loop.namedParameters().get(name)!.data()), [1, 2], name);
  }
  optimizer.dispose();
  loop.dispose();
  assertEquals(device.stats().handles, 1);
});

class Wrap extends nn.Module {
  readonly inner: nn.Module;

  constructor(inner: nn.Module) {
    super();
    this.inner = inner;
  }

  override forward(x: Tensor): Tensor {
    return this.inner.forward(x).mul(2);
  }
}

Deno.test("replaceModules: a replacement may wrap what it replaces, or take its parameters over", async () => {
  using device = new Device("cpu", { threads: 1 });
  const init = new nn.KaimingInit();
  using model = new nn.Sequential(new nn.Linear(2, 2, { device, init }), new nn.Linear(2, 1, { device, init }));
  using x = tensor([[1, 2]], undefined, { device });
  using before = scope(() => model.forward(x));
  assertEquals(nn.replaceModules(model, nn.Linear, (old) => new Wrap(old)), 2);
  assertEquals([...model.namedParameters().keys()], [
    "layers.0.inner.weight",
    "layers.0.inner.bias",
    "layers.1.inner.weight",
    "layers.1.inner.bias",
  ]);
  using after = scope(() => model.forward(x));
  const [plain, wrapped] = [await before.item(), await after.item()];
  assertEquals(Math.abs(wrapped - 4 * plain) < 1e-5, true, `${wrapped}, ${plain}`);
  const weights = new Set<Tensor>();
  const count = nn.replaceModules(model, nn.Linear, ({ weight }) => {
    const fresh = new nn.Linear(2, weight.shape[0]!, { device, bias: false });
    fresh.weight.dispose();
    fresh.weight = weight;
    weights.add(weight);
    return fresh;
  });
  assertEquals([count, weights], [2, new Set(model.namedParameters().values())]);
  assertEquals([...weights].map(({ disposed }) => disposed), [false, false]);
  before.dispose();
  after.dispose();
  assertEquals(device.stats().handles, 3, "x and two weights: the biases are gone");
});

Deno.test("replaceModules: neither what is inside the replaced nor inside the replacement counts", () => {
  using device = new Device("cpu", { threads: 1 });
  const nested = (): nn.Sequential => new nn.Sequential(new nn.Sequential(new nn.Linear(1, 1, { device })));
  using model = new Wrap(nested());
  const paths: string[] = [];
  const count = nn.replaceModules(model, nn.Sequential, (_, path) => {
    paths.push(path);
    return nested();
  });
  assertEquals([count, paths, device.stats().handles], [1, ["inner"], 2]);
});

Deno.test("replaceModules: a shared module is replaced by one, and an error leaves a working model", () => {
  using device = new Device("cpu", { threads: 1 });
  const shared = new nn.Linear(1, 1, { device });
  using model = new nn.Sequential(shared, new nn.Activation("relu"), shared, new nn.Linear(1, 1, { device }));
  let calls = 0;
  assertThrows(
    () =>
      nn.replaceModules(model, nn.Linear, () => {
        if (++calls === 2) throw new RangeError("from the script");
        return new nn.Linear(1, 1, { device, bias: false });
      }),
    RangeError,
    "from the script",
  );
  assertStrictEquals(model.layers[0], model.layers[2]);
  assertEquals([shared.weight.disposed, [...model.namedParameters().keys()], device.stats().handles], [
    true,
    ["layers.0.weight", "layers.3.weight", "layers.3.bias"],
    3,
  ]);
});

Deno.test("replaceModules: blur pools in the place of max pools", () => {
  using device = new Device("cpu", { threads: 1 });
  using model = models.xresnet18({ classes: 10, pool: "max", stem: [4, 4, 8], widths: [8, 8, 8, 8], device });
  const count = nn.replaceModules(
    model,
    nn.MaxPool2d,
    (old) => new nn.MaxBlurPool2d({ stride: old.stride, filter: "tri3" }),
  );
  assertEquals(count, 4, "the stem's, and one in each shortcut that strides");
  model.eval();
  using y = scope(() => model.forward(zeros([1, 64, 64, 3], { device })));
  assertEquals(y.shape, [1, 10]);
});
