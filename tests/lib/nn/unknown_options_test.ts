/** Options of layers that would have no effect are refused, with what they are called here. */
import { assertEquals, assertThrows } from "@std/assert";
import { crossEntropy, Device, logSoftmax, models, nn, softmax, tensor, zeros } from "../../../mod.ts";

const wrong = (value: unknown): never => value as never;
const extra = (...values: unknown[]): [] => values as [];

Deno.test("layers refuse options that they do not have, and say what they are called here", () => {
  const cases: [make: (options: never) => unknown, option: string, hint: string][] = [
    [(o) => new nn.Conv2d(3, 8, o), "kernelSize", "it is called kernel here"],
    [(o) => new nn.Conv2d(3, 8, o), "kernel_size", "it is called kernel here"],
    [(o) => new nn.Conv2d(3, 8, o), "padding_mode", "a convolution is padded with zeros"],
    [(o) => new nn.Conv2d(3, 8, o), "strid", "it may be stride that is meant"],
    [(o) => new nn.ConvTranspose2d(3, 8, o), "output_padding", "it is called outputPadding here"],
    [(o) => new nn.ConvNorm(3, 8, o), "activation", "it is called act here"],
    [(o) => new nn.Linear(3, 8, o), "use_bias", "it is called bias here"],
    [(o) => new nn.Linear(3, 8, o), "seed", "weights follow from init: new nn.UniformInit({ seed: 0 })"],
    [(o) => new nn.SpectralLinear(3, 3, o), "sym", "it is called symmetric here"],
    [
      (o) => new nn.BatchNorm2d(8, o),
      "affine",
      "it always has a weight and a bias here: requireGrad(false) keeps them as they are",
    ],
    [(o) => new nn.LayerNorm(8, o), "elementwise_affine", "it is called affine here"],
    [(o) => new nn.GroupNorm(2, 8, o), "epsilon", "it is called eps here"],
    [(o) => new nn.Dropout(o), "rate", "it is called p here"],
    [(o) => new nn.StochasticDepth(o), "rate", "it is called p here"],
    [(o) => new nn.Embedding(9, 8, o), "padding_idx", "every row is learnt here"],
    [(o) => new nn.MultiHeadAttention(8, 2, o), "dropout", "put an nn.Dropout behind it"],
    [(o) => new nn.MultiHeadAttention(8, 2, o), "batch_first", "the batch always comes first here"],
    [(o) => new nn.SimpleSelfAttention(8, o), "symmetric", "it is called sym here"],
    [(o) => new nn.SqueezeExcitation(64, o), "ratio", "it is called reduction here"],
    [(o) => new nn.MaxPool2d(o), "kernel_size", "it is called kernel here"],
    [(o) => new nn.AvgPool2d(o), "count_include_pad", "it is called countIncludePad here"],
    [(o) => new nn.BlurPool2d(o), "filters", "it may be filter that is meant"],
    [(o) => new nn.MaxBlurPool2d(o), "ceil_mode", "it is called ceilMode here"],
    [(o) => new nn.AdaptiveAvgPool2d(o), "output_size", "it is called size here"],
    [(o) => new nn.Upsample(o), "scale_factor", "it is called scale here"],
    [(o) => new nn.LeakyReLU(o), "negative_slope", "it is called negativeSlope here"],
    [(o) => models.xresnet18(o), "num_classes", "it is called classes here"],
    [(o) => models.mnistNet(o), "clases", "it may be classes that is meant"],
  ];
  for (const [make, option, hint] of cases) {
    const { message } = assertThrows(() => make(wrong({ [option]: 1 })), TypeError);
    assertEquals(message.slice(message.indexOf("got ")), `got \`${option}\`: ${hint}`);
  }
  assertThrows(() => new nn.Linear(3, 8, wrong({ zzz: 1 })), TypeError, "bias, init, device, dtype, got `zzz`");
  assertThrows(() => new nn.Flatten(...extra(1)), TypeError, "Flatten(): Expected no arguments, got some");
});

Deno.test("layers take every option that they name", () => {
  using device = new Device("cpu", { threads: 1 });
  const made = { init: new nn.UniformInit({ seed: 0 }), device, dtype: "f64" } as const;
  const conv = { kernel: 5, stride: 2, padding: 2, groups: 1, ...made };
  using convolution = new nn.Conv2d(3, 8, { ...conv, bias: false });
  assertEquals(convolution.weight.shape, [8, 5, 5, 3]);
  using norm = new nn.ConvNorm(3, 8, { ...conv, act: "relu", zeroWeight: true });
  assertEquals([norm.norm.act, norm.norm.weight.dtype], ["relu", "f64"]);
  using squeeze = new nn.SqueezeExcitation(64, { reduction: 8, act: "mish", endAct: "silu", ...made });
  assertEquals([squeeze.act, squeeze.endAct, squeeze.reduce.weight.shape[0]], ["mish", "silu", 8]);
  using attention = new nn.SimpleSelfAttention(8, { sym: true, ...made });
  assertEquals([attention.conv.symmetric, attention.gamma.dtype], [true, "f64"]);
  using dropout = new nn.Dropout({ p: 0.1, seed: 1, stream: 2, device });
  assertEquals(dropout.p, 0.1);
});

Deno.test("what a call does not take is refused, not left aside", () => {
  using device = new Device("cpu", { threads: 1 });
  using layer = new nn.MultiHeadAttention(8, 2, { device });
  using x = zeros([2, 3, 8], { device });
  const own =
    "MultiHeadAttention(8, 2): Expected `x` alone, to which queries, keys and values are layers of its own, got " +
    "more: scaledDotProductAttention(q, k, v) attends to others";
  assertEquals(assertThrows(() => layer.forward(x, wrong(x), ...extra(x)), TypeError).message, own);
  assertEquals(assertThrows(() => layer.forward(x, {}, ...extra(x)), TypeError).message, own);
  assertThrows(() => layer.forward(x, wrong({ attn_mask: x })), TypeError, "it is called mask here");
  for (const [name, op] of Object.entries({ softmax, logSoftmax })) {
    for (const more of [1, { dim: 1 }]) {
      assertEquals(
        assertThrows(() => op(x, ...extra(more)), TypeError).message,
        `${name}(): Expected \`x\` alone, got 1 more: it is over the last axis, to which transpose() moves another`,
      );
    }
  }
});

Deno.test("crossEntropy() says how logits of a sequence are made rows", () => {
  using device = new Device("cpu", { threads: 1 });
  using logits = zeros([2, 3, 8], { device });
  using labels = tensor(new Int32Array(6), [2, 3], { device });
  const message =
    "crossEntropy(): Expected `logits` as [n, classes], got shape [2, 3, 8]: reshape([-1, 8]) makes rows of it, " +
    "and reshape([-1]) one label a row";
  assertEquals(assertThrows(() => crossEntropy(logits, labels), TypeError).message, message);
  for (const options of [{}, { weights: Array(8).fill(1) }]) {
    assertEquals(assertThrows(() => nn.crossEntropyLoss(options)(logits, { labels }), TypeError).message, message);
  }
});
