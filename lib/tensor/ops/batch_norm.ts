/** Batch normalisation with its activation and residual, and its gradients. */
import type { ActivationName } from "../../ffi/codes.ts";
import { apply, applyOne } from "../apply.ts";
import { noGrad } from "../graph.ts";
import type { GradientRule } from "../rules.ts";
import type { Tensor } from "../tensor.ts";
import { requireFlag, requireOptionsOf, requireTensor } from "./checks.ts";

/** What is fused with a batch norm. */
export interface BatchNormOptions {
  /** Scales each channel. */
  weight: Tensor;
  /** Shifts each channel. */
  bias: Tensor;
  /** Running statistics, written in training and read in evaluation. */
  runningMean: Tensor;
  /** Running unbiased variance, for evaluation. */
  runningVariance: Tensor;
  /** Whether to use the batch's own statistics, and update the running ones. */
  training: boolean;
  /** The batch's share of the running statistics; by default 0.1. */
  momentum?: number;
  /** By default 1e-5. */
  eps?: number;
  /** Applied to the result; by default none. */
  act?: ActivationName;
  /** Added before the activation. */
  residual?: Tensor | null;
}

/** act((x - mean) / √(variance + eps) · weight + bias + residual), channels last (Ioffe and Szegedy 2015). */
export function batchNorm(x: Tensor, options: BatchNormOptions): Tensor {
  requireTensor("batchNorm", "x", x);
  requireOptionsOf("batchNorm", options, {
    example: "batchNorm(x, { weight, bias, runningMean, runningVariance, training })",
    known: ["weight", "bias", "runningMean", "runningVariance", "training", "momentum", "eps", "act", "residual"],
    names: {
      running_mean: "it is called runningMean here",
      running_var: "it is called runningVariance here",
      runningVar: "it is called runningVariance here",
      activation: "it is called act here",
    },
  });
  const { weight, bias, runningMean, runningVariance, momentum = 0.1, eps = 1e-5, act = "none" } = options;
  const residual = options.residual ?? null;
  for (const [name, value] of Object.entries({ weight, bias, runningMean, runningVariance })) {
    requireTensor("batchNorm", name, value);
  }
  requireFlag("batchNorm", "training", options.training);
  if (!options.training) {
    return applyOne("batch_norm_eval", [x, weight, bias, runningMean, runningVariance, residual], {
      eps,
      activation: act,
    });
  }
  const [y, mean, variance] = apply("batch_norm", [x, weight, bias, residual], { eps, activation: act });
  const count = x.size / (x.shape.at(-1) ?? 1);
  noGrad(() => apply("update_running_stats", [runningMean, runningVariance, mean!, variance!], { momentum, count }));
  mean!.dispose();
  variance!.dispose();
  return y!;
}

/** dx, dweight, dbias, and dresidual where there was a residual. */
export const batchNormRule: GradientRule<"batch_norm"> = {
  saveInputs: () => [0, 1, 2, 3],
  saveOutputs: () => [1, 2],
  backward: ([dy], call) => {
    const residual = call.has(3) ? call.input(3) : null;
    const inputs = [dy!, call.input(0), call.input(1), call.input(2), call.output(1), call.output(2), residual];
    const [dx, dweight, dbias, dresidual] = apply("batch_norm_backward", inputs, call.params);
    return [dx!, dweight!, dbias!, dresidual ?? null].slice(0, call.inputCount);
  },
};

/** The running statistics get no gradient. */
export const batchNormEvalRule: GradientRule<"batch_norm_eval"> = {
  saveInputs: () => [0, 1, 2, 3, 4, 5],
  backward: ([dy], call) => {
    const residual = call.has(5) ? call.input(5) : null;
    const inputs = [0, 1, 2, 3, 4].map((index) => call.input(index));
    const [dx, dweight, dbias, dresidual] = apply("batch_norm_eval_backward", [dy!, ...inputs, residual], call.params);
    return [dx!, dweight!, dbias!, null, null, dresidual ?? null].slice(0, call.inputCount);
  },
};
