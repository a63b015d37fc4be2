/** What a model answered, image by image. */
import { kindOf, requireOptions, requireWhole } from "../../tensor/ops/checks.ts";

/** Numbers, one an image. */
export type PerImage = ArrayLike<number>;

/** A model's answers to images whose classes are known, in one order: what `evaluate` gives `onPredictions`. */
export interface ImageAnswers {
  /** The right classes, from 0. */
  readonly labels: PerImage;
  /** The classes that were answered, from 0. */
  readonly predicted: PerImage;
  /** The probabilities that the answers were given, 0 to 1. */
  readonly probability: PerImage;
  /** The cross entropy of each: minus the logarithm of the right class's probability, in nats, from 0. */
  readonly loss: PerImage;
  /** The images' numbers in the data set; by default their places here. */
  readonly index?: PerImage;
}

/** Probabilities of a model. */
export interface ClassProbabilities {
  /** The right classes, from 0. */
  readonly labels: PerImage;
  /** Of each image those of all classes one after the other, [n, classes], 0 to 1. */
  readonly probabilities: PerImage;
  /** How many classes there are, from 1. */
  readonly classes: number;
}

/** The smallest number that f32 holds above 0: what a probability of 0 counts as, which would have no logarithm. */
const leastProbability = 2 ** -149;

/** Throws where a list of numbers is none, or has one that does not fit. */
function requireEach(
  op: string,
  name: string,
  values: unknown,
  { length, fits, wanted }: { length: number; fits: (value: number) => boolean; wanted: string },
): asserts values is PerImage {
  const list = Array.isArray(values) || ArrayBuffer.isView(values) && !(values instanceof DataView);
  if (!list) throw new TypeError(`${op}(): Expected \`${name}\` as an array of numbers, got ${kindOf(values)}`);
  const numbers = values as unknown as PerImage;
  if (numbers.length !== length) {
    throw new RangeError(`${op}(): Expected \`${name}\` with ${length} numbers, got ${numbers.length}`);
  }
  for (let at = 0; at < length; at++) {
    const value: unknown = numbers[at];
    if (typeof value === "number" && fits(value)) continue;
    throw new RangeError(`${op}(): Expected \`${name}[${at}]\` ${wanted}, got ${kindOf(value)}`);
  }
}

function requireLabels(op: string, name: string, values: unknown, { length, classes }: {
  length: number;
  classes: number;
}): void {
  requireEach(op, name, values, {
    length,
    fits: (value) => Number.isInteger(value) && value >= 0 && value < classes,
    wanted: `as a class from 0 to ${classes - 1}`,
  });
}

const isShare = { fits: (value: number): boolean => value >= 0 && value <= 1, wanted: "from 0 to 1" };

/** Throws where something is no answers among so many classes; gives how many there are. */
export function requireAnswers(op: string, answers: unknown, classes: number): number {
  requireOptions(op, answers, `${op}({ labels, predicted, probability, loss }, …)`);
  const { labels, predicted, probability, loss, index } = answers as Partial<ImageAnswers>;
  const length = (labels as PerImage | undefined)?.length ?? 0;
  requireLabels(op, "labels", labels, { length, classes });
  requireLabels(op, "predicted", predicted, { length, classes });
  requireEach(op, "probability", probability, { length, ...isShare });
  requireEach(op, "loss", loss, {
    length,
    fits: (value) => value >= 0 && value < Infinity,
    wanted: "as a finite number from 0",
  });
  if (index !== undefined) {
    requireEach(op, "index", index, {
      length,
      fits: (value) => Number.isInteger(value) && value >= 0,
      wanted: "as a whole number from 0",
    });
  }
  if (length === 0) throw new RangeError(`${op}(): Expected at least one answer, got none`);
  return length;
}

/**
 * Answers from the probabilities of all classes: each image's largest one is the answer, the first where some are alike. A
 * probability of 0 for the right class counts as 2^-149, the smallest number of f32, in the cross entropy.
 *
 * @example
 * ```ts
 * import { study } from "@libtrain/libtrain";
 *
 * const { predicted, loss } = study.answersOf({ labels: [0, 1], probabilities: [0.9, 0.1, 0.6, 0.4], classes: 2 });
 * console.log(predicted, loss[1]?.toFixed(3)); // Int32Array(2) [0, 0] 0.916
 * ```
 */
export function answersOf(given: ClassProbabilities): ImageAnswers {
  requireOptions("answersOf", given, "answersOf({ labels, probabilities, classes })");
  const { labels, probabilities, classes } = given;
  requireWhole("answersOf", "classes", classes, 1);
  const n = (labels as PerImage | undefined)?.length ?? 0;
  requireLabels("answersOf", "labels", labels, { length: n, classes });
  requireEach("answersOf", "probabilities", probabilities, { length: n * classes, ...isShare });
  const predicted = new Int32Array(n);
  const probability = new Float64Array(n);
  const loss = new Float64Array(n);
  for (let at = 0; at < n; at++) {
    const from = at * classes;
    let best = 0;
    for (let place = 1; place < classes; place++) {
      if (probabilities[from + place]! > probabilities[from + best]!) best = place;
    }
    predicted[at] = best;
    probability[at] = probabilities[from + best]!;
    // No -0 of a probability of 1.
    loss[at] = Math.max(0, -Math.log(Math.max(probabilities[from + labels[at]!]!, leastProbability)));
  }
  return { labels, predicted, probability, loss };
}
