/**
 * Losses as functions of tensors: an output and what it should have been to a scalar, the mean. They compute in f32 where
 * the output is bf16. As the `loss` of a Trainer they go with what the batch has to compare with.
 */
import { noGrad } from "../tensor/graph.ts";
import { kindOf, requireFlag, requireNumber, requireOptionsOf, requireTensor } from "../tensor/ops/checks.ts";
import { where } from "../tensor/ops/select.ts";
import { inDtype } from "../tensor/ops/shape.ts";
import { logSoftmax } from "../tensor/ops/softmax.ts";
import { checkFloat, softplus } from "../tensor/ops/unary.ts";
import { scope } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";

/**
 * The mean squared error: the mean of (output - target)² over all elements, as PyTorch's `mse_loss`; a scalar.
 *
 * Output and target have one shape; nothing broadcasts, as [n, 1] and [n] would to [n, n].
 *
 * @example
 * ```ts
 * import { nn, tensor } from "@libtrain/libtrain";
 *
 * using output = tensor([[1, 2], [3, 4]]);
 * using target = tensor([[1, 0], [3, 5]]);
 * using loss = nn.mseLoss(output, target);
 * console.log(await loss.item()); // 1.25
 * ```
 */
export function mseLoss(output: Tensor, target: Tensor): Tensor {
  return scope(() => {
    const wrong = difference("mseLoss", output, target);
    return wrong.mul(wrong).mean();
  });
}

/**
 * The mean absolute error: the mean of |output - target| over all elements, as PyTorch's `l1_loss`; a scalar. Where both
 * are equal the gradient is 0.
 *
 * @example
 * ```ts
 * import { nn, tensor } from "@libtrain/libtrain";
 *
 * using loss = nn.l1Loss(tensor([1, 2]), tensor([4, 2]));
 * console.log(await loss.item()); // 1.5
 * ```
 */
export function l1Loss(output: Tensor, target: Tensor): Tensor {
  return scope(() => difference("l1Loss", output, target).abs().mean());
}

/** Options of {@linkcode bceWithLogits}. */
export interface BceOptions {
  /**
   * How much more a target of 1 counts than one of 0, above 1 where ones are rare: a number, or a tensor that broadcasts to
   * the logits, say one value a label; by default 1.
   */
  posWeight?: number | Tensor;
}

/**
 * Binary cross entropy of logits, for questions that are answered each by itself, as PyTorch's
 * `binary_cross_entropy_with_logits`: the mean of -posWeight · t · log σ(x) - (1 - t) · log(1 - σ(x)); a scalar.
 *
 * Targets t are 0 to 1, in the logits' shape, say [n, labels]. Logits may be as large as they like: the logarithms are
 * taken of the logits themselves (softplus), not of rounded probabilities.
 *
 * @example
 * ```ts
 * import { nn, tensor } from "@libtrain/libtrain";
 *
 * using logits = tensor([[2, -100, 0]]);
 * using target = tensor([[1, 0, 1]]);
 * using loss = nn.bceWithLogits(logits, target);
 * console.log((await loss.item()).toFixed(4)); // 0.2734
 * ```
 */
export function bceWithLogits(logits: Tensor, target: Tensor, options: BceOptions = {}): Tensor {
  requireOptionsOf("bceWithLogits", options, {
    example: "bceWithLogits(logits, target, { posWeight: 3 })",
    known: ["posWeight"],
  });
  const { posWeight = 1 } = options;
  if (!(posWeight instanceof Tensor || Number.isFinite(posWeight) && posWeight >= 0)) {
    throw new TypeError(
      `bceWithLogits(): Expected \`posWeight\` as a number from 0 or a Tensor, got ${kindOf(posWeight)}`,
    );
  }
  return scope(() => {
    const [x, t] = comparable("bceWithLogits", "logits", logits, target);
    const ofOnes = t.mul(softplus(x.neg()));
    const ofZeros = t.affine(-1, 1).mul(softplus(x));
    return (posWeight === 1 ? ofOnes : ofOnes.mul(weightOf(posWeight, x))).add(ofZeros).mean();
  });
}

/** A weight that multiplies without changing the shape. */
function weightOf(weight: number | Tensor, x: Tensor): number | Tensor {
  if (typeof weight === "number") return weight;
  const lead = x.rank - weight.rank;
  if (lead < 0 || weight.shape.some((size, axis) => size !== 1 && size !== x.shape[lead + axis])) {
    throw new TypeError(
      `bceWithLogits(): Expected \`posWeight\` that broadcasts to the logits' shape [${
        x.shape.join(", ")
      }], got shape ` +
        `[${weight.shape.join(", ")}]`,
    );
  }
  return inDtype(weight, x.dtype);
}

/** Options of {@linkcode klDivergence}. */
export interface KlDivergenceOptions {
  /** Whether the target holds logarithms of probabilities, as the output does; by default false. */
  logTarget?: boolean;
}

