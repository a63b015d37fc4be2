/** What layers say of arguments that cannot be right. */
import { assertEquals, assertThrows } from "@std/assert";
import { Device, layerNorm, models, nn, scope, zeros } from "../../../mod.ts";

const wrong = (value: unknown): never => value as never;

Deno.test("Linear rejects an input of another last axis, and says what to do about images", () => {
  using device = new Device("cpu", { threads: 1 });
  using layer = new nn.Linear(12, 2, { device });
  using x = zeros([2, 5], { device });
  assertThrows(
    () => layer.forward(x),
    TypeError,
    "Linear(12, 2): Expected `x` with a last axis of 12 (inFeatures), got shape [2, 5]",
  );
  using images = zeros([2, 2, 2, 3], { device });
  assertThrows(
    () => layer.forward(images),
    TypeError,
    "Linear(12, 2): Expected `x` with a last axis of 12 (inFeatures), got shape [2, 2, 2, 3]: reshape([2, -1]) makes rows of it",
  );
  assertThrows(() => layer.forward(wrong(undefined)), TypeError, "Linear(): Expected `x` as a Tensor, got undefined");
});

Deno.test("layers speak of themselves where an input does not fit, and of what is usually meant", () => {
  using device = new Device("cpu", { threads: 1 });
  using conv = new nn.Conv2d(3, 16, { device });
  using grouped = new nn.Conv2d(8, 4, { device, groups: 2 });
  using norm = new nn.BatchNorm2d(4, { device });
  using spectral = new nn.SpectralLinear(6, 2, { device });
  using embedding = new nn.Embedding(65, 8, { device });
  using model = models.xresnet18({ classes: 2, device });
  const first = ", which looks like channels first: transpose([0, 2, 3, 1]) moves them last";
  const cases: [nn.Module, number[], string][] = [
    [conv, [2, 3, 8, 9], `Conv2d(3, 16): Expected \`x\` as [n, h, w, 3], got shape [2, 3, 8, 9]${first}`],
    [
      conv,
      [8, 9, 3],
      "Conv2d(3, 16): Expected `x` as [n, h, w, 3], got shape [8, 9, 3]: reshape([1, 8, 9, 3]) makes a batch of it",
    ],
    [conv, [2, 8, 8, 1], "Conv2d(3, 16): Expected `x` as [n, h, w, 3], got shape [2, 8, 8, 1]"],
    [grouped, [2, 5, 5, 4], "Conv2d(8, 4): Expected `x` as [n, h, w, 8], got shape [2, 5, 5, 4]"],
    [
      norm,
      [2, 4, 5, 6],
      `BatchNorm2d(4): Expected \`x\` with 4 channels in its last axis, got shape [2, 4, 5, 6]${first}`,
    ],
    [norm, [2, 5], "BatchNorm2d(4): Expected `x` with 4 channels in its last axis, got shape [2, 5]"],
    [spectral, [2, 5], "SpectralLinear(6, 2): Expected `x` with a last axis of 6 (inFeatures), got shape [2, 5]"],
    [
      embedding,
      [2, 5],
      'Embedding(65, 8): Expected `index` of dtype i32, got f32: make it with { dtype: "i32" }, or call to("i32") on it',
    ],
    [model, [1, 3, 32, 32], `Conv2d(3, 32): Expected \`x\` as [n, h, w, 3], got shape [1, 3, 32, 32]${first}`],
    [new nn.Flatten(), [], "Flatten(): Expected `x` as [n, ..], got shape []"],
  ];
  for (const [layer, shape, message] of cases) {
    using x = zeros(shape, { device });
    assertEquals(assertThrows(() => scope(() => layer.forward(x)), TypeError).message, message);
  }
});

