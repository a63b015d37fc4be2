/** Squeeze-and-excitation with its residual and activation in one op, and its gradients. */
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
  /** Added to the gated channels, of the shape and dtype of x; by default none. */
  residual?: Tensor | null;
  /** Applied to the sum; by default none. */
  endAct?: ActivationName;
}

/**
 * endAct(x · gate + residual), gate = sigmoid(expand(act(reduce(mean of x over the image)))), x [n, h, w, c] (Hu 2018).
 *
 * ```ts
 * import { rand, squeezeExcitation, zeros } from "@libtrain/libtrain";
 *
 * using x = rand([2, 4, 4, 8]);
 * using reduce = rand([2, 8]);
 * using reduceBias = zeros([2]);
 * using expand = rand([8, 2]);
 * using expandBias = zeros([8]);
 * const gate = { reduce, reduceBias, expand, expandBias, act: "relu" } as const;
 * using y = squeezeExcitation(x, { ...gate, residual: x, endAct: "mish" }); // [2, 4, 4, 8]
 * ```
 */
export function squeezeExcitation(x: Tensor, options: SqueezeExcitationOptions): Tensor {
  requireTensor("squeezeExcitation", "x", x);
  requireOptionsOf("squeezeExcitation", options, {
    example: "squeezeExcitation(x, { reduce, reduceBias, expand, expandBias, act })",
    known: ["reduce", "reduceBias", "expand", "expandBias", "act", "residual", "endAct"],
  });
  const { reduce, reduceBias, expand, expandBias, act, residual = null, endAct = "none" } = options;
  const inputs = [x, reduce, reduceBias, expand, expandBias, residual];
  const [y, ...kept] = apply("squeeze_excitation", inputs, { activation: act, end: endAct });
  for (const output of kept) output.dispose();
  return y!;
}

/** dx, the gradients of the weights, and dresidual where there was a residual, from what forward kept. */
export const squeezeExcitationRule: GradientRule<"squeeze_excitation"> = {
  saveInputs: (_, { end }) => end === "none" ? [0, 1, 3] : [0, 1, 3, 5],
  saveOutputs: () => [1, 2, 3],
  backward: ([dy], call) => {
    const inputs = [call.input(0), call.input(1), call.input(3), call.output(1), call.output(2), call.output(3)];
    // Without an activation at the end what comes in is the residual's gradient itself.
    const passed = call.params.end === "none";
    const residual = !passed && call.has(5) ? call.input(5) : null;
    const gradients = apply("squeeze_excitation_backward", [dy!, ...inputs, residual], call.params);
    const [dx, dw1, db1, dw2, db2, dresidual] = gradients;
    const all = [dx!, dw1!, db1!, dw2!, db2!, (passed ? dy : dresidual) ?? null];
    return all.slice(0, call.inputCount);
  },
};
