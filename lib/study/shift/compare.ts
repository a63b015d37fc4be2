/** Whether one model is more consistent than another, by the same shifts of the same images. */
import { filledOptions } from "../statistics/options.ts";
import { holm } from "../statistics/holm.ts";
import { type SignFlip, signFlip } from "../statistics/sign_flip.ts";
import { type Summary, summaryOf } from "../statistics/summary.ts";
import { decide, type Decision, inUnits } from "../statistics/verdict.ts";

/** Differences of one measure, one an image or a seed; mean, deviation and intervals are of these. */
export interface ShiftDifference extends Omit<Summary, "values" | "note">, SignFlip, Decision {}

/** What a model is compared by. */
export type ShiftMeasure = "consistency" | "consistencyDiagonal";

/** One model beside the first. */
export interface ShiftComparison extends ShiftDifference {
  /** The first model's label. */
  readonly baseline: string;
  /** The other model's label. */
  readonly other: string;
  /** What is compared: above 0 where the other model has more of it. */
  readonly measure: ShiftMeasure;
  /** p, corrected for every comparison of the same measurement (Holm 1979). */
  readonly pHolm: number;
}

/** How to compare. */
export interface DifferenceOptions {
  /** The chance of being wrong that is taken; by default 0.05. */
  readonly alpha?: number;
  /** What random sign flips and the bootstrap follow from; by default 0. */
  readonly seed?: number;
}

/** Samples of the bootstrap: images are thousands, for which ten thousand samples take long and change nothing. */
const RESAMPLES = 2000;

/** What differences of shares come to: their mean with its intervals, the two-sided sign-flip test and a verdict in words, in points. */
export function differenceOf(
  differences: readonly number[],
  { alpha, seed }: DifferenceOptions = {},
): ShiftDifference {
  const names = ["alpha", "seed", "resamples", "higherIsBetter"] as const;
  const filled = filledOptions("differenceOf", { alpha, seed, resamples: RESAMPLES }, names);
  const found = { ...summaryOf(differences, filled), ...signFlip(differences, filled) };
  const { values: _values, note: _note, ...told } = found;
  const { detects, ...decision } = decide(inUnits(found, 100), filled);
  return { ...told, ...decision, detects: detects === null ? null : detects / 100 };
}

/** Agreement of a model's answers, image by image. */
export interface Agreeing {
  /** Share of each image's pairs of shifts along both axes that agree. */
  readonly agreement: readonly number[];
  /** The same along the diagonal. */
  readonly agreementDiagonal: readonly number[];
}

/** What stands in a model's agreement for each measure. */
export const agreementOf = {
  consistency: "agreement",
  consistencyDiagonal: "agreementDiagonal",
} as const satisfies Record<ShiftMeasure, keyof Agreeing>;

/** What each other model's agreement is above the first one's, image by image. */
export function compareModels(
  models: readonly (Agreeing & { readonly label: string })[],
  options: DifferenceOptions = {},
): ShiftComparison[] {
  const [first, ...others] = models;
  if (first === undefined) return [];
  const measures = ["consistency", "consistencyDiagonal"] as const;
  const found = others.flatMap((other) =>
    measures.map((measure) => {
      const [before, after] = [first[agreementOf[measure]], other[agreementOf[measure]]];
      const differences = after.map((share, image) => share - before[image]!);
      return { baseline: first.label, other: other.label, measure, ...differenceOf(differences, options) };
    })
  );
  const corrected = holm(found.map(({ p }) => p));
  return found.map((comparison, at) => ({ ...comparison, pHolm: corrected[at]! }));
}
