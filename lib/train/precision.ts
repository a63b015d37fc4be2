/** A model's answers in a dtype of the caller's choice. */
import type { FloatName } from "../ffi/codes.ts";
import type { AnyModule } from "../nn/module.ts";
import { inDtype } from "../tensor/ops/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";

/**
 * A model's logits for images, which are cast to `dtype` first where one is given; those of bf16 come as f32, as a loss
 * needs more digits than they have.
 */
export function logitsOf(model: AnyModule, images: Tensor, dtype: FloatName | undefined): Tensor {
  const logits = model.forward(dtype === undefined ? images : inDtype(images, dtype));
  return logits.dtype === "bf16" ? inDtype(logits, "f32") : logits;
}
