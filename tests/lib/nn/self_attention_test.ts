/** Simple self-attention against fastai's. */
import { assertEquals } from "@std/assert";
import { gradCheck, nn, optim, randn, scope, type Tensor, tensor } from "../../../mod.ts";
import { assertClose } from "../../support/compare.ts";
import { readFixture } from "../../support/fastai.ts";

const EXACT = { atol: 1e-11, rtol: 1e-11 };

Deno.test("self-attention: result, gradients and vectors as fastai's", async () => {
  const stored = await readFixture("self_attention");
  const of = (key: string): Tensor => tensor(stored.numbers(key), stored.shape(key), { dtype: "f64" });
  using module = new nn.SimpleSelfAttention(12, { dtype: "f64" });
  scope(() => {
    module.gamma.assign(of("initial.gamma"));
    module.conv.weight.assign(of("initial.conv.weight_orig").reshape([12, 12]));
    module.conv.u.assign(of("initial.conv.weight_u"));
    module.conv.v.assign(of("initial.conv.weight_v"));
  });
  using x = of("x").requireGrad();
  using upstream = of("upstream");
  using y = scope(() => {
    const y = module.forward(x);
    y.mul(upstream).sum().backward();
    return y;
  });
  const results = {
    y,
    "grads.x": x.grad!,
    "grads.gamma": module.gamma.grad!,
    "grads.conv.weight": module.conv.weight.grad!,
    u: module.conv.u,
    v: module.conv.v,
  };
  for (const [name, value] of Object.entries(results)) {
    assertClose(await value.data(), stored.numbers(name), EXACT, name);
  }
  module.eval();
  using evaluated = scope(() => module.forward(x));
  assertClose(await evaluated.data(), stored.numbers("evaluated"), EXACT, "evaluated");
});

Deno.test("self-attention: changes nothing at first", async () => {
  using module = new nn.SimpleSelfAttention(4, { init: new nn.KaimingInit({ seed: 0 }) });
  using x = randn([2, 3, 3, 4], { seed: 1 });
  using y = scope(() => module.forward(x));
  assertEquals(await y.data(), await x.data());
});

for (const sym of [false, true]) {
  Deno.test(`self-attention: gradients by differences, sym ${sym}`, async () => {
    using module = new nn.SimpleSelfAttention(3, { sym, dtype: "f64", init: new nn.KaimingInit({ seed: 0 }) });
    module.gamma.fill(0.5);
    module.eval();
    using x = randn([2, 2, 3, 3], { dtype: "f64", seed: 1 });
    await gradCheck((x: Tensor) => module.forward(x), [x]);
    assertEquals(module.conv.symmetric, sym);
  });
}

Deno.test("self-attention: weight decay applies to gamma, as in fastai", async () => {
  using module = new nn.SimpleSelfAttention(2, { init: new nn.KaimingInit({ seed: 0 }) });
  module.gamma.fill(1);
  using optimizer = optim.sgd({ mom: 0, wd: 0.5 }).bind(module, { lr: 0.1 });
  scope(() => {
    module.gamma.setGrad(tensor([0]));
    optimizer.step();
  });
  assertClose(await module.gamma.data(), [0.95], { atol: 1e-6, rtol: 0 }, "gamma");
});
