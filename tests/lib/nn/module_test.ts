/** Modules: names, modes, shared parameters, replacing, and who owns what. */
import { assertEquals, assertStrictEquals } from "@std/assert";
import { Device, models, nn, replaceModules, scope, type Tensor, tensor, zeros } from "../../../mod.ts";

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
  const count = replaceModules(pair, nn.Linear, (old, path) => {
    paths.push(path);
    const [outs = 0, ins = 0] = old.weight.shape;
    return new nn.Linear(ins, outs, { device, bias: false });
  });
  assertEquals([count, paths], [2, ["first", "others.2"]]);
  assertEquals([pair.first.training, pair.first.bias], [false, null]);
  assertEquals(replaceModules(pair, nn.Conv2d, (old) => old), 0);
  assertEquals(device.stats().handles, pair.state().size, "what was replaced is disposed");
});

Deno.test("replaceModules: blur pools in the place of max pools", () => {
  using device = new Device("cpu", { threads: 1 });
  using model = models.xresnet18({ classes: 10, pool: "max", stem: [4, 4, 8], widths: [8, 8, 8, 8], device });
  const count = replaceModules(
    model,
    nn.MaxPool2d,
    (old) => new nn.MaxBlurPool2d({ stride: old.stride, filter: "tri3" }),
  );
  assertEquals(count, 4, "the stem's, and one in each shortcut that strides");
  model.eval();
  using y = scope(() => model.forward(zeros([1, 64, 64, 3], { device })));
  assertEquals(y.shape, [1, 10]);
});
