/** The training loop. */
import type { Batch, Batches } from "../data/dataset.ts";
import { Backpressure } from "../tensor/backpressure.ts";
import type { FloatName } from "../ffi/codes.ts";
import { LateError, StateError } from "../ffi/errors.ts";
import type { Module } from "../nn/module.ts";
import type { BoundOptimizer } from "../optim/optimizer.ts";
import type { Schedule } from "../optim/schedules.ts";
import type { Device } from "../tensor/device.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { startingPoint } from "./start.ts";
import { firstNonFinite, NonFiniteError } from "./diagnose.ts";
import { Ema } from "../optim/ema.ts";
import { evaluate, type Evaluation } from "./evaluate.ts";
import {
  type BatchEnd,
  type EpochEnd,
  type FitResult,
  type Listener,
  Listeners,
  type TrainerEvents,
} from "./events.ts";
import { lateError, StepsInFlight } from "./steps_in_flight.ts";
import { Meter } from "./metrics.ts";
import type { RunFolder } from "../run/run_folder.ts";
import { metricsRow, resultOf, speedOf } from "./result.ts";
import { StepLosses } from "./step_losses.ts";
import { TrainingStep } from "./step.ts";
import {
  checkTensors,
  type Counters,
  readTensors,
  startingCounters,
  type State,
  writeTensors,
} from "../checkpoint/state.ts";
import { type FitOptions, lossOf, type TrainerOptions } from "./trainer_options.ts";

