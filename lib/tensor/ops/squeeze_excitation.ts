/** Squeeze-and-excitation in one op, and its gradients. */
import type { ActivationName } from "../../ffi/codes.ts";
import { apply } from "../apply.ts";
import type { GradientRule } from "../rules.ts";
import type { Tensor } from "../tensor.ts";
import { requireOptionsOf, requireTensor } from "./checks.ts";

/** What gates the channels: f32 beside a bf16 x, else of its dtype. */
export interface SqueezeExcitationOptions {
  /** [r, c]: from the means of the channels to the hidden layer. */
  reduce: Tensor;
  /** [r] */
  reduceBias: Tensor;
  /** [c, r]: back to the channels. */
  expand: Tensor;
  /** [c] */
  expandBias: Tensor;
  /** Of the hidden layer. */
  act: ActivationName;
}

/** x · sigmoid(expand(act(reduce(mean of x over the image)))), x [n, h, w, c] (Hu 2018). */
export function squeezeExcitation(x: Tensor, options: SqueezeExcitationOptions): Tensor {
  requireTensor("squeezeExcitation", "x", x);
  requireOptionsOf("squeezeExcitation", options, {
    example: "squeezeExcitation(x, { reduce, reduceBias, expand, expandBias, act })",
    known: ["reduce", "reduceBias", "expand", "expandBias", "act"],
  });
  const { reduce, reduceBias, expand, expandBias, act } = options;
  const inputs = [x, reduce, reduceBias, expand, expandBias];
  const [y, ...kept] = apply("squeeze_excitation", inputs, { activation: act });
  for (const output of kept) output.dispose();
  return y!;
}

/** dx and the gradients of the weights, from what forward kept. */
export const squeezeExcitationRule: GradientRule<"squeeze_excitation"> = {
  saveInputs: () => [0, 1, 3],
  saveOutputs: () => [1, 2, 3],
  backward: ([dy], call) => {
    const inputs = [call.input(0), call.input(1), call.input(3), call.output(1), call.output(2), call.output(3)];
    return apply("squeeze_excitation_backward", [dy!, ...inputs], call.params);
  },
};
