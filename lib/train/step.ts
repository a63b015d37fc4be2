import type { SampleBatch } from "../data/batch_source.ts";
import { type BatchTransform, transformed } from "../data/transform.ts";
import type { FloatName } from "../ffi/codes.ts";
import { isCrossEntropy, type Loss, type LossBatch } from "../nn/losses.ts";
import type { Metrics } from "../nn/metrics.ts";
import type { Module } from "../nn/module.ts";
import { clipGradNorm } from "../optim/clip.ts";
import type { Ema } from "../optim/ema.ts";
import type { BoundOptimizer } from "../optim/optimizer.ts";
import { turn } from "../tensor/backpressure.ts";
import { capture, type Captured, guard } from "../tensor/capture.ts";
import { full, tensor } from "../tensor/create.ts";
import type { Device } from "../tensor/device.ts";
import { noGrad } from "../tensor/graph.ts";
import { scope, scopeAndMade } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { leavesOf, type Tensors } from "../tensor/tensors.ts";
import { BuffersBefore } from "./buffers_before.ts";
import { classesOf, counts, lossValue, type Measures, measuresOf, packed } from "./measures.ts";
import { countTop1 } from "./metrics.ts";
import { logitsOf } from "./precision.ts";

/** What a step works on, and how. */
export interface StepOptions<In extends Tensors, Out extends Tensors, Targets extends Tensors> {
  readonly model: Module<In, Out>;
  readonly optimizer: BoundOptimizer;
  readonly loss: Loss<In, Out, Targets>;
  /** What is measured beside it. */
  readonly metrics: Metrics<In, Out, Targets>;
  /** Changes the batch first, where it is given. */
  readonly transformBatch: BatchTransform<In, Targets> | undefined;
  /** The largest norm of all gradients together; undefined for any. */
  readonly clipNorm: number | undefined;
  /** Takes the new weights in, where there is an average. */
  readonly ema: Ema | undefined;
  /** Whether it is recorded once and then replayed. */
  readonly capture: boolean;
  /** What the model computes in; undefined for what the inputs come in. */
  readonly dtype: FloatName | undefined;
}

/** What random draws of an epoch follow from. */
export interface Draws {
  readonly seed: number;
  /** From 0. */
  readonly epoch: number;
  /** How many classes there are, where that is known. */
  readonly classes: number | undefined;
}

/** A batch as the step takes it: `targets` and `index` where there is something to do with them. */
type StepBatch<In extends Tensors, Targets extends Tensors> = {
  readonly inputs: In;
  readonly targets?: Targets;
  readonly index?: Tensor;
};

/** What came of a batch's forward. */
interface Forward<In extends Tensors, Out extends Tensors, Targets extends Tensors> {
  readonly output: Out;
  readonly loss: Tensor;
  readonly batch: LossBatch<In, Targets>;
}

/** A step that is enqueued. */
export interface Enqueued {
  /** The values of {@linkcode TrainingStep.names}, f32, which belong to the caller. */
  readonly values: Tensor;
  /** The model's buffers before it, where its ops were enqueued one by one; the caller disposes of them. */
  readonly before: BuffersBefore | undefined;
}

/** One step of training: forward, loss and backward of one batch or of several, new weights. */
export class TrainingStep<In extends Tensors, Out extends Tensors, Targets extends Tensors> {
  readonly #options: StepOptions<In, Out, Targets>;
  #captured: Captured<StepBatch<In, Targets>[], Tensor> | undefined;
  /** Whether something of the script may ask for the samples' numbers. */
  readonly #usesIndex: boolean;
  #draws: Draws = { seed: 0, epoch: 0, classes: undefined };
  /** The epoch on the device, i32 [], where a transform may draw by it. */
  #epoch: Tensor | undefined;
  #names: readonly string[] = [];
  #warm = false;

  constructor(options: StepOptions<In, Out, Targets>) {
    this.#options = options;
    const { loss, metrics, transformBatch } = options;
    this.#usesIndex = transformBatch !== undefined || !isCrossEntropy(loss) || Object.keys(metrics).length > 0;
    this.#captured = this.#uncaptured();
  }

