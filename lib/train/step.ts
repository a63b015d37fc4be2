import { turn } from "../tensor/backpressure.ts";
import type { FloatName } from "../ffi/codes.ts";
import type { Module } from "../nn/module.ts";
import type { BoundOptimizer } from "../optim/optimizer.ts";
import { capture, type Captured } from "../tensor/capture.ts";
import { noGrad } from "../tensor/graph.ts";
import { concat } from "../tensor/ops/shape.ts";
import { crossEntropy } from "../tensor/ops/softmax.ts";
import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Ema } from "../optim/ema.ts";
import { countTop1 } from "./metrics.ts";
import { logitsOf } from "./precision.ts";

/** What a step works on, and how. */
export interface StepOptions {
  readonly model: Module;
  readonly optimizer: BoundOptimizer;
  readonly labelSmoothing: number;
  /** Takes the new weights in, where there is an average. */
  readonly ema: Ema | undefined;
  /** Whether it is recorded once and then replayed. */
  readonly capture: boolean;
  /** What the model computes in; undefined for what the images come in. */
  readonly dtype: FloatName | undefined;
}

/** One step of training: forward, loss, backward, new weights. */
export class TrainingStep {
  readonly #model: Module;
  readonly #optimizer: BoundOptimizer;
  readonly #labelSmoothing: number;
  readonly #ema: Ema | undefined;
  readonly #dtype: FloatName | undefined;
  readonly #captured: Captured<[Tensor, Tensor], Tensor> | undefined;
  #warm = false;

  constructor(options: StepOptions) {
    this.#model = options.model;
    this.#optimizer = options.optimizer;
    this.#labelSmoothing = options.labelSmoothing;
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

  /** The loss that is trained on. */
  loss(logits: Tensor, labels: Tensor): Tensor {
    return crossEntropy(logits, labels, { labelSmoothing: this.#labelSmoothing });
  }

  /** Lets go of what was recorded. */
  dispose(): void {
    this.#captured?.dispose();
  }

  #whole(images: Tensor, labels: Tensor): Tensor {
    const logits = logitsOf(this.#model, images, this.#dtype);
    const loss = this.loss(logits, labels);
    loss.backward();
    return this.#update(logits, loss, labels);
  }

  /** The first step: no code is compiled yet, and enqueuing it in one go would block the event loop for long. */
  async #inPieces(images: Tensor, labels: Tensor): Promise<Tensor> {
    const { logits, loss } = scope(() => {
      const logits = logitsOf(this.#model, images, this.#dtype);
      return { logits, loss: this.loss(logits, labels) };
    });
    try {
      await turn();
      scope(() => loss.backward());
      await turn();
      return scope(() => this.#update(logits, loss, labels));
    } finally {
      logits.dispose();
      loss.dispose();
    }
  }

  #update(logits: Tensor, loss: Tensor, labels: Tensor): Tensor {
    this.#optimizer.step();
    this.#ema?.update();
    return noGrad(() =>
      concat([loss, countTop1(logits, labels)].map((value) => value.detach().to("f32").reshape([1])))
    );
  }
}
