/** Some answers of a run with their pictures: the worst, and a few right ones. */
import { requireWhole } from "../../tensor/ops/checks.ts";
import type { EvaluateRunOptions, Trained } from "../../recipe/trained.ts";
import type { Predictions } from "../../train/predictions.ts";
import { answerReport } from "../answers/report.ts";
import { lostLabel } from "../answers/sections.ts";
import { picturesOf } from "../answers/pictures.ts";
import type { Picture } from "../report/page.ts";

/** How to measure, and how many pictures to give. */
export interface SampleAnswersOptions extends Omit<EvaluateRunOptions, "onPredictions"> {
  /** Pictures with the largest losses, and as many right answers; 0 to 1000, by default 12. */
  count?: number;
}

/** Pictures of a run's answers. */
export interface SampleAnswers {
  /** Images measured. */
  readonly n: number;
  /** Right answers. */
  readonly right: number;
  /** Those with the largest losses, the largest first. */
  readonly worst: readonly Picture[];
  /** Right answers, evenly spread over the data set. */
  readonly rightOnes: readonly Picture[];
}

/** Right answers that are evenly spread, each of them once. */
function spreadOut({ labels, predicted }: Predictions, count: number): number[] {
  const right = [...labels.keys()].filter((at) => labels[at] === predicted[at]);
  const taken = Math.min(count, right.length);
  return Array.from({ length: taken }, (_, at) => right[Math.floor(at * right.length / taken)]!);
}

/**
 * Measures a trained run once more and gives pictures of its answers: those with the largest losses, and right ones that are
 * evenly spread over the data.
 *
 * Rejects as {@linkcode Trained.evaluate} does.
 */
export async function sampleAnswers(trained: Trained, options: SampleAnswersOptions = {}): Promise<SampleAnswers> {
  const { count = 12, ...how } = options;
  requireWhole("sampleAnswers", "count", count);
  let found: SampleAnswers | undefined;
  await trained.evaluate({
    ...how,
    onPredictions: async (predictions, set) => {
      const { classes, names } = set;
      const { n, accuracy, topLosses } = answerReport(predictions, { classes, names, top: count });
      const { labels, probability, index } = predictions;
      const worst = topLosses.map((each) => ({ sample: each.sample, label: lostLabel(each), wrong: !each.right }));
      const right = spreadOut(predictions, count).map((at) => ({
        sample: index[at]!,
        label: `${classes[labels[at]!]} (${probability[at]!.toFixed(2)})`,
      }));
      found = {
        n,
        right: accuracy.right,
        worst: await picturesOf(set, worst),
        rightOnes: await picturesOf(set, right),
      };
    },
  });
  return found!;
}
