/** Resampling and transposed convolution as layers: what they make of wrong options, and how they are counted. */
import { assertEquals, assertThrows } from "@std/assert";
import {
  adaptiveAvgPool2d,
  convTranspose2d,
  Device,
  globalAvgPool2d,
  nn,
  randn,
  scope,
  upsample2d,
  zeros,
} from "../../../mod.ts";
import { assertClose } from "../../support/compare.ts";

const wrong = (value: unknown): never => value as never;

Deno.test("adaptive pooling to one pixel is the mean of the image, and upsampling it repeats it", async () => {
  using device = new Device("cpu", { threads: 1 });
  using x = randn([2, 7, 5, 9], { device, seed: 1 });
  using pooled = scope(() => adaptiveAvgPool2d(x, { size: 1 }));
  using mean = scope(() => globalAvgPool2d(x));
  assertClose(await pooled.data(), await mean.data(), { atol: 1e-6, rtol: 1e-6 }, "mean");
  for (const mode of ["nearest", "bilinear"] as const) {
    using large = scope(() => upsample2d(pooled, { size: [3, 2], mode }));
    using repeated = scope(() => pooled.broadcastTo([2, 3, 2, 9]));
    assertEquals(await large.data(), await repeated.data());
  }
});

Deno.test("upsampling: what does not fit is told", () => {
  using device = new Device("cpu", { threads: 1 });
  using x = zeros([2, 3, 4, 5], { device });
  using row = zeros([2, 3], { device });
  const cases: [() => unknown, new () => Error, string][] = [
    [() => upsample2d(x, wrong({})), TypeError, "upsample2d(): Expected either `size` or `scale`, got none"],
    [() => upsample2d(x, { size: 2, scale: 2 }), TypeError, "Expected either `size` or `scale`, got both"],
    [() => upsample2d(x, { scale: 0 }), RangeError, "Expected `scale` as a number above 0 or two, got 0"],
    [() => upsample2d(x, { scale: 0.1 }), RangeError, "Expected `height` as a whole number from 1"],
    [() => upsample2d(x, { size: [0, 2] }), RangeError, "Expected `size` from 1, got [0, 2]"],
    [
      () => new nn.Upsample({ scale: 2, mode: wrong("cubic") }),
      RangeError,
      'Expected `mode` as nearest or bilinear, got "cubic"',
    ],
    [() => upsample2d(row, { scale: 2 }), TypeError, "Expected `x` with 4 axes [n, h, w, c], got shape [2, 3]"],
    [() => upsample2d(x, wrong({ scale_factor: 2 })), TypeError, "got `scale_factor`: it is called scale here"],
    [() => new nn.AdaptiveAvgPool2d(wrong({})), RangeError, "AdaptiveAvgPool2d(): Expected `size` as a whole number"],
  ];
  for (const [call, type, text] of cases) assertThrows(call, type as ErrorConstructor, text);
});

Deno.test("transposed convolution: what does not fit is told", () => {
  using device = new Device("cpu", { threads: 1 });
  using x = zeros([2, 3, 4, 6], { device });
  using weight = zeros([6, 3, 3, 2], { device });
  using other = zeros([2, 3, 3, 6], { device });
  using layer = new nn.ConvTranspose2d(4, 6, { device });
  const cases: [() => unknown, new () => Error, string][] = [
    [
      () => convTranspose2d(x, weight, { outputPadding: 1 }),
      RangeError,
      "Expected `outputPadding` below the stride [1, 1], got [1, 1]",
    ],
    [
      () => convTranspose2d(x, other),
      TypeError,
      "Expected `weight` as [in, kh, kw, out / groups] with 6 input channels, got shape [2, 3, 3, 6]",
    ],
    [() => convTranspose2d(x, weight, { groups: 4 }), TypeError, "Expected input channels that 4 groups divide, got 6"],
    [() => convTranspose2d(x, weight, { padding: 3 }), RangeError, "Expected a result of at least 1 x 1, got -1 x 0"],
    [
      () => new nn.ConvTranspose2d(4, 6, { groups: 4 }),
      RangeError,
      "Expected channels that 4 groups divide, got 4 and 6",
    ],
    [
      () => layer.forward(x),
      TypeError,
      "ConvTranspose2d(4, 6): Expected `x` as [n, h, w, 4], got shape",
    ],
  ];
  for (const [call, type, text] of cases) assertThrows(call, type as ErrorConstructor, text);
});

Deno.test("transposed convolution: first weights follow from kernel and output channels, as PyTorch's", async () => {
  using layer = new nn.ConvTranspose2d(64, 8, {
    kernel: 2,
    stride: 2,
    groups: 2,
    init: new nn.UniformInit({ seed: 1 }),
  });
  const bound = 1 / Math.sqrt(2 * 2 * 8 / 2);
  const weights = [...await layer.weight.data(), ...await layer.bias!.data()];
  const largest = Math.max(...weights.map(Math.abs));
  assertEquals([largest <= bound, largest > 0.95 * bound], [true, true], `${largest} of ${bound}`);
});

Deno.test("summary: the new layers with parameters and multiply-adds", () => {
  using device = new Device("cpu", { threads: 1 });
  const rows = (model: nn.Module, shape: number[]): unknown[] =>
    nn.summaryRows(model, shape).map((
      { kind, outputShape, parameters, macs },
    ) => [kind, [...outputShape], parameters, macs]);
  using images = new nn.Sequential(
    new nn.GroupNorm(2, 4, { device }),
    new nn.ConvTranspose2d(4, 6, { device, kernel: 2, stride: 2, groups: 2 }),
    new nn.Upsample({ scale: 2 }),
    new nn.AdaptiveAvgPool2d({ size: 2 }),
  );
  assertEquals(rows(images, [2, 3, 5, 4]), [
    ["GroupNorm", [2, 3, 5, 4], 8, 0],
    ["ConvTranspose2d", [2, 6, 10, 6], 4 * 2 * 2 * 3 + 6, 2 * 3 * 5 * 4 * 2 * 2 * 3],
    ["Upsample", [2, 12, 20, 6], 0, 0],
    ["AdaptiveAvgPool2d", [2, 2, 2, 6], 0, 0],
  ]);
  using sequence = new nn.Sequential(new nn.LayerNorm(8, { device }), new nn.MultiHeadAttention(8, 2, { device }));
  assertEquals(rows(sequence, [3, 5, 8]), [
    ["LayerNorm", [3, 5, 8], 16, 0],
    ["MultiHeadAttention", [3, 5, 8], 4 * (64 + 8), 3 * (4 * 5 * 64 + 2 * 5 * 5 * 8)],
  ]);
});
