/** The sign-flip test: how often chance alone gives differences as large. */
import { Draws } from "./draws.ts";

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

/**
 * Fisher's randomisation test for paired differences (Fisher 1935): were the two the same, each difference could as well
 * have had the other sign. p is the share of all patterns of signs whose mean is as far from 0 as the one that was seen.
 */
export function signFlip(differences: readonly number[], seed: number): SignFlip {
  const n = differences.length;
  const seen = Math.abs(differences.reduce((sum, difference) => sum + difference, 0));
  const size = differences.reduce((sum, difference) => sum + Math.abs(difference), 0);
  // Patterns whose sums are equal but for rounding are as far.
  const bound = seen - 1e-12 * size;
  const exact = n <= LARGEST_EXACT;
  const p = exact
    ? countPatterns(differences, bound) / 2 ** (n - 1)
    : (countRandom(differences, bound, seed) + 1) / (PATTERNS + 1);
  return { p, smallestP: smallestOf(n), exact };
}
