/** Spectral normalisation against torch.nn.utils.spectral_norm. */
import { assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { capture, crossEntropy, gradCheck, nn, optim, randn, scope, type Tensor, tensor } from "../../../mod.ts";
import { assertClose } from "../../support/compare.ts";
import { readFixture } from "../../support/fastai.ts";

const EXACT = { atol: 1e-12, rtol: 1e-12 };

for (const name of ["wide", "tall", "one"]) {
  Deno.test(`spectral norm, ${name}: four training steps and evaluation as PyTorch's`, async () => {
    const stored = await readFixture("spectral_norm");
    const of = (key: string): Tensor =>
      tensor(stored.numbers(`${name}.${key}`), stored.shape(`${name}.${key}`), { dtype: "f64" });
    const step = (key: string, index: number): Float64Array => {
      const [steps = 0] = stored.shape(`${name}.${key}`);
      const all = stored.numbers(`${name}.${key}`);
      return all.slice(index * all.length / steps, (index + 1) * all.length / steps);
    };
    using x = of("x");
    using upstream = of("upstream");
    const [out = 0, inputs = 0] = stored.shape(`${name}.initial.weight_orig`);
    using layer = new nn.SpectralLinear(inputs, out, { dtype: "f64" });
    scope(() => {
      layer.weight.assign(of("initial.weight_orig"));
      layer.u.assign(of("initial.weight_u"));
      layer.v.assign(of("initial.weight_v"));
    });
    for (let index = 0; index < 4; index++) {
      using y = scope(() => {
        const y = layer.forward(x);
        // The power iteration has written over u and v, which backward must not notice.
        y.mul(upstream).sum().backward();
        return y;
      });
      assertClose(await y.data(), step("y", index), EXACT, `step ${index}: y`);
      assertClose(await layer.weight.grad!.data(), step("grad", index), EXACT, `step ${index}: gradient`);
      scope(() => void layer.weight.assign(layer.weight.detach().sub(layer.weight.grad!.mul(0.1))));
      layer.weight.setGrad(null);
      for (const [key, value] of Object.entries({ orig: layer.weight, u: layer.u, v: layer.v })) {
        assertClose(await value.data(), step(key, index), EXACT, `step ${index}: ${key}`);
      }
    }
    layer.eval();
    const before = await layer.u.data();
    using evaluated = scope(() => layer.forward(x));
    assertClose(await evaluated.data(), stored.numbers(`${name}.evaluated`), EXACT, "evaluated");
    assertEquals(await layer.u.data(), before);
  });
}

Deno.test("spectral norm: the largest singular value becomes 1", async () => {
  // Singular values 6 and 2, by rotations of 30 and 70 degrees.
  const [a, b] = [Math.PI / 6, Math.PI * 7 / 18];
  const [ca, sa, cb, sb] = [Math.cos(a), Math.sin(a), Math.cos(b), Math.sin(b)];
  const rows = [[6 * ca * cb + 2 * sa * sb, 6 * ca * sb - 2 * sa * cb], [
    6 * sa * cb - 2 * ca * sb,
    6 * sa * sb + 2 * ca * cb,
  ]];
  using layer = new nn.SpectralLinear(2, 2, { dtype: "f64" });
  using weight = tensor(rows, undefined, { dtype: "f64" });
  layer.weight.assign(weight);
  for (let i = 0; i < 30; i++) layer.normalized().dispose();
  using normalized = layer.normalized();
  assertClose(await normalized.data(), rows.flat().map((value) => value / 6), EXACT, "W / 6");
});

Deno.test("spectral norm: gradients of a weight of four axes in evaluation", async () => {
  using weight = randn([3, 2, 2, 2], { dtype: "f64", seed: 1 });
  using u = tensor([0.6, 0, 0.8], [3], { dtype: "f64" });
  using v = tensor(Array.from({ length: 8 }, (_, i) => i % 2 === 0 ? 0.5 : 0), [8], { dtype: "f64" });
  await gradCheck((weight: Tensor) => nn.spectralNorm(weight, { u, v, training: false }), [weight]);
});

Deno.test("spectral norm: symmetric means (W + Wᵀ) / 2, normalised", async () => {
  using layer = new nn.SpectralLinear(3, 3, { dtype: "f64", symmetric: true, init: new nn.KaimingInit({ seed: 4 }) });
  using normalized = layer.normalized();
  const values = await normalized.data();
  const weight = await layer.weight.data();
  const transposed = (list: ArrayLike<number>): number[] =>
    Array.from({ length: 9 }, (_, i) => list[(i % 3) * 3 + (i / 3 | 0)]!);
  assertEquals(transposed(values), [...values]);
  assertNotEquals(transposed(weight), [...weight]);
  const ratio = values[1]! / (weight[1]! + weight[3]!);
  assertClose(values, transposed(weight).map((each, i) => (each + weight[i]!) * ratio), EXACT, "symmetric part");
});

Deno.test("spectral norm: u and v are unit vectors that follow from the seed", async () => {
  using layer = new nn.SpectralLinear(40, 30, { init: new nn.KaimingInit({ seed: 1 }) });
  using again = new nn.SpectralLinear(40, 30, { init: new nn.KaimingInit({ seed: 1 }) });
  for (const name of ["u", "v"] as const) {
    const values = await layer[name].data();
    assertClose([Math.hypot(...values)], [1], { atol: 1e-6, rtol: 0 }, `length of ${name}`);
    assertEquals(await again[name].data(), values);
  }
  assertEquals([...layer.state().keys()], ["weight", "u", "v"]);
  assertEquals([...layer.namedParameters().keys()], ["weight"]);
});

Deno.test("spectral norm: a captured training step is the eager one, bit for bit", async () => {
  const trained: Float32Array[] = [];
  for (const captured of [false, true]) {
    using layer = new nn.SpectralLinear(8, 5, { init: new nn.KaimingInit({ seed: 2 }) });
    using optimizer = optim.sgd({ mom: 0.9 }).bind(layer, { lr: 0.1 });
    using x = randn([6, 8], { seed: 3 });
    using labels = tensor([0, 1, 2, 3, 4, 0], [6], { dtype: "i32" });
    const run = (x: Tensor, labels: Tensor): Tensor => {
      const loss = crossEntropy(layer.forward(x), labels);
      loss.backward();
      optimizer.step();
      return loss;
    };
    using step = capture(run);
    for (let i = 0; i < 6; i++) (captured ? step(x, labels) : scope(() => run(x, labels))).dispose();
    trained.push(Float32Array.of(...await layer.weight.data(), ...await layer.u.data(), ...await layer.v.data()));
  }
  assertEquals(trained[1], trained[0]);
});

Deno.test("spectral norm: wrong shapes are named", () => {
  scope(() => {
    const vector = tensor([1, 0, 0]);
    const message = "Expected a weight [out, ...] with `u` [out] and `v` [rest], got shapes [2,3], [3] and [3]";
    assertThrows(
      () => nn.spectralNorm(randn([2, 3]), { u: vector, v: vector, training: false }),
      TypeError,
      message,
    );
    assertThrows(
      () => new nn.SpectralLinear(3, 2, { symmetric: true }),
      RangeError,
      "Expected as many features out as in with symmetric, got 3 and 2",
    );
  });
});
