/** Losses: what a training makes small. */
import { type JsonOptions, Registry } from "../registry/registry.ts";
import type { FloatName } from "../ffi/codes.ts";
import { full } from "../tensor/create.ts";
import { noGrad } from "../tensor/graph.ts";
import { kindOf, requireNumber, requireOptionsOf, requireTensor } from "../tensor/ops/checks.ts";
import { concat, oneHot } from "../tensor/ops/shape.ts";
import { crossEntropy as crossEntropyOf, requireLogits } from "../tensor/ops/softmax.ts";
import { scope } from "../tensor/scope.ts";
import { bceWithLogits, mseLoss } from "./loss_functions.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { Tensors } from "../tensor/tensors.ts";

/** A batch as losses and metrics see it: what the model was given, and what it should have answered. */
export interface LossBatch<In extends Tensors = Tensor, Targets extends Tensors = Tensor> {
  /** What the model was given, as a batch transform has left it. */
  readonly inputs: In;
  /** The same. */
  readonly images: In;
  /** What it should have answered: i32 [n] for classes, f32 [n, k] for soft targets, labels and values. */
  readonly targets: Targets;
  /** The same. */
  readonly labels: Targets;
  /** The samples' numbers, i32 [n]; only where a loss, a metric or a batch transform of the script's own may ask for it. */
  readonly index?: Tensor;
}

/** What cross entropy needs of a batch. */
export type LossTargets = { readonly labels: Tensor } | { readonly targets: Tensor };

/** The mean loss, a scalar, of a model's output and what it should have been. */
export type Loss<In extends Tensors = Tensor, Out extends Tensors = Tensor, Targets extends Tensors = Tensor> = (
  output: Out,
  batch: LossBatch<In, Targets>,
) => Tensor;

/** Options of {@linkcode crossEntropyLoss}. */
export interface CrossEntropyOptions {
  /** Share of the target spread over all classes, 0 to 1; by default 0. */
  labelSmoothing?: number;
  /** How much each class counts, one finite number from 0 a class, not all 0; by default all the same. */
  weights?: readonly number[];
}

/** Those made by {@linkcode crossEntropyLoss}. */
const crossEntropies = new WeakSet<object>();

/** Cross entropy as what a model is measured by: without label smoothing and weights. */
const plainCrossEntropy = crossEntropyLoss();

/** Whether a loss is cross entropy, so that a target of floats is a share for each class. */
export function isCrossEntropy(loss: object): boolean {
  return crossEntropies.has(loss);
}

/** Those made of binary cross entropy. */
const binaryLosses = new WeakSet<object>();

/** Whether a loss asks for each class by itself, so that its probability is the sigmoid of its logit. */
export function isBinary(loss: object): boolean {
  return binaryLosses.has(loss);
}

/** What a model that is trained by a loss is measured by: the loss itself, or plain cross entropy. */
export function measuredBy<In extends Tensors, Out extends Tensors, Targets extends Tensors>(
  loss: Loss<In, Out, Targets>,
): Loss<In, Out, Targets> {
  return isCrossEntropy(loss) ? plainCrossEntropy as unknown as Loss<In, Out, Targets> : loss;
}

/**
 * Cross entropy of logits [n, classes] with label smoothing (Szegedy 2016), as a loss for a Trainer. Targets are labels
 * i32 [n], or shares f32 [n, classes], such as mixed images have.
 *
 * With `weights` w the loss of labels is Σ wᵧ · loss / Σ wᵧ, and that of shares the mean of Σ w · share · -log p, as in
 * PyTorch. A model is measured without smoothing and weights.
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
 *
 * const rare = nn.crossEntropyLoss({ weights: [1, 3] }); // mistakes on the second class count three times
 * using weighted = rare(logits, { labels });
 * console.log((await weighted.item()).toFixed(3)); // 0.267
 * ```
 */
export function crossEntropyLoss(options: CrossEntropyOptions = {}): (output: Tensor, batch: LossTargets) => Tensor {
  requireOptionsOf("crossEntropyLoss", options, {
    example: "crossEntropyLoss({ labelSmoothing: 0.1 })",
    known: ["labelSmoothing", "weights"],
  });
  const { labelSmoothing = 0, weights } = options;
  requireLabelSmoothing("crossEntropyLoss", labelSmoothing);
  requireWeights(weights);
  const loss = (logits: Tensor, batch: LossTargets): Tensor => {
    const given = (batch ?? {}) as LossBatch;
    const target = given.targets ?? given.labels;
    requireTensor("crossEntropy", "logits", logits);
    requireTensor("crossEntropy", "target", target);
    if (weights === undefined) return crossEntropyOf(logits, target, { labelSmoothing });
    requireLogits("crossEntropy", logits);
    return crossEntropyOf(logits, weightedTarget(logits, target, { labelSmoothing, weights }));
  };
  crossEntropies.add(loss);
  return loss;
}

