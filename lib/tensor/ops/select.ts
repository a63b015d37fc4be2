/** Choosing element by element, and its gradient. */
import { type DtypeName, isFloat } from "../../ffi/codes.ts";
import { applyOne } from "../apply.ts";
import type { Device } from "../device.ts";
import type { GradientRule } from "../rules.ts";
import { scope } from "../scope.ts";
import { Tensor } from "../tensor.ts";
import { toInput } from "./binary.ts";
import { kindOf, requireTensor } from "./checks.ts";
import { fullLike } from "./writing.ts";

/**
 * a where the condition is not 0, else b, element by element; the three broadcast by NumPy's rule, as PyTorch's `where`.
 *
 * The condition is what comparisons give, 0 and 1 of any dtype, and gets no gradient. a and b are tensors of one dtype;
 * a number takes the dtype of the other, of two numbers that of a condition of floats, else f32, and may be infinite. What
 * is not taken does not matter, be it NaN, and gets the gradient 0.
 *
 * @example
 * ```ts
 * import { tensor, where } from "@libtrain/libtrain";
 *
 * using x = tensor([-1, 4, NaN]);
 * using isLarge = x.greater(0);
 * using y = where(isLarge, x, -Infinity);
 * console.log(await y.data()); // Float32Array [-Infinity, 4, -Infinity]
 * ```
 */
export function where(condition: Tensor, a: Tensor | number, b: Tensor | number): Tensor {
  requireTensor("where", "condition", condition);
  for (const [name, value] of [["a", a], ["b", b]] as const) {
    if (typeof value === "number" || value instanceof Tensor) continue;
    throw new TypeError(`where(): Expected \`${name}\` as a Tensor or a number, got ${kindOf(value)}`);
  }
  return scope(() => {
    const { device } = condition;
    const given = [a, b].find((value) => value instanceof Tensor);
    const dtype = given?.dtype ?? (isFloat(condition.dtype) ? condition.dtype : "f32");
    return applyOne("where", [condition, operand(a, dtype, device), operand(b, dtype, device)], {});
  });
}

/** A tensor as it is, or a number in a dtype. */
function operand(value: Tensor | number, dtype: DtypeName, device: Device): Tensor {
  if (value instanceof Tensor) return value;
  const scalar = (value: number): Tensor => applyOne("full", [], { dtype, value, shape: [] }, { device });
  if (Number.isFinite(value)) return scalar(value);
  if (!isFloat(dtype)) throw new RangeError(`where(): Expected a number that ${dtype} can hold, got ${value}`);
  // Parameters of ops are finite; a quotient need not be.
  return scalar(Math.sign(value) || 0).div(scalar(0));
}

/** What was not taken gets 0, whatever is in it. */
export const whereRule: GradientRule<"where"> = {
  saveInputs: () => [0],
  backward: ([dy], call) => {
    const zero = fullLike(dy!, 0, []);
    return [
      null,
      toInput(1, call, () => applyOne("where", [call.input(0), dy!, zero], {})),
      toInput(2, call, () => applyOne("where", [call.input(0), zero, dy!], {})),
    ];
  },
};
