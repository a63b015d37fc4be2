/** Gradients of every differentiable op against differences in f64, and that a wrong one is caught. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { defineOp, Device, gradCheck, type Tensor, tensor } from "../../../mod.ts";
import type { DifferentiableOp, OpParams } from "../../../lib/ffi/generated/symbols.ts";
import { applyOne } from "../../../lib/tensor/apply.ts";
import { GRAD_CASES, type GradCase, spread } from "../../support/grad_cases.ts";
import { differentiableOps, gradInput, isChecked } from "../../support/rule_gradients.ts";

for (const name of differentiableOps) {
  Deno.test(`${name}(): gradients as by differences`, async () => {
    using device = new Device("cpu", { threads: 1 });
    const cases: readonly GradCase<OpParams[DifferentiableOp]>[] = GRAD_CASES[name];
    for (const { inputs, params } of cases) {
      const tensors = inputs.map((input) => input === null ? null : gradInput(input, device));
      const checked = tensors.filter((_, index) => isChecked(inputs[index]!));
      const call = (...given: Tensor[]): Tensor => {
        const rest = [...given];
        return applyOne(name, tensors.map((each, index) => isChecked(inputs[index]!) ? rest.shift()! : each), params);
      };
      try {
        await gradCheck(call, checked as Tensor[]);
      } catch (error) {
        throw new Error(`${name}() of ${tensors.join(", ")} with ${JSON.stringify(params)}`, { cause: error });
      } finally {
        for (const each of tensors) each?.dispose();
      }
    }
    assertEquals(device.stats().handles, 0, "live tensors");
  });
}

/** Ops of images, rows or classes that refuse an empty input, or whose result would be none. */
const NEVER_EMPTY = [
  "max",
  "min",
  "mean",
  "conv2d",
  "conv2d_backward_input",
  "batch_norm",
  "batch_norm_eval",
  "group_norm",
  "squeeze_excitation",
  "max_pool2d",
  "avg_pool2d",
  "blur_pool",
  "max_blur_pool",
  "resample2d",
  "softmax",
  "causal_softmax",
  "log_softmax",
  "cross_entropy",
];

Deno.test("gradCheck: each differentiable op has five cases, size 1 among them, and size 0 where it takes it", () => {
  for (const name of differentiableOps) {
    const cases: readonly GradCase<OpParams[DifferentiableOp]>[] = GRAD_CASES[name];
    const shapes = cases.map(({ inputs }) =>
      inputs.map((input) => input !== null && "shape" in input ? input.shape : [])
    );
    const sizes = shapes.map((list) => list.map((shape) => shape.reduce((product, size) => product * size, 1)));
    assert(cases.length >= 5, `${name}: ${cases.length} cases`);
    assert(new Set(shapes.map(String)).size >= 3, `${name}: ${new Set(shapes.map(String)).size} shapes`);
    assert(shapes.some((list) => list.some((shape) => shape.length === 0 || shape.includes(1))), `${name}: no size 1`);
    const isEmpty = sizes.some((list) => list.includes(0)) ||
      cases.some(({ inputs }) =>
        inputs.some((input) => input !== null && "labels" in input && input.labels.length === 0)
      );
    if (!NEVER_EMPTY.includes(name)) assert(isEmpty, `${name}: no size 0`);
  }
});

Deno.test("gradCheck: mixed targets, and inputs that are views or used twice", async () => {
  using device = new Device("cpu", { threads: 1 });
  const f64 = { dtype: "f64", device } as const;
  using logits = tensor([[0.1, -0.4, 0.7], [1.2, 0.3, -0.2]], undefined, f64);
  using target = tensor([[0.5, 0.5, 0], [0, 0.1, 0.9]], undefined, f64);
  await gradCheck(
    (x: Tensor) => applyOne("cross_entropy", [x, target], { labelSmoothing: 0.1 }),
    [logits],
  );
  using x = tensor(spread(12, -2, 2), [4, 3], { device });
  await gradCheck((x: Tensor) => x.narrow(1, 2).reshape([3, 2]).sigmoid().mul(x.narrow(0, 3).reshape([3, 3]).sum()), [
    x,
  ]);
  await gradCheck((x: Tensor) => x.mul(x).add(x.transpose().matmul(x).sum()), [x]);
});

Deno.test("gradCheck: names input and element of a wrong gradient", async () => {
  using device = new Device("cpu", { threads: 1 });
  using x = tensor([1, 2, 3], undefined, { dtype: "f64", device });
  using y = tensor([4, 5, 6], undefined, { dtype: "f64", device });
  const square = defineOp({
    forward: (x: Tensor) => x.mul(x),
    backward: (dy, { inputs: [x] }) => [dy.mul(x)], // half of what is right
  });
  await assertRejects(
    () => gradCheck(square, [x]),
    Error,
    "for element 0 of input 0, got ",
  );
  const product = defineOp({
    forward: (a: Tensor, b: Tensor) => a.mul(b),
    backward: (dy, { inputs: [a, b] }) => {
      const mask = tensor([1, 1, 1.01], undefined, { dtype: "f64", device });
      return [dy.mul(b), dy.mul(a).mul(mask)];
    },
  });
  const error = await assertRejects(() => gradCheck(product, [x, y]), Error, "for element 2 of input 1, got ");
  // 3 (sin(1 + 0.7 · 2) + 0.1) by differences, 1 % more by the wrong rule.
  const [slope, wrong] = error.message.match(/-?\d+\.\d+/g)!.map(Number);
  assertEquals(Math.round(slope! * 1e6), Math.round(3e6 * (Math.sin(2.4) + 0.1)));
  assertEquals(Math.round(wrong! * 1e6), Math.round(3.03e6 * (Math.sin(2.4) + 0.1)));
});

Deno.test("gradCheck: a missing gradient is a wrong one", async () => {
  using device = new Device("cpu", { threads: 1 });
  using x = tensor([1, 2], undefined, { dtype: "f64", device });
  await assertRejects(() => gradCheck((x: Tensor) => x.detach().mul(2).add(x), [x]), Error, "element 0 of input 0");
});

Deno.test("gradCheck: f32 inputs are refused, whole numbers are not checked", async () => {
  using device = new Device("cpu", { threads: 1 });
  using x = tensor([1, 2], undefined, { device });
  await assertRejects(() => gradCheck((x: Tensor) => x.mul(x), [x]), TypeError, "Expected inputs of dtype f64");
});
