/** Intervals for a mean: Student's t, and the bootstrap. */
import { studentCritical } from "./distributions.ts";
import { Draws } from "./draws.ts";

/** Where a number lies, with the confidence that was asked for. */
export interface Interval {
  /** Its lower end. */
  readonly low: number;
  /** Its upper end. */
  readonly high: number;
}

/** The mean of numbers. */
export function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The standard deviation (n - 1) of at least two numbers. */
export function deviationOf(values: readonly number[]): number {
  const mean = meanOf(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1));
}

/** Student's interval for the mean of at least two values: it takes them as normal. */
export function studentInterval(values: readonly number[], alpha: number): Interval {
  const mean = meanOf(values);
  const half = studentCritical(alpha / 2, values.length - 1) * deviationOf(values) / Math.sqrt(values.length);
  return { low: mean - half, high: mean + half };
}

/** The number below which a share of sorted ones lies, between two of them where need be (Hyndman and Fan's type 7). */
function quantile(sorted: Float64Array, share: number): number {
  const place = share * (sorted.length - 1);
  const below = Math.floor(place);
  const low = sorted[below]!;
  return low + (place - below) * ((sorted[below + 1] ?? low) - low);
}

/**
 * The percentile bootstrap's interval for the mean (Efron 1979): of means of as many values drawn with replacement. It takes
 * nothing as normal, but is too narrow for few values, by √((n - 1) / n) and more.
 */
export function bootstrapInterval(
  values: readonly number[],
  { alpha, seed, resamples }: { alpha: number; seed: number; resamples: number },
): Interval {
  const draws = new Draws(seed, "bootstrap");
  const n = values.length;
  const means = Float64Array.from({ length: resamples }, () => {
    let sum = 0;
    for (let drawn = 0; drawn < n; drawn++) sum += values[Math.floor(draws.next() / 2 ** 32 * n)]!;
    return sum / n;
  }).sort();
  return { low: quantile(means, alpha / 2), high: quantile(means, 1 - alpha / 2) };
}
