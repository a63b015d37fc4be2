/** The steps of an epoch, and what is said where one of them fails. */
import type { Counters, SamplerConfig } from "../checkpoint/state.ts";
import { type BatchSource, type SampleBatch } from "../data/batch_source.ts";
import { LateError, OutOfMemoryError } from "../ffi/errors.ts";
import type { AnyModule } from "../nn/module.ts";
import type { BoundOptimizer } from "../optim/optimizer.ts";
import type { Schedule } from "../optim/schedules.ts";
import type { RunFolder } from "../run/run_folder.ts";
import { Backpressure } from "../tensor/backpressure.ts";
import type { Device } from "../tensor/device.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Tensors } from "../tensor/tensors.ts";
import { batchGroups } from "./batch_groups.ts";
import { firstNonFinite, isWeight, NonFiniteError } from "./diagnose.ts";
import type { EpochSums } from "./epoch_sums.ts";
import type { BatchEnd, Listeners } from "./events.ts";
import { stepsOf } from "./start.ts";
import type { Enqueued, TrainingStep } from "./step.ts";
import { lateError, type StepInFlight, StepsInFlight } from "./steps_in_flight.ts";

/** Where a training is, as it moves on. */
export type Position = { -readonly [Name in keyof Counters]: Counters[Name] };

/** What the steps are made with; all of it stays the Trainer's. */
export interface EpochParts<In extends Tensors, Out extends Tensors, Targets extends Tensors> {
  readonly model: AnyModule;
  readonly optimizer: BoundOptimizer;
  readonly step: TrainingStep<In, Out, Targets>;
  readonly schedule: Schedule;
  readonly sums: EpochSums;
  readonly listeners: Listeners;
  readonly device: Device;
  /** Batches a step. */
  readonly accumulate: number;
  /** Of the batch transform's draws; undefined for that of the batches. */
  readonly seed: number | undefined;
  /** The names of the script's own metrics. */
  readonly metrics: readonly string[];
}

/** What one epoch is done with. */
interface Epoch<In extends Tensors, Targets extends Tensors> {
  readonly at: Position;
  readonly train: BatchSource<In, Targets>;
  readonly signal: AbortSignal | undefined;
  readonly runFolder: RunFolder | undefined;
  /** The step whose state was saved last; null for none. */
  savedStep(): number | null;
  /** Saves the state where it is due; gives whether it has. */
  saveIfDue(lap: () => void): Promise<boolean>;
}

/** Takes the steps of epochs. */
export class EpochSteps<In extends Tensors, Out extends Tensors, Targets extends Tensors> {
  readonly #parts: EpochParts<In, Out, Targets>;

  /** Nothing is taken over. */
  constructor(parts: EpochParts<In, Out, Targets>) {
    this.#parts = parts;
  }

  /** The learning rate of each step of a training. */
  rates(train: BatchSource<In, Targets>, epochs: number): (step: number) => number {
    const { schedule, accumulate } = this.#parts;
    return schedule.over(stepsOf(train.length, accumulate) * epochs);
  }

