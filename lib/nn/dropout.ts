/** Layers of noise: in training mode alone. */
import { dropout, type DropoutOptions, requireShare, stochasticDepth } from "../tensor/ops/dropout.ts";
import { requireTensor } from "../tensor/ops/checks.ts";
import { guard } from "../tensor/recording.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { requireLayerOptions } from "./known_options.ts";
import { Module } from "./module.ts";
import { RandomCounter, type RandomCounterOptions } from "./random_counter.ts";

/** How to make a layer of noise. */
export interface DropoutLayerOptions extends RandomCounterOptions {
  /** The probability with which a value, or a sample, is dropped, 0 to 1; by default 0.5. */
  p?: number;
}

/** What layers of noise share: a counter, a probability, and that nothing happens in evaluation mode. */
export abstract class Noise extends Module {
  /** What the masks follow from: others at each step, the same after a resume. */
  readonly counter: RandomCounter;
  #p = 0.5;

  /** Makes the counter. */
  constructor(options: DropoutLayerOptions = {}) {
    super();
    // What a model hands to all of its layers has a dtype too.
    requireLayerOptions(new.target.name, options, {
      known: ["p", "seed", "stream", "init", "device", "dtype"],
      example: `new ${new.target.name}({ p: 0.5 })`,
    });
    this.p = options.p ?? 0.5;
    const { seed, stream, init, device } = options;
    this.counter = RandomCounter.make({ seed, stream, init, device });
  }

  /** The probability with which something is dropped; a recorded step is recorded anew once it is another. */
  get p(): number {
    const now = this.#p;
    guard(() => this.#p === now);
    return now;
  }

  set p(p: number) {
    requireShare(this.constructor.name, p);
    this.#p = p;
  }

  /** Drops something of x. */
  protected abstract drop(x: Tensor, options: DropoutOptions): Tensor;

  /** The result for one batch; in evaluation mode, and at p = 0, x itself, and nothing is drawn. */
  override forward(x: Tensor): Tensor {
    requireTensor(this.constructor.name, "x", x);
    const { p } = this;
    if (!this.training || p === 0) return x;
    using draw = this.counter.next();
    return this.drop(x, { p, draw });
  }
}

/**
 * Drops values of x of any shape with probability p, and divides the others by 1 - p (Srivastava 2014); in evaluation mode
 * x itself.
 *
 * The masks follow from a counter on the device, which is part of the state: each step has others, eager or replayed, and
 * a resumed training has those of one that was not stopped. With `init`, the layers of a model have masks of their own
 * under the model's seed.
 *
 * @example
 * ```ts
 * import { nn, ones } from "@libtrain/libtrain";
 *
 * using layer = new nn.Dropout({ p: 0.25, seed: 0 });
 * using x = ones([2, 4]);
 * using y = layer.forward(x);
 * console.log(await y.data()); // 0 or 4/3
 * ```
 */
export class Dropout extends Noise {
  /** Makes the counter. */
  constructor(options: DropoutLayerOptions = {}) {
    super(options);
  }

  /** Drops values. */
  protected override drop(x: Tensor, options: DropoutOptions): Tensor {
    return dropout(x, options);
  }
}

/**
 * Drops whole samples of x [n, …] with probability p, and divides the others by 1 - p; in evaluation mode x itself. For a
 * residual branch: `x.add(depth.forward(branch.forward(x)))` leaves a dropped sample to the shortcut (Huang 2016).
 *
 * @example
 * ```ts
 * import { nn, ones } from "@libtrain/libtrain";
 *
 * using layer = new nn.StochasticDepth({ p: 0.2, seed: 0 });
 * using x = ones([3, 2]);
 * using y = layer.forward(x);
 * console.log(await y.data()); // rows of 0 or 1.25
 * ```
 */
export class StochasticDepth extends Noise {
  /** Makes the counter. */
  constructor(options: DropoutLayerOptions = {}) {
    super(options);
  }

  /** Drops samples. */
  protected override drop(x: Tensor, options: DropoutOptions): Tensor {
    return stochasticDepth(x, options);
  }
}
