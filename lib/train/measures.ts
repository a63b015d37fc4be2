/** What is measured of a batch beside its loss: accuracy of classes, and a script's own metrics. */
import type { Loss, LossBatch } from "../nn/losses.ts";
import type { Metrics } from "../nn/metrics.ts";
import { metricColumns } from "../run/run_folder.ts";
import { noGrad } from "../tensor/graph.ts";
import { kindOf } from "../tensor/ops/checks.ts";
import { concat } from "../tensor/ops/shape.ts";
import { scope } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { Tensors } from "../tensor/tensors.ts";

/** The columns of `metrics.csv` of some metrics: in training, in validation, and of the averaged weights. */
export function columnsOf(names: readonly string[]): string[] {
  return names.flatMap((name) => [trainColumn(name), name, emaColumn(name)]);
}

/** The column of a metric in training. */
export function trainColumn(name: string): string {
  return `train${name[0]!.toUpperCase()}${name.slice(1)}`;
}

/** The column of a metric of the averaged weights. */
export function emaColumn(name: string): string {
  return `${name}Ema`;
}

/** Refuses metrics that are no functions, and names that could not be columns or are taken. */
export function requireMetrics(caller: string, metrics: Readonly<Record<string, unknown>>): void {
  if (typeof metrics !== "object" || metrics === null || Array.isArray(metrics)) {
    throw new TypeError(`${caller}(): Expected \`metrics\` as functions by their names, got ${kindOf(metrics)}`);
  }
  const taken = new Set<string>([...metricColumns, "n", ...counts]);
  for (const [name, metric] of Object.entries(metrics)) {
    if (typeof metric !== "function") {
      throw new TypeError(`${caller}(): Expected the metric "${name}" as a function, got ${typeof metric}`);
    }
    if (!/^[A-Za-z_]\w*$/.test(name)) {
      throw new TypeError(`${caller}(): Expected a metric's name of letters, digits and _, got "${name}"`);
    }
    const columns = columnsOf([name]);
    const twice = columns.find((column) => taken.has(column));
    if (twice !== undefined) {
      throw new TypeError(
        `${caller}(): Expected a name that is free for a metric, got "${name}": "${twice}" is taken`,
      );
    }
    for (const column of columns) taken.add(column);
  }
}

/**
 * The classes that a batch should have been answered with, i32 [n]: its labels, or the likeliest class of soft targets;
 * undefined where the targets are no classes. Floats are soft targets where `soft` says so: nothing else tells them from
 * values to predict.
 */
export function classesOf(output: Tensors, targets: Tensors | undefined, soft: boolean): Tensor | undefined {
  if (!(output instanceof Tensor && targets instanceof Tensor) || output.rank !== 2) return undefined;
  if (targets.dtype === "i32" && targets.rank === 1 && targets.shape[0] === output.shape[0]) return targets;
  const shares = soft && targets.rank === 2 && String(targets.shape) === String(output.shape);
  return shares && targets.dtype !== "i32" ? noGrad(() => targets.argmax()) : undefined;
}

/** Values of a batch, in order, with their names. */
export type Measures = readonly (readonly [name: string, value: Tensor])[];

/** A script's metrics of a batch. */
export function measuresOf<In extends Tensors, Out extends Tensors, Targets extends Tensors>(
  metrics: Metrics<In, Out, Targets>,
  output: Out,
  batch: LossBatch<In, Targets>,
): Measures {
  return Object.entries(metrics).map(([name, metric]) => {
    return [name, scalarOf(`the metric "${name}"`, metric(output, batch))];
  });
}

/** What a script's function of a batch has given; throws where it is no scalar. */
function scalarOf(what: string, value: unknown): Tensor {
  if (value instanceof Tensor && value.size === 1) return value;
  const got = value instanceof Tensor
    ? `shape [${value.shape.join(", ")}]`
    : value instanceof Promise
    ? "a promise"
    : typeof value === "number"
    ? `the number ${value}`
    : kindOf(value);
  throw new TypeError(`Expected ${what} to give a scalar tensor, the mean over the batch, got ${got}`);
}

/** The loss of a batch; refuses what is no scalar. */
export function lossValue<In extends Tensors, Out extends Tensors, Targets extends Tensors>(
  caller: string,
  loss: Loss<In, Out, Targets>,
  output: Out,
  batch: LossBatch<In, Targets>,
): Tensor {
  const value: unknown = loss(output, batch);
  if (value instanceof Tensor && value.size === 1) return value;
  const wanted = `${caller}(): Expected \`loss\` to give a scalar Tensor`;
  if (value instanceof Tensor) {
    throw new TypeError(`${wanted}, got shape [${value.shape.join(", ")}]: the mean over the batch, say by mean()`);
  }
  if (value instanceof Promise) throw new TypeError(`${wanted}, got a promise: it cannot be async`);
  if (value === undefined) throw new TypeError(`${wanted}, got nothing: is there a return?`);
  const cure = typeof value === "number" ? ": a number has no gradient, so compute it by ops" : "";
  throw new TypeError(`${wanted}, got ${kindOf(value)}${cure}`);
}

/** Values in one tensor, f32 [count], outside the graph. */
export function packed(measures: Measures): Tensor {
  return noGrad(() => scope(() => concat(measures.map(([, value]) => value.detach().to("f32").reshape([1])))));
}

/** The values that are already sums over a batch; the others are means. */
export const counts: ReadonlySet<string> = new Set(["correct", "correct5"]);
