/** Layers: shapes, first weights, options that are off, and summaries. */
import { assert, assertAlmostEquals, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { Device, nn, scope, type Tensor, tensor, zeros } from "../../../mod.ts";

async function valuesOf(tensor: Tensor): Promise<number[]> {
  return Array.from(await tensor.data());
}

Deno.test("layers: weights and outputs have the documented shapes", () => {
  using device = new Device("cpu", { threads: 1 });
  const cases: [nn.Module, number[], number[], Record<string, number[]>][] = [
    [new nn.Conv2d(4, 6, { device }), [2, 5, 7, 4], [2, 5, 7, 6], { weight: [6, 3, 3, 4], bias: [6] }],
    [
      new nn.Conv2d(4, 6, { device, kernel: [1, 3], stride: [2, 1], padding: 0, groups: 2, bias: false }),
      [1, 5, 7, 4],
      [1, 3, 5, 6],
      { weight: [6, 1, 3, 2] },
    ],
    [new nn.Linear(3, 2, { device }), [5, 3], [5, 2], { weight: [2, 3], bias: [2] }],
    [new nn.Linear(3, 2, { device }), [2, 5, 3], [2, 5, 2], { weight: [2, 3], bias: [2] }],
    [new nn.BatchNorm2d(3, { device }), [2, 4, 4, 3], [2, 4, 4, 3], { weight: [3], bias: [3] }],
    [new nn.LayerNorm(5, { device }), [2, 3, 5], [2, 3, 5], { weight: [5], bias: [5] }],
    [new nn.LayerNorm([3, 5], { device, bias: false }), [2, 3, 5], [2, 3, 5], { weight: [3, 5] }],
    [new nn.GroupNorm(2, 6, { device }), [2, 4, 3, 6], [2, 4, 3, 6], { weight: [6], bias: [6] }],
    [new nn.GroupNorm(3, 6, { device, affine: false }), [2, 6], [2, 6], {}],
    [new nn.ConvTranspose2d(4, 6, { device }), [2, 5, 7, 4], [2, 7, 9, 6], { weight: [4, 3, 3, 6], bias: [6] }],
    [
      new nn.ConvTranspose2d(4, 6, {
        device,
        kernel: [2, 3],
        stride: [2, 3],
        padding: [0, 1],
        outputPadding: [1, 2],
        groups: 2,
        bias: false,
      }),
      [1, 3, 2, 4],
      [1, 7, 6, 6],
      { weight: [4, 2, 3, 3] },
    ],
    [new nn.AdaptiveAvgPool2d({ size: [2, 3] }), [1, 7, 7, 2], [1, 2, 3, 2], {}],
    [new nn.Upsample({ scale: [2, 1.5] }), [1, 3, 5, 2], [1, 6, 7, 2], {}],
    [new nn.Upsample({ size: 4, mode: "bilinear" }), [1, 3, 5, 2], [1, 4, 4, 2], {}],
    [new nn.MultiHeadAttention(6, 2, { device, bias: false, causal: true }), [2, 5, 6], [2, 5, 6], {
      "query.weight": [6, 6],
      "key.weight": [6, 6],
      "value.weight": [6, 6],
      "out.weight": [6, 6],
    }],
    [new nn.MaxPool2d({ kernel: 3, stride: 2, padding: 1 }), [1, 7, 7, 2], [1, 4, 4, 2], {}],
    [new nn.AvgPool2d({ kernel: 2, ceilMode: true }), [1, 7, 7, 2], [1, 4, 4, 2], {}],
    [new nn.BlurPool2d({ filter: "bin5" }), [1, 7, 7, 2], [1, 4, 4, 2], {}],
    [new nn.MaxBlurPool2d({ stride: 2 }), [1, 8, 8, 2], [1, 4, 4, 2], {}],
    [new nn.GlobalAvgPool2d(), [2, 3, 4, 5], [2, 5], {}],
    [new nn.Activation("mish"), [3], [3], {}],
    [new nn.LeakyReLU({ negativeSlope: 0.2 }), [3, 2], [3, 2], {}],
    [new nn.Flatten(), [2, 3, 4, 5], [2, 60], {}],
    [new nn.Flatten(), [0, 3, 4], [0, 12], {}],
    [new nn.Flatten(), [3], [3, 1], {}],
    [new nn.ConvNorm(2, 4, { device, act: "relu" }), [1, 3, 3, 2], [1, 3, 3, 4], {
      "conv.weight": [4, 3, 3, 2],
      "norm.weight": [4],
      "norm.bias": [4],
    }],
    [new nn.SqueezeExcitation(20, { device, reduction: 2 }), [1, 2, 2, 20], [1, 2, 2, 20], {
      "reduce.weight": [16, 20],
      "reduce.bias": [16],
      "expand.weight": [20, 16],
      "expand.bias": [20],
    }],
  ];
  for (const [layer, from, to, parameters] of cases) {
    using module = layer;
    using y = scope(() => layer.forward(zeros(from, { device })));
    assertEquals(y.shape, to, String(module));
    const shapes = Object.fromEntries([...layer.namedParameters()].map(([name, { shape }]) => [name, [...shape]]));
    assertEquals(shapes, parameters, String(module));
  }
  assertEquals(device.stats().handles, 0);
});

Deno.test("layers: first weights follow from the seed, as He (2015) has them; biases are 0, norms 1 and 0", async () => {
  const make = (seed: number): nn.Conv2d => new nn.Conv2d(32, 64, { init: new nn.KaimingInit({ seed }) });
  using a = make(1);
  using again = make(1);
  using other = make(2);
  const weights = await valuesOf(a.weight);
  assertEquals(await valuesOf(again.weight), weights);
  assertEquals(String(await valuesOf(other.weight)) === String(weights), false);
  const deviation = Math.sqrt(weights.reduce((sum, each) => sum + each * each, 0) / weights.length);
  assertAlmostEquals(deviation, Math.sqrt(2 / (9 * 32)), 0.002);
  assertEquals(await valuesOf(a.bias!), Array(64).fill(0));
  using norm = new nn.BatchNorm2d(2);
  using zero = new nn.BatchNorm2d(2, { zeroWeight: true });
  assertEquals([await valuesOf(norm.weight), await valuesOf(norm.bias)], [[1, 1], [0, 0]]);
  assertEquals([await valuesOf(norm.runningMean), await valuesOf(norm.runningVariance)], [[0, 0], [1, 1]]);
  assertEquals(await valuesOf(zero.weight), [0, 0]);
});

Deno.test("Embedding: rows by number for an index of any shape, started as PyTorch's, from the seed", async () => {
  using device = new Device("cpu", { threads: 1 });
  const make = (options: nn.EmbeddingOptions = {}): nn.Embedding =>
    new nn.Embedding(40, 50, { device, init: new nn.KaimingInit({ seed: 3 }), ...options });
  using layer = make();
  using again = make();
  using small = make({ std: 0.02 });
  const weights = await valuesOf(layer.weight);
  assertEquals([[...layer.weight.shape], await valuesOf(again.weight)], [[40, 50], weights]);
  const mean = weights.reduce((sum, each) => sum + each, 0) / weights.length;
  const deviation = Math.sqrt(weights.reduce((sum, each) => sum + (each - mean) ** 2, 0) / weights.length);
  // Three standard errors of 2,000 normal numbers.
  assertAlmostEquals(mean, 0, 3 / Math.sqrt(2000));
  assertAlmostEquals(deviation, 1, 3 / Math.sqrt(2 * 2000));
  assertAlmostEquals((await valuesOf(small.weight))[7]!, 0.02 * weights[7]!, 1e-7);
  using index = tensor([[39, 0, 39]], { dtype: "i32", device });
  using y = layer.forward(index);
  assertEquals([[...y.shape], await valuesOf(y)], [
    [1, 3, 50],
    [39, 0, 39].flatMap((i) => weights.slice(50 * i, 50 * i + 50)),
  ]);
  scope(() => layer.forward(index).sum().backward());
  const grad = await valuesOf(layer.weight.grad!);
  assertEquals([grad[0], grad[50], grad[39 * 50 + 49]], [1, 0, 2]);
  assert(layer.weight.decays, "as a matrix");
});

Deno.test("LeakyReLU and Flatten: the values", async () => {
  using device = new Device("cpu", { threads: 1 });
  using x = tensor([[[-2, 4]], [[0, -1]]], { device });
  using y = scope(() => new nn.Flatten().forward(new nn.LeakyReLU({ negativeSlope: 0.25 }).forward(x)));
  assertEquals([[...y.shape], await valuesOf(y)], [[2, 2], [-0.5, 4, 0, -0.25]]);
  assertEquals(new nn.LeakyReLU().negativeSlope, 0.01);
});

Deno.test("summary: a network that takes numbers is given i32", () => {
  using device = new Device("cpu", { threads: 1 });
  using model = new nn.Sequential(
    new nn.Embedding(10, 4, { device }),
    new nn.Flatten(),
    new nn.LeakyReLU(),
    new nn.Linear(12, 2, { device }),
  );
  assertEquals(
    nn.summaryRows(model, [5, 3], { dtype: "i32" }).map(({ kind, outputShape, parameters, macs }) => [
      kind,
      [...outputShape],
      parameters,
      macs,
    ]),
    [["Embedding", [5, 3, 4], 40, 0], ["Flatten", [5, 12], 0, 0], ["LeakyReLU", [5, 12], 0, 0], [
      "Linear",
      [5, 2],
      26,
      120,
    ]],
  );
  assertThrows(() => nn.summary(model, [5, 3]), TypeError, "Embedding(10, 4): Expected `index` of dtype i32, got f32");
});

Deno.test("layers: two under one seed have weights of their own", async () => {
  const init = new nn.KaimingInit({ seed: 5 });
  using a = new nn.Linear(4, 4, { init });
  using b = new nn.Linear(4, 4, { init });
  assertEquals(String(await valuesOf(a.weight)) === String(await valuesOf(b.weight)), false);
});

Deno.test("batch norm: training uses the batch and moves the running statistics, evaluation uses these", async () => {
  using norm = new nn.BatchNorm2d(1, { momentum: 0.5, eps: 0, dtype: "f64" });
  using x = tensor([[1], [3], [5], [7]], undefined, { dtype: "f64" });
  using y = scope(() => norm.forward(x));
  const root = Math.sqrt(5);
  for (const [i, value] of (await valuesOf(y)).entries()) assertAlmostEquals(value, (2 * i - 3) / root, 1e-12);
  assertAlmostEquals(await norm.runningMean.item(), 2, 1e-12);
  // The unbiased variance of the batch is 20 / 3.
  assertAlmostEquals(await norm.runningVariance.item(), 0.5 + 0.5 * 20 / 3, 1e-12);
  norm.eval();
  using z = scope(() => norm.forward(x));
  assertAlmostEquals((await valuesOf(z))[0]!, (1 - 2) / Math.sqrt(0.5 + 10 / 3), 1e-12);
});

Deno.test("layers: options that are off", () => {
  assertThrows(
    () => new nn.Conv2d(3, 4, { groups: 2 }),
    RangeError,
    "Conv2d(): Expected channels that 2 groups divide",
  );
  assertThrows(() => new nn.Conv2d(3, 4, { kernel: 1.5 }), RangeError, "Conv2d(): Expected `kernel` as a whole number");
  assertThrows(
    () => new nn.SqueezeExcitation(8),
    RangeError,
    "SqueezeExcitation(): Expected at least 16 channels, got 8",
  );
});

Deno.test("summary: layers, shapes, parameters and multiply-adds, with nothing left behind", async () => {
  using device = new Device("cpu", { threads: 1 });
  using model = new nn.Sequential(
    new nn.ConvNorm(3, 8, { device, stride: 2, act: "relu" }),
    new nn.SqueezeExcitation(8, { device, reduction: 1 }),
    new nn.GlobalAvgPool2d(),
    new nn.Linear(8, 10, { device }),
  );
  const before = [device.stats().handles, await valuesOf((model.layers[0] as nn.ConvNorm).norm.runningMean)];
  const rows = nn.summaryRows(model, [2, 8, 8, 3]);
  assertEquals(
    rows.map(({ path, kind, outputShape, parameters, macs }) => [path, kind, [...outputShape], parameters, macs]),
    [
      ["layers.0.conv", "Conv2d", [2, 4, 4, 8], 216, 2 * 4 * 4 * 8 * 27],
      ["layers.0.norm", "BatchNorm2d", [2, 4, 4, 8], 16, 0],
      ["layers.1", "SqueezeExcitation", [2, 4, 4, 8], 144, 2 * 2 * 8 * 8],
      ["layers.2", "GlobalAvgPool2d", [2, 8], 0, 0],
      ["layers.3", "Linear", [2, 10], 90, 160],
    ],
  );
  const text = nn.summary(model, [2, 8, 8, 3]);
  assertMatch(text, /^layer +kind +output +parameters +MACs\n/);
  assertMatch(text, /total +466 +7,328$/);
  assert(model.training, "the mode is as it was");
  assertEquals([device.stats().handles, await valuesOf((model.layers[0] as nn.ConvNorm).norm.runningMean)], before);
});
