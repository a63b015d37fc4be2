/** Right and wrong answers by class. */
import { proportion } from "../statistics/counts.ts";
import type { ImageAnswers } from "./answers.ts";

/** How well one class is told. */
export interface ClassAnswers {
  /** The class's name. */
  readonly name: string;
  /** Images of it. */
  readonly n: number;
  /** Those that were answered rightly. */
  readonly right: number;
  /** Their share, the class's accuracy or recall, 0 to 1; null where there is no image of it. */
  readonly accuracy: number | null;
  /** Lower end of Wilson's interval for that share; null likewise. */
  readonly low: number | null;
  /** Its upper end; null likewise. */
  readonly high: number | null;
  /** How often it was answered. */
  readonly answered: number;
  /** The share of these that is right, its precision, 0 to 1; null where it was never answered. */
  readonly precision: number | null;
  /** Mean cross entropy of its images, nats; null where there is none. */
  readonly loss: number | null;
}

/** A class that was taken for another. */
export interface Mistake {
  /** The right class's name. */
  readonly label: string;
  /** The name of what was answered. */
  readonly answer: string;
  /** How often. */
  readonly n: number;
}

/** Counts of each answer to each class: `matrix[label][answer]`. */
export function confusionOf({ labels, predicted }: ImageAnswers, classes: number): number[][] {
  const matrix = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  for (let at = 0; at < labels.length; at++) matrix[labels[at]!]![predicted[at]!]!++;
  return matrix;
}

/** What the rows and columns of the counts come to. */
export function byClass(
  matrix: readonly (readonly number[])[],
  { labels, loss }: ImageAnswers,
  { names, alpha }: { names: readonly string[]; alpha: number },
): ClassAnswers[] {
  const losses = new Float64Array(names.length);
  for (let at = 0; at < labels.length; at++) losses[labels[at]!]! += loss[at]!;
  const answers = new Int32Array(names.length);
  for (const row of matrix) row.forEach((n, answer) => answers[answer]! += n);
  return names.map((name, place) => {
    const n = matrix[place]!.reduce((sum, count) => sum + count, 0);
    const right = matrix[place]![place]!;
    const answered = answers[place]!;
    const precision = answered === 0 ? null : right / answered;
    if (n === 0) return { name, n, right, accuracy: null, low: null, high: null, answered, precision, loss: null };
    const { share, low, high } = proportion(right, n, { alpha });
    return { name, n, right, accuracy: share, low, high, answered, precision, loss: losses[place]! / n };
  });
}

/** All mistakes, the most frequent first, those that are as frequent in the classes' order. */
export function mistakesOf(matrix: readonly (readonly number[])[], names: readonly string[]): Mistake[] {
  return matrix.flatMap((row, label) =>
    row.flatMap((n, answer) => n === 0 || label === answer ? [] : [{ label: names[label]!, answer: names[answer]!, n }])
  ).sort((a, b) => b.n - a.n);
}
