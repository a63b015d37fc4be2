/** Every single answer of a model. */
import { concat } from "../tensor/ops/shape.ts";
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
}

/** The answers of some batches, kept on the device until they are read together. */
export class PredictionCollector implements Disposable {
  readonly #batches: Tensor[] = [];
  readonly #index: number[] = [];
  readonly #probabilities: (logits: Tensor) => Tensor;

  /** Takes what makes probabilities of logits [n, classes]. */
  constructor(probabilities: (logits: Tensor) => Tensor) {
    this.#probabilities = probabilities;
  }

  /** Takes those of a batch: logits [n, classes], labels i32 [n], and the samples' numbers. */
  add(logits: Tensor, labels: Tensor, index: Int32Array): void {
    const n = index.length;
    const row = (values: Tensor): Tensor => values.to("f32").reshape([1, n]);
    const kept = scope(() => concat([row(labels), row(logits.argmax()), row(this.#probabilities(logits).max(1))], 0));
    this.#batches.push(kept.detachFromScope().claimed());
    // One by one: a batch may have more samples than a call takes arguments.
    for (const sample of index) this.#index.push(sample);
  }

  /** Waits for all of them. */
  async read(): Promise<Predictions> {
    const count = this.#index.length;
    const answers = {
      index: Int32Array.from(this.#index),
      labels: new Int32Array(count),
      predicted: new Int32Array(count),
      probability: new Float32Array(count),
    };
    let at = 0;
    for (const batch of this.#batches) {
      const values = await batch.data();
      const n = batch.shape[1]!;
      [answers.labels, answers.predicted, answers.probability].forEach((target, row) =>
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