  /** Nothing is recorded in it yet; undefined where nothing is to be. */
  #uncaptured(): Captured<StepBatch<In, Targets>[], Tensor> | undefined {
    return this.#options.capture ? capture((...batches) => this.#whole(batches)) : undefined;
  }

  /** The names of the values that `enqueue` gives: `loss`, `correct` where the targets are classes, and the metrics. */
  get names(): readonly string[] {
    return this.#names;
  }

  /** What the draws of the steps from here on follow from. */
  begin(draws: Draws, device: Device): void {
    this.#draws = draws;
    if (this.#options.transformBatch === undefined) return;
    this.#epoch ??= scope(() => full([], draws.epoch, { dtype: "i32", device })).detachFromScope().claimed();
    this.#epoch.fill(draws.epoch);
  }

  /**
   * Enqueues the step of some batches, whose loss is the mean over all of their samples. Where it throws, buffers, weights and
   * optimizer state on the device are those before it.
   */
  async enqueue(batches: readonly SampleBatch<In, Targets>[]): Promise<Enqueued> {
    const given = batches.map((batch) => this.#given(batch));
    let before: BuffersBefore | undefined;
    try {
      // A replay asks for all of its memory before anything is enqueued.
      if (!this.#warm || !this.#captured?.replays(...given)) before = new BuffersBefore(this.#options.model);
      return { values: await this.#run(given), before };
    } catch (error) {
      // What a batch before the error has left would be part of the next step's gradient.
      this.#options.optimizer.discard();
      before?.restore();
      throw error;
    } finally {
      for (const { index } of given) index?.dispose();
    }
  }

  async #run(given: readonly StepBatch<In, Targets>[]): Promise<Tensor> {
    if (!this.#warm) {
      this.#warm = true;
      return await this.#inPieces(given);
    }
    return this.#captured?.(...given) ?? scope(() => this.#whole(given));
  }

  /** The loss that is trained on, of one batch: to see where it goes wrong. */
  lossOf(batch: SampleBatch<In, Targets>): Tensor {
    const given = this.#given(batch);
    try {
      return this.#forward(given).loss;
    } finally {
      given.index?.dispose();
    }
  }

  /** As if there had been no step yet: the next one is the first, and is not a replay. */
  forget(): void {
    this.#captured?.dispose();
    this.#captured = this.#uncaptured();
    this.#warm = false;
  }

  /** Lets go of what was recorded. */
  dispose(): void {
    this.#captured?.dispose();
    this.#epoch?.dispose();
  }

  #given({ inputs, targets, index }: SampleBatch<In, Targets>): StepBatch<In, Targets> {
    const { device } = leavesOf(inputs)[0]!;
    return {
      inputs,
      ...(targets === undefined ? {} : { targets }),
      ...(this.#usesIndex
        ? { index: scope(() => tensor(Int32Array.from(index), undefined, { device })).detachFromScope().claimed() }
        : {}),
    };
  }

  #forward({ inputs, targets, index }: StepBatch<In, Targets>): Forward<In, Out, Targets> {
    const { model, loss, dtype } = this.#options;
    // A batch without targets is for a loss that asks for none.
    const parts = this.#changed({ inputs, targets: targets as Targets }, index);
    const batch = { ...parts, images: parts.inputs, labels: parts.targets, ...(index && { index }) };
    const output = logitsOf(model, batch.inputs, dtype);
    return { output, loss: lossValue("Trainer", loss, output, batch), batch };
  }

  #changed(
    parts: Pick<LossBatch<In, Targets>, "inputs" | "targets">,
    index: Tensor | undefined,
  ): Pick<LossBatch<In, Targets>, "inputs" | "targets"> {
    const { transformBatch } = this.#options;
    if (transformBatch === undefined) return parts;
    const { seed, classes } = this.#draws;
    guard(() => this.#draws.seed === seed && this.#draws.classes === classes);
    return noGrad(() => transformed(parts, transformBatch, { seed, classes, epoch: this.#epoch!, index: index! }));
  }

  #whole(batches: readonly StepBatch<In, Targets>[]): Tensor {
    const shares = sharesOf(batches);
    // One at a time: what a batch leaves behind is gone before the next.
    const values = batches.map((batch, place) =>
      scope(() => {
        const made = this.#forward(batch);
        backwardOf(made.loss, shares[place]!);
        return this.#values(made, shares[place]!);
      })
    );
    return this.#update(values);
  }

  /** The first step: no code is compiled yet, and enqueuing it in one go would block the event loop for long. */
  async #inPieces(batches: readonly StepBatch<In, Targets>[]): Promise<Tensor> {
    const shares = sharesOf(batches);
    const values: Tensor[] = [];
    let together: Tensor | undefined;
    try {
      for (const [place, batch] of batches.entries()) {
        const { result, made } = scopeAndMade<Forward<In, Out, Targets>>(() => this.#forward(batch) as never);
        try {
          await turn();
          scope(() => backwardOf(result.loss, shares[place]!));
          await turn();
          values.push(scope(() => this.#values(result, shares[place]!)));
        } finally {
          for (const value of made) value.dispose();
        }
      }
      together = scope(() => this.#update(values));
      return together;
    } finally {
      // The sum of one is that one.
      for (const value of values) if (value !== together) value.dispose();
    }
  }

  /** The values of a batch, means times the batch's share of the step's samples. */
  #values({ output, loss, batch }: Forward<In, Out, Targets>, share: number): Tensor {
    const { metrics } = this.#options;
    return noGrad(() => {
      const classes = classesOf(output, batch.targets, isCrossEntropy(this.#options.loss));
      const all: Measures = [
        ["loss", loss],
        ...(classes === undefined ? [] : [["correct", countTop1(output as Tensor, classes)] as const]),
        ...measuresOf(metrics, output, batch),
      ];
      this.#names = all.map(([name]) => name);
      if (share === 1) return packed(all);
      return packed(all.map(([name, value]) => [name, counts.has(name) ? value : value.mul(share)]));
    });
  }

  #update(values: readonly Tensor[]): Tensor {
    const { model, optimizer, clipNorm, ema } = this.#options;
    const [first, ...others] = values;
    const together = noGrad(() => others.reduce((sum, value) => sum.add(value), first!));
    if (clipNorm !== undefined) clipGradNorm(model, clipNorm);
    // Some rules are many ops, and memory may run out between two of them.
    together.device.queue.allOrNothing(() => {
      optimizer.step();
      ema?.update();
    });
    return together;
  }
}

/** Each batch's share of the samples. */
function sharesOf(batches: readonly StepBatch<Tensors, Tensors>[]): number[] {
  if (batches.length === 1) return [1];
  const samples = batches.map(({ inputs }) => leavesOf(inputs)[0]!.shape[0] ?? 1);
  const all = samples.reduce((sum, n) => sum + n, 0);
  return samples.map((n) => n / all);
}

/** Adds the gradients of a batch, with its share in the step's. */
function backwardOf(loss: Tensor, share: number): void {
  (share === 1 ? loss : loss.mul(share)).backward();
}
