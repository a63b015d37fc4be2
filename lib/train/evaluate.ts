/** Measuring a model. */
import {
  type BatchSource,
  deviceOf,
  requireBatches,
  type SampleBatch,
  sampleBatch,
  type TrainingBatch,
} from "../data/batch_source.ts";
import type { FloatName } from "../ffi/codes.ts";
import { LateError, OutOfMemoryError, StateError } from "../ffi/errors.ts";
import { foldNorms } from "../nn/fold_norms.ts";
import { crossEntropyLoss, isBinary, isCrossEntropy, type Loss, measuredBy } from "../nn/losses.ts";
import type { Metrics } from "../nn/metrics.ts";
import { type AnyModule, Module } from "../nn/module.ts";
import { Backpressure } from "../tensor/backpressure.ts";
import { tensor } from "../tensor/create.ts";
import type { Device } from "../tensor/device.ts";
import { noGrad } from "../tensor/graph.ts";
import { kindOf, requireChoice, requireFunction, requireOptionsOf, requireSignal } from "../tensor/ops/checks.ts";
import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Tensors } from "../tensor/tensors.ts";
import { classesOf, counts, lossValue, type Measures, measuresOf, packed, requireMetrics } from "./measures.ts";
import { countTop1, countTopK, Meter } from "./metrics.ts";
import { logitsOf } from "./precision.ts";
import { PredictionCollector, type Predictions } from "./predictions.ts";

/** A measured loss that is not finite. It is a StateError to whoever measures; of a training it says that it diverged. */
export class NonFiniteLossError extends StateError {}

/** How well a model does. */
export interface Evaluation {
  /** Share of the samples whose label has the largest logit, 0 to 1; null where the targets are no classes. */
  readonly top1: number | null;
  /** Share whose label is among the five largest; null for fewer than six classes. */
  readonly top5: number | null;
  /** Mean loss: cross entropy without label smoothing, in nats, or the script's own. */
  readonly loss: number;
  /** Means of the script's own metrics, by their names. */
  readonly metrics: Readonly<Record<string, number>>;
  /** Number of samples. */
  readonly n: number;
}

/** How well a model tells classes apart. */
export interface ClassEvaluation extends Evaluation {
  /** Share of the samples whose label has the largest logit, 0 to 1. */
  readonly top1: number;
}

/** How to measure. */
export interface EvaluateOptions<
  In extends Tensors = Tensor,
  Out extends Tensors = Tensor,
  Targets extends Tensors = Tensor,
> {
  /** What to measure by; by default cross entropy of logits [n, classes]. Label smoothing and weights are left out. */
  loss?: Loss<In, Out, Targets>;
  /** What else to measure: scalars, each a mean over the batch, by their names. */
  metrics?: Metrics<In, Out, Targets>;
  /** Ends it early. */
  signal?: AbortSignal;
  /** Told how many samples are done, after each batch. */
  onProgress?(done: number): void | Promise<void>;
  /** Told every single answer, at the end; for targets that are classes. */
  onPredictions?(predictions: Predictions): void;
  /** What the model computes in, say bf16; by default what the inputs come in. */
  dtype?: FloatName;
}

const optionNames = [
  "loss",
  "metrics",
  "signal",
  "onProgress",
  "onPredictions",
  "dtype",
] as const satisfies readonly (keyof EvaluateOptions)[];

/** Runs something with every module in evaluation mode, and puts each back into its own mode afterwards. */
export async function inEvaluation<Result>(model: AnyModule, body: () => Promise<Result>): Promise<Result> {
  const modes = [...model.modules()].map(([, module]) => ({ module, training: Module.modeOf(module) }));
  model.eval();
  try {
    return await body();
  } finally {
    // From the outside in, as setting a module's mode sets that of everything inside.
    for (const { module, training } of modes) module.train(training);
  }
}

/**
 * {@linkcode inEvaluation}, with batch norms folded into the convolutions before them: once, whatever the number of batches.
 */
export async function measuring<Result>(model: AnyModule, body: () => Promise<Result>): Promise<Result> {
  return await inEvaluation(model, async () => {
    using _folded = foldNorms(model);
    return await body();
  });
}

/** Batches to measure with, one pass over them. */
export type MeasuredBatches<In extends Tensors, Targets extends Tensors> =
  | AsyncIterable<TrainingBatch<In, Targets>>
  | Iterable<TrainingBatch<In, Targets>>
  | BatchSource<In, Targets>;

/**
 * Measures a model: loss, accuracy where the targets are classes, and a script's own metrics over all samples of the
 * batches, in evaluation mode and with batch norms folded into the convolutions before them (`nn.foldNorms`).
 *
 * Rejects with the signal's reason when it aborts, with a StateError when the loss or a metric is not finite, and with a
 * LateError when an op fails as it runs, say by a label that is no class of the model's; the device goes on afterwards.
 *
 * @example
 * ```ts
 * import { data, evaluate, models } from "@libtrain/libtrain";
 *
 * const { valid } = await data.mnist({ limit: 128 });
 * using model = models.mnistNet({ seed: 0 });
 * const { top1, n } = await evaluate(model, valid.batches(64));
 * console.log(`${top1} of ${n}`);
 * ```
 */
