import { turn } from "../tensor/backpressure.ts";
import type { FloatName } from "../ffi/codes.ts";
import type { BatchTransform } from "../data/registry.ts";
import type { Loss } from "../nn/losses.ts";
import type { AnyModule } from "../nn/module.ts";
import type { BoundOptimizer } from "../optim/optimizer.ts";
import { capture, type Captured } from "../tensor/capture.ts";
import { noGrad } from "../tensor/graph.ts";
import { concat } from "../tensor/ops/shape.ts";
import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Ema } from "../optim/ema.ts";
import { countTop1 } from "./metrics.ts";
import { logitsOf } from "./precision.ts";

/** What a step works on, and how. */
export interface StepOptions {
  readonly model: AnyModule;
  readonly optimizer: BoundOptimizer;
  readonly loss: Loss;
  /** Changes the batch first, where it is given. */
  readonly transformBatch: BatchTransform | undefined;
  /** Takes the new weights in, where there is an average. */
  readonly ema: Ema | undefined;
  /** Whether it is recorded once and then replayed. */
  readonly capture: boolean;
  /** What the model computes in; undefined for what the images come in. */
  readonly dtype: FloatName | undefined;
}

/** One step of training: forward, loss, backward, new weights. */
export class TrainingStep {
  readonly #model: AnyModule;
  readonly #optimizer: BoundOptimizer;
  readonly #loss: Loss;
  readonly #transformBatch: BatchTransform | undefined;
  readonly #ema: Ema | undefined;
  readonly #dtype: FloatName | undefined;
  readonly #captured: Captured<[Tensor, Tensor], Tensor> | undefined;
  #warm = false;

  constructor(options: StepOptions) {
    this.#model = options.model;
    this.#optimizer = options.optimizer;
    this.#loss = options.loss;
    this.#transformBatch = options.transformBatch;
    this.#ema = options.ema;
    this.#dtype = options.dtype;
    if (options.capture) this.#captured = capture((images, labels) => this.#whole(images, labels));
  }

  /** Enqueues the step of a batch; gives its loss and number of correct answers, f32 [2], which belong to the caller. */
  async enqueue(images: Tensor, labels: Tensor): Promise<Tensor> {
    if (!this.#warm) {
      this.#warm = true;
      return await this.#inPieces(images, labels);
    }
    return this.#captured?.(images, labels) ?? scope(() => this.#whole(images, labels));
  }

  /** The model's output for a batch, as it is changed for training, and the loss that is trained on. */
  lossOf(images: Tensor, labels: Tensor): { output: Tensor; loss: Tensor; labels: Tensor } {
    const batch = this.#transformBatch?.({ images, labels }) ?? { images, labels };
    const output = logitsOf(this.#model, batch.images, this.#dtype);
    return { output, loss: this.#loss(output, { labels: batch.labels }), labels: batch.labels };
  }

  /** Lets go of what was recorded. */
  dispose(): void {
    this.#captured?.dispose();
  }

  #whole(images: Tensor, labels: Tensor): Tensor {
    const { output, loss, labels: targets } = this.lossOf(images, labels);
    loss.backward();
    return this.#update(output, loss, targets);
  }

  /** The first step: no code is compiled yet, and enqueuing it in one go would block the event loop for long. */
  async #inPieces(images: Tensor, labels: Tensor): Promise<Tensor> {
    const { output, loss, labels: targets } = scope(() => this.lossOf(images, labels));
    try {
      await turn();
      scope(() => loss.backward());
      await turn();
      return scope(() => this.#update(output, loss, targets));
    } finally {
      output.dispose();
      loss.dispose();
      // The batch's own labels belong to the loader.
      if (targets !== labels) targets.dispose();
    }
  }

  #update(output: Tensor, loss: Tensor, labels: Tensor): Tensor {
    this.#optimizer.step();
    this.#ema?.update();
    return noGrad(() =>
      concat([loss, countTop1(output, labels)].map((value) => value.detach().to("f32").reshape([1])))
    );
  }
}
