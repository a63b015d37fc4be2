/** Ops that write in place, and tensors filled with one value. */
import { apply, applyOne } from "../apply.ts";
import { noGrad } from "../graph.ts";
import type { Tensor } from "../tensor.ts";

/** Writes a tensor's values over another's. */
export function assign(target: Tensor, source: Tensor): void {
  noGrad(() => apply("assign", [target, source], {}));
}

/** Writes one value over a tensor. */
export function fill(target: Tensor, value: number): void {
  noGrad(() => apply("fill", [target], { value }));
}

/** A tensor of x's dtype and device with one value; of x's shape where none is given. */
export function fullLike(x: Tensor, value: number, shape: readonly number[] = x.shape): Tensor {
  return applyOne("full", [], { dtype: x.dtype, value, shape }, { device: x.device });
}

/** Makes values that are not finite a late error. */
export function assertFinite(x: Tensor): void {
  noGrad(() => apply("assert_finite", [x], {}));
}
