/** Initial weights. */
import { randn, zeros } from "../tensor/create.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { ModuleOptions } from "./module.ts";

/** Draws under one seed, each with a stream of its own, so that a model's weights follow from its seed. */
export class Init {
  /** What every draw follows from; undefined for another each time. */
  readonly seed: number | undefined;
  #stream = 0;

  /** Draws from a seed, or from new streams where none is given. */
  constructor(seed?: number) {
    this.seed = seed;
  }

  /** Normal numbers of standard deviation √(2 / fanIn) (He 2015). */
  kaimingNormal(shape: readonly number[], fanIn: number, options: ModuleOptions): Tensor {
    const key = this.#nextKey();
    return fanIn === 0 ? zeros(shape, options) : randn(shape, { ...options, ...key, std: Math.sqrt(2 / fanIn) });
  }

  /** Normal numbers of mean 0 and standard deviation 1. */
  normal(shape: readonly number[], options: ModuleOptions): Tensor {
    return randn(shape, { ...options, ...this.#nextKey() });
  }

  #nextKey(): { seed?: number; stream?: number } {
    return this.seed === undefined ? {} : { seed: this.seed, stream: this.#stream++ };
  }
}