export async function evaluate(
  model: Module,
  batches: MeasuredBatches<Tensor, Tensor>,
  options?: EvaluateOptions & { loss?: undefined },
): Promise<ClassEvaluation>;
/** Measures a model by a loss of the script's own. */
export async function evaluate<In extends Tensors, Out extends Tensors, Targets extends Tensors>(
  model: Module<In, Out>,
  batches: MeasuredBatches<In, Targets>,
  options?: EvaluateOptions<In, Out, Targets>,
): Promise<Evaluation>;
export async function evaluate<In extends Tensors, Out extends Tensors, Targets extends Tensors>(
  model: Module<In, Out>,
  batches: MeasuredBatches<In, Targets>,
  options: EvaluateOptions<In, Out, Targets> = {},
): Promise<Evaluation> {
  requireBatches("evaluate", "batches", batches);
  requireOptionsOf("evaluate", options, { example: "evaluate(model, batches, { loss })", known: optionNames });
  const { metrics = {}, onPredictions, onProgress, signal } = options;
  requireSignal("evaluate", signal);
  if (onProgress !== undefined) requireFunction("evaluate", "onProgress", onProgress);
  if (onPredictions !== undefined) requireFunction("evaluate", "onPredictions", onPredictions);
  if (options.dtype !== undefined) requireChoice("evaluate", "dtype", options.dtype, ["f32", "f64", "bf16"]);
  if (!(model instanceof Module)) throw new TypeError(`evaluate(): Expected a model, got ${kindOf(model)}`);
  if (options.loss !== undefined) requireFunction("evaluate", "loss", options.loss);
  const loss = measuredBy(options.loss ?? crossEntropyLoss() as unknown as Loss<In, Out, Targets>);
  requireMetrics("evaluate", metrics);
  let device: Device | undefined;
  const body = async (): Promise<Evaluation> => {
    using kept = onPredictions === undefined ? undefined : new PredictionCollector({ eachByItself: isBinary(loss) });
    let sums: { names: readonly string[]; meter: Meter } | undefined;
    let backpressure: Backpressure | undefined;
    let done = 0;
    try {
      for await (const each of batches) {
        signal?.throwIfAborted();
        const batch = sampleBatch("evaluate", each, done);
        device = deviceOf(batch);
        const { names, values } = measured(model, batch, { loss, metrics, dtype: options.dtype, kept });
        sums ??= { names, meter: new Meter(names.map((name) => counts.has(name))) };
        await sums.meter.add(values, batch.index.length);
        done += batch.index.length;
        await onProgress?.(done);
        backpressure ??= new Backpressure(device);
        await backpressure.step();
      }
      if (sums === undefined) throw new StateError("evaluate(): Expected at least one batch, got none");
      await sums.meter.flush();
      const result = evaluationOf(sums);
      if (kept !== undefined) onPredictions?.(await kept.read());
      return result;
    } finally {
      sums?.meter.dispose();
    }
  };
  try {
    return await measuring(model, body);
  } catch (error) {
    if (!(error instanceof LateError)) throw error;
    await device?.recover();
    // Nothing is wrong with the model or its samples.
    throw error.cause instanceof OutOfMemoryError ? error.cause : error;
  }
}

/** Enqueues what is measured of a batch: values by their names, f32, which belong to the caller. */
function measured<In extends Tensors, Out extends Tensors, Targets extends Tensors>(
  model: Module<In, Out>,
  { inputs, targets, index }: SampleBatch<In, Targets>,
  { loss, metrics, dtype, kept }: Required<Pick<EvaluateOptions<In, Out, Targets>, "loss" | "metrics">> & {
    dtype: FloatName | undefined;
    kept: PredictionCollector | undefined;
  },
): { names: string[]; values: Tensor } {
  let names: string[] = [];
  const own = !isCrossEntropy(loss) || Object.keys(metrics).length > 0;
  const values = noGrad(() =>
    scope(() => {
      const output = logitsOf(model, inputs, dtype);
      const answers = targets as Targets;
      const batch = {
        ...{ inputs, images: inputs, targets: answers, labels: answers },
        ...(own
          ? { index: tensor(Int32Array.from(index), undefined, { device: deviceOf({ inputs, targets, index }) }) }
          : {}),
      };
      const classes = classesOf(output, targets, isCrossEntropy(loss));
      if (kept !== undefined) kept.add(requireClasses(output, classes), classes!, index);
      const all: Measures = [
        ["loss", lossValue("evaluate", loss, output, batch)],
        ...(classes === undefined ? [] : accuracies(output as Tensor, classes)),
        ...measuresOf(metrics, output, batch),
      ];
      names = all.map(([name]) => name);
      return packed(all);
    })
  ).detachFromScope().claimed();
  return { names, values };
}

function requireClasses(output: Tensors, classes: Tensor | undefined): Tensor {
  if (classes !== undefined) return output as Tensor;
  throw new TypeError(
    "evaluate(): Expected `onPredictions` with targets that are classes, got it with others: leave it out",
  );
}

function accuracies(logits: Tensor, labels: Tensor): Measures {
  const classes = logits.shape[1]!;
  const top1 = ["correct", countTop1(logits, labels)] as const;
  return classes > 5 ? [top1, ["correct5", countTopK(logits, labels, 5)]] : [top1];
}

function evaluationOf({ names, meter }: { names: readonly string[]; meter: Meter }): Evaluation {
  const means = Object.fromEntries(names.map((name, place) => [name, meter.mean(place)!]));
  const { loss, correct = null, correct5 = null, ...metrics } = means;
  const wrong = Object.entries({ loss: loss!, ...metrics }).find(([, value]) => !Number.isFinite(value));
  if (wrong !== undefined) {
    const [name, value] = wrong;
    const message = `evaluate(): Expected a finite ${name === "loss" ? "loss" : `metric "${name}"`}, got ${value}: ` +
      "the model's weights or images are not finite";
    throw name === "loss" ? new NonFiniteLossError(message) : new StateError(message);
  }
  return { top1: correct, top5: correct5, loss: loss!, metrics, n: meter.samples };
}
