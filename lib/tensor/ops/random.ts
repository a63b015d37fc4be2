/** Random numbers that are drawn on the device. */
import { applyOne } from "../apply.ts";
import { kindOf, requireOptionsOf, requireTensor } from "./checks.ts";
import type { Tensor } from "../tensor.ts";

/** Which numbers {@linkcode sampleDraws} draws. */
export interface SampleDrawsOptions {
  /** The seed, 0 to 2^32 - 1. */
  seed: number;
  /** The number of the epoch, i32 of shape []: on the device, so that a recorded step can be replayed in another one. */
  epoch: Tensor;
  /** Numbers a sample, from 1; by default 1. */
  count?: number;
  /** The first draw's number, by default 0: under one seed, draws of different numbers are independent. */
  first?: number;
  /** Shapes a and b, above 0, of a beta distribution; without them numbers are uniform in 0..1, 1 excluded. */
  beta?: readonly [a: number, b: number];
}

/**
 * Random numbers that belong to samples: f32 [n, count] for the samples' numbers `index`, i32 [n].
 *
 * Each follows from seed, epoch, the sample's number and the draw's number alone, whatever batch the sample is in, how
 * many threads or which device there is, and whether the step is recorded or the training was resumed. Philox4x32-10
 * (Salmon 2011); beta numbers of two gamma numbers by Marsaglia and Tsang (2000).
 *
 * @example
 * ```ts
 * import { sampleDraws, tensor } from "@libtrain/libtrain";
 *
 * using index = tensor([4, 0, 7], { dtype: "i32" });
 * using epoch = tensor(2, { dtype: "i32" });
 * using shares = sampleDraws(index, { seed: 0, epoch, beta: [0.4, 0.4] });
 * console.log(shares.shape, await shares.data()); // [3, 1]
 * ```
 */
export function sampleDraws(index: Tensor, options: SampleDrawsOptions): Tensor {
  requireTensor("sampleDraws", "index", index);
  requireOptionsOf("sampleDraws", options, {
    example: "sampleDraws(index, { seed: 0, epoch })",
    known: ["seed", "epoch", "count", "first", "beta"],
  });
  const { seed, epoch, count = 1, first = 0, beta } = options;
  requireTensor("sampleDraws", "epoch", epoch);
  for (const [name, value] of Object.entries({ seed, count, first })) {
    if (Number.isInteger(value)) continue;
    throw new TypeError(`sampleDraws(): Expected \`${name}\` as a whole number, got ${kindOf(value)}`);
  }
  if (beta !== undefined && !(Array.isArray(beta) && beta.length === 2 && beta.every(isAboveZero))) {
    throw new RangeError(`sampleDraws(): Expected \`beta\` as two numbers above 0, got ${kindOf(beta)}`);
  }
  const [a, b] = beta ?? [1, 1];
  return applyOne("sample_draws", [index, epoch], { seed, count, first, beta: beta !== undefined, a, b });
}

function isAboveZero(value: unknown): boolean {
  return typeof value === "number" && value > 0 && Number.isFinite(value);
}
