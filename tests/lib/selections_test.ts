/** What is not chosen does not matter, be it infinite or NaN: a product with 0 would make NaN of it. */
import { assertEquals } from "@std/assert";
import {
  avgPool2d,
  batchNorm,
  causalSoftmax,
  conv2d,
  crossEntropy,
  data,
  Device,
  dropout,
  gatherRows,
  maxPool2d,
  nn,
  ones,
  optim,
  pad,
  scope,
  stochasticDepth,
  type Tensor,
  tensor,
  upsample2d,
  where,
  zeros,
} from "../../mod.ts";
import { PlainModel } from "../support/plain_model.ts";

const { NaN: nan, POSITIVE_INFINITY: inf, NEGATIVE_INFINITY: low } = Number;

/** Values as f32 has them. */
const rounded = (values: ArrayLike<number>): number[] => Array.from(values, Math.fround);

/** A result's values, and the gradients of the inputs for an upstream gradient. */
async function run(
  values: readonly (readonly number[])[],
  apply: (device: Device, ...inputs: Tensor[]) => Tensor,
  upstream: readonly number[] = [],
): Promise<{ y: number[]; gradients: number[][] }> {
  const found: { y: number[]; gradients: number[][] }[] = [];
  for (const dtype of ["f64", "f32"] as const) {
    using device = new Device("cpu", { threads: 1 });
    const inputs = values.map((list) => tensor([...list], undefined, { device, dtype }).requireGrad());
    using y = scope(() => apply(device, ...inputs));
    if (upstream.length > 0) {
      using dy = tensor([...upstream], y.shape, { device, dtype });
      y.backward(dy);
    }
    const gradients = await Promise.all(
      inputs.map(async ({ grad }) => grad === null ? [] : rounded(await grad.data())),
    );
    found.push({ y: rounded(await y.data()), gradients });
    for (const input of inputs) input.dispose();
  }
  assertEquals(found[0], found[1], "f32 and f64");
  return found[0]!;
}

Deno.test("selections: an infinite gradient stays with what was chosen", async () => {
  const steps = await run([[-1, 2, nan]], (_, x) => x.relu(), [inf, 1, 1]);
  assertEquals(steps.gradients, [[0, 1, 1]]);
  const larger = await run([[1, 2, 3], [2, 2, 1]], (_, a, b) => a.maximum(b), [inf, inf, inf]);
  assertEquals(larger.gradients, [[0, inf, inf], [inf, inf, 0]]);
  const largest = await run([[1, 3, 3, low]], (_, x) => x.max().reshape([1]), [inf]);
  assertEquals(largest.gradients, [[0, inf, inf, 0]]);
  const none = await run([[nan, 3, nan]], (_, x) => x.max().reshape([1]), [1]);
  assertEquals(none.gradients, [[0.5, 0, 0.5]]);
  const limited = await run([[-2, 0.5, 2]], (_, x) => x.clamp(-1, 1), [inf, 1, inf]);
  assertEquals(limited.gradients, [[0, 1, 0]]);
  const chosen = await run([[1, 2], [3, 4]], (device, a, b) => where(tensor([1, 0], { device }), a, b), [inf, inf]);
  assertEquals(chosen.gradients, [[inf, 0], [0, inf]]);
  const pooled = await run([[1, 5, 2, 3]], (_, x) => maxPool2d(x.reshape([1, 2, 2, 1]), { kernel: 2 }), [inf]);
  assertEquals(pooled.gradients, [[0, inf, 0, 0]]);
});

Deno.test("selections: a norm's relu stops an infinite gradient", async () => {
  using device = new Device("cpu", { threads: 1 });
  for (const dtype of ["f32", "f64"] as const) {
    const made = { device, dtype };
    using x = tensor([[-1], [2]], undefined, made);
    using residual = zeros([2, 1], made).requireGrad();
    using weight = ones([1], made);
    using bias = zeros([1], made);
    using dy = tensor([[inf], [1]], undefined, made);
    scope(() => {
      const running = { runningMean: zeros([1], made), runningVariance: ones([1], made) };
      batchNorm(x, { weight, bias, ...running, training: false, act: "relu", residual }).backward(dy);
    });
    assertEquals([...await residual.grad!.data()], [0, 1]);
  }
});

Deno.test("selections: what is dropped, hidden, padded or in other rows does not come through", async () => {
  const draw = (device: Device): Tensor => tensor([1, 0, 0], { dtype: "i32", device });
  const all = await run([[inf, nan, 1]], (device, x) => dropout(x, { p: 1, draw: draw(device) }), [1, inf, nan]);
  assertEquals(all, { y: [0, 0, 0], gradients: [[0, 0, 0]] });
  const rows = await run(
    [[inf, nan]],
    (device, x) => stochasticDepth(x.reshape([2, 1]), { p: 1, draw: draw(device) }),
    [inf, nan],
  );
  assertEquals(rows, { y: [0, 0], gradients: [[0, 0]] });
  const hidden = await run(
    [[0, inf, nan, 0, 0, nan, 1, 1, 1]],
    (_, x) => causalSoftmax(x.reshape([3, 3])).slice([0, 0], [2, 3]),
    [
      1,
      0,
      0,
      1,
      1,
      0,
    ],
  );
  assertEquals(hidden.y, [1, 0, 0, 0.5, 0.5, 0]);
  assertEquals(hidden.gradients[0]!.map((value) => value + 0), Array(9).fill(0));
  const taken = await run([[inf, 1, nan]], (device, x) => gatherRows(x, tensor([1], { dtype: "i32", device })), [inf]);
  assertEquals(taken, { y: [1], gradients: [[0, inf, 0]] });
  const around = await run([[inf]], (_, x) => pad(x, { before: [1], after: [1] }), [nan, 1, inf]);
  assertEquals(around, { y: [0, inf, 0], gradients: [[1]] });
  const nearest = await run([[inf, 1]], (_, x) => upsample2d(x.reshape([1, 1, 2, 1]), { scale: [1, 2] }), [1, 1, 1, 1]);
  assertEquals(nearest, { y: [inf, inf, 1, 1], gradients: [[2, 2]] });
});

