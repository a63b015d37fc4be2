/** What a comparison says in words. */
import { short } from "./digits.ts";
import { normalCritical } from "./distributions.ts";
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
   * it is decided already, where no spread was seen, and where it would be more than a million.
   */
  readonly pairsToDecide: number | null;
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

function pairsToDecide({ n, mean, sd }: Summary, alpha: number, fewest: number): number | null {
  if (sd === null || sd === 0) return null;
  const z = normalCritical(alpha / 2);
  const pairs = Math.ceil(((z + normalCritical(1 - POWER)) * sd / mean) ** 2 + z * z / 2);
  // What was seen does not decide, whatever the estimate says.
  return pairs > MOST_PAIRS ? null : Math.max(pairs, fewest, n + 1);
}

/** The verdict on differences. */
export function decide(
  found: Summary & SignFlip,
  { alpha, higherIsBetter }: Pick<Required<PairedOptions>, "alpha" | "higherIsBetter">,
): Decision {
  const { n, mean, t, p } = found;
  const fewest = pairsToReach(alpha);
  const pairs = `${n} ${n === 1 ? "pair" : "pairs"}`;
  if (p < alpha) {
    const verdict = mean > 0 === higherIsBetter ? "better" : "worse";
    const interval = t === null ? "" : ` (${short(100 * (1 - alpha))} % interval ${short(t.low)} to ${short(t.high)})`;
    const words = `${verdict} by ${short(Math.abs(mean))}: mean difference ${short(mean)}${interval}, p = ${
      short(p, 2)
    } of ${pairs}`;
    return { verdict, words, pairsToReach: fewest, pairsToDecide: null };
  }
  const enough = pairsToDecide(found, alpha, fewest);
  const why = n < fewest
    ? `${pairs} cannot give p < ${alpha}, as p is ${short(found.smallestP, 2)} at best: it takes at least ${fewest}`
    : `p = ${short(p, 2)} of ${pairs}; ` +
      (enough === null
        ? "their mean difference is too near 0 for more of them to decide"
        : `about ${enough} would decide at this difference and spread`);
  return { verdict: "not decided", words: `not decided: ${why}`, pairsToReach: fewest, pairsToDecide: enough };
}
