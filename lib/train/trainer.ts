/** The training loop. */
import { requireState } from "./check_state.ts";
import {
  checkTensors,
  type Counters,
  readTensors,
  startingCounters,
  type State,
  writeTensors,
} from "../checkpoint/state.ts";
import { type BatchSource, passOver, requireBatches } from "../data/batch_source.ts";
import { firstNonFiniteOf } from "../checkpoint/finite.ts";
import { isFloat } from "../ffi/codes.ts";
import { StateError } from "../ffi/errors.ts";
import type { Loss } from "../nn/losses.ts";
import type { Metrics } from "../nn/metrics.ts";
import type { Module } from "../nn/module.ts";
import { requireClipNorm } from "../optim/clip.ts";
import { Ema } from "../optim/ema.ts";
import type { BoundOptimizer } from "../optim/optimizer.ts";
import type { RunFolder } from "../run/run_folder.ts";
import type { Device } from "../tensor/device.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Tensors } from "../tensor/tensors.ts";
import { boundTo } from "./bound_to.ts";
import { NonFiniteError, whereOf } from "./diagnose.ts";
import { EpochSteps, type Position } from "./epoch_steps.ts";
import { EpochSums } from "./epoch_sums.ts";
import { evaluate, type Evaluation, NonFiniteLossError } from "./evaluate.ts";
import { type EpochEnd, type FitResult, type Listener, Listeners, type TrainerEvents } from "./events.ts";
import { columnsOf, requireMetrics } from "./measures.ts";
import { during } from "./memory_stage.ts";
import { failureOf, metricsRow, resultOf, speedOf } from "./result.ts";
import { startingPoint } from "./start.ts";
import { TrainingStep } from "./step.ts";
import { requireRates, type TriedRates, tryRates, type TryRatesOptions } from "./try_rates.ts";
import {
  type FitOptions,
  lossOf,
  requireAccumulate,
  requireFitOptions,
  requireRules,
  requireTrainerOptions,
  type TrainerConfig,
  trainerConfig,
  type TrainerOptions,
} from "./trainer_options.ts";