  /** The steps of an epoch from where it is, up to its end or the signal's. */
  async run({ at, train, signal, runFolder, savedStep, saveIfDue }: Epoch<In, Targets>): Promise<void> {
    const { device, accumulate, sums, listeners } = this.#parts;
    const rate = this.rates(train, at.epochs);
    const backpressure = new Backpressure(device);
    using kept = new StepsInFlight<In, Targets>();
    let started = performance.now();
    const lap = (): void => {
      const now = performance.now();
      at.trainSeconds += (now - started) / 1000;
      at.epochSeconds += (now - started) / 1000;
      started = now;
    };
    const epoch = at.firstEpoch + at.epoch;
    this.begin(train, epoch);
    let done = at.seen;
    try {
      for await (const group of batchGroups(train, { epoch, batch: at.batch, done, accumulate })) {
        const lr = rate(at.step);
        const samples = group.reduce((sum, { index }) => sum + index.length, 0);
        const values = await this.#enqueue(group, { at, lr, samples, kept });
        done += samples;
        await sums.add(values, samples, this.#parts.step.names);
        await this.tellLosses(runFolder);
        await backpressure.step();
        kept.trim();
        await listeners.emit("batchEnd", this.#batchEnd(at, train, lr, done));
        if (signal?.aborted) break;
        if (await saveIfDue(lap)) started = performance.now();
      }
      await backpressure.drain();
      await sums.flush();
      await this.tellLosses(runFolder);
    } catch (error) {
      const explained = await this.#explained(error, at, { kept, savedStep });
      await this.tellLosses(runFolder);
      throw explained;
    } finally {
      lap();
      Object.assign(at, sums.sums());
    }
  }

  /** Tells the values of steps that were read since the last time. */
  async tellLosses(runFolder: RunFolder | undefined): Promise<void> {
    const losses = this.#parts.sums.take();
    if (losses.length === 0) return;
    await runFolder?.steps(losses.map(({ metrics: _, ...loss }) => ({ ...loss })));
    await this.#parts.listeners.emit("losses", losses);
  }

  /** Readies the step for the draws of an epoch, from 0. */
  begin(train: BatchSource<In, Targets>, epoch: number): void {
    const { step, device } = this.#parts;
    const { seed = 0 }: SamplerConfig = train.config ?? {};
    const classes = train.dataset?.classes.length;
    step.begin({ seed: this.#parts.seed ?? seed, epoch, classes: classes === 0 ? undefined : classes }, device);
  }

  #batchEnd(
    { epoch, epochs, step }: Position,
    { samples }: BatchSource<In, Targets>,
    lr: number,
    done: number,
  ): BatchEnd {
    const { sums } = this.#parts;
    const [loss, top1, metrics] = [sums.mean("loss"), sums.mean("correct"), sums.metrics(this.#parts.metrics)];
    return { epoch: epoch + 1, epochs, step, lr, done, samples: samples ?? null, loss, top1, metrics };
  }

  /** Enqueues the step of some batches, which are its own from here on, and counts it. */
  async #enqueue(
    batches: readonly SampleBatch<In, Targets>[],
    { at, lr, samples, kept }: { at: Position; lr: number; samples: number; kept: StepsInFlight<In, Targets> },
  ): Promise<Tensor> {
    const { optimizer, step, device, sums } = this.#parts;
    const before = { batch: at.batch, step: at.step, images: at.images };
    let enqueued: Enqueued | undefined;
    try {
      optimizer.lr = lr;
      enqueued = await step.enqueue(batches);
    } finally {
      const buffers = enqueued?.before;
      kept.add({ ticket: device.queue.enqueued(), before, measured: sums.batches, batches, buffers });
    }
    at.batch += batches.length;
    at.step++;
    at.images += samples;
    at.optimizerSteps = optimizer.steps;
    sums.note({ step: at.step, epoch: at.epoch + 1, lr });
    return enqueued.values;
  }

  /**
   * The error to throw instead of one. After a late error, which may hide behind another, the device goes on, the counters
   * go back to before the step that failed, and that is run again to see where.
   */
  async #explained(
    error: unknown,
    at: Position,
    { kept, savedStep }: { kept: StepsInFlight<In, Targets>; savedStep: () => number | null },
  ): Promise<unknown> {
    const { device, optimizer, sums } = this.#parts;
    const late = error instanceof LateError ? error : await lateError(device);
    // Also where memory ran out in the middle of a step: what the optimizer counts on the host goes back with it.
    if (late !== undefined || error instanceof OutOfMemoryError) await device.recover();
    if (late === undefined) return error;
    at.optimizerSteps = optimizer.steps;
    const failed = kept.of(late.record);
    await sums.rewind(failed?.measured ?? sums.batches);
    const noMemory = late.cause instanceof OutOfMemoryError ? late.cause : undefined;
    if (noMemory !== undefined) failed?.buffers?.restore();
    if (failed === undefined) return error;
    Object.assign(at, failed.before);
    if (error !== late) return error;
    // Nothing is wrong with the step's numbers.
    if (noMemory !== undefined) return noMemory;
    return await this.#nonFinite(error, at, { ...failed, savedStep }) ?? error;
  }

  /** Which batch of a failed step gave a number that is not finite, and where; undefined where none did. */
  async #nonFinite(
    cause: unknown,
    { epoch, step }: Position,
    { batches, savedStep }: StepInFlight<In, Targets> & { savedStep: () => number | null },
  ): Promise<NonFiniteError | undefined> {
    const { model, step: own } = this.#parts;
    const found = await firstNonFinite(model, batches, (batch) => own.lossOf(batch));
    if (found === undefined) return undefined;
    const where = found.what;
    const weights = isWeight(where) ? { savedAt: savedStep() } : undefined;
    const at = { epoch: epoch + 1, step: step + 1, index: batches[found.batch]!.index, where, weights };
    return new NonFiniteError(at, { cause });
  }
}
