/** How far two lists of numbers are apart. */
import { rounded } from "./part.ts";

/** The element where two lists differ most, for its size or that of the largest. */
export interface Difference {
  readonly index: number;
  readonly got: number;
  readonly expected: number;
  /** |got - expected| */
  readonly absolute: number;
  /** The same as a share of the largest expected number. */
  readonly share: number;
}

/** The largest difference of two lists; a number that is not finite on one side alone is infinitely far. */
export function largestDifference(got: ArrayLike<number>, expected: ArrayLike<number>): Difference {
  let [index, absolute, largest] = [-1, 0, 0];
  for (let i = 0; i < expected.length; i++) {
    const [a, b] = [got[i]!, expected[i]!];
    if (Number.isFinite(b)) largest = Math.max(largest, Math.abs(b));
    if (Object.is(a, b) || a === b) continue;
    const off = Math.abs(a - b);
    const counted = Number.isFinite(off) ? off : Infinity;
    if (counted > absolute) [index, absolute] = [i, counted];
  }
  const share = absolute === 0 ? 0 : absolute / Math.max(largest, Number.MIN_VALUE);
  return {
    index,
    got: index < 0 ? 0 : got[index]!,
    expected: index < 0 ? 0 : expected[index]!,
    absolute: rounded(absolute),
    share: rounded(share),
  };
}

/** Euclidean norm of the difference over that of what is expected. */
export function relativeError(got: ArrayLike<number>, expected: ArrayLike<number>): number {
  let [off, all] = [0, 0];
  for (let i = 0; i < expected.length; i++) {
    off += (got[i]! - expected[i]!) ** 2;
    all += expected[i]! ** 2;
  }
  return off === 0 ? 0 : Math.sqrt(off / Math.max(all, Number.MIN_VALUE));
}

/** The first place where two lists have other bits; -1 where they are the same. */
export function firstOtherBits(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return 0;
  for (let i = 0; i < a.length; i++) if (!Object.is(a[i], b[i])) return i;
  return -1;
}
