/** Metrics: what a model is measured by beside its loss. */
import { Registry } from "../registry/registry.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Tensors } from "../tensor/tensors.ts";
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

/** The mean of |output - targets| over all values. */
export function meanAbsoluteError(output: Tensor, { targets }: Pick<LossBatch, "targets">): Tensor {
  return output.sub(targets).abs().mean();
}

/** The root of the mean of (output - targets)² over a batch; of several batches the mean of these. */
export function rootMeanSquareError(output: Tensor, { targets }: Pick<LossBatch, "targets">): Tensor {
  return output.sub(targets).pow(2).mean().sqrt();
}

/** The share of labels that are told rightly, 0 to 1: logits [n, classes] above 0 where targets are 1, and only there. */
export function labelAccuracy(logits: Tensor, { targets }: Pick<LossBatch, "targets">): Tensor {
  return logits.greater(0).equal(targets.greater(0.5)).mean();
}

/** Makes a metric. */
export type MetricBuilder = () => Metric;

/** Every metric by its name, under which it is also told. */
export const metricRegistry: Registry<MetricBuilder> = new Registry<MetricBuilder>("metric", {
  meanAbsoluteError: { build: () => meanAbsoluteError, options: [] },
  rootMeanSquareError: { build: () => rootMeanSquareError, options: [] },
  labelAccuracy: { build: () => labelAccuracy, options: [] },
});
