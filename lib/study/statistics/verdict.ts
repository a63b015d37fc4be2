/** What a comparison says in words. */
import { short } from "./digits.ts";
import { normalCritical, studentCritical } from "./distributions.ts";
import type { Interval } from "./intervals.ts";
import type { PairedOptions } from "./options.ts";
import { type SignFlip, smallestOf } from "./sign_flip.ts";
import type { Summary } from "./summary.ts";

/** What was decided. */
export interface Decision {
  /** "better" or "worse" where p is below alpha. */
  readonly verdict: "better" | "worse" | "not decided";
  /** The verdict with its reasons, for a person. */
  readonly words: string;
  /** The fewest pairs whose p can be below alpha at all: six for 0.05. */
  readonly pairsToReach: number;
  /**
   * About how many pairs would decide, were difference and spread those that were seen: so many give a paired t test a power
   * of 80 %, ((z₁₋α⸝₂ + z₀.₈) · sd / mean)² + z²₁₋α⸝₂ / 2 (Guenther 1981), which the sign-flip test comes near to. Null where
   * it is decided already, where fewer pairs than `pairsToReach` tell too little of the spread, where there is no spread, and
   * where it would be more than a million.
   */
  readonly pairsToDecide: number | null;
  /**
   * Where `pairsToDecide` lies itself, as few pairs tell difference and spread but roughly: an interval of 80 %, by the normal
   * approximation of the standardised difference (Hedges 1981); `high` null where the difference may as well be 0.
   */
  readonly pairsRange: { readonly low: number; readonly high: number | null } | null;
  /**
   * About which mean difference so many pairs of this spread find with a power of 80 %, by Student's t, and exactly where all
   * signs must agree: null of fewer than `pairsToReach`, and
   * without spread.
   */
  readonly detects: number | null;
}

/** The power that an estimate of pairs is for. */
const POWER = 0.8;

/** More pairs than anybody trains: a mean difference that is 0 but for rounding. */
const MOST_PAIRS = 1e6;

/** The fewest pairs whose smallest p is below alpha. */
export function pairsToReach(alpha: number): number {
  let pairs = 1;
  while (smallestOf(pairs) >= alpha) pairs++;
  return pairs;
}

/** Pairs that find a difference of `ratio` standard deviations. */
function pairsFor(ratio: number, alpha: number): number {
  const z = normalCritical(alpha / 2);
  return Math.ceil(((z + normalCritical(1 - POWER)) / ratio) ** 2 + z * z / 2);
}

/** What to expect of more pairs. */
function outlook(
  { n, mean, sd }: Summary,
  alpha: number,
  fewest: number,
): Pick<Decision, "pairsToDecide" | "pairsRange"> {
  if (sd === null || sd === 0 || n < fewest) return { pairsToDecide: null, pairsRange: null };
  const ratio = Math.abs(mean) / sd;
  // What was seen does not decide, whatever the estimate says.
  const atLeast = (pairs: number): number => Math.max(pairs, n + 1);
  const pairs = pairsFor(ratio, alpha);
  if (pairs > MOST_PAIRS) return { pairsToDecide: null, pairsRange: null };
  const half = normalCritical(0.1) * Math.sqrt(1 / n + ratio ** 2 / (2 * (n - 1)));
  const most = ratio > half ? pairsFor(ratio - half, alpha) : Infinity;
  return {
    pairsToDecide: atLeast(pairs),
    pairsRange: { low: atLeast(pairsFor(ratio + half, alpha)), high: most > MOST_PAIRS ? null : atLeast(most) },
  };
}

/** The mean difference that n pairs of a spread find with the power. */
function detectable({ n, sd }: Summary, alpha: number, fewest: number): number | null {
  if (sd === null || sd === 0 || n < fewest) return null;
  // So few decide where all their signs agree, and only there.
  const onlyAlike = smallestOf(n) * 2 >= alpha;
  return onlyAlike
    ? sd * normalCritical(1 - POWER ** (1 / n))
    : sd * (studentCritical(alpha / 2, n - 1) + studentCritical(1 - POWER, n - 1)) / Math.sqrt(n);
}

/** An interval in words, after whose it is; nothing where there is none. */
export function intervalText(found: Interval | null, alpha: number, whose = ""): string {
  if (found === null) return "";
  return ` (${whose}${short(100 * (1 - alpha))} % interval ${short(found.low)} to ${short(found.high)})`;
}

/** How many pairs would decide, in words. */
function outlookText(
  { pairsToDecide: pairs, pairsRange: range }: Pick<Decision, "pairsToDecide" | "pairsRange">,
): string {
  if (pairs === null || range === null) return "their mean difference is too near 0 for more of them to decide";
  const about = range.high === null ? `from ${range.low} on` : `${range.low} to ${range.high}`;
  return `about ${pairs} would decide at this difference and spread (80 % interval ${about})`;
}

/** What was found in another unit: shares in points, say. */
export function inUnits(found: Summary & SignFlip, factor: number): Summary & SignFlip {
  const interval = (one: Interval | null): Interval | null =>
    one === null ? null : { low: factor * one.low, high: factor * one.high };
  const { mean, sd, t, bootstrap, flips, values } = found;
  return {
    ...found,
    mean: factor * mean,
    sd: sd === null ? null : factor * sd,
    t: interval(t),
    bootstrap: interval(bootstrap),
    flips: interval(flips),
    values: values.map((value) => factor * value),
  };
}

/** The verdict on differences, by an alpha that may be smaller than that of their intervals. */
export function decide(
  found: Summary & SignFlip,
  { alpha, higherIsBetter, covered = alpha }: Pick<Required<PairedOptions>, "alpha" | "higherIsBetter"> & {
    /** The alpha of the intervals. */
    covered?: number;
  },
): Decision {
  const { n, mean, p, flips } = found;
  const fewest = pairsToReach(alpha);
  const pairs = `${n} ${n === 1 ? "pair" : "pairs"}`;
  const detects = detectable(found, alpha, fewest);
  if (p < alpha) {
    const verdict = mean > 0 === higherIsBetter ? "better" : "worse";
    const words = `${verdict} by ${short(Math.abs(mean))}: mean difference ${short(mean)}${
      intervalText(flips, covered)
    }, p = ${short(p, 2)} of ${pairs}`;
    return { verdict, words, pairsToReach: fewest, pairsToDecide: null, pairsRange: null, detects };
  }
  const more = outlook(found, alpha, fewest);
  const why = n < fewest
    ? `${pairs} cannot give p < ${alpha}, as p is ${short(found.smallestP, 2)} at best: it takes at least ${fewest}`
    : `p = ${short(p, 2)} of ${pairs}` +
      (detects === null ? "" : `, which find differences of about ${short(detects)} four times of five`) +
      `; ${outlookText(more)}`;
  return { verdict: "not decided", words: `not decided: ${why}`, pairsToReach: fewest, detects, ...more };
}
