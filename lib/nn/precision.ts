/** Layers that compute in another dtype than their parameters have. */
import { inDtype } from "../tensor/ops/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";

/**
 * A parameter as a layer computes with it: for an input in bf16 a cast, through which its gradient comes back in the
 * parameter's own dtype; else itself, so that f32 and f64 are never mixed unnoticed.
 */
export function forInput(parameter: Tensor, x: Tensor): Tensor {
  return x.dtype === "bf16" ? inDtype(parameter, "bf16") : parameter;
}
