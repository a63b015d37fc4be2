/** What an epoch's steps have come to so far. */
import type { Counters } from "../checkpoint/state.ts";
import { StateError } from "../ffi/errors.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { StepLoss } from "./events.ts";
import { counts } from "./measures.ts";
import { Meter } from "./metrics.ts";
import { StepLosses } from "./step_losses.ts";

/** The part of a training's counters that is about the epoch under way. */
export type Sums = Pick<Counters, "lossSum" | "correct" | "seen" | "metricSums">;

/** Sums over the samples of an epoch, some steps late, and the values of each step. */
export class EpochSums implements Disposable {
  readonly #losses = new StepLosses();
  /** What the meter sums, in order; empty until the first step of a training. */
  #names: readonly string[] = [];
  #meter = new Meter([]);

  /** Begins anew, or where an epoch was left. */
  restart({ lossSum, correct, seen, metricSums = {} }: Sums): void {
    this.#losses.forget();
    const named = { loss: lossSum, ...(correct === null ? {} : { correct }), ...metricSums };
    // Before the first step it is not known what there is to sum.
    if (seen === 0) this.#begin([]);
    else this.#begin(Object.keys(named), Object.values(named), seen);
  }

  #begin(names: readonly string[], sums: readonly (number | null)[] = [], samples = 0): void {
    this.#meter.dispose();
    this.#names = names;
    const told = (values: readonly number[], n: number): void =>
      this.#losses.read(Object.fromEntries(names.map((name, place) => [name, values[place]!])), n);
    this.#meter = new Meter(names.map((name) => counts.has(name)), told);
    // JSON has no NaN, and writes null.
    this.#meter.sums.splice(0, sums.length, ...sums.map((sum) => sum ?? NaN));
    this.#meter.samples = samples;
  }

  /** Steps whose values it has taken. */
  get batches(): number {
    return this.#meter.batches;
  }

  /** Samples read so far. */
  get samples(): number {
    return this.#meter.samples;
  }

  /** Takes the values of a step of `n` samples, which are enqueued. */
  async add(values: Tensor, n: number, names: readonly string[]): Promise<void> {
    if (this.#names.length === 0) this.#begin(names);
    else if (String(names) !== String(this.#names)) this.#reorder(names, values);
    await this.#meter.add(values, n);
  }

  /** Sums the values in another order from here on: a training that goes on may name its metrics in another one. */
  #reorder(names: readonly string[], values: Tensor): void {
    const sums = new Map(this.#names.map((name, place) => [name, this.#meter.sums[place]!]));
    if (this.#meter.batches > 0 || names.length !== sums.size || !names.every((name) => sums.has(name))) {
      values.dispose();
      throw new StateError(
        `fit(): Expected each step of an epoch to measure ${this.#names.join(", ")}, as those before, got ` +
          `${names.join(", ")}: give all batches targets of one kind`,
      );
    }
    this.#begin(names, names.map((name) => sums.get(name)!), this.#meter.samples);
  }

  /** The mean of a value over the samples read so far; null before the first, and for a value that there is not. */
  mean(name: string): number | null {
    const place = this.#names.indexOf(name);
    return place < 0 ? null : this.#meter.mean(place);
  }

  /** The means of the script's own metrics; null for one that is not finite, or not there yet. */
  metrics(names: readonly string[]): Record<string, number | null> {
    return Object.fromEntries(names.map((name) => {
      const mean = this.mean(name);
      return [name, Number.isFinite(mean) ? mean : null];
    }));
  }

  /** As counters hold them. */
  sums(): Sums {
    const named = new Map(this.#names.map((name, place) => [name, this.#meter.sums[place]!]));
    const { loss = 0, correct, ...metricSums } = Object.fromEntries(named);
    const own = Object.keys(metricSums).length === 0 ? undefined : metricSums;
    const none = this.#names.length === 0 ? 0 : null;
    return { lossSum: loss, correct: correct ?? none, seen: this.#meter.samples, metricSums: own };
  }

  /** A step was enqueued. */
  note(step: Pick<StepLoss, "step" | "epoch" | "lr">): void {
    this.#losses.note(step);
  }

  /** The steps read since the last call. */
  take(): StepLoss[] {
    return this.#losses.take();
  }

  /** Waits for all values. */
  async flush(): Promise<void> {
    await this.#meter.flush();
  }

  /** Once the device goes on after a late error: forgets the steps from the `count`th on, and reads those before. */
  async rewind(count: number): Promise<void> {
    await this.#meter.rewind(count);
    this.#losses.forget();
  }

  /** Lets go of values that were not read. */
  dispose(): void {
    this.#meter.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
