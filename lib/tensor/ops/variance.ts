/** The variance over axes, and its gradient. */
import { defineOp } from "../define_op.ts";
import { scope } from "../scope.ts";
import type { Tensor } from "../tensor.ts";
import type { VarianceOptions } from "../tensor_methods.ts";
import { kindOf, requireOptionsOf } from "./checks.ts";
import { axesOf, countOf } from "./reduce.ts";
import { inDtype } from "./shape.ts";
import { checkFloat } from "./unary.ts";

/** The variance over axes, or over all: Σ (x - mean)² / (n - correction). */
export function variance(
  x: Tensor,
  axes: number | readonly number[] | undefined,
  options: VarianceOptions,
): Tensor {
  checkFloat("variance", x);
  const resolved = axesOf("variance", x, axes);
  requireOptionsOf("variance", options, {
    example: "variance(0, { correction: 0 })",
    known: ["keepDims", "correction"],
  });
  const { keepDims = false, correction = 1 } = options;
  if (typeof correction !== "number" || !(correction >= 0 && correction < Infinity)) {
    throw new RangeError(`variance(): Expected \`correction\` as a number from 0, got ${kindOf(correction)}`);
  }
  const count = countOf(x.shape, resolved);
  if (count <= correction) {
    throw new RangeError(
      `variance(): Expected more than ${correction} elements to reduce (\`correction\`), got ${count} in shape ` +
        `[${x.shape.join(", ")}]` + (count > 0 ? ": { correction: 0 } divides by their number" : ""),
    );
  }
  const spread = (x: Tensor): Tensor => x.sub(x.mean(resolved, { keepDims: true }));
  const kept = x.shape.map((size, axis) => resolved.includes(axis) ? 1 : size);
  return defineOp({
    name: "variance",
    forward: (x: Tensor) =>
      scope(() => {
        // In bf16 the mean alone would be off by more than what is left.
        const deviations = spread(inDtype(x, x.dtype === "bf16" ? "f32" : x.dtype));
        return inDtype(deviations.mul(deviations).sum(resolved, { keepDims }).div(count - correction), x.dtype);
      }),
    // d/dx = 2 (x - mean) / (n - correction): what goes through the mean adds up to 0.
    backward: (dy, { inputs: [x] }) => {
      const wide = x.dtype === "bf16" ? "f32" : x.dtype;
      const share = inDtype(dy, wide).reshape(kept).mul(2).div(count - correction);
      return [inDtype(spread(inDtype(x, wide)).mul(share), x.dtype)];
    },
  })(x);
}