Deno.test("selections: an infinite pixel reaches the windows that have it, and no others", async () => {
  const image = [inf, 0, 0, 0, 0, 0, 0, 0, 0];
  const seen = await run(
    [image],
    (device, x) => conv2d(x.reshape([1, 3, 3, 1]), ones([1, 2, 2, 1], { device, dtype: x.dtype }), { padding: 1 }),
  );
  assertEquals(seen.y, [inf, inf, 0, 0, inf, inf, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
  const means = await run([image], (_, x) => avgPool2d(x.reshape([1, 3, 3, 1]), { kernel: 2, stride: 1 }));
  assertEquals(means.y, [inf, 0, 0, 0]);
});

Deno.test("selections: classes of weight or share 0, and labels that are all smoothed away, cost nothing", async () => {
  const label = (device: Device): Tensor => tensor([1, 2], { dtype: "i32", device });
  const logits = [low, 0, 0, low, 0, 0];
  const weighted = await run(
    [logits],
    (device, x) =>
      nn.crossEntropyLoss({ weights: [0, 1, 1] })(x.reshape([2, 3]), { labels: label(device) }).reshape([1]),
    [1],
  );
  assertEquals(weighted.y, [Math.fround(Math.LN2)]);
  assertEquals(weighted.gradients[0]!.every(Number.isFinite), true);
  const shares = await run(
    [logits],
    (device, x) =>
      crossEntropy(x.reshape([2, 3]), tensor([[0, 1, 0], [0, 0, 1]], undefined, { device, dtype: x.dtype })).reshape([
        1,
      ]),
  );
  assertEquals(shares.y, [Math.fround(Math.LN2)]);
  const smoothed = await run(
    [[0, 0, low]],
    (device, x) =>
      crossEntropy(x.reshape([1, 3]), tensor([2], { dtype: "i32", device }), { labelSmoothing: 1 }).reshape([1]),
  );
  assertEquals(smoothed.y, [inf]);
});

for (const name of ["mixup", "cutmix"] as const) {
  Deno.test(`selections: ${name}() leaves an image that is not mixed as it is, whatever its partner is`, async () => {
    using device = new Device("cpu", { threads: 1 });
    const values = Float32Array.from({ length: 4 * 16 }, (_, i) => i < 16 ? inf : i);
    using images = tensor(values, [4, 4, 4, 1], { device });
    using labels = tensor([0, 1, 0, 1], { dtype: "i32", device });
    using index = tensor([0, 1, 2, 3], { dtype: "i32", device });
    using epoch = tensor(0, { dtype: "i32", device });
    const made = scope(() =>
      data[name]({ alpha: 1, probability: 0, classes: 2 })(
        { images, inputs: images, labels, targets: labels },
        { seed: 0, epoch, index, classes: 2 },
      )
    );
    assertEquals([...await made.inputs!.data()], [...values]);
    assertEquals([...await made.targets!.data()], [1, 0, 0, 1, 1, 0, 0, 1]);
    for (const each of [made.inputs!, made.targets!]) each.dispose();
  });
}

Deno.test("selections: an average that keeps nothing is the weights, whatever it was", async () => {
  using device = new Device("cpu", { threads: 1 });
  using model = new PlainModel({ w: { values: [inf, 1] } }, { device });
  using ema = new optim.Ema(model, { decay: 0 });
  model.get("w").assign(scope(() => tensor([2, 3e38], { device }).detachFromScope()));
  ema.update();
  assertEquals([...await ema.state().get("model.w")!.data()], [2, Math.fround(3e38)]);
});

Deno.test("selections: without eps, what has no gradient stays where it is; Lookahead of share 0 and 1", async () => {
  for (const dtype of ["f32", "f64"] as const) {
    using device = new Device("cpu", { threads: 1 });
    const rules: Record<string, optim.Optimizer> = {
      adamw: optim.adamw({ eps: 0, wd: 0 }),
      ranger: optim.ranger({ eps: 0, wd: 0, rectify: false }),
      rmsprop: optim.rmsprop({ eps: 0 }),
    };
    for (const [name, rule] of Object.entries(rules)) {
      using model = new PlainModel({ w: { values: [1, 2], shape: [2, 1] } }, { device, dtype });
      using opt = rule.bind(model, { lr: 0.1 });
      for (let step = 0; step < 3; step++) {
        model.setGrad("w", [0, 1]);
        opt.step();
      }
      const [still, moved] = await model.read("w");
      assertEquals([still, moved! < 2], [1, true], `${name}, ${dtype}`);
    }
    const at = async (alpha: number): Promise<number[]> => {
      using model = new PlainModel({ w: { values: [1], shape: [1, 1] } }, { device, dtype });
      using opt = optim.ranger({ wd: 0, k: 1, alpha, rectify: false }).bind(model, { lr: 0.125 });
      model.setGrad("w", [1]);
      opt.step();
      return await model.read("w");
    };
    assertEquals(await at(0), [1]);
    using plain = new PlainModel({ w: { values: [1], shape: [1, 1] } }, { device, dtype });
    using opt = optim.ranger({ wd: 0, k: 0, rectify: false }).bind(plain, { lr: 0.125 });
    plain.setGrad("w", [1]);
    opt.step();
    assertEquals(await at(1), await plain.read("w"));
  }
});
