/** A share of answers that come in groups, as several answers to one image. */
import { kindOf, requireWhole } from "../../tensor/ops/checks.ts";
import { type Interval, meanOf } from "./intervals.ts";
import { filledOptions, requireMeasured } from "./options.ts";
import { wilson } from "./counts.ts";

/** What {@linkcode clusteredInterval} is told. */
export interface ClusteredOptions {
  /** Answers in each group, from 1. */
  readonly each: number;
  /** The chance of being wrong that is taken; by default 0.05. */
  readonly alpha?: number;
}

/**
 * Wilson's interval (Wilson 1927) for the mean of shares, one a group of `each` answers, where answers of one group may be
 * alike: it is made for as many independent answers as would spread as much (Kish 1965's design effect, which Dean and
 * Pagano 2015 put into Wilson's interval). These are at least the groups, and at most all answers; of groups of one it is
 * Wilson's interval itself, and where all answers are the same, that of the groups.
 */
export function clusteredInterval(shares: readonly number[], { each, alpha }: ClusteredOptions): Interval {
  requireWhole("clusteredInterval", "each", each, 1);
  if (!Array.isArray(shares) || shares.length === 0) {
    throw new RangeError(`clusteredInterval(): Expected at least one share, got ${kindOf(shares)}`);
  }
  shares.forEach((share, at) => requireMeasured("clusteredInterval", `shares[${at}]`, share));
  const n = shares.length;
  // Rounding must not take it beyond the ends.
  const share = Math.min(1, Math.max(0, meanOf(shares)));
  const variance = shares.reduce((sum, value) => sum + (value - share) ** 2, 0) / n;
  const even = share * (1 - share);
  const independent = even === 0 ? n : Math.min(n * each, Math.max(n, n * even / variance));
  return wilson(share, independent, filledOptions("clusteredInterval", { alpha }, ["alpha"]).alpha);
}
