/** What is measured of a model's answers, and sums of it that do not make the script wait. */
import { arange, zeros } from "../tensor/create.ts";
import { noGrad } from "../tensor/graph.ts";
import { concat, oneHot } from "../tensor/ops/shape.ts";
import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** How many of the logits [n, classes] are largest at their label (i32 [n]): a scalar f32; ties go to the first class. */
export function countTop1(logits: Tensor, labels: Tensor): Tensor {
  return noGrad(() => scope(() => logits.argmax().equal(labels).sum()));
}

/**
 * How many of the logits [n, classes] have their label (i32 [n]) among the `k` largest: a scalar of the logits' dtype.
 *
 * Ties go to the lower class; infinite logits have their places as others. For a `k` below the number of classes, a sample
 * with a logit that is not a number is never counted.
 */
export function countTopK(logits: Tensor, labels: Tensor, k: number): Tensor {
  const [n = 0, classes = 0] = logits.shape;
  return noGrad(() =>
    scope(() => {
      // ∞ at the label and -∞ elsewhere: the smaller one is chosen there and not there, where a product with 0 would make
      // NaN of an infinite logit.
      const limits = oneHot(labels, { classes, dtype: logits.dtype }).sub(0.5).div(zeros([1], logits));
      const own = logits.minimum(limits).max(1, { keepDims: true });
      const places = arange(classes, { device: logits.device }).reshape([1, classes]);
      const later = places.greater(labels.reshape([n, 1])).to(logits.dtype);
      const beaten = own.greater(logits).add(own.equal(logits).mul(later)).sum(1);
      return beaten.greater(classes - k - 0.5).sum();
    })
  );
}

/** Values read at a time; more would show progress late, fewer would wait for nothing. */
const readEvery = 20;
const readAfterMs = 1000;

/** A batch's values on the device, and its number of samples. */
interface Measured {
  readonly values: Tensor;
  readonly n: number;
}

/**
 * Means over samples of values that live on the device. They are read a few steps at a time and without waiting for
 * them, so `sums` lag behind until `flush()`.
 */
export class Meter {
  /** Sums over the samples read so far, one a value. */
  readonly sums: number[];
  /** Samples read so far. */
  samples = 0;
  /** Batches taken over so far. */
  batches = 0;
  readonly #summed: readonly boolean[];
  readonly #told: ((values: readonly number[], n: number) => void) | undefined;
  /** Batches that are not read, in order. */
  #pending: Measured[] = [];
  /** Those whose reading is under way; kept so that an error in what came after them does not lose them. */
  readonly #taken = new Set<Measured>();
  #reading: Promise<void> = Promise.resolve();
  #readAt = performance.now();

  /** One flag a value: whether it is already a sum over the batch, or a mean. `told` gets each batch's once read. */
  constructor(summed: readonly boolean[], told?: (values: readonly number[], n: number) => void) {
    this.#summed = summed;
    this.#told = told;
    this.sums = summed.map(() => 0);
  }

  /** Takes the values of a batch of `n` samples over, one number for each flag. */
  async add(values: Tensor, n: number): Promise<void> {
    this.#pending.push({ values, n });
    this.batches++;
    if (this.#pending.length < readEvery && performance.now() - this.#readAt < readAfterMs) return;
    await this.#settled();
    this.#read();
  }

  /** The mean of a value over the samples read so far; null before the first. */
  mean(value: number): number | null {
    return this.samples === 0 ? null : this.sums[value]! / this.samples;
  }

  /** Waits for all values. */
  async flush(): Promise<void> {
    await this.#settled();
    this.#read();
    await this.#settled();
  }

  /** Waits for what is being read; an error is told once, and what it has left is read the next time. */
  async #settled(): Promise<void> {
    const reading = this.#reading;
    try {
      await reading;
    } catch (error) {
      if (this.#reading === reading) this.#reading = Promise.resolve();
      throw error;
    }
  }

  #read(): void {
    const taken = this.#pending;
    this.#readAt = performance.now();
    if (taken.length === 0) return;
    const together = noGrad(() => scope(() => concat(taken.map(({ values }) => values)))).detachFromScope().claimed();
    this.#pending = [];
    for (const measured of taken) this.#taken.add(measured);
    const read = together.data();
    together.dispose();
    this.#reading = read.then((values) => this.#add(taken, values), (error: unknown) => {
      this.#pending.unshift(...taken.filter((measured) => this.#taken.delete(measured)));
      throw error;
    });
    // An error is met at the next wait; until then nobody else listens.
    this.#reading.catch(() => {});
  }

  #add(taken: readonly Measured[], numbers: ArrayLike<number>): void {
    const count = this.#summed.length;
    taken.forEach((measured, batch) => {
      const { values, n } = measured;
      const own = Array.from({ length: count }, (_, value) => numbers[batch * count + value]!);
      own.forEach((value, place) => this.sums[place]! += value * (this.#summed[place] ? 1 : n));
      this.samples += n;
      this.#told?.(own, n);
      this.#taken.delete(measured);
      values.dispose();
    });
  }

  /** Once the device goes on after a late error: forgets the batches from the `count`th on, and reads those before. */
  async rewind(count: number): Promise<void> {
    await this.#reading.catch(() => {});
    this.#reading = Promise.resolve();
    const forgotten = this.#pending.splice(Math.max(0, this.#pending.length - (this.batches - count)));
    for (const { values } of forgotten) values.dispose();
    this.batches = count;
    await this.flush();
  }

  /** Lets go of values that were not read. */
  dispose(): void {
    for (const { values } of [...this.#pending, ...this.#taken]) values.dispose();
    this.#pending = [];
    this.#taken.clear();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