Deno.test("layers reject sizes that are none, and modules that are none", () => {
  const cases: [() => unknown, string][] = [
    [
      () => new nn.Linear(4, wrong(undefined)),
      "Linear(): Expected `outFeatures` as a whole number from 0, got undefined",
    ],
    [() => new nn.Conv2d(wrong("3"), 4), 'Conv2d(): Expected `inChannels` as a whole number from 0, got "3"'],
    [() => new nn.BatchNorm2d(1.5), "BatchNorm2d(): Expected `channels` as a whole number from 0, got 1.5"],
    [
      () => new nn.MaxPool2d(wrong(undefined)),
      "MaxPool2d(): Expected options, got undefined: write new MaxPool2d({ kernel: 2 })",
    ],
    [() => new nn.AvgPool2d(wrong(2)), "AvgPool2d(): Expected options, got 2: write new AvgPool2d({ kernel: 2 })"],
    [() => new nn.Sequential(wrong(2)), "Sequential(): Expected `layers[0]` as a module with a forward, got 2"],
    [() => nn.summary(wrong(2), [1]), "summary(): Expected `model` as a module with a forward, got 2"],
    [
      () => nn.replaceModules(wrong(2), nn.Linear, (old) => old),
      "replaceModules(): Expected `root` as a module with a forward",
    ],
  ];
  const options = (name: string): string => `${name}(): Expected options, got null`;
  cases.push(
    [() => new nn.Linear(2, 2, wrong(null)), options("Linear")],
    [() => new nn.Conv2d(2, 2, wrong(null)), options("Conv2d")],
    [() => new nn.BatchNorm2d(2, wrong(null)), options("BatchNorm2d")],
    [() => new nn.ConvNorm(2, 2, wrong(null)), options("ConvNorm")],
    [() => new nn.BlurPool2d(wrong(null)), options("BlurPool2d")],
    [() => new nn.MaxBlurPool2d(wrong(null)), options("MaxBlurPool2d")],
    [() => new nn.SpectralLinear(2, 2, wrong(null)), options("SpectralLinear")],
    [() => new nn.Embedding(2, 2, wrong(null)), options("Embedding")],
    [() => new nn.LeakyReLU(wrong(null)), options("LeakyReLU")],
    [() => new nn.SqueezeExcitation(16, wrong(null)), options("SqueezeExcitation")],
    [() => new nn.SimpleSelfAttention(2, wrong(null)), options("SimpleSelfAttention")],
    [() => new nn.UniformInit(wrong(null)), options("Init")],
    [
      () => nn.replaceModules(new nn.Sequential(), wrong({}), (old) => old),
      "Expected `kind` as a class of modules, got an object",
    ],
    [() => nn.spectralNorm(wrong(1), wrong({})), "spectralNorm(): Expected `weight` as a Tensor, got 1"],
    [
      () => new nn.Parameter(wrong(2), wrong(2)),
      "Parameter(): Expected a device and a native tensor: scripts use tensor()",
    ],
  );
  for (const [make, message] of cases) assertThrows(() => void make(), TypeError, message);
  assertThrows(
    () => new nn.Activation(wrong("swish")),
    RangeError,
    'Activation(): Expected `act` as one of none, relu, mish, silu, gelu, sigmoid, tanh, got "swish"',
  );
});

Deno.test("GroupNorm, ConvTranspose2d and layerNorm() name arguments of another type", () => {
  using device = new Device("cpu", { threads: 1 });
  using norm = new nn.GroupNorm(1, 2, { device });
  using conv = new nn.ConvTranspose2d(1, 1, { device });
  using x = zeros([2, 4], { device });
  const cases: [() => unknown, string][] = [
    [() => norm.forward(wrong(undefined)), "GroupNorm(): Expected `x` as a Tensor, got undefined"],
    [() => conv.forward(wrong(3)), "ConvTranspose2d(): Expected `x` as a Tensor, got 3"],
    [
      () => layerNorm(x, wrong({ shape: 4 })),
      "layerNorm(): Expected `shape` as an array of numbers, got 4: write shape: [4]",
    ],
  ];
  for (const [call, message] of cases) assertThrows(call, TypeError, message);
});
