/** What a model's answers to a data set come to. */
import { kindOf, requireKnownOptions, requireOptions, requireWhole } from "../../tensor/ops/checks.ts";
import { whole } from "../../data/checks.ts";
import { type Proportion, proportion } from "../statistics/counts.ts";
import { filledOptions } from "../statistics/options.ts";
import { type ImageAnswers, requireAnswers } from "./answers.ts";
import { byClass, type ClassAnswers, confusionOf, type Mistake, mistakesOf } from "./by_class.ts";
import { type Calibration, calibrationOf } from "./calibration.ts";

/** How to report. */
export interface AnswerReportOptions {
  /** The classes' names; a label is a place in this list. */
  classes: readonly string[];
  /** The images' names by their numbers in the data set, say their files; by default they have none. */
  names?: readonly string[];
  /** Bins of confidence, 2 to 1000; by default 15. */
  bins?: number;
  /** Images with the largest losses to name, from 0; by default 24. */
  top?: number;
  /** The chance of being wrong that is taken: intervals cover with 1 - alpha; 0.0001 to 0.5, by default 0.05. */
  alpha?: number;
  /** What the answers of a calibrated model are drawn by; by default 0. */
  seed?: number;
}

/** An image that was answered badly. */
export interface LostImage {
  /** Its number in the data set. */
  readonly sample: number;
  /** Its name; null where images have none. */
  readonly image: string | null;
  /** The right class's name. */
  readonly label: string;
  /** The name of what was answered. */
  readonly answer: string;
  /** Whether that is right. */
  readonly right: boolean;
  /** The probability that the answer was given, 0 to 1. */
  readonly probability: number;
  /** Its cross entropy, nats. */
  readonly loss: number;
}

/** What answers come to: plain JSON. */
export interface AnswerReport {
  /** Images. */
  readonly n: number;
  /** Right answers with their share and Wilson's interval. */
  readonly accuracy: Proportion;
  /** Mean cross entropy, nats. */
  readonly loss: number;
  /** How sure the intervals are: they cover with 1 - alpha. */
  readonly alpha: number;
  /** Each class, in the classes' order. */
  readonly classes: readonly ClassAnswers[];
  /** Counts of each answer to each class: `confusion[label][answer]`. */
  readonly confusion: readonly (readonly number[])[];
  /** Classes that were taken for others, the most frequent mistake first. */
  readonly mistakes: readonly Mistake[];
  /** Whether it is right as often as it says. */
  readonly calibration: Calibration;
  /** The images with the largest losses, the largest first. */
  readonly topLosses: readonly LostImage[];
}

function topLosses(
  { labels, predicted, probability, loss, index }: ImageAnswers,
  { classes, names, top }: { classes: readonly string[]; names: readonly string[] | undefined; top: number },
): LostImage[] {
  const places = Array.from({ length: labels.length }, (_, at) => at);
  return places.sort((a, b) => loss[b]! - loss[a]! || a - b).slice(0, top).map((at) => {
    const sample = index?.[at] ?? at;
    return {
      sample,
      image: names?.[sample] ?? null,
      label: classes[labels[at]!]!,
      answer: classes[predicted[at]!]!,
      right: labels[at] === predicted[at],
      probability: probability[at]!,
      loss: loss[at]!,
    };
  });
}

function requireClasses(classes: unknown): asserts classes is readonly string[] {
  if (!Array.isArray(classes) || classes.some((name) => typeof name !== "string")) {
    throw new TypeError(`answerReport(): Expected \`classes\` as an array of names, got ${kindOf(classes)}`);
  }
  if (classes.length === 0) throw new RangeError("answerReport(): Expected at least one class, got none");
}

/**
 * What a model's answers come to: accuracy with its interval, the confusion of classes, each class's accuracy and precision,
 * calibration (reliability diagrams, expected and maximum calibration error), and the images with the largest losses. Its
 * intervals are over images of the same kind: what another seed would give is not in them.
 *
 * @example
 * ```ts
 * import { study } from "@libtrain/libtrain";
 *
 * const probabilities = [0.9, 0.1, 0.6, 0.4, 0.2, 0.8];
 * const answers = study.answersOf({ labels: [0, 1, 1], probabilities, classes: 2 });
 * const { accuracy, confusion, topLosses } = study.answerReport(answers, { classes: ["cat", "dog"] });
 * console.log(accuracy.right, confusion, topLosses[0]?.sample); // 2 [ [ 1, 0 ], [ 1, 1 ] ] 1
 * ```
 */
export function answerReport(answers: ImageAnswers, options: AnswerReportOptions): AnswerReport {
  requireOptions("answerReport", options, 'answerReport(answers, { classes: ["cat", "dog"] })');
  requireKnownOptions("answerReport", options, ["classes", "names", "bins", "top", "alpha", "seed"], {});
  const { classes, names, bins = 15, top = 24 } = options;
  requireClasses(classes);
  whole("answerReport", "bins", bins, 2, 1000);
  requireWhole("answerReport", "top", top);
  const { alpha, seed } = filledOptions("answerReport", { alpha: options.alpha, seed: options.seed }, [
    "alpha",
    "seed",
  ]);
  const n = requireAnswers("answerReport", answers, classes.length);
  const confusion = confusionOf(answers, classes.length);
  const right = confusion.reduce((sum, row, place) => sum + row[place]!, 0);
  let loss = 0;
  for (let at = 0; at < n; at++) loss += answers.loss[at]!;
  return {
    n,
    accuracy: proportion(right, n, { alpha }),
    loss: loss / n,
    alpha,
    classes: byClass(confusion, answers, { names: classes, alpha }),
    confusion,
    mistakes: mistakesOf(confusion, classes),
    calibration: calibrationOf(answers, { bins, alpha, seed }),
    topLosses: topLosses(answers, { classes, names, top }),
  };
}