/**
 * The Kullback-Leibler divergence of the output's distribution from the target's, Σ t · (log t - output), as PyTorch's
 * `kl_div`: the output [.., classes] are logarithms of probabilities (`logSoftmax(logits)`), the target probabilities; summed over
 * the last axis, the mean over the rest (PyTorch's `reduction="batchmean"` of [n, classes], not its default); a scalar.
 *
 * Where the target is 0 nothing is added, whatever the output says. {@linkcode distillationLoss} takes logits.
 *
 * @example
 * ```ts
 * import { logSoftmax, nn, tensor } from "@libtrain/libtrain";
 *
 * using output = logSoftmax(tensor([[0, 0]]));
 * using target = tensor([[1, 0]]);
 * using loss = nn.klDivergence(output, target);
 * console.log((await loss.item()).toFixed(4)); // 0.6931
 * ```
 */
export function klDivergence(output: Tensor, target: Tensor, options: KlDivergenceOptions = {}): Tensor {
  requireOptionsOf("klDivergence", options, {
    example: "klDivergence(output, target, { logTarget: true })",
    known: ["logTarget"],
  });
  const { logTarget = false } = options;
  requireFlag("klDivergence", "logTarget", logTarget);
  return scope(() => {
    const [logs, t] = comparable("klDivergence", "output", output, target);
    if (logs.rank === 0) throw new TypeError("klDivergence(): Expected `output` as [.., classes], got shape []");
    const share = logTarget ? t.exp() : t;
    const counts = share.greater(0);
    // The logarithm of 0, and its slope, come nowhere near: 0 · ∞ would be NaN.
    const own = logTarget ? t : where(counts, t, 1).log();
    return share.mul(where(counts, own.sub(logs), 0)).sum(-1).mean();
  });
}

/** Options of {@linkcode distillationLoss}. */
export interface DistillationOptions {
  /** What both sides' logits are divided by, above 0: the higher, the more the teacher's small answers count; by default 1. */
  temperature?: number;
}

/**
 * What a student loses to a teacher (Hinton 2015): temperature² · KL(softmax(teacher / temperature) ‖ softmax(student /
 * temperature)), of logits [.., classes], summed over the classes, the mean over the rest; a scalar.
 *
 * The factor keeps the gradients' size when the temperature changes, so that the loss adds to one of labels. The teacher
 * gets no gradient.
 *
 * @example
 * ```ts
 * import { nn, tensor } from "@libtrain/libtrain";
 *
 * using student = tensor([[1, 0]]).requireGrad();
 * using teacher = tensor([[3, 0]]);
 * using loss = nn.distillationLoss(student, teacher, { temperature: 2 });
 * loss.backward();
 * console.log((await loss.item()).toFixed(3)); // 0.437
 * ```
 */
export function distillationLoss(student: Tensor, teacher: Tensor, options: DistillationOptions = {}): Tensor {
  requireOptionsOf("distillationLoss", options, {
    example: "distillationLoss(student, teacher, { temperature: 4 })",
    known: ["temperature"],
  });
  const { temperature = 1 } = options;
  requireNumber("distillationLoss", "temperature", temperature, {
    fits: (number) => number > 0 && number < Infinity,
    wanted: "above 0",
  });
  return scope(() => {
    const [own, others] = comparable("distillationLoss", "student", student, teacher, "teacher");
    const softer = (logits: Tensor): Tensor => logSoftmax(temperature === 1 ? logits : logits.div(temperature));
    const target = noGrad(() => softer(others));
    return klDivergence(softer(own), target, { logTarget: true }).mul(temperature ** 2);
  });
}

/** output - target, of one shape, in the dtype to compute in. */
export function difference(op: string, output: Tensor, target: Tensor, other = "target"): Tensor {
  const [a, b] = comparable(op, "output", output, target, other);
  return a.sub(b);
}

/** Both in the dtype to compute in, f32 for bf16; throws where shapes or dtypes do not go together. */
export function comparable(
  op: string,
  name: string,
  output: Tensor,
  target: Tensor,
  other = "target",
): [Tensor, Tensor] {
  requireTensor(op, name, output);
  requireTensor(op, other, target);
  checkFloat(op, output);
  const dtype = output.dtype === "bf16" ? "f32" : output.dtype;
  if (target.dtype !== dtype && target.dtype !== "bf16") {
    const cure = target.dtype === "i32" && target.rank < output.rank
      ? "labels go to crossEntropy(), or through oneHot()"
      : `to("${dtype}") converts`;
    throw new TypeError(`${op}(): Expected \`${other}\` of dtype ${dtype}, got ${target.dtype}: ${cure}`);
  }
  const shape = output.shape;
  if (target.rank !== shape.length || target.shape.some((size, axis) => size !== shape[axis])) {
    const cure = target.size === output.size ? `: reshape([${shape.join(", ")}]) on it` : "";
    throw new TypeError(
      `${op}(): Expected \`${other}\` in the shape of \`${name}\`, [${shape.join(", ")}], got ` +
        `[${target.shape.join(", ")}]${cure}`,
    );
  }
  return [inDtype(output, dtype), inDtype(target, dtype)];
}