/**
 * Trains a model, by cross entropy unless another loss is given.
 *
 * Losses stay on the device and are read some steps late, at most two steps are in flight, and the event loop stays free.
 * From the third step on, steps are recorded and replayed ({@linkcode capture}): what JavaScript draws, counts or decides in
 * a model, loss or transform would freeze there. Random numbers are drawn by `nn.Dropout`, `nn.StochasticDepth` or an
 * `nn.RandomCounter`; steps that are seen to differ run op by op, with one warning, and `capture: false` has all run so.
 * A loss or gradient that is not finite changes no weight and rejects with a {@linkcode NonFiniteError}; another op that
 * fails as it runs, with its {@linkcode LateError}. In both cases counters, weights and optimizer state are those before
 * the step, and device and trainer can go on. A measured loss that is not finite rejects with a NonFiniteError too.
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
export class Trainer<In extends Tensors = Tensor, Out extends Tensors = Tensor, Targets extends Tensors = Tensor> {
  /** The model that it trains. */
  readonly model: Module<In, Out>;
  /** The optimizer with its state. */
  readonly optimizer: BoundOptimizer;
  /** The average of the weights, where there is one. */
  readonly ema: Ema | undefined;
  /** How it trains, as a run's configuration keeps it. */
  readonly config: TrainerConfig;
  readonly #device: Device;
  readonly #options: TrainerOptions<In, Out, Targets>;
  readonly #loss: Loss<In, Out, Targets>;
  readonly #metrics: Metrics<In, Out, Targets>;
  readonly #accumulate: number;
  readonly #listeners = new Listeners();
  readonly #step: TrainingStep<In, Out, Targets>;
  readonly #steps: EpochSteps<In, Out, Targets>;
  #at: Position = { ...startingCounters };
  readonly #sums = new EpochSums();
  #fitting = false;
  #savedAt = 0;
  /** Whether something has happened since the state was saved. */
  #unsaved = false;
  /** What was not finite before the training, a mask of -Infinity say, and may stay so. */
  #neverFinite: ReadonlySet<string> = new Set();

  /** Binds the optimizer to the model, and makes its state. */
  constructor(model: Module<In, Out>, options: TrainerOptions<In, Out, Targets>) {
    requireTrainerOptions(options);
    const { schedule, clipNorm, accumulate = 1, seed, metrics = {} } = options;
    requireRules(options);
    this.#loss = lossOf(options);
    requireMetrics("Trainer", metrics);
    if (clipNorm !== undefined) requireClipNorm("Trainer", "clipNorm", clipNorm);
    this.#metrics = metrics;
    this.#accumulate = requireAccumulate(accumulate);
    this.#options = options;
    this.model = model;
    const { optimizer, ema } = boundTo(model, options);
    this.optimizer = optimizer;
    this.ema = ema;
    this.config = trainerConfig(options);
    this.#device = model.namedParameters().values().next().value!.device;
    this.#step = new TrainingStep({
      model,
      optimizer,
      loss: this.#loss,
      metrics,
      transformBatch: options.transformBatch,
      clipNorm,
      ema,
      capture: options.capture ?? true,
      dtype: options.dtype,
    });
    this.#steps = new EpochSteps({
      model,
      optimizer,
      step: this.#step,
      schedule,
      sums: this.#sums,
      listeners: this.#listeners,
      device: this.#device,
      accumulate: this.#accumulate,
      seed,
      metrics: Object.keys(metrics),
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

  /** The whole state as it is now: await it before the next step. */
  async state(): Promise<State> {
    await this.#sums.flush();
    const counters = { ...this.#at, ...this.#sums.sums() };
    const tensors = await readTensors(this);
    // After the reads: what was enqueued is done, and chosen.
    return { tensors, counters: { ...counters, plan: this.#device.plan() || null } };
  }

  /** Takes a state over: the next `fit()` goes on from there. Nothing is changed where it does not fit. */
  load(state: State): void {
    if (this.#fitting) {
      throw new StateError("load(): Cannot load a state while fit() runs: stop it by its signal first");
    }
    requireState(state);
    checkTensors(state.tensors, this);
    // What may still fail comes first: a state is taken over whole or not at all.
    if (state.counters.plan !== null) this.#device.usePlan(state.counters.plan);
    writeTensors(state.tensors, this);
    this.#at = { ...state.counters };
    this.optimizer.resumeAt(state.counters.optimizerSteps);
    this.#sums.restart(this.#at);
  }

  /**
   * Trains for some epochs and measures after each.
   *
   * A training that was stopped, or whose state was loaded, goes on where it was, and must be given the same epochs and
   * batches: a data set's, an array, or an iterable with at({ epoch, batch }); another iterable is refused then, as it could
   * give others. Steps are not cut: it stops, and is saved, between two of them. Once it is over, the next `fit()` begins a
   * new one with the weights as they are.
   */
  async fit(train: BatchSource<In, Targets>, options: FitOptions<In, Targets>): Promise<FitResult> {
    if (this.#fitting) {
      throw new StateError("fit(): Expected one training at a time, got a second call: await the first");
    }
    requireBatches("fit", "train", train);
    requireFitOptions(options);
    if (options.valid !== undefined) requireBatches("fit", "valid", options.valid);
    const metrics = Object.keys(this.#metrics);
    const at = startingPoint(this.#at, train, { ...options, accumulate: this.#accumulate, metrics });
    if (at !== this.#at) {
      this.#at = { ...at };
      this.#sums.restart(this.#at);
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

  /**
   * Takes a step at each of some learning rates, whatever the schedule says, and puts everything back as it was, bit for bit:
   * weights, buffers with their random counters, the optimizer's state, the average. It goes through the batches that a
   * training would have next, from the beginning of an epoch, as often as need be. A step whose loss or gradient is not finite
   * ends it. `study.lrFind` looks for a rate by it.
   *
   * @example
   * ```ts
   * import { data, models, optim, Trainer } from "@libtrain/libtrain";
   *
   * const { train } = await data.mnist({ limit: 256 });
   * using model = models.mnistNet({ seed: 0 });
   * using trainer = new Trainer(model, { optimizer: optim.sgd(), schedule: optim.cosine({ lr: 0.1 }) });
   * const { losses } = await trainer.tryRates(train.batches(64, { seed: 0 }), [0.001, 0.01, 0.1]);
   * console.log(losses.length, trainer.optimizer.steps); // 3 0
   * ```
   */
  async tryRates(
    train: BatchSource<In, Targets>,
    rates: readonly number[],
    options: TryRatesOptions = {},
  ): Promise<TriedRates> {
    requireBatches("tryRates", "train", train);
    requireRates(rates, options);
    if (this.#fitting) {
      throw new StateError("tryRates(): Expected no training beside it, got one under way: await it first");
    }
    this.#fitting = true;
    try {
      const epoch = this.#at.firstEpoch + this.#at.epoch;
      const parts = { model: this.model, optimizer: this.optimizer, ema: this.ema, step: this.#step };
      const begin = this.#steps.begin.bind(this.#steps);
      const how = { device: this.#device, accumulate: this.#accumulate, epoch, begin };
      return await tryRates({ ...parts, ...how }, train, rates, options);
    } finally {
      this.#fitting = false;
    }
  }

  /** Disposes of the optimizer's state, the average and the recorded step; the model stays. */
  dispose(): void {
    this.#step.dispose();
    this.ema?.dispose();
    this.#sums.dispose();
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

  async #fit(train: BatchSource<In, Targets>, options: FitOptions<In, Targets>): Promise<FitResult> {
    const { epochs, runFolder, signal } = options;
    if (!this.model.training) this.model.train();
    const metrics = Object.keys(this.#metrics);
    await this.#listeners.emit("fitBegin", {
      epochs,
      batches: train.length,
      accumulate: this.#accumulate,
      clipNorm: this.#options.clipNorm ?? null,
      metrics,
      samples: train.samples ?? null,
      step: this.#at.step,
    });
    if (runFolder !== undefined) this.#neverFinite = await this.#brokenBuffers();
    // A state that was saved has the sums of rows as they were.
    if (await runFolder?.nameMetrics(columnsOf(metrics)) && this.#at.step > 0) await this.#save(runFolder!);
    await runFolder?.event("fitBegin", { epochs, step: this.#at.step });
    try {
      let end: EpochEnd | undefined;
      while (this.#at.epoch < epochs && !signal?.aborted) {
        const ended = await this.#epoch(train, options);
        if (ended === undefined) break;
        end = ended;
      }
      return await this.#finish(end, options);
    } catch (error) {
      await runFolder?.event(...failureOf(error));
      throw error;
    }
  }

  async #finish(last: EpochEnd | undefined, options: FitOptions<In, Targets>): Promise<FitResult> {
    const { runFolder, valid, signal } = options;
    const { epoch, epochs, step } = this.#at;
    let measured: Pick<EpochEnd, "evaluation" | "ema"> | undefined = last;
    // The process was ended between the last save and the result.
    if (epoch >= epochs && last === undefined && valid !== undefined) measured = await this.#measured(options);
    const stopped = epoch < epochs || signal?.aborted === true && measured === undefined;
    const result = resultOf(this.#at, { measured, stopped });
    if (runFolder !== undefined) {
      await runFolder.event(stopped ? "stopped" : "fitEnd", { step });
      // What could not be saved on the way must be now: nothing comes after it.
      if (stopped || this.#unsaved) {
        await runFolder.save(await this.#finiteState(runFolder));
        await this.#listeners.emit("saved", { epoch, step });
      }
      this.#unsaved = false;
      if (!stopped) await runFolder.result({ ...result });
    }
    await this.#listeners.emit("fitEnd", result);
    return result;
  }

  /** One epoch, or the rest of one; undefined where the signal stopped it. */
  async #epoch(train: BatchSource<In, Targets>, options: FitOptions<In, Targets>): Promise<EpochEnd | undefined> {
    const { epochs, signal, runFolder, saveEvery = 600 } = options;
    this.#unsaved = true;
    const epoch = this.#at.epoch + 1;
    await this.#listeners.emit("epochBegin", { epoch, epochs, done: this.#at.seen, samples: train.samples ?? null });
    const saveIfDue = async (lap: () => void): Promise<boolean> => {
      if (runFolder === undefined || performance.now() - this.#savedAt < saveEvery * 1000) return false;
      lap();
      await this.#save(runFolder);
      return true;
    };
    const savedStep = (): number | null => runFolder?.savedStep ?? null;
    await this.#steps.run({ at: this.#at, train, signal, runFolder, savedStep, saveIfDue });
    if (this.#at.batch < train.length) return undefined;
    const measured = await this.#measured(options);
    if (measured === undefined) return undefined;
    const { evaluation } = measured;
    if (evaluation !== null) await this.#listeners.emit("evaluateEnd", { ...evaluation, epoch });
    const [trainLoss, trainTop1] = [this.#sums.mean("loss")!, this.#sums.mean("correct")];
    const trainMetrics = this.#sums.metrics(Object.keys(this.#metrics));
    // From the schedule: a run that goes on at an epoch's edge has set no rate yet.
    const lr = this.#steps.rates(train, epochs)(this.#at.step - 1);
    const speed = speedOf(this.#at.epochSeconds, this.#sums.samples);
    const end: EpochEnd = { epoch, epochs, lr, trainLoss, trainTop1, trainMetrics, ...measured, ...speed };
    const begun = { batch: 0, lossSum: 0, correct: 0, seen: 0, metricSums: undefined, epochSeconds: 0 };
    const own = Object.keys(trainMetrics).length === 0 ? {} : { trainMetrics };
    Object.assign(this.#at, { ...begun, epoch, trainLoss, trainTop1, ...own });
    this.#sums.restart(this.#at);
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
    const state = await this.#finiteState(runFolder);
    await this.#steps.tellLosses(runFolder);
    const saved = await runFolder.trySave(state);
    if (saved) this.#unsaved = false;
    this.#savedAt = performance.now();
    const { epoch, step } = this.#at;
    if (saved) await this.#listeners.emit("saved", { epoch, step });
  }

  /** The state, to be saved: what is not finite must not take the place of what is. */
  async #finiteState(runFolder: RunFolder): Promise<State> {
    const state = await during("save", () => this.state());
    const found = firstNonFiniteOf(state.tensors, this.#neverFinite);
    if (found === undefined) return state;
    const { epoch, batch, step } = this.#at;
    const at = { epoch: batch === 0 ? epoch : epoch + 1, step, index: new Int32Array(0), where: whereOf(found.name) };
    throw new NonFiniteError({ ...at, weights: { savedAt: runFolder.savedStep } });
  }

  /** Buffers that are not finite as a training begins, by their names in a state, averages of them too. */
  async #brokenBuffers(): Promise<ReadonlySet<string>> {
    const floats = [...this.model.namedBuffers()].filter(([, { dtype }]) => isFloat(dtype));
    const values = await Promise.all(floats.map(([, buffer]) => buffer.data()));
    const broken = floats.filter((_, at) => !values[at]!.every((value) => Number.isFinite(value)));
    return new Set(broken.flatMap(([path]) => [`model.${path}`, `ema.model.${path}`]));
  }

  /** Undefined where the signal stopped it. */
  async #measured(
    { valid, signal, runFolder }: Pick<FitOptions<In, Targets>, "valid" | "signal" | "runFolder">,
  ): Promise<Pick<EpochEnd, "evaluation" | "ema"> | undefined> {
    if (valid === undefined) return { evaluation: null, ema: null };
    const epochs = this.#at.epochs;
    const epoch = Math.min(this.#at.epoch + 1, epochs);
    const onProgress = (done: number): Promise<void> =>
      this.#listeners.emit("evaluateBatch", { epoch, epochs, done, samples: valid.samples ?? null });
    const { dtype } = this.#options;
    const how = { loss: this.#loss, metrics: this.#metrics, signal, onProgress, dtype };
    const measure = (): Promise<Evaluation> => evaluate(this.model, passOver(valid, { epoch: 0, batch: 0 }), how);
    try {
      return await during("measure", async () => {
        const evaluation = await measure();
        return { evaluation, ema: await this.ema?.during(measure) ?? null };
      });
    } catch (error) {
      if (signal?.aborted && error === signal.reason) return undefined;
      if (!(error instanceof NonFiniteLossError)) throw error;
      // As a step whose loss is not finite, which this epoch had none left for.
      const { step } = this.#at;
      const found = firstNonFiniteOf((await this.state()).tensors, this.#neverFinite);
      const where = found === undefined ? "the loss of the images to measure with" : whereOf(found.name);
      const weights = { savedAt: runFolder?.savedStep ?? null, measured: found === undefined };
      throw new NonFiniteError({ epoch, step, index: new Int32Array(0), where, weights }, { cause: error });
    }
  }
}
