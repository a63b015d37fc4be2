/** The counter of a layer's random numbers, on the device. */
import type { FloatName } from "../ffi/codes.ts";
import { aliasTensor } from "../ffi/native.ts";
import { applyOne } from "../tensor/apply.ts";
import { randomKey, tensor } from "../tensor/create.ts";
import type { Device, Recoverable } from "../tensor/device.ts";
import { nextDraw, takeBackDraws } from "../tensor/draws.ts";
import { kindOf, requireNumbers, requireOptionsOf } from "../tensor/ops/checks.ts";
import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Init } from "./init.ts";
import { requireLayerOptions } from "./known_options.ts";
import { Buffer } from "./module.ts";

/** What a counter's random numbers follow from. */
export interface RandomCounterOptions {
  /** The seed, 0 to 2^32 - 1; by default others each time. */
  seed?: number;
  /** A second number that tells counters of one seed apart; by default 0. */
  stream?: number;
  /** In place of both: what the weights of a model are drawn by, which numbers the counters made with it. */
  init?: Init;
  /** Where it is; by default the default device. */
  device?: Device;
}

/**
 * Random numbers of a module, counted on the device: a step draws others each time, also where it is recorded and
 * replayed, and the same again after a resume. What `rand()` and `randn()` draw would freeze in a recording.
 *
 * A module's field: it is part of the state, i32 [4] with seed, stream, draws so far and draws that are kept. An
 * optimizer's step keeps the draws before it; after a late error `device.recover()` takes back what was drawn since, so
 * that a step that is tried again draws the same. Files of weights leave it out.
 *
 * @example
 * ```ts
 * import { nn, type Tensor } from "@libtrain/libtrain";
 *
 * class Noise extends nn.Module {
 *   readonly counter = nn.RandomCounter.make({ seed: 0 });
 *   override forward(x: Tensor): Tensor {
 *     return this.training ? x.add(this.counter.randn(x.shape, { std: 0.1 })) : x;
 *   }
 * }
 * using noise = new Noise();
 * console.log([...noise.state().keys()]); // ["counter"]
 * ```
 */
export class RandomCounter extends Buffer implements Recoverable {
  /** Makes one that has drawn nothing. */
  static make(options: RandomCounterOptions = {}): RandomCounter {
    requireLayerOptions("RandomCounter", options, {
      known: ["seed", "stream", "init", "device"],
      example: "RandomCounter.make({ seed: 0 })",
    });
    const { device } = options;
    const { seed, stream } = randomKey(options.init?.counterKey() ?? options);
    for (const [name, value] of Object.entries({ seed, stream })) {
      if (Number.isInteger(value) && value >= 0 && value < 2 ** 32) continue;
      throw new RangeError(
        `RandomCounter(): Expected \`${name}\` as a whole number from 0 to 2^32 - 1, got ${kindOf(value)}`,
      );
    }
    using values = scope(() => tensor(Int32Array.of(seed, stream, 0, 0), [4], { device })).detachFromScope();
    const { raw } = aliasTensor(values.device.handle, values.handle);
    const counter = new RandomCounter(values.device, raw, false).detachFromScope().heldAs("weights");
    counter.device.afterRecovery(counter);
    return counter;
  }

  /** The next draw, i32 [3], for `dropout()` and `stochasticDepth()`; the caller disposes of it. */
  next(): Tensor {
    return nextDraw(this);
  }

  /** Uniform numbers in low..high, by default 0..1, of the next draw. */
  rand(shape: readonly number[], options: { low?: number; high?: number; dtype?: FloatName } = {}): Tensor {
    requireNumbers("rand", "shape", shape, "counter.rand([…])");
    requireOptionsOf("rand", options, { example: "counter.rand([2], { low: -1 })", known: ["low", "high", "dtype"] });
    const { low = 0, high = 1, dtype = "f32" } = options;
    using draw = this.next();
    return applyOne("uniform_draw", [draw], { dtype, low, high, shape });
  }

  /** Normal numbers, by default of mean 0 and standard deviation 1, of the next draw. */
  randn(shape: readonly number[], options: { mean?: number; std?: number; dtype?: FloatName } = {}): Tensor {
    requireNumbers("randn", "shape", shape, "counter.randn([…])");
    requireOptionsOf("randn", options, {
      example: "counter.randn([2], { std: 0.1 })",
      known: ["mean", "std", "dtype"],
    });
    const { mean = 0, std = 1, dtype = "f32" } = options;
    using draw = this.next();
    return applyOne("normal_draw", [draw], { dtype, mean, std, shape });
  }

  /** @internal Takes back the draws of steps that a late error has skipped. */
  recovered(): Promise<void> {
    if (!this.disposed) takeBackDraws(this);
    return Promise.resolve();
  }
}
