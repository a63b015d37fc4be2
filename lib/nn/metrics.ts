/** Metrics: what a model is measured by beside its loss. */
import { requireOptions } from "../tensor/ops/checks.ts";
import { Registry } from "../registry/registry.ts";
import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Tensors } from "../tensor/tensors.ts";
import { comparable, difference } from "./loss_functions.ts";
import type { Loss, LossBatch } from "./losses.ts";

/** A number that is measured: a scalar, the mean over the batch, of a model's output and what it should have been. */
export type Metric<In extends Tensors = Tensor, Out extends Tensors = Tensor, Targets extends Tensors = Tensor> = Loss<
  In,
  Out,
  Targets
>;

/** Metrics by their names, under which they stand in events, in `metrics.csv` and in results. */
export type Metrics<In extends Tensors = Tensor, Out extends Tensors = Tensor, Targets extends Tensors = Tensor> =
  Readonly<Record<string, Metric<In, Out, Targets>>>;

/**
 * The mean of |output - targets| over all values; a scalar. Both have one shape: nothing broadcasts, as [n, 1] and [n] would
 * to [n, n].
 *
 * @example
 * ```ts
 * import { nn, tensor } from "@libtrain/libtrain";
 *
 * using error = nn.meanAbsoluteError(tensor([[1, 2]]), { targets: tensor([[4, 2]]) });
 * console.log(await error.item()); // 1.5
 * ```
 */
export function meanAbsoluteError(output: Tensor, batch: Pick<LossBatch, "targets">): Tensor {
  return scope(() =>
    difference("meanAbsoluteError", output, targetsOf("meanAbsoluteError", batch), "targets").abs().mean()
  );
}

/**
 * The root of the mean of (output - targets)² over a batch; of several batches the mean of these. Both have one shape.
 *
 * @example
 * ```ts
 * import { nn, tensor } from "@libtrain/libtrain";
 *
 * using error = nn.rootMeanSquareError(tensor([[1, 2]]), { targets: tensor([[4, 6]]) });
 * console.log((await error.item()).toFixed(3)); // 3.536
 * ```
 */
export function rootMeanSquareError(output: Tensor, batch: Pick<LossBatch, "targets">): Tensor {
  return scope(() => {
    const wrong = difference("rootMeanSquareError", output, targetsOf("rootMeanSquareError", batch), "targets");
    return wrong.mul(wrong).mean().sqrt();
  });
}

/**
 * The share of labels that are told rightly, 0 to 1: logits [n, classes] above 0 where targets, of the same shape, are 1, and
 * only there.
 *
 * @example
 * ```ts
 * import { nn, tensor } from "@libtrain/libtrain";
 *
 * using share = nn.labelAccuracy(tensor([[2, -1, 3, -2]]), { targets: tensor([[1, 0, 0, 0]]) });
 * console.log(await share.item()); // 0.75
 * ```
 */
export function labelAccuracy(logits: Tensor, batch: Pick<LossBatch, "targets">): Tensor {
  return scope(() => {
    const [own, wanted] = comparable("labelAccuracy", "logits", logits, targetsOf("labelAccuracy", batch), "targets");
    return own.greater(0).equal(wanted.greater(0.5)).mean();
  });
}

/** A batch's targets; throws where there is no batch. */
function targetsOf(metric: string, batch: Pick<LossBatch, "targets">): Tensor {
  requireOptions(metric, batch, `${metric}(output, { targets })`);
  return batch.targets;
}

/** Makes a metric. */
export type MetricBuilder = () => Metric;

/** Every metric by its name, under which it is also told. */
export const metricRegistry: Registry<MetricBuilder> = new Registry<MetricBuilder>("metric", {
  meanAbsoluteError: { build: () => meanAbsoluteError, options: [] },
  rootMeanSquareError: { build: () => rootMeanSquareError, options: [] },
  labelAccuracy: { build: () => labelAccuracy, options: [] },
});

/** What targets the toolkit's own metrics are for. */
export const metricTargets: ReadonlyMap<string, "labels" | "values"> = new Map([
  ["meanAbsoluteError", "values"],
  ["rootMeanSquareError", "values"],
  ["labelAccuracy", "labels"],
]);
