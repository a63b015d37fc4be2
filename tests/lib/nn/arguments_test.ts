/** What layers say of arguments that cannot be right. */
import { assertThrows } from "@std/assert";
import { Device, nn, zeros } from "../../../mod.ts";

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
