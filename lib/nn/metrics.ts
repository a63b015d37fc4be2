/** Metrics: what a model is measured by beside its loss. */
import { Registry } from "../registry/registry.ts";
import { requireTensor } from "../tensor/ops/checks.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Tensors } from "../tensor/tensors.ts";
import { type Loss, type LossBatch, sharesOf } from "./losses.ts";

/** A number that is measured: a scalar, the mean over the batch, of a model's output and what it should have been. */
export type Metric<In extends Tensors = Tensor, Out extends Tensors = Tensor, Targets extends Tensors = Tensor> = Loss<
  In,
  Out,
  Targets
>;

/** Metrics by their names, under which they stand in events, in `metrics.csv` and in results. */
export type Metrics<In extends Tensors = Tensor, Out extends Tensors = Tensor, Targets extends Tensors = Tensor> =
  Readonly<Record<string, Metric<In, Out, Targets>>>;

/** Targets in the shape of the output, as nothing may broadcast; labels i32 [n] as 1 at their class and 0 elsewhere. */
function targetsFor(metric: string, output: Tensor, targets: Tensor): Tensor {
  requireTensor(metric, "output", output);
  requireTensor(metric, "targets", targets);
  const wanted = sharesOf(output, targets);
  if (String(wanted.shape) === String(output.shape)) return wanted;
  throw new TypeError(
    `${metric}(): Expected targets in the shape of the output, [${output.shape.join(", ")}], got [${
      wanted.shape.join(", ")
    }]`,
  );
}

/** The mean of |output - targets| over all values; labels i32 [n] stand for 1 at their class and 0 elsewhere. */
export function meanAbsoluteError(output: Tensor, { targets }: Pick<LossBatch, "targets">): Tensor {
  return output.sub(targetsFor("meanAbsoluteError", output, targets)).abs().mean();
}

/** The root of the mean of (output - targets)² over a batch; of several batches the mean of these. Labels as in {@linkcode meanAbsoluteError}. */
export function rootMeanSquareError(output: Tensor, { targets }: Pick<LossBatch, "targets">): Tensor {
  return output.sub(targetsFor("rootMeanSquareError", output, targets)).pow(2).mean().sqrt();
}

/**
 * The share of labels that are told rightly, 0 to 1: logits [n, classes] above 0 where targets are 1, and only there. A label
 * i32 [n] is the only 1 of its row.
 */
export function labelAccuracy(logits: Tensor, { targets }: Pick<LossBatch, "targets">): Tensor {
  return logits.greater(0).equal(targetsFor("labelAccuracy", logits, targets).greater(0.5)).mean();
}

/** Makes a metric. */
export type MetricBuilder = () => Metric;

/** Every metric by its name, under which it is also told. */
export const metricRegistry: Registry<MetricBuilder> = new Registry<MetricBuilder>("metric", {
  meanAbsoluteError: { build: () => meanAbsoluteError, options: [] },
  rootMeanSquareError: { build: () => rootMeanSquareError, options: [] },
  labelAccuracy: { build: () => labelAccuracy, options: [] },
});
