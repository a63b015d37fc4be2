/** Layers with f32 parameters whose input is bf16: they compute in bf16, and gradients of parameters are f32. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { Device, nn, randn, scope, tensor, zeros } from "../../../mod.ts";

/** Each kind of layer with parameters, and the shape of its input. */
const LAYERS: Record<string, [(device: Device) => nn.Module, number[]]> = {
  Conv2d: [(device) => new nn.Conv2d(4, 6, { device, init: new nn.KaimingInit({ seed: 1 }) }), [2, 6, 5, 4]],
  "Conv2d in groups": [(device) => new nn.Conv2d(4, 4, { device, groups: 2, init: new nn.KaimingInit({ seed: 1 }) }), [
    2,
    6,
    5,
    4,
  ]],
  Linear: [(device) => new nn.Linear(8, 5, { device, init: new nn.KaimingInit({ seed: 1 }) }), [3, 8]],
  BatchNorm2d: [(device) => new nn.BatchNorm2d(4, { device, act: "mish" }), [2, 5, 5, 4]],
  LayerNorm: [(device) => new nn.LayerNorm(12, { device }), [4, 12]],
  GroupNorm: [(device) => new nn.GroupNorm(2, 8, { device }), [2, 5, 5, 8]],
  ConvTranspose2d: [
    (device) => new nn.ConvTranspose2d(4, 6, { device, stride: 2, init: new nn.KaimingInit({ seed: 1 }) }),
    [2, 3, 4, 4],
  ],
  ConvNorm: [(device) => new nn.ConvNorm(3, 4, { device, act: "relu", init: new nn.KaimingInit({ seed: 1 }) }), [
    2,
    5,
    5,
    3,
  ]],
  SqueezeExcitation: [
    (device) => new nn.SqueezeExcitation(16, { device, reduction: 2, init: new nn.KaimingInit({ seed: 1 }) }),
    [2, 3, 3, 16],
  ],
  SpectralLinear: [(device) => new nn.SpectralLinear(6, 4, { device, init: new nn.KaimingInit({ seed: 1 }) }), [3, 6]],
  SimpleSelfAttention: [
    (device) => {
      const layer = new nn.SimpleSelfAttention(6, { device, sym: true, init: new nn.KaimingInit({ seed: 1 }) });
      layer.gamma.fill(0.05);
      return layer;
    },
    [2, 3, 3, 6],
  ],
};

/** What a layer gives for an input, and the gradients of its parameters, in a dtype. */
async function run(
  make: (device: Device) => nn.Module,
  shape: number[],
  dtype: "f32" | "bf16",
): Promise<Map<string, { dtype: string; values: number[] }>> {
  using device = new Device("cpu", { threads: 1 });
  using layer = make(device);
  // Numbers of bf16, so that both runs have the same.
  using x = scope(() => randn(shape, { device, dtype: "bf16", seed: 2 }).to(dtype));
  using y = scope(() => {
    const y = layer.forward(x);
    const weights = randn(y.shape, { device, dtype: "bf16", seed: 3 });
    y.mul(weights.to(dtype)).to("f32").sum().backward();
    return y;
  });
  const found = new Map([["y", { dtype: y.dtype as string, values: Array.from(await y.data()) }]]);
  for (const [name, { grad }] of layer.namedParameters()) {
    found.set(name, { dtype: grad!.dtype, values: Array.from(await grad!.data()) });
  }
  return found;
}

for (const [name, [make, shape]] of Object.entries(LAYERS)) {
  Deno.test(`${name}: computes in bf16 for a bf16 input, near f32, and its parameters' gradients are f32`, async () => {
    const exact = await run(make, shape, "f32");
    const low = await run(make, shape, "bf16");
    for (const [key, { values }] of exact) {
      const got = low.get(key)!;
      assertEquals(got.dtype, key === "y" ? "bf16" : "f32", key);
      // A few roundings of 2^-8 each, relative to the largest value, as smaller ones are sums in which larger cancel.
      const scale = Math.max(...values.map(Math.abs));
      const worst = Math.max(...values.map((value, i) => Math.abs(value - got.values[i]!)));
      assert(worst <= 0.03 * scale, `${key}: off by ${worst} of ${scale}`);
      // Sums of exact numbers in f32 may be as exact.
      assert(worst > 0 || key !== "y", `${key}: as exact as in f32`);
    }
  });
}

Deno.test("layers: f64 and f32 are not mixed unnoticed", () => {
  using device = new Device("cpu", { threads: 1 });
  using layer = new nn.Linear(2, 2, { device });
  assertThrows(
    () => scope(() => layer.forward(zeros([1, 2], { device, dtype: "f64" }))),
    TypeError,
    "matmul(): Expected `b` of dtype f64, got f32",
  );
});

Deno.test("BatchNorm2d: running statistics of bf16 images are f32, of more digits than bf16 has", async () => {
  using device = new Device("cpu", { threads: 1 });
  using norm = new nn.BatchNorm2d(1, { device, momentum: 1 });
  using x = tensor([[1], [1], [1.0078125]], undefined, { device, dtype: "bf16" });
  scope(() => void norm.forward(x));
  assertEquals(norm.runningMean.dtype, "f32");
  const [mean] = await norm.runningMean.data();
  assert(Math.abs(mean! - (1 + 0.0078125 / 3)) < 1e-6, `${mean}`);
});
