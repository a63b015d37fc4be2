/** The training loop. */
import type { Batch, Batches } from "../data/dataset.ts";
import { Pace } from "../data/pace.ts";
import { LateError, StateError } from "../ffi/errors.ts";
import type { Module } from "../nn/module.ts";
import type { BoundOptimizer, ParameterGroup } from "../optim/optimizer.ts";
import type { Optimizer } from "../optim/optimizers.ts";
import type { Schedule } from "../optim/schedules.ts";
import type { Device } from "../tensor/device.ts";
import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { firstNonFinite, NonFiniteError } from "./diagnose.ts";
import { evaluate, type Evaluation } from "./evaluate.ts";
import { type EpochEnd, type FitResult, type Listener, Listeners, type TrainerEvents } from "./events.ts";
import { type Kept, keptSteps, lateError, release } from "./kept.ts";
import { Meter } from "./metrics.ts";
import type { RunFolder } from "./run_folder.ts";
import { TrainingStep } from "./step.ts";
import { type Counters, readTensors, startingCounters, type State, writeTensors } from "./state.ts";

/** How a model is trained. */
export interface TrainerOptions {
  /** By {@linkcode optim.ranger} and its like. */
  optimizer: Optimizer;
  /** The learning rate over the whole training. */
  schedule: Schedule;
  /** Settings for some of the parameters. */
  groups?: readonly ParameterGroup[];
  /** Share of the target spread over all classes, 0 to 1; by default 0. */
  labelSmoothing?: number;
  /** Whether each step is recorded once and then replayed by one native call; by default true. */
  capture?: boolean;
}

/** How long to train, and what to do beside it. */
export interface FitOptions {
  /** Epochs in all, from 1. */
  epochs: number;
  /** What to measure with after each epoch. */
  valid?: Batches;
  /** Stops the training after the step under way; it can go on later, exactly. */
  signal?: AbortSignal;
  /** Where to keep metrics, events, results and, after each epoch and at a stop, the whole state. */
  runFolder?: RunFolder;
}

/**
 * Trains a model with cross entropy.
 *
 * Losses stay on the device and are read some steps late, at most two steps are in flight, and the event loop stays free.
 * A loss or gradient that is not finite changes no weight and rejects with a {@linkcode NonFiniteError}; another op that
 * fails as it runs, with its {@linkcode LateError}. In both cases counters, weights and optimizer state are those before
 * the step, and device and trainer can go on.
 *
 * @example
 * ```ts
 * import { data, models, optim, Trainer } from "@libtrain/libtrain";
 *
 * const { train, valid } = await data.mnist({ limit: 256 });
 * using model = models.mnistNet({ seed: 0 });
 * using trainer = new Trainer(model, {
 *   optimizer: optim.ranger({ wd: 1e-2 }),
 *   schedule: optim.flatCos({ lr: 8e-3 }),
 *   labelSmoothing: 0.1,
 * });
 * trainer.on("epochEnd", ({ epoch, trainLoss }) => console.log(epoch, trainLoss));
 * const { top1 } = await trainer.fit(train.batches(64, { seed: 0 }), { epochs: 1, valid: valid.batches(64) });
 * console.log(top1);
 * ```
 */
export class Trainer {
  /** The model that it trains. */
  readonly model: Module;
  /** The optimizer with its state. */
  readonly optimizer: BoundOptimizer;
  readonly #device: Device;
  readonly #schedule: Schedule;
  readonly #listeners = new Listeners();
  readonly #step: TrainingStep;
  #at: { -readonly [Name in keyof Counters]: Counters[Name] } = { ...startingCounters };
  #meter = new Meter([false, true]);
  #fitting = false;