/**
 * Trains a model, by cross entropy unless another loss is given.
 *
 * Losses stay on the device and are read some steps late, at most two steps are in flight, and the event loop stays free.
 * From the third step on, steps are recorded and replayed ({@linkcode capture}): what JavaScript draws, counts or decides in
 * a model, loss or transform would freeze there. Random numbers are drawn by `nn.Dropout`, `nn.StochasticDepth` or an
 * `nn.RandomCounter`; steps that are seen to differ run op by op, with one warning, and `capture: false` has all run so.
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
  /** The average of the weights, where there is one. */
  readonly ema: Ema | undefined;
  readonly #device: Device;
  readonly #schedule: Schedule;
  readonly #dtype: FloatName | undefined;
  readonly #listeners = new Listeners();
  readonly #step: TrainingStep;
  #at: { -readonly [Name in keyof Counters]: Counters[Name] } = { ...startingCounters };
  readonly #losses = new StepLosses();
  #meter = this.#newMeter();
  #fitting = false;
  #savedAt = 0;
  /** Whether something has happened since the state was saved. */
  #unsaved = false;

  /** Binds the optimizer to the model, and makes its state. */
  constructor(model: Module, options: TrainerOptions) {
    const { optimizer, schedule, groups, ema } = options;
    const loss = lossOf(options);
    this.model = model;
    this.optimizer = optimizer.bind(model, { groups });
    this.optimizer.prepare();
    this.ema = ema === undefined ? undefined : new Ema(model, { decay: ema });
    this.#device = model.namedParameters().values().next().value!.device;
    this.#schedule = schedule;
    this.#dtype = options.dtype;
    this.#step = new TrainingStep({
      model,
      optimizer: this.optimizer,
      loss,
      transformBatch: options.transformBatch,
      ema: this.ema,
      capture: options.capture ?? true,
      dtype: options.dtype,
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
    const tensors = await readTensors(this);
    // After the reads: what was enqueued is done, and chosen.
    return { tensors, counters: { ...counters, plan: this.#device.plan() || null } };
  }

  /** Takes a state over: the next `fit()` goes on from there. Nothing is changed where it does not fit. */
  load(state: State): void {
    if (this.#fitting) {
      throw new StateError("load(): Cannot load a state while fit() runs: stop it by its signal first");
    }
    checkTensors(state.tensors, this);
    // What may still fail comes first: a state is taken over whole or not at all.
    if (state.counters.plan !== null) this.#device.usePlan(state.counters.plan);
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
    const at = startingPoint(this.#at, train, options);
    if (at !== this.#at) {
      this.#at = { ...at };
      this.#restartMeter();
    }
    if (!this.optimizer.begun) this.ema?.restart();
    this.#savedAt = performance.now();
    this.#fitting = true;
    try {
      return await this.#fit(train, options);
    } finally {
      this.#fitting = false;
    }
  }

  /** Disposes of the optimizer's state, the average and the recorded step; the model stays. */
  dispose(): void {
    this.#step.dispose();
    this.ema?.dispose();
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

  #newMeter(): Meter {
    return new Meter([false, true], (values, n) => this.#losses.read(values, n));
  }

  #restartMeter(): void {
    const { lossSum, correct, seen } = this.#at;
    this.#meter.dispose();
    this.#losses.forget();
    this.#meter = this.#newMeter();
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

  async #finish(last: EpochEnd | undefined, options: FitOptions): Promise<FitResult> {
    const { runFolder, valid, signal } = options;
    const { epoch, epochs, step } = this.#at;
    let measured: Pick<EpochEnd, "evaluation" | "ema"> | undefined = last;
    // The process was ended between the last save and the result.
    if (epoch >= epochs && last === undefined && valid !== undefined) measured = await this.#measured(valid, signal);
    const stopped = epoch < epochs || signal?.aborted === true && measured === undefined;
    const result = resultOf(this.#at, { measured, stopped });
    if (runFolder !== undefined) {
      await runFolder.event(stopped ? "stopped" : "fitEnd", { step });
      // What could not be saved on the way must be now: nothing comes after it.
      if (stopped || this.#unsaved) await runFolder.save(await this.state());
      this.#unsaved = false;
      if (!stopped) await runFolder.result({ ...result });
    }
    await this.#listeners.emit("fitEnd", result);
    return result;
  }

  /** One epoch, or the rest of one; undefined where the signal stopped it. */
  async #epoch(train: Batches, options: FitOptions): Promise<EpochEnd | undefined> {
    const { epochs, valid, signal, runFolder } = options;
    this.#unsaved = true;
    const epoch = this.#at.epoch + 1;
    await this.#listeners.emit("epochBegin", {
      epoch,
      epochs,
      done: this.#at.batch * train.config.batchSize,
      samples: train.samples,
    });
    await this.#steps(train, options);
    if (this.#at.batch < train.length) return undefined;
    const measured = await this.#measured(valid, signal);
    if (measured === undefined) return undefined;
    const { evaluation } = measured;
    if (evaluation !== null) await this.#listeners.emit("evaluateEnd", { ...evaluation, epoch });
    const [trainLoss, trainTop1] = [this.#meter.mean(0)!, this.#meter.mean(1)!];
    // From the schedule: a run that goes on at an epoch's edge has set no rate yet.
    const lr = this.#schedule.over(train.length * epochs)(this.#at.step - 1);
    const speed = speedOf(this.#at.epochSeconds, this.#meter.samples);
    const end: EpochEnd = { epoch, epochs, lr, trainLoss, trainTop1, ...measured, ...speed };
    const begun = { batch: 0, lossSum: 0, correct: 0, seen: 0, epochSeconds: 0 };
    Object.assign(this.#at, { ...begun, epoch, trainLoss, trainTop1 });
    this.#restartMeter();
    if (runFolder !== undefined) {
      await runFolder.metrics(metricsRow(end));
      await runFolder.event("epochEnd", { ...end });
      await this.#save(runFolder);
    }
    await this.#listeners.emit("epochEnd", end);
    return end;
  }

  /** Saves the state, or leaves that to the next time. */
  async #save(runFolder: RunFolder): Promise<void> {
    const state = await this.state();
    await this.#tellLosses(runFolder);
    if (await runFolder.trySave(state)) this.#unsaved = false;
    this.#savedAt = performance.now();
  }

  async #tellLosses(runFolder: RunFolder | undefined): Promise<void> {
    const losses = this.#losses.take();
    if (losses.length === 0) return;
    await runFolder?.steps(losses.map((loss) => ({ ...loss })));
    await this.#listeners.emit("losses", losses);
  }

  /** Undefined where the signal stopped it. */
  async #measured(
    valid: Batches | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Pick<EpochEnd, "evaluation" | "ema"> | undefined> {
    if (valid === undefined) return { evaluation: null, ema: null };
    const epochs = this.#at.epochs;
    const epoch = Math.min(this.#at.epoch + 1, epochs);
    const onProgress = (done: number): Promise<void> =>
      this.#listeners.emit("evaluateBatch", { epoch, epochs, done, samples: valid.samples });
    const how = { signal, onProgress, dtype: this.#dtype };
    const measure = (): Promise<Evaluation> => evaluate(this.model, valid.at({ epoch: 0 }), how);
    try {
      const evaluation = await measure();
      return { evaluation, ema: await this.ema?.during(measure) ?? null };
    } catch (error) {
      if (signal?.aborted && error === signal.reason) return undefined;
      throw error;
    }
  }

  async #steps(train: Batches, { signal, runFolder, saveEvery = 600 }: FitOptions): Promise<void> {
    const at = this.#at;
    const rate = this.#schedule.over(train.length * at.epochs);
    const backpressure = new Backpressure(this.#device);
    using kept = new StepsInFlight();
    let started = performance.now();
    const lap = (): void => {
      const now = performance.now();
      at.trainSeconds += (now - started) / 1000;
      at.epochSeconds += (now - started) / 1000;
      started = now;
    };
    try {
      for await (const batch of train.at({ epoch: at.firstEpoch + at.epoch, batch: at.batch })) {
        const lr = rate(at.step);
        const values = await this.#enqueue(batch, lr, kept);
        await this.#meter.add(values, batch.index.length);
        await this.#tellLosses(runFolder);
        await backpressure.step();
        kept.trim();
        await this.#listeners.emit("batchEnd", this.#batchEnd(train, lr));
        if (signal?.aborted) break;
        if (runFolder === undefined || performance.now() - this.#savedAt < saveEvery * 1000) continue;
        lap();
        await this.#save(runFolder);
        started = performance.now();
      }
      await backpressure.drain();
      await this.#meter.flush();
      await this.#tellLosses(runFolder);
    } catch (error) {
      const explained = await this.#explained(error, kept);
      await this.#tellLosses(runFolder);
      throw explained;
    } finally {
      lap();
      Object.assign(at, this.#sums());
    }
  }

  #batchEnd(train: Batches, lr: number): BatchEnd {
    const { epoch, epochs, step, batch } = this.#at;
    const done = Math.min(batch * train.config.batchSize, train.samples);
    const [loss, top1] = [this.#meter.mean(0), this.#meter.mean(1)];
    return { epoch: epoch + 1, epochs, step, lr, done, samples: train.samples, loss, top1 };
  }

  /** Enqueues the step of a batch and counts it. */
  async #enqueue(batch: Batch, lr: number, kept: StepsInFlight): Promise<Tensor> {
    const { images, labels, index } = batch;
    const at = this.#at;
    const before = { batch: at.batch, step: at.step, images: at.images };
    this.optimizer.lr = lr;
    const values = await this.#step.enqueue(images, labels);
    kept.add(batch, { ticket: this.#device.queue.enqueued(), before, measured: this.#meter.batches });
    at.batch++;
    at.step++;
    at.images += index.length;
    at.optimizerSteps = this.optimizer.steps;
    this.#losses.note({ step: at.step, epoch: at.epoch + 1, lr });
    return values;
  }

  /**
   * The error to throw instead of one. After a late error, which may hide behind another, the device goes on, the counters
   * go back to before the step that failed, and that is run again to see where.
   */
  async #explained(error: unknown, kept: StepsInFlight): Promise<unknown> {
    const late = error instanceof LateError ? error : await lateError(this.#device);
    if (late === undefined) return error;
    await this.#device.recover();
    this.#at.optimizerSteps = this.optimizer.steps;
    const failed = kept.of(late.record);
    await this.#meter.rewind(failed?.measured ?? this.#meter.batches);
    this.#losses.forget();
    if (failed === undefined) return error;
    const { before, images, labels, index } = failed;
    Object.assign(this.#at, before);
    if (error !== late) return error;
    const where = await firstNonFinite(this.model, images, {
      loss: (images) => this.#step.lossOf(images, labels).loss,
    });
    if (where === undefined) return error;
    return new NonFiniteError({ epoch: this.#at.epoch + 1, step: before.step + 1, index, where }, { cause: error });
  }
}
