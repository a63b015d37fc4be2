/** The sign-flip test: how often chance alone gives differences as large, and which mean differences it does not refute. */
import { Draws } from "./draws.ts";
import { type Interval, studentInterval } from "./intervals.ts";

/** The most pairs of which every pattern of signs is counted: half a million. */
const LARGEST_EXACT = 20;

/** Random patterns of signs where there are too many to count them all. */
const PATTERNS = 99_999;

/** What the test gave. */
export interface SignFlip {
  /** The two-sided probability. */
  readonly p: number;
  /** The smallest one that so many pairs can reach. */
  readonly smallestP: number;
  /** Whether every pattern of signs was counted; else 99,999 random ones and the one that was seen. */
  readonly exact: boolean;
  /**
   * The mean differences that the test does not refute (Tukey 1949): 0 is outside where p is below alpha. Null where so few
   * pairs refute none, five and less at 0.05; of more than 20 pairs Student's, which is near it.
   */
  readonly flips: Interval | null;
}

/** The smallest two-sided p of n pairs: of all patterns the one that was seen, and its mirror image. */
export function smallestOf(pairs: number): number {
  return pairs <= LARGEST_EXACT ? 2 ** (1 - pairs) : 1 / (PATTERNS + 1);
}

/** How many of the patterns whose first sign is fixed sum up to at least `bound`, up or down. */
function countPatterns(differences: readonly number[], bound: number): number {
  const from = (at: number, sum: number): number =>
    at === differences.length
      ? Number(Math.abs(sum) >= bound)
      : from(at + 1, sum + differences[at]!) + from(at + 1, sum - differences[at]!);
  return from(1, differences[0]!);
}

function countRandom(differences: readonly number[], bound: number, seed: number): number {
  const draws = new Draws(seed, "signFlip");
  let found = 0;
  for (let pattern = 0; pattern < PATTERNS; pattern++) {
    let sum = 0;
    let signs = 0;
    for (const [at, difference] of differences.entries()) {
      if (at % 32 === 0) signs = draws.next();
      sum += signs & 1 ? difference : -difference;
      signs >>>= 1;
    }
    if (Math.abs(sum) >= bound) found++;
  }
  return found;
}

/** The means of all subsets of at least one difference. */
function subsetMeans(differences: readonly number[]): Float64Array {
  const sums = new Float64Array(2 ** differences.length);
  const counts = new Uint8Array(sums.length);
  for (const [at, difference] of differences.entries()) {
    const known = 2 ** at;
    for (let subset = 0; subset < known; subset++) {
      sums[known + subset] = sums[subset]! + difference;
      counts[known + subset] = counts[subset]! + 1;
    }
  }
  return sums.subarray(1).map((sum, at) => sum / counts[at + 1]!);
}

/**
 * The mean differences that the two-sided test of these pairs does not refute at `alpha`. Were the mean δ, flipping the signs
 * of a subset of `difference - δ` would leave their sum at least as large just where the subset's own mean is at most δ: so
 * the ends are two of the subsets' means.
 */
function flipInterval(differences: readonly number[], alpha: number): Interval | null {
  const n = differences.length;
  if (n > LARGEST_EXACT) return studentInterval(differences, alpha);
  // So many patterns on one side, the one that was seen among them, are still too rare.
  const rare = Math.ceil(alpha / 2 * 2 ** n) - 1;
  if (rare < 1) return null;
  const means = subsetMeans(differences).sort();
  const [low, high] = [means[rare - 1]!, means[means.length - rare]!];
  // What is 0 but for rounding is refuted no more than the test does.
  const nothing = 1e-12 * Math.max(...differences.map(Math.abs));
  return { low: Math.abs(low) <= nothing ? 0 : low, high: Math.abs(high) <= nothing ? 0 : high };
}

/**
 * Fisher's randomisation test for paired differences (Fisher 1935): were the two the same, each difference could as well
 * have had the other sign. p is the share of all patterns of signs whose mean is as far from 0 as the one that was seen.
 */
export function signFlip(differences: readonly number[], { alpha, seed }: { alpha: number; seed: number }): SignFlip {
  const n = differences.length;
  // Where two are alike there is no sign to flip, which changes no share.
  const apart = differences.filter((difference) => difference !== 0);
  const seen = Math.abs(apart.reduce((sum, difference) => sum + difference, 0));
  const size = apart.reduce((sum, difference) => sum + Math.abs(difference), 0);
  // Patterns whose sums are equal but for rounding are as far.
  const bound = seen - 1e-12 * size;
  const exact = apart.length <= LARGEST_EXACT;
  const p = apart.length === 0
    ? 1
    : exact
    ? countPatterns(apart, bound) / 2 ** (apart.length - 1)
    : (countRandom(apart, bound, seed) + 1) / (PATTERNS + 1);
  return { p, smallestP: smallestOf(n), exact, flips: flipInterval(differences, alpha) };
}
