/** Gradients against finite differences. */
import { isFloat } from "../ffi/codes.ts";
import { LibtrainError } from "../ffi/errors.ts";
import { tensor } from "./create.ts";
import { noGrad } from "./graph.ts";
import { kindOf, requireFunction, requireNumber, requireOptionsOf, requireTensor } from "./ops/checks.ts";
import { scope } from "./scope.ts";
import type { Tensor } from "./tensor.ts";

/** How to check gradients. */
export interface GradCheckOptions {
  /** The step of the differences; by default 1e-6. */
  eps?: number;
  /** Relative tolerance; by default 1e-3. */
  rtol?: number;
  /** Absolute tolerance; by default 1e-5. */
  atol?: number;
}

/**
 * Compares every element of every input's gradient with central differences, in f64; throws where one is wrong, naming
 * input and element.
 *
 * The loss is the sum of the result under fixed uneven weights, so that the upstream gradient is not constant.
 *
 * @example
 * ```ts
 * import { gradCheck, randn, type Tensor } from "@libtrain/libtrain";
 *
 * using x = randn([2, 3], { dtype: "f64" });
 * await gradCheck((x: Tensor) => x.mul(x.sigmoid()), [x]);
 * ```
 */
export async function gradCheck<Inputs extends readonly Tensor[]>(
  fn: (...inputs: Inputs) => Tensor,
  inputs: readonly [...Inputs],
  options: GradCheckOptions = {},
): Promise<void> {
  requireFunction("gradCheck", "fn", fn);
  if (!Array.isArray(inputs)) {
    throw new TypeError(`gradCheck(): Expected \`inputs\` as an array of tensors, got ${kindOf(inputs)}: write [x]`);
  }
  inputs.forEach((input, index) => requireTensor("gradCheck", `inputs[${index}]`, input));
  requireOptionsOf("gradCheck", options, {
    example: "gradCheck(fn, [x], { rtol: 1e-4 })",
    known: ["eps", "rtol", "atol"],
  });
  const { eps = 1e-6, rtol = 1e-3, atol = 1e-5 } = options;
  for (const [name, value] of Object.entries({ eps, rtol, atol })) {
    requireNumber("gradCheck", name, value, { fits: (number) => number >= 0 && number < Infinity, wanted: "from 0" });
  }
  requireNumber("gradCheck", "eps", eps, { fits: (number) => number > 0, wanted: "above 0" });
  const checked = inputs.map((input) => isFloat(input.dtype));
  const short = inputs.find((input, index) => checked[index] && input.dtype !== "f64");
  if (short) {
    throw new TypeError(
      `gradCheck(): Expected inputs of dtype f64, got ${short}: ${short.dtype} rounding hides wrong gradients`,
    );
  }
  const values = await Promise.all(inputs.map((input) => input.data()));
  const analytic = await analyticGradients(fn, inputs, checked);
  for (const [index, data] of values.entries()) {
    if (!checked[index]) continue;
    for (let element = 0; element < data.length; element++) {
      const slope =
        (await lossAt(fn, inputs, index, data, element, eps) - await lossAt(fn, inputs, index, data, element, -eps)) /
        (2 * eps);
      const gradient = analytic[index]?.[element] ?? 0;
      if (!(Math.abs(gradient - slope) <= atol + rtol * Math.abs(slope))) {
        throw new LibtrainError(
          `gradCheck(): Expected gradient ${slope} (by differences) for element ${element} of input ${index}, got ${gradient}`,
        );
      }
    }
  }
}

/** The weighted sum that is differentiated. */
function lossOf(y: Tensor): Tensor {
  requireTensor("gradCheck", "the result of fn", y);
  const weights = Float64Array.from({ length: y.size }, (_, i) => Math.sin(1 + 0.7 * i) + 0.1);
  return y.mul(tensor(weights, y.shape, { device: y.device })).sum();
}

async function analyticGradients(
  fn: (...inputs: never) => Tensor,
  inputs: readonly Tensor[],
  checked: readonly boolean[],
): Promise<(Float64Array | null)[]> {
  const leaves = inputs.map((input, index) =>
    checked[index] ? scope(() => input.clone().detach().requireGrad()) : input
  );
  try {
    scope(() => {
      lossOf(fn(...leaves as never)).backward();
    });
    return await Promise.all(
      leaves.map((leaf) => leaf.grad === null ? null : leaf.grad.data() as Promise<Float64Array>),
    );
  } finally {
    leaves.forEach((leaf, index) => checked[index] && leaf.dispose());
  }
}

async function lossAt(
  fn: (...inputs: never) => Tensor,
  inputs: readonly Tensor[],
  index: number,
  data: ArrayLike<number>,
  element: number,
  step: number,
): Promise<number> {
  const moved = Float64Array.from(data);
  moved[element]! += step;
  using loss = scope(() =>
    noGrad(() => {
      const changed = inputs.map((input, i) =>
        i === index ? tensor(moved, input.shape, { device: input.device }) : input
      );
      return lossOf(fn(...changed as never));
    })
  );
  return await loss.item();
}
