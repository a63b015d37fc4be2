/** 2-D convolution with what follows it, for networks that no longer train. */
import { StateError } from "../../ffi/errors.ts";
import type { ActivationName } from "../../ffi/codes.ts";
import { applyOne } from "../apply.ts";
import { gradEnabled } from "../graph.ts";
import type { Tensor } from "../tensor.ts";

/** How a convolution moves over the image, and what is added to its result. */
export interface Conv2dBiasActOptions {
  /** Pixels between windows. */
  stride: readonly [number, number];
  /** Zeros around the image. */
  padding: readonly [number, number];
  /** Groups of channels that see only themselves. */
  groups: number;
  /** Added to each output channel: [out], f32 beside an x in bf16. */
  bias: Tensor | null;
  /** Added to the result: [n, oh, ow, out]. */
  residual: Tensor | null;
  /** Applied last. */
  act: ActivationName;
}

/**
 * act(conv2d(x, weight) + bias + residual) in one pass over the result. It has no gradient, and refuses to be recorded for
 * one.
 */
export function conv2dBiasAct(x: Tensor, weight: Tensor, options: Conv2dBiasActOptions): Tensor {
  const { stride: [strideH, strideW], padding: [paddingH, paddingW], groups, bias, residual, act } = options;
  const inputs = [x, weight, bias, residual];
  if (gradEnabled() && inputs.some((input) => input?.requiresGrad)) {
    throw new StateError(
      "conv2dBiasAct(): Cannot be recorded for backward, as it has no gradient: call it inside noGrad(), or take " +
        "conv2d() and batchNorm()",
    );
  }
  return applyOne("conv2d_bias_act", inputs, { strideH, strideW, paddingH, paddingW, groups, activation: act });
}
