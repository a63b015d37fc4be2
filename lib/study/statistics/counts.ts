/** What counts of right and wrong answers say. */
import { kindOf } from "../../tensor/ops/checks.ts";
import { binomialCdf, normalCritical } from "./distributions.ts";
import type { Interval } from "./intervals.ts";
import { type AlphaOptions, filledOptions, requirePart } from "./options.ts";

/** Two models on the same images. */
export interface McNemar {
  /** Images. */
  readonly n: number;
  /** Those that both have right. */
  readonly both: number;
  /** Those that the first alone has right. */
  readonly onlyA: number;
  /** Those that the second alone has right. */
  readonly onlyB: number;
  /** Those that neither has right. */
  readonly neither: number;
  /** The exact two-sided probability that as unequal counts come of two equal models. */
  readonly p: number;
}

/** The share of right answers of one model. */
export interface Proportion extends Interval {
  /** Right answers. */
  readonly right: number;
  /** Answers. */
  readonly n: number;
  /** Their quotient. */
  readonly share: number;
}

function requireAnswers(name: string, answers: unknown): asserts answers is boolean[] {
  if (!Array.isArray(answers)) {
    throw new TypeError(
      `mcnemar(): Expected \`${name}\` as an array of true (right) and false (wrong), got ${kindOf(answers)}`,
    );
  }
  const at = answers.findIndex((answer) => typeof answer !== "boolean");
  if (at < 0) return;
  throw new TypeError(
    `mcnemar(): Expected \`${name}[${at}]\` as true (right) or false (wrong), got ${kindOf(answers[at])}: write ` +
      "predictions.map((answer, at) => answer === labels[at])",
  );
}

/**
 * McNemar's exact test (McNemar 1947) for two models on the same images: whether each answered rightly, image by image. Only
 * images that one alone has right tell them apart; of equal models each would have half of these.
 *
 * @example
 * ```ts
 * import { study } from "@libtrain/libtrain";
 *
 * const { onlyA, onlyB, p } = study.mcnemar([true, true, false, true], [true, false, true, false]);
 * console.log(onlyA, onlyB, p); // 2 1 1
 * ```
 */
export function mcnemar(a: readonly boolean[], b: readonly boolean[]): McNemar {
  requireAnswers("a", a);
  requireAnswers("b", b);
  if (a.length !== b.length || a.length === 0) {
    throw new RangeError(
      `mcnemar(): Expected answers to the same images, at least one, got ${a.length} and ${b.length}: give both in the ` +
        "order of the images",
    );
  }
  const count = (inA: boolean, inB: boolean): number => a.filter((right, at) => right === inA && b[at] === inB).length;
  const [onlyA, onlyB] = [count(true, false), count(false, true)];
  const apart = onlyA + onlyB;
  const p = apart === 0 ? 1 : Math.min(1, 2 * binomialCdf(Math.min(onlyA, onlyB), apart, 0.5));
  return { n: a.length, both: count(true, true), onlyA, onlyB, neither: count(false, false), p };
}

/**
 * Wilson's interval (Wilson 1927) for a share, as for the accuracy of one run: what other images of the same kind would
 * give, and not what other seeds would.
 *
 * @example
 * ```ts
 * import { study } from "@libtrain/libtrain";
 *
 * const { share, low, high } = study.proportion(3710, 3925);
 * console.log(share.toFixed(3), low.toFixed(3), high.toFixed(3)); // 0.945 0.938 0.952
 * ```
 */
export function proportion(right: number, n: number, options: AlphaOptions = {}): Proportion {
  requirePart("proportion", right, n);
  const { alpha } = filledOptions("proportion", options, ["alpha"]);
  const share = right / n;
  return { right, n, share, ...wilson(share, n, alpha) };
}

/** Wilson's interval for a share of `n` independent answers, which need be no whole number. */
export function wilson(share: number, n: number, alpha: number): Interval {
  const z = normalCritical(alpha / 2);
  const middle = (share + z * z / (2 * n)) / (1 + z * z / n);
  const half = z / (1 + z * z / n) * Math.sqrt(share * (1 - share) / n + z * z / (4 * n * n));
  // The share is in it; of none and of all rounding alone says otherwise.
  return { low: Math.max(0, Math.min(share, middle - half)), high: Math.min(1, Math.max(share, middle + half)) };
}
