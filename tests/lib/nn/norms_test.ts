/** Layer and group norm as layers: initial values, options, recorded steps, and what does not fit. */
import { assertEquals, assertThrows } from "@std/assert";
import { capture, Device, groupNorm, layerNorm, nn, optim, randn, scope, type Tensor, zeros } from "../../../mod.ts";
import { assertClose } from "../../support/compare.ts";

const wrong = (value: unknown): never => value as never;

Deno.test("norms: weights start as 1 and biases as 0, do not decay, and may be left out", async () => {
  using device = new Device("cpu", { threads: 1 });
  for (const layer of [new nn.LayerNorm([2, 3], { device }), new nn.GroupNorm(2, 6, { device })]) {
    using module = layer;
    assertEquals([...await layer.weight!.data()], Array(6).fill(1));
    assertEquals([...await layer.bias!.data()], Array(6).fill(0));
    assertEquals([layer.weight!.decays, layer.bias!.decays, layer.eps], [false, false, 1e-5], String(module));
  }
  using none = new nn.LayerNorm(4, { device, affine: false, eps: 1e-3 });
  assertEquals([none.weight, none.bias, none.eps], [null, null, 1e-3]);
  using scaled = new nn.GroupNorm(1, 4, { device, bias: false });
  assertEquals([scaled.weight?.size, scaled.bias], [4, null]);
  for (const parameter of scaled.namedParameters().keys()) assertEquals(parameter, "weight");
});

Deno.test("norms: each example is normalised by itself", async () => {
  using device = new Device("cpu", { threads: 2 });
  using x = randn([6, 9, 8, 12], { device, seed: 1 });
  for (const norm of [(x: Tensor) => layerNorm(x), (x: Tensor) => groupNorm(x, { groups: 3 })]) {
    using all = scope(() => norm(x));
    using one = scope(() => norm(x.narrow(2, 1)));
    const size = 9 * 8 * 12;
    assertEquals((await all.data()).slice(2 * size, 3 * size), await one.data());
  }
  using groups = scope(() => groupNorm(x, { groups: 1 }));
  using layers = scope(() => layerNorm(x, { shape: [9, 8, 12] }));
  assertClose(await groups.data(), await layers.data(), { atol: 2e-6, rtol: 2e-6 }, "one group, all axes");
});

Deno.test("norms: a recorded step trains as an eager one, bit for bit", async () => {
  const train = async (recorded: boolean): Promise<ArrayLike<number>[]> => {
    using device = new Device("cpu", { threads: 2 });
    const found: ArrayLike<number>[] = [];
    using model = new nn.Sequential(new nn.GroupNorm(2, 4, { device }), new nn.LayerNorm([3, 4], { device }));
    using opt = optim.sgd({ mom: 0.9 }).bind(model, { lr: 0.1 });
    const body = (x: Tensor): Tensor => {
      const loss = model.forward(x).sub(x).pow(2).mean();
      loss.backward();
      opt.step();
      return loss;
    };
    using step = capture(body);
    for (let at = 0; at < 5; at++) {
      using x = randn([5, 2, 3, 4], { device, seed: at });
      using loss = recorded ? step(x) : scope(() => body(x));
      found.push(await loss.data());
    }
    for (const parameter of model.namedParameters().values()) found.push(await parameter.data());
    return found;
  };
  assertEquals(await train(true), await train(false));
});

Deno.test("norms: what does not fit is told", () => {
  using device = new Device("cpu", { threads: 1 });
  using x = zeros([2, 3, 4], { device });
  using vector = zeros([3], { device });
  assertThrows(() => layerNorm(x, { shape: [3] }), TypeError, "layerNorm(): Expected `x` [.., 3], got shape [2, 3, 4]");
  assertThrows(() => layerNorm(x, { weight: vector }), TypeError, "Expected `weight` of shape [4], got [3]");
  assertThrows(() => groupNorm(x, { groups: 3 }), TypeError, "with channels that 3 groups divide, got shape [2, 3, 4]");
  assertThrows(() => groupNorm(x, { groups: 0 }), RangeError, "Expected `groups` as a whole number from 1, got 0");
  assertThrows(
    () => layerNorm(x, wrong({ normalized_shape: [4] })),
    TypeError,
    "layerNorm(): Expected options among shape, weight, bias, eps, got `normalized_shape`: it is called shape here",
  );
  assertThrows(
    () => new nn.LayerNorm(wrong("64")),
    TypeError,
    'LayerNorm(): Expected `shape` as a size from 1 or some, got "64"',
  );
  assertThrows(() => new nn.GroupNorm(4, 6), RangeError, "GroupNorm(): Expected channels that 4 groups divide, got 6");
  using layer = new nn.GroupNorm(2, 8, { device });
  assertThrows(() => layer.forward(x), TypeError, "GroupNorm(2, 8): Expected `x` with 8 channels in its last axis");
  using images = zeros([2, 8, 5, 5], { device });
  const first = "got shape [2, 8, 5, 5], which looks like channels first: transpose([0, 2, 3, 1]) moves them last";
  assertThrows(() => layer.forward(images), TypeError, first);
  using norm = new nn.LayerNorm(8, { device });
  assertThrows(() => norm.forward(images), TypeError, `LayerNorm(8): Expected \`x\` [.., 8], ${first}`);
});
