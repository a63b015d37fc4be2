/** Losses: what a training makes small. */
import { type JsonOptions, Registry } from "../registry/registry.ts";
import { crossEntropy as crossEntropyOf } from "../tensor/ops/softmax.ts";
import { oneHot } from "../tensor/ops/shape.ts";
import { scope } from "../tensor/scope.ts";
import { bceWithLogits, mseLoss } from "./loss_functions.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** What a loss is given beside the model's output. */
export interface LossTargets {
  /** i32 [n], 0 to classes - 1. */
  readonly labels: Tensor;
}

/** The mean loss, a scalar, of a model's output [n, classes] and what it should have been. */
export type Loss = (output: Tensor, targets: LossTargets) => Tensor;

/** Options of {@linkcode crossEntropyLoss}. */
export interface CrossEntropyOptions {
  /** Share of the target spread over all classes, 0 to 1; by default 0. */
  labelSmoothing?: number;
}

/**
 * Cross entropy of logits with label smoothing (Szegedy 2016), as a loss for a Trainer.
 *
 * @example
 * ```ts
 * import { nn, tensor } from "@libtrain/libtrain";
 *
 * const loss = nn.crossEntropyLoss({ labelSmoothing: 0.1 });
 * using logits = tensor([[2, 0], [0, 1]]);
 * using labels = tensor(Int32Array.of(0, 1));
 * using value = loss(logits, { labels });
 * console.log((await value.item()).toFixed(3)); // 0.295
 * ```
 */
export function crossEntropyLoss(options: CrossEntropyOptions = {}): Loss {
  const { labelSmoothing = 0 } = options;
  if (!(labelSmoothing >= 0 && labelSmoothing <= 1)) {
    throw new RangeError(`crossEntropyLoss(): Expected \`labelSmoothing\` from 0 to 1, got ${labelSmoothing}`);
  }
  return (logits, { labels }) => crossEntropyOf(logits, labels, { labelSmoothing });
}

/** What each class should have: labels i32 [n] as one-hot rows, spread by label smoothing; rows [n, classes] as they are. */
function sharesOf(output: Tensor, labels: Tensor, labelSmoothing = 0): Tensor {
  const [, classes = 0] = output.shape;
  const dtype = output.dtype === "bf16" ? "f32" : output.dtype;
  const shares = labels.rank === 1 ? oneHot(labels, { classes, dtype }) : labels;
  return labelSmoothing === 0 ? shares : shares.affine(1 - labelSmoothing, labelSmoothing / classes);
}

/** Each class as a question of its own (Wightman 2021): binary cross entropy of its logit. */
function binaryLoss({ labelSmoothing = 0 }: CrossEntropyOptions = {}): Loss {
  if (!(labelSmoothing >= 0 && labelSmoothing <= 1)) {
    throw new RangeError(`bceWithLogits(): Expected \`labelSmoothing\` from 0 to 1, got ${labelSmoothing}`);
  }
  return (logits, { labels }) => scope(() => bceWithLogits(logits, sharesOf(logits, labels, labelSmoothing)));
}

/** The squared distance of the outputs themselves from 1 for the class and 0 for the others (Hui and Belkin 2021). */
function squaredLoss(): Loss {
  return (output, { labels }) => scope(() => mseLoss(output, sharesOf(output, labels)));
}

/** Makes a loss from its options. */
export type LossBuilder = (options: JsonOptions) => Loss;

/** Every loss by its name. */
export const lossRegistry: Registry<LossBuilder> = new Registry<LossBuilder>("loss", {
  crossEntropy: { build: crossEntropyLoss, options: ["labelSmoothing"] },
  bceWithLogits: { build: binaryLoss, options: ["labelSmoothing"] },
  mse: { build: squaredLoss, options: [] },
});
