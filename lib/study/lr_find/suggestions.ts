/** Which learning rate a curve of losses suggests, by fastai's rules (fastai 2.8, callback/schedule.py). */

/** A learning rate with the smoothed loss there. */
export interface RatePoint {
  /** The rate. */
  readonly lr: number;
  /** The loss of the step at that rate, as it was. */
  readonly loss: number;
  /** The losses up to there, averaged with weights that fall with each step. */
  readonly smooth: number;
}

/** Rates to take, each by a rule of its own; null where there are too few points for it. */
export interface RateSuggestions {
  /** Two fifths into the longest fall, about: what fastai suggests unless asked otherwise. */
  readonly valley: number | null;
  /** Where the loss falls most steeply over the logarithm of the rate. */
  readonly steep: number | null;
  /** A tenth of where the loss is lowest. */
  readonly minimum: number | null;
  /** From the end on, where the slope is no longer another than 15 steps later. */
  readonly slide: number | null;
}

/** How much of the average before each loss leaves to it. */
const decay = 0.98;

/** Averages losses with weights that fall by 0.98 a step, corrected for beginning from nothing. */
export class Smoothing {
  #value = 0;
  #count = 0;

  /** Takes a loss in; gives the average. */
  add(loss: number): number {
    this.#value = decay * this.#value + (1 - decay) * loss;
    this.#count++;
    return this.#value / (1 - decay ** this.#count);
  }
}

/** Exponentially growing rates: `steps` of them from `start`, as if one more would be `end`. */
export function growingRates({ start, end, steps }: { start: number; end: number; steps: number }): number[] {
  return Array.from({ length: steps }, (_, step) => start * (end / start) ** (step / steps));
}

/** The first place with the smallest value. */
function lowest(values: readonly number[]): number {
  return values.reduce((best, value, at) => value < values[best]! ? at : best, 0);
}

/**
 * Of the longest sequence of falling losses, others between them left out, the place two fifths in, about: a third of it and
 * half a third, each rounded down. Where it begins is told when a sequence first outgrows the longest before.
 */
function valley(losses: readonly number[]): number {
  const lengths = losses.map(() => 1);
  let [start, end] = [0, 0];
  for (let at = 1; at < losses.length; at++) {
    for (let before = 0; before < at; before++) {
      if (losses[at]! < losses[before]! && lengths[at]! <= lengths[before]!) lengths[at] = lengths[before]! + 1;
      if (lengths[at]! <= lengths[end]!) continue;
      end = at;
      start = end - lengths[end]!;
    }
  }
  const third = (end - start) / 3;
  // A fall over all points begins one place before the first.
  return Math.max(0, start + Math.floor(third) + Math.floor(third / 2));
}

/** Differences of neighbours, in the middle over two places (NumPy's gradient). */
function slopes(losses: readonly number[]): number[] {
  const last = losses.length - 1;
  return losses.map((_, at) => {
    const [from, to] = [Math.max(0, at - 1), Math.min(last, at + 1)];
    return (losses[to]! - losses[from]!) / (to - from);
  });
}

/** Steps between the two slopes of the slide, and how much they may differ. */
const [slideWidth, slideThreshold] = [15, 0.005];

function slide(losses: readonly number[]): number {
  const slope = slopes(losses);
  let right = losses.length - 1;
  let found = right - slideWidth;
  for (let left = found; left >= 0 && Math.abs(slope[right]! - slope[left]!) > slideThreshold; left--, right--) {
    found = left;
  }
  return found;
}

function steep(points: readonly RatePoint[]): number {
  const falls = points.slice(1).map(({ lr, smooth }, at) => {
    const before = points[at]!;
    return (smooth - before.smooth) / (Math.log(lr) - Math.log(before.lr));
  });
  return lowest(falls);
}

/** What the points of a sweep that count suggest. */
export function suggestionsOf(points: readonly RatePoint[]): RateSuggestions {
  const losses = points.map(({ smooth }) => smooth);
  const from = (fewest: number, place: () => number): number | null =>
    points.length < fewest ? null : points[place()]!.lr;
  const minimum = from(1, () => lowest(losses));
  return {
    valley: from(2, () => valley(losses)),
    steep: from(2, () => steep(points)),
    minimum: minimum === null ? null : minimum / 10,
    slide: from(slideWidth + 1, () => slide(losses)),
  };
}

/** Points at the end that say more of chance than of rates. */
const lastLeftOut = 5;

/** The points that suggestions are made of: without the first tenth of the steps, and the last five of those taken or asked for. */
export function pointsThatCount(
  points: readonly RatePoint[],
  { steps, broken }: { steps: number; broken: boolean },
): readonly RatePoint[] {
  const end = broken ? Math.min(points.length, steps - lastLeftOut) : points.length - lastLeftOut;
  return points.slice(Math.floor(steps / 10), Math.max(0, end));
}
