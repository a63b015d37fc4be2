/** Initial weights. */
import { requireNumber } from "../tensor/ops/checks.ts";
import { rand, randn, zeros } from "../tensor/create.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { placeOf, requireLayerOptions } from "./known_options.ts";
import type { ModuleOptions } from "./module.ts";

/** How weights are drawn. */
export interface InitOptions {
  /** The draws follow from it; by default others each time. */
  seed?: number;
}

/**
 * How layers get their initial weights: {@linkcode UniformInit}, {@linkcode KaimingInit}, or a class of one's own.
 *
 * Each draw under one seed has a stream of its own, so that a model's weights follow from its seed and the order of its layers.
 */
export abstract class Init {
  /** What every draw follows from; undefined for another each time. */
  readonly seed: number | undefined;
  #stream = 0;
  #counters = 0;

  /** Draws from a seed, or from new streams where none is given. */
  constructor(options: InitOptions = {}) {
    requireLayerOptions("Init", options, { known: ["seed"], example: "new UniformInit({ seed: 0 })" });
    this.seed = options.seed;
  }

  /** The weight of a layer that sums over `fanIn` inputs. */
  abstract weight(shape: readonly number[], fanIn: number, options: ModuleOptions): Tensor;

  /** The bias of such a layer. */
  abstract bias(shape: readonly number[], fanIn: number, options: ModuleOptions): Tensor;

  /** Normal numbers of mean 0 and standard deviation `std`, by default 1. */
  normal(shape: readonly number[], options: ModuleOptions & { std?: number }): Tensor {
    const place = placeOf(options);
    return randn(shape, { ...place, mean: 0, std: options.std ?? 1, ...this.#nextKey() });
  }

  /** Normal numbers of standard deviation √(2 / fanIn) (He 2015). */
  kaimingNormal(shape: readonly number[], fanIn: number, options: ModuleOptions): Tensor {
    requireFanIn("kaimingNormal", fanIn);
    const std = Math.sqrt(2 / fanIn);
    const place = placeOf(options);
    return fanIn === 0 ? this.#empty(shape, place) : this.normal(shape, { ...place, std });
  }

  /** Uniform numbers from -1/√fanIn to 1/√fanIn. */
  fanInUniform(shape: readonly number[], fanIn: number, options: ModuleOptions): Tensor {
    requireFanIn("fanInUniform", fanIn);
    const high = 1 / Math.sqrt(fanIn);
    if (fanIn === 0) return this.#empty(shape, options);
    return rand(shape, { ...placeOf(options), ...this.#nextKey(), low: -high, high });
  }

  /** @internal The key of the next counter of random numbers: numbered by itself, so that weights do not depend on it. */
  counterKey(): { seed?: number; stream?: number } {
    return this.seed === undefined ? {} : { seed: this.seed, stream: this.#counters++ };
  }

  /** Takes a stream as a draw does, so that the layers after it are the same. */
  #empty(shape: readonly number[], options: ModuleOptions): Tensor {
    this.#nextKey();
    return zeros(shape, placeOf(options));
  }

  #nextKey(): { seed?: number; stream?: number } {
    return this.seed === undefined ? {} : { seed: this.seed, stream: this.#stream++ };
  }
}

/** Throws where a layer cannot sum over so many inputs. */
function requireFanIn(op: string, fanIn: number): void {
  requireNumber(op, "fanIn", fanIn, { fits: (count) => count >= 0 && count < Infinity, wanted: "from 0" });
}

/** PyTorch's: weight and bias uniform from -1/√fanIn to 1/√fanIn; what a single layer starts with. */
export class UniformInit extends Init {
  /** The weight. */
  override weight(shape: readonly number[], fanIn: number, options: ModuleOptions): Tensor {
    return this.fanInUniform(shape, fanIn, options);
  }

  /** The bias. */
  override bias(shape: readonly number[], fanIn: number, options: ModuleOptions): Tensor {
    return this.fanInUniform(shape, fanIn, options);
  }
}

/** fastai's for its xresnets: weights normal of standard deviation √(2 / fanIn) (He 2015), biases 0. */
export class KaimingInit extends Init {
  /** The weight. */
  override weight(shape: readonly number[], fanIn: number, options: ModuleOptions): Tensor {
    return this.kaimingNormal(shape, fanIn, options);
  }

  /** The bias. */
  override bias(shape: readonly number[], fanIn: number, options: ModuleOptions): Tensor {
    requireFanIn("bias", fanIn);
    return zeros(shape, placeOf(options));
  }
}
