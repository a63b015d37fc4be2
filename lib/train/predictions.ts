/** Every single answer of a model. */
import { where } from "../tensor/ops/select.ts";
import { concat, oneHot } from "../tensor/ops/shape.ts";
import { logSoftmax, softmax } from "../tensor/ops/softmax.ts";
import { sigmoid, softplus } from "../tensor/ops/unary.ts";
import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** What a model answered, one place a sample in the order of the batches. */
export interface Predictions {
  /** The samples' numbers in the data set. */
  readonly index: Int32Array;
  /** The right classes. */
  readonly labels: Int32Array;
  /** The classes with the largest logits. */
  readonly predicted: Int32Array;
  /** Probabilities of those classes, 0 to 1; each by itself where the loss is the registered `bceWithLogits`. */
  readonly probability: Float32Array;
  /** Cross entropy of each sample, in nats: minus the logarithm of its right class's probability, from 0. */
  readonly loss: Float32Array;
}

/** The answers of some batches, kept on the device until they are read together. */
export class PredictionCollector implements Disposable {
  readonly #batches: Tensor[] = [];
  readonly #index: number[] = [];
  readonly #eachByItself: boolean;

  /** Whether each class has a probability of its own; else those of all classes add up to 1. */
  constructor({ eachByItself }: { eachByItself: boolean }) {
    this.#eachByItself = eachByItself;
  }

  /** Takes those of a batch: logits [n, classes], labels i32 [n], and the samples' numbers. */
  add(logits: Tensor, labels: Tensor, index: Int32Array): void {
    const n = index.length;
    const row = (values: Tensor): Tensor => values.to("f32").reshape([1, n]);
    const probabilities = this.#eachByItself ? sigmoid : softmax;
    const kept = scope(() =>
      concat([row(labels), row(logits.argmax()), row(probabilities(logits).max(1)), row(this.#losses(logits, labels))])
    );
    this.#batches.push(kept.detachFromScope().claimed());
    // One by one: a batch may have more samples than a call takes arguments.
    for (const sample of index) this.#index.push(sample);
  }

  /** From the logits, as a probability may be too near 0 for a number of its own. */
  #losses(logits: Tensor, labels: Tensor): Tensor {
    const all = this.#eachByItself ? softplus(logits.neg()) : logSoftmax(logits).neg();
    const isRight = oneHot(labels, { classes: logits.shape[1]!, dtype: all.dtype });
    return where(isRight, all, 0).sum(1);
  }

  /** Waits for all of them. */
  async read(): Promise<Predictions> {
    const count = this.#index.length;
    const answers = {
      index: Int32Array.from(this.#index),
      labels: new Int32Array(count),
      predicted: new Int32Array(count),
      probability: new Float32Array(count),
      loss: new Float32Array(count),
    };
    let at = 0;
    for (const batch of this.#batches) {
      const values = await batch.data();
      const n = batch.shape[1]!;
      [answers.labels, answers.predicted, answers.probability, answers.loss].forEach((target, row) =>
        target.set(values.subarray(row * n, (row + 1) * n) as Float32Array, at)
      );
      at += n;
    }
    return answers;
  }

  [Symbol.dispose](): void {
    for (const batch of this.#batches) batch.dispose();
  }
}
