/** Softmax, the cross-entropy loss, and their gradients. */
import { applyOne } from "../apply.ts";
import type { GradientRule } from "../rules.ts";
import type { Tensor } from "../tensor.ts";
import { requireOptionsOf, requireTensor } from "./checks.ts";

/** An axis that is asked for would not be the one taken. */
function requireAlone(op: string, others: readonly unknown[]): void {
  if (others.length === 0) return;
  throw new TypeError(
    `${op}(): Expected \`x\` alone, got ${others.length} more: it is over the last axis, to which transpose() moves another`,
  );
}

/** exp(x) / Σ exp(x) over the last axis. */
export function softmax(x: Tensor, ...none: []): Tensor {
  requireAlone("softmax", none);
  return applyOne("softmax", [x], {});
}

/**
 * Softmax over the last axis of scores [.., queries, keys], where query i sees keys 0 to i; the others get 0, and what their
 * scores are does not matter.
 *
 * @example
 * ```ts
 * import { causalSoftmax, zeros } from "@libtrain/libtrain";
 *
 * using scores = zeros([2, 2]);
 * using y = causalSoftmax(scores);
 * console.log(await y.data()); // Float32Array [1, 0, 0.5, 0.5]
 * ```
 */
export function causalSoftmax(x: Tensor, ...none: []): Tensor {
  requireAlone("causalSoftmax", none);
  requireTensor("causalSoftmax", "x", x);
  return applyOne("causal_softmax", [x], {});
}

/** x - log Σ exp(x) over the last axis. */
export function logSoftmax(x: Tensor, ...none: []): Tensor {
  requireAlone("logSoftmax", none);
  return applyOne("log_softmax", [x], {});
}

/**
 * The mean cross entropy of logits [n, classes] against labels [n] (i32) or mixed targets [n, classes].
 *
 * With label smoothing s the target is (1 - s) · target + s / classes (Szegedy 2016).
 */
export function crossEntropy(logits: Tensor, target: Tensor, options: { labelSmoothing?: number } = {}): Tensor {
  requireTensor("crossEntropy", "logits", logits);
  requireTensor("crossEntropy", "target", target);
  requireOptionsOf("crossEntropy", options, {
    example: "crossEntropy(logits, target, { labelSmoothing: 0.1 })",
    known: ["labelSmoothing"],
  });
  requireLogits("crossEntropy", logits);
  if (logits.rank === 2 && target.rank === 1 && target.dtype !== "i32") {
    throw new TypeError(
      `crossEntropy(): Expected labels [n] of dtype i32, got ${target.dtype}: make them with { dtype: "i32" }, or call ` +
        `to("i32") on them`,
    );
  }
  return applyOne("cross_entropy", [logits, target], { labelSmoothing: options.labelSmoothing ?? 0 });
}

/** Throws where logits have more axes than one row a sample, say one a place of a sequence. */
export function requireLogits(op: string, logits: Tensor): void {
  if (logits.rank <= 2) return;
  const shape = logits.shape.join(", ");
  const classes = logits.shape.at(-1)!;
  throw new TypeError(
    `${op}(): Expected \`logits\` as [n, classes], got shape [${shape}]: reshape([-1, ${classes}]) makes rows of it, and ` +
      "reshape([-1]) one label a row",
  );
}

export const softmaxRule: GradientRule<"softmax"> = {
  saveOutputs: () => [0],
  backward: ([dy], call) => [applyOne("softmax_backward", [call.output(0), dy!], {})],
};

/** As softmax's, as what a query does not see has y = 0. */
export const causalSoftmaxRule: GradientRule<"causal_softmax"> = {
  saveOutputs: () => [0],
  backward: ([dy], call) => [applyOne("softmax_backward", [call.output(0), dy!], {})],
};

export const logSoftmaxRule: GradientRule<"log_softmax"> = {
  saveOutputs: () => [0],
  backward: ([dy], call) => [applyOne("log_softmax_backward", [call.output(0), dy!], {})],
};

/** Targets get no gradient. */
export const crossEntropyRule: GradientRule<"cross_entropy"> = {
  saveInputs: () => [0, 1],
  backward: (
    [dy],
    call,
  ) => [applyOne("cross_entropy_backward", [call.input(0), call.input(1), dy!], call.params), null],
};