/** Refuses what is no share of the target. */
export function requireLabelSmoothing(caller: string, share: number): void {
  requireNumber(caller, "labelSmoothing", share, {
    fits: (number) => number >= 0 && number <= 1,
    wanted: "from 0 to 1",
  });
}

function requireWeights(weights: readonly number[] | undefined): void {
  if (weights === undefined) return;
  const wanted = "one finite number from 0 a class, not all 0";
  if (!Array.isArray(weights)) {
    throw new TypeError(`crossEntropyLoss(): Expected \`weights\` as ${wanted}, got ${kindOf(weights)}`);
  }
  const wrong = weights.find((weight) => !(Number.isFinite(weight) && weight >= 0));
  if (wrong !== undefined || !weights.some((weight) => weight > 0)) {
    throw new RangeError(
      `crossEntropyLoss(): Expected \`weights\` as ${wanted}, got ${
        wrong === undefined ? weights.join(", ") : kindOf(wrong)
      }`,
    );
  }
}

/** Smoothed targets times the weights, so that plain cross entropy of them is the weighted one; made of ops alone. */
function weightedTarget(
  logits: Tensor,
  target: Tensor,
  { labelSmoothing, weights }: { labelSmoothing: number; weights: readonly number[] },
): Tensor {
  const [n = 0, classes = 0] = logits.shape;
  if (weights.length !== classes) {
    throw new TypeError(
      `crossEntropyLoss(): Expected \`weights\` for each of ${classes} classes, which the model has, got ${weights.length}`,
    );
  }
  const dtype = logits.dtype === "bf16" ? "f32" : logits.dtype;
  return noGrad(() =>
    scope(() => {
      const row = concat(weights.map((weight) => full([1], weight, { dtype, device: logits.device })));
      const shares = sharesOf(logits, target);
      const smoothed = shares.affine(1 - labelSmoothing, labelSmoothing / classes).mul(row);
      // Labels are averaged by their weights, and cross entropy divides by n.
      return target.rank === 1 ? smoothed.mul(n).div(shares.mul(row).sum()) : smoothed;
    })
  );
}

/** What each class should have: labels i32 [n] as one-hot rows, spread by label smoothing; rows [n, classes] as they are. */
export function sharesOf(output: Tensor, labels: Tensor, labelSmoothing = 0): Tensor {
  if (!(output instanceof Tensor && labels instanceof Tensor)) return labels;
  const [, classes = 0] = output.shape;
  const dtype = output.dtype === "bf16" ? "f32" : output.dtype as FloatName;
  const shares = output.rank === 2 && labels.rank === 1 && labels.dtype === "i32"
    ? oneHot(labels, { classes, dtype })
    : labels;
  return labelSmoothing === 0 ? shares : shares.affine(1 - labelSmoothing, labelSmoothing / classes);
}

/** Each class as a question of its own (Wightman 2021): binary cross entropy of its logit. */
function binaryLoss({ labelSmoothing = 0 }: CrossEntropyOptions = {}): Loss {
  requireLabelSmoothing("bceWithLogits", labelSmoothing);
  const loss: Loss = (logits, { labels }) =>
    scope(() => bceWithLogits(logits, sharesOf(logits, labels, labelSmoothing)));
  binaryLosses.add(loss);
  return loss;
}

/** The squared distance of the outputs themselves from 1 for the class and 0 for the others (Hui and Belkin 2021). */
function squaredLoss(): Loss {
  return (output, { labels }) => scope(() => mseLoss(output, sharesOf(output, labels)));
}

/** Makes a loss from its options. */
export type LossBuilder = (options: JsonOptions) => Loss;

/** Every loss by its name. */
export const lossRegistry: Registry<LossBuilder> = new Registry<LossBuilder>("loss", {
  crossEntropy: { build: crossEntropyLoss, options: ["labelSmoothing", "weights"] },
  bceWithLogits: { build: binaryLoss, options: ["labelSmoothing"] },
  mse: { build: squaredLoss, options: [] },
});
