/** Squeeze-and-excitation with the residual and the activation that follow it: what the ops apart give, in fewer calls. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { type ActivationName, Device, models, nn, randn, scope, squeezeExcitation, type Tensor } from "../../../mod.ts";
import { timedCalls } from "../../../lib/tensor/profile.ts";

/** The result and the gradients of x, the residual and the parameters, one after the other. */
async function all(layer: nn.SqueezeExcitation, forward: (x: Tensor, residual: Tensor) => Tensor): Promise<number[]> {
  const { device } = layer.reduce.weight;
  const values: number[] = [];
  const leaves = [2, 3].map((seed) => randn([2, 3, 5, 16], { seed, dtype: "f64", device }).requireGrad());
  using y = scope(() => forward(leaves[0]!, leaves[1]!));
  values.push(...await y.data());
  scope(() => y.mul(randn(y.shape, { seed: 4, dtype: "f64", device })).sum().backward());
  for (const leaf of [...leaves, ...layer.namedParameters().values()]) values.push(...await leaf.grad!.data());
  for (const leaf of leaves) leaf.dispose();
  return values;
}

for (const endAct of ["none", "relu", "mish"] as const) {
  Deno.test(`SqueezeExcitation: a residual, then ${endAct}, give what the ops apart do`, async () => {
    using device = new Device("cpu", { threads: 2 });
    const options = () => ({
      dtype: "f64",
      init: new nn.KaimingInit({ seed: 1 }),
      reduction: 2,
      act: "mish",
      device,
    } as const);
    using fused = new nn.SqueezeExcitation(16, { ...options(), endAct });
    using apart = new nn.SqueezeExcitation(16, options());
    const [got, expected] = [
      await all(fused, (x, residual) => fused.forward(x, residual)),
      await all(apart, (x, residual) => nn.activate(apart.forward(x).add(residual), endAct)),
    ];
    assertEquals(got.length, expected.length);
    for (const [at, value] of got.entries()) assert(Math.abs(value - expected[at]!) < 1e-9, `${at}: ${value}`);
  });
}

Deno.test("squeezeExcitation: without an activation at the end, the residual's gradient is what comes in", async () => {
  using device = new Device("cpu", { threads: 1 });
  using layer = new nn.SqueezeExcitation(16, { reduction: 2, device });
  using x = randn([2, 3, 3, 16], { seed: 2, device });
  using residual = randn([2, 3, 3, 16], { seed: 3, device }).requireGrad();
  using y = scope(() => layer.forward(x, residual).sum());
  const [backward] = (await timedCalls(device, () => y.backward())).filter(({ op }) => op.startsWith("squeeze"));
  assertEquals(backward?.outputs.length, 5);
  assertEquals(Array.from(await residual.grad!.data()), Array.from({ length: residual.size }, () => 1));
});

Deno.test("squeezeExcitation: a residual of another shape or dtype is refused", () => {
  using device = new Device("cpu", { threads: 1 });
  using layer = new nn.SqueezeExcitation(16, { reduction: 2, device });
  using x = randn([2, 3, 3, 16], { seed: 2, device });
  using small = randn([2, 3, 1, 16], { seed: 2, device });
  using narrow = x.to("bf16");
  const refused = (residual: Tensor, message: string): void => {
    assertThrows(() => layer.forward(x, residual), TypeError, `squeeze_excitation(): Expected \`residual\` ${message}`);
  };
  refused(small, "of shape [2, 3, 3, 16], got [2, 3, 1, 16]");
  refused(narrow, "of dtype f32, got bf16: to() converts");
  const { reduce, expand } = layer;
  const weights = { reduce: reduce.weight, reduceBias: reduce.bias!, expand: expand.weight, expandBias: expand.bias! };
  const endAct = "swish" as ActivationName;
  assertThrows(() => squeezeExcitation(x, { ...weights, act: "relu", endAct }), RangeError, "swish");
});

for (const sa of [false, true]) {
  Deno.test(`a block with squeeze-and-excitation ${sa ? "and attention adds and activates" : "ends in it"}`, async () => {
    using device = new Device("cpu", { threads: 2 });
    const small = { stem: [4, 4, 8], widths: [16, 16], blocks: [1, 1], classes: 5, expansion: 1, seed: 0 };
    using model = new models.XResNet({ ...small, reduction: 8, act: "mish", sa, device });
    using x = randn([2, 16, 16, 3], { seed: 1, device });
    const ops = (await timedCalls(device, () => scope(() => void model.forward(x)))).map(({ op }) => op);
    // Of the two blocks the first has the attention, which adds its result too; the head adds its bias.
    assertEquals(["add", "mish"].map((name) => ops.filter((op) => op === name).length), sa ? [3, 1] : [1, 0]);
    assertEquals(ops.filter((op) => op === "squeeze_excitation").length, 2);
  });
}
