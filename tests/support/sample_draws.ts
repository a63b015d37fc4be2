/** The definition of `sample_draws` (core-rs/src/ops/sample_draws/mod.rs) once more, in TypeScript. */
import { philox } from "../../lib/data/philox.ts";

/** Which number of a sample. */
export interface SampleDraw {
  readonly seed: number;
  readonly epoch: number;
  readonly sample: number;
  readonly draw: number;
}

function block({ seed, epoch, sample, draw }: SampleDraw, at: number): readonly [number, number, number, number] {
  return philox([seed, epoch >>> 0], [sample >>> 0, at, 4, draw]);
}

const unit = (u: number): number => (u >>> 8) / 2 ** 24;
const openUnit = (u: number): number => (u + 0.5) / 2 ** 32;

/** A uniform number. */
export function uniformDraw(draw: SampleDraw): number {
  return Math.fround(unit(block(draw, 0)[0]));
}

/** A beta number, before it is rounded to f32. */
export function betaDraw(draw: SampleDraw, [a, b]: readonly [number, number]): number {
  return 1 / (1 + Math.exp(logGamma(draw, b, 1) - logGamma(draw, a, 0)));
}

function logGamma(draw: SampleDraw, shape: number, which: number): number {
  const d = Math.max(shape, shape < 1 ? shape + 1 : 0) - 1 / 3;
  for (let attempt = 0;; attempt++) {
    const [u0, u1, u2, u3] = block(draw, 2 * attempt + which);
    const x = Math.sqrt(-2 * Math.log(unit(u0) + 2 ** -24)) * Math.cos(2 * Math.PI * unit(u1));
    const v = (1 + x / Math.sqrt(9 * d)) ** 3;
    if (v > 0 && Math.log(openUnit(u2)) < 0.5 * x * x + d - d * v + d * Math.log(v)) {
      return Math.log(d * v) + (shape < 1 ? Math.log(openUnit(u3)) / shape : 0);
    }
  }
}