  /** Binds the optimizer to the model, and makes its state. */
  constructor(model: Module, options: TrainerOptions) {
    const { optimizer, schedule, groups, labelSmoothing = 0 } = options;
    if (!(labelSmoothing >= 0 && labelSmoothing <= 1)) {
      throw new RangeError(`Trainer(): Expected \`labelSmoothing\` from 0 to 1, got ${labelSmoothing}`);
    }
    this.model = model;
    this.optimizer = optimizer.bind(model, { groups });
    this.optimizer.prepare();
    this.#device = model.namedParameters().values().next().value!.device;
    this.#schedule = schedule;
    this.#step = new TrainingStep({
      model,
      optimizer: this.optimizer,
      labelSmoothing,
      capture: options.capture ?? true,
    });
  }

  /** Calls a function at every event of a kind; the function returned stops that. The training waits for promises. */
  on<Name extends keyof TrainerEvents>(name: Name, listener: Listener<Name>): () => void {
    return this.#listeners.add(name, listener);
  }

  /** Where the training is; `lossSum`, `correct` and `seen` lag some steps behind while it runs. */
  get counters(): Counters {
    return { ...this.#at };
  }

  /** The whole state as it is now. */
  async state(): Promise<State> {
    await this.#meter.flush();
    const counters = { ...this.#at, ...this.#sums() };
    return { tensors: await readTensors(this), counters };
  }

  /** Takes a state over: the next `fit()` goes on from there. Nothing is changed where it does not fit. */
  load(state: State): void {
    if (this.#fitting) {
      throw new StateError("load(): Cannot load a state while fit() runs: stop it by its signal first");
    }
    writeTensors(state.tensors, this);
    this.#at = { ...state.counters };
    this.optimizer.resumeAt(state.counters.optimizerSteps);
    this.#restartMeter();
  }

  /**
   * Trains for some epochs and measures after each.
   *
   * A training that was stopped, or whose state was loaded, goes on where it was, and must be given the same epochs and
   * batches. Once it is over, the next `fit()` begins a new one with the weights as they are.
   */
  async fit(train: Batches, options: FitOptions): Promise<FitResult> {
    if (this.#fitting) {
      throw new StateError("fit(): Expected one training at a time, got a second call: await the first");
    }
    this.#begin(train, options.epochs);
    this.#fitting = true;
    try {
      return await this.#fit(train, options);
    } finally {
      this.#fitting = false;
    }
  }

  /** Disposes of the optimizer's state and the recorded step; the model stays. */
  dispose(): void {
    this.#step.dispose();
    this.#meter.dispose();
    this.optimizer.dispose();
  }

  /** Ends `using trainer = new Trainer(…)`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Model, epochs and steps. */
  toString(): string {
    const { epoch, epochs, step } = this.#at;
    return `Trainer(${this.model.constructor.name}, ${epoch} of ${epochs} epochs, ${step} steps)`;
  }

  /** What the console shows. */
  [Symbol.for("Deno.customInspect")](): string {
    return this.toString();
  }

  #begin(train: Batches, epochs: number): void {
    if (!Number.isInteger(epochs) || epochs < 1) {
      throw new RangeError(`fit(): Expected \`epochs\` as a whole number from 1, got ${epochs}`);
    }
    if (train.length === 0) {
      const { dataset, batchSize } = train.config;
      throw new RangeError(
        `fit(): Expected at least one batch an epoch, got ${dataset} samples in batches of ${batchSize}`,
      );
    }
    const at = this.#at;
    if (at.epochs > 0 && at.epoch < at.epochs) {
      requireSame({ ...at.sampler, epochs: at.epochs }, { ...train.config, epochs });
      return;
    }
    const { firstEpoch, optimizerSteps } = at;
    this.#at = {
      ...startingCounters,
      epochs,
      firstEpoch: firstEpoch + at.epochs,
      optimizerSteps,
      sampler: train.config,
    };
    this.#restartMeter();
  }

  #restartMeter(): void {
    const { lossSum, correct, seen } = this.#at;
    this.#meter.dispose();
    this.#meter = new Meter([false, true]);
    this.#meter.sums.splice(0, 2, lossSum, correct);
    this.#meter.samples = seen;
  }

  #sums(): Pick<Counters, "lossSum" | "correct" | "seen"> {
    const { sums: [lossSum = 0, correct = 0], samples } = this.#meter;
    return { lossSum, correct, seen: samples };
  }

  async #fit(train: Batches, options: FitOptions): Promise<FitResult> {
    const { epochs, runFolder, signal } = options;
    if (!this.model.training) this.model.train();
    await this.#listeners.emit("fitBegin", {
      epochs,
      batches: train.length,
      samples: train.samples,
      step: this.#at.step,
    });
    await runFolder?.event("fitBegin", { epochs, step: this.#at.step });
    let end: EpochEnd | undefined;
    while (this.#at.epoch < epochs && !signal?.aborted) {
      const ended = await this.#epoch(train, options);
      if (ended === undefined) break;
      end = ended;
    }
    return await this.#finish(end, options);
  }

  async #finish(end: EpochEnd | undefined, { runFolder }: FitOptions): Promise<FitResult> {
    const { epoch, epochs, step, trainSeconds, images } = this.#at;
    const stopped = epoch < epochs;
    const evaluation = stopped ? null : end?.evaluation;
    const result: FitResult = {
      top1: evaluation?.top1 ?? null,
      top5: evaluation?.top5 ?? null,
      loss: evaluation?.loss ?? null,
      n: evaluation?.n ?? null,
      epochs: epoch,
      steps: step,
      trainLoss: end?.trainLoss ?? null,
      trainTop1: end?.trainTop1 ?? null,
      trainSeconds,
      imagesPerSecond: trainSeconds > 0 ? images / trainSeconds : 0,
      stopped,
    };
    if (stopped) await runFolder?.save(await this.state());
    else await runFolder?.result(result);
    await runFolder?.event(stopped ? "stopped" : "fitEnd", { step });
    await this.#listeners.emit("fitEnd", result);
    return result;
  }

  /** One epoch, or the rest of one; undefined where the signal stopped it. */
  async #epoch(train: Batches, options: FitOptions): Promise<EpochEnd | undefined> {
    const { epochs, valid, signal, runFolder } = options;
    const epoch = this.#at.epoch + 1;
    const before = { seconds: this.#at.trainSeconds, images: this.#at.images };
    await this.#listeners.emit("epochBegin", {
      epoch,
      epochs,
      done: this.#at.batch * train.config.batchSize,
      samples: train.samples,
    });
    await this.#steps(train, options);
    if (this.#at.batch < train.length) return undefined;
    const evaluation = valid === undefined ? null : await this.#evaluate(valid, signal);
    if (evaluation === undefined) return undefined;
    if (evaluation !== null) await this.#listeners.emit("evaluateEnd", { ...evaluation, epoch });
    const trainSeconds = this.#at.trainSeconds - before.seconds;
    const end: EpochEnd = {
      epoch,
      epochs,
      lr: this.optimizer.lr,
      trainLoss: this.#meter.mean(0)!,
      trainTop1: this.#meter.mean(1)!,
      evaluation,
      trainSeconds,
      imagesPerSecond: trainSeconds > 0 ? (this.#at.images - before.images) / trainSeconds : 0,
    };
    Object.assign(this.#at, { epoch, batch: 0, lossSum: 0, correct: 0, seen: 0 });
    this.#restartMeter();
    if (runFolder !== undefined) {
      await runFolder.epoch(end);
      await runFolder.event("epochEnd", { ...end });
      await runFolder.save(await this.state());
    }
    await this.#listeners.emit("epochEnd", end);
    return end;
  }

  /** Undefined where the signal stopped it. */
  async #evaluate(valid: Batches, signal: AbortSignal | undefined): Promise<Evaluation | undefined> {
    try {
      return await evaluate(this.model, valid.at({ epoch: 0 }), { signal });
    } catch (error) {
      if (signal?.aborted && error === signal.reason) return undefined;
      throw error;
    }
  }

  async #steps(train: Batches, { signal }: FitOptions): Promise<void> {
    const at = this.#at;
    const rate = this.#schedule.over(train.length * at.epochs);
    const pace = new Pace(this.#device);
    const kept: Kept[] = [];
    const started = performance.now();
    try {
      for await (const batch of train.at({ epoch: at.firstEpoch + at.epoch, batch: at.batch })) {
        const lr = rate(at.step);
        const values = await this.#enqueue(batch, lr, kept);
        await this.#meter.add(values, batch.index.length);
        await pace.step();
        while (kept.length > keptSteps) release(kept.shift()!);
        await this.#listeners.emit("batchEnd", {
          epoch: at.epoch + 1,
          epochs: at.epochs,
          step: at.step,
          lr,
          done: Math.min(at.batch * train.config.batchSize, train.samples),
          samples: train.samples,
          loss: this.#meter.mean(0),
          top1: this.#meter.mean(1),
        });
        if (signal?.aborted) break;
      }
      await pace.drain();
      await this.#meter.flush();
    } catch (error) {
      throw await this.#explained(error, kept);
    } finally {
      kept.forEach(release);
      at.trainSeconds += (performance.now() - started) / 1000;
      Object.assign(at, this.#sums());
    }
  }

  /** Enqueues the step of a batch and counts it. */
  async #enqueue({ images, labels, index }: Batch, lr: number, kept: Kept[]): Promise<Tensor> {
    const at = this.#at;
    const { batch, step, images: seen } = at;
    this.optimizer.lr = lr;
    const values = await this.#step.enqueue(images, labels);
    kept.push({
      ticket: this.#device.queue.enqueued(),
      before: { batch, step, images: seen },
      measured: this.#meter.batches,
      index,
      images: scope(() => images.detach()).detachFromScope(),
      labels: scope(() => labels.detach()).detachFromScope(),
    });
    at.batch++;
    at.step++;
    at.images += index.length;
    at.optimizerSteps = this.optimizer.steps;
    return values;
  }

  /**
   * The error to throw instead of one. After a late error, which may hide behind another, the device goes on, the counters
   * go back to before the step that failed, and that is run again to see where.
   */
  async #explained(error: unknown, kept: readonly Kept[]): Promise<unknown> {
    const late = error instanceof LateError ? error : await lateError(this.#device);
    if (late === undefined) return error;
    await this.#device.recover();
    this.#at.optimizerSteps = this.optimizer.steps;
    const failed = kept.find(({ ticket }) => late.record <= ticket);
    await this.#meter.rewind(failed?.measured ?? this.#meter.batches);
    if (failed === undefined) return error;
    const { before, images, labels, index } = failed;
    Object.assign(this.#at, before);
    if (error !== late) return error;
    const where = await firstNonFinite(this.model, images, (logits) => this.#step.loss(logits, labels));
    if (where === undefined) return error;
    return new NonFiniteError({ epoch: this.#at.epoch + 1, step: before.step + 1, index, where }, { cause: error });
  }
}

/** A training that goes on must be the one that was begun. */
function requireSame(begun: Readonly<Record<string, unknown>>, now: Readonly<Record<string, unknown>>): void {
  const field = Object.keys(now).find((name) => begun[name] !== now[name]);
  if (field === undefined) return;
  throw new StateError(
    `fit(): Expected ${field} ${begun[field]}, with which this training was begun, got ${now[field]}: ` +
      `give the same, or make a new Trainer to begin anew`,
  );
}
