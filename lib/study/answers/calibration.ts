/** Whether a model is right as often as it says: reliability diagrams and calibration errors. */
import { Draws } from "../statistics/draws.ts";
import { proportion } from "../statistics/counts.ts";
import type { ImageAnswers, PerImage } from "./answers.ts";

/** The answers whose confidence, the probability of what was answered, is above `from` up to `to`. */
export interface CalibrationBin {
  /** Below all of them; 0 for the first, whose answers of confidence 0 count too. */
  readonly from: number;
  /** The highest confidence that counts. */
  readonly to: number;
  /** How many there are. */
  readonly n: number;
  /** Their mean confidence; null of none. */
  readonly confidence: number | null;
  /** The share of them that is right, 0 to 1; null of none. */
  readonly accuracy: number | null;
  /** Lower end of Wilson's interval for that share; null of none. */
  readonly low: number | null;
  /** Its upper end; null of none. */
  readonly high: number | null;
}

/** A reliability diagram and what it comes to. */
export interface Reliability {
  /** From the lowest confidence to the highest. */
  readonly bins: readonly CalibrationBin[];
  /** Expected calibration error, 0 to 1: the mean of |accuracy - confidence| over the bins, each by its share of the answers. */
  readonly ece: number;
  /** Maximum calibration error, 0 to 1: the largest |accuracy - confidence| of a bin with answers. */
  readonly mce: number;
}

/** How far a model's confidence is from its accuracy. */
export interface Calibration {
  /** Mean confidence less accuracy: above 0 where the model is surer than it may be. */
  readonly overconfidence: number;
  /** Bins of equal width (Naeini 2015, Guo 2017). */
  readonly equalWidth: Reliability;
  /** Bins of equally many answers; of answers with one confidence all are in one bin (Nixon 2019). */
  readonly equalMass: Reliability;
  /**
   * What a model that is right as often as it says would show on as many answers with these confidences, by chance alone:
   * the mean, and what 95 % of such would stay below, of the error over bins of equal width (Bröcker and Smith 2007).
   */
  readonly ifCalibrated: { readonly mean: number; readonly high: number };
}

/** Samples of answers that such a model might have given. */
const resamples = 500;

/** How many of the sorted edges lie below a value: its bin, whose upper edge belongs to it. */
function binOf(edges: PerImage, value: number): number {
  let [low, high] = [0, edges.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (edges[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Edges between bins of equal width. */
function equalWidths(bins: number): number[] {
  return Array.from({ length: bins - 1 }, (_, at) => (at + 1) / bins);
}

/** Edges between bins of equally many values: quantiles (Hyndman and Fan's type 7). */
function equalMasses(values: Float64Array, bins: number): number[] {
  const sorted = values.toSorted();
  return Array.from({ length: bins - 1 }, (_, at) => {
    const place = (at + 1) * (sorted.length - 1) / bins;
    const below = Math.floor(place);
    const low = sorted[below]!;
    return low + (place - below) * ((sorted[below + 1] ?? low) - low);
  });
}

/** Sums of the answers of each bin. */
interface Sums {
  readonly n: Int32Array;
  readonly confidence: Float64Array;
  readonly right: Int32Array;
}

function sumsOf(confidence: Float64Array, right: Uint8Array, places: Int32Array, bins: number): Sums {
  const sums = { n: new Int32Array(bins), confidence: new Float64Array(bins), right: new Int32Array(bins) };
  for (const [at, place] of places.entries()) {
    sums.n[place]!++;
    sums.confidence[place]! += confidence[at]!;
    sums.right[place]! += right[at]!;
  }
  return sums;
}

/** |right - confidence| of each bin's sums. */
function gapsOf({ confidence, right }: Omit<Sums, "n">): Float64Array {
  return confidence.map((sum, place) => Math.abs(right[place]! - sum));
}

function reliability(confidence: Float64Array, right: Uint8Array, edges: number[], alpha: number): Reliability {
  const bins = edges.length + 1;
  const places = Int32Array.from(confidence, (value) => binOf(edges, value));
  const sums = sumsOf(confidence, right, places, bins);
  const gaps = gapsOf(sums);
  return {
    bins: Array.from({ length: bins }, (_, place): CalibrationBin => {
      const [n, from, to] = [sums.n[place]!, edges[place - 1] ?? 0, edges[place] ?? 1];
      if (n === 0) return { from, to, n, confidence: null, accuracy: null, low: null, high: null };
      const { share, low, high } = proportion(sums.right[place]!, n, { alpha });
      return { from, to, n, confidence: sums.confidence[place]! / n, accuracy: share, low, high };
    }),
    ece: gaps.reduce((sum, gap) => sum + gap, 0) / confidence.length,
    mce: gaps.reduce((most, gap, place) => sums.n[place] === 0 ? most : Math.max(most, gap / sums.n[place]!), 0),
  };
}

/** The error over bins of equal width of answers that are right with the probability that each was given. */
function ifCalibrated(confidence: Float64Array, bins: number, seed: number): Calibration["ifCalibrated"] {
  const edges = equalWidths(bins);
  const places = Int32Array.from(confidence, (value) => binOf(edges, value));
  const draws = new Draws(seed, "calibration");
  const right = new Uint8Array(confidence.length);
  const errors = Float64Array.from({ length: resamples }, () => {
    for (let at = 0; at < right.length; at++) right[at] = draws.next() / 2 ** 32 < confidence[at]! ? 1 : 0;
    return gapsOf(sumsOf(confidence, right, places, bins)).reduce((sum, gap) => sum + gap, 0) / confidence.length;
  }).sort();
  const mean = errors.reduce((sum, error) => sum + error, 0) / resamples;
  return { mean, high: errors[Math.ceil(0.95 * resamples) - 1]! };
}

/** The calibration of checked answers. */
export function calibrationOf(
  { labels, predicted, probability }: ImageAnswers,
  { bins, alpha, seed }: { bins: number; alpha: number; seed: number },
): Calibration {
  const confidence = Float64Array.from(probability);
  const right = Uint8Array.from(predicted, (answer, at) => answer === labels[at] ? 1 : 0);
  return {
    overconfidence: confidence.reduce((sum, value, at) => sum + value - right[at]!, 0) / confidence.length,
    equalWidth: reliability(confidence, right, equalWidths(bins), alpha),
    equalMass: reliability(confidence, right, equalMasses(confidence, bins), alpha),
    ifCalibrated: ifCalibrated(confidence, bins, seed),
  };
}
