/** Measuring a model. */
import type { Batch } from "../data/dataset.ts";
import { Backpressure } from "../tensor/backpressure.ts";
import type { FloatName } from "../ffi/codes.ts";
import { LateError, StateError } from "../ffi/errors.ts";
import { type AnyModule, Module } from "../nn/module.ts";
import type { Device } from "../tensor/device.ts";
import { noGrad } from "../tensor/graph.ts";
import { crossEntropy } from "../tensor/ops/softmax.ts";
import { concat } from "../tensor/ops/shape.ts";
import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { PredictionCollector, type Predictions } from "./predictions.ts";
import { countTop1, countTopK, Meter } from "./metrics.ts";
import { logitsOf } from "./precision.ts";

/** How well a model does. */
export interface Evaluation {
  /** Share of the samples whose label has the largest logit, 0 to 1. */
  readonly top1: number;
  /** Share whose label is among the five largest; null for fewer than six classes. */
  readonly top5: number | null;
  /** Mean cross entropy without label smoothing, in nats. */
  readonly loss: number;
  /** Number of samples. */
  readonly n: number;
}

/** How to measure. */
export interface EvaluateOptions {
  /** Ends it early. */
  signal?: AbortSignal;
  /** Told how many samples are done, after each batch. */
  onProgress?(done: number): void | Promise<void>;
  /** Told every single answer, at the end. */
  onPredictions?(predictions: Predictions): void;
  /** What the model computes in, say bf16; by default what the images come in. */
  dtype?: FloatName;
}

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
 * Measures a model: top-1, top-5 and loss over all samples of the batches, in evaluation mode.
 *
 * Rejects with the signal's reason when it aborts, with a StateError when the loss is not finite, and with a LateError
 * when an op fails as it runs, say by a label that is no class of the model's; the device goes on afterwards.
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
  model: AnyModule,
  batches: AsyncIterable<Batch>,
  options: EvaluateOptions = {},
): Promise<Evaluation> {
  let device: Device | undefined;
  const body = async (): Promise<Evaluation> => {
    using kept = options.onPredictions === undefined ? undefined : new PredictionCollector();
    using meter = new Meter([false, true, true]);
    let backpressure: Backpressure | undefined;
    let classes = 0;
    let done = 0;
    for await (const { images, labels, index } of batches) {
      options.signal?.throwIfAborted();
      device = images.device;
      const values = noGrad(() =>
        scope(() => {
          const logits = logitsOf(model, images, options.dtype);
          classes = logits.shape.at(-1)!;
          kept?.add(logits, labels, index);
          return measured(logits, labels);
        })
      ).detachFromScope();
      await meter.add(values, index.length);
      done += index.length;
      await options.onProgress?.(done);
      backpressure ??= new Backpressure(device);
      await backpressure.step();
    }
    await meter.flush();
    const [loss, top1, top5] = [meter.mean(0), meter.mean(1), meter.mean(2)];
    if (loss === null) throw new StateError("evaluate(): Expected at least one batch, got none");
    if (!Number.isFinite(loss)) {
      throw new StateError(
        `evaluate(): Expected a finite loss, got ${loss}: the model's weights or images are not finite`,
      );
    }
    if (kept !== undefined) options.onPredictions?.(await kept.read());
    return { top1: top1!, top5: classes > 5 ? top5 : null, loss, n: meter.samples };
  };
  try {
    return await inEvaluation(model, body);
  } catch (error) {
    if (error instanceof LateError) await device?.recover();
    throw error;
  }
}

function measured(logits: Tensor, labels: Tensor): Tensor {
  const classes = logits.shape.at(-1)!;
  const loss = crossEntropy(logits, labels);
  const parts = [loss, countTop1(logits, labels), countTopK(logits, labels, Math.min(5, classes))];
  return concat(parts.map((part) => part.to("f32").reshape([1])));
}
