/** A report on answers as parts of a page. */
import type { Picture, Section, Table } from "../report/page.ts";
import { percent } from "../statistics/digits.ts";
import { requireOptions } from "../../tensor/ops/checks.ts";
import { classFigure, confidenceFigure, confusionFigure, percentOf, reliabilityFigure } from "./figures.ts";
import type { AnswerReport, LostImage } from "./report.ts";

/** Mistakes that the table has. */
const mostRows = 12;

function count(n: number): string {
  return n.toLocaleString("en-US");
}

/** A picture's label: `chain saw, taken for gas pump (0.83)`. */
export function lostLabel({ label, answer, right, probability }: LostImage): string {
  return right
    ? `${label}, answered rightly (${probability.toFixed(2)})`
    : `${label}, taken for ${answer} (${probability.toFixed(2)})`;
}

function answersText({ n, accuracy, loss, alpha }: AnswerReport): string {
  const { right, share, low, high } = accuracy;
  return `${count(right)} of ${count(n)} images are answered rightly: ${percent(share, 2)}, with an interval of ` +
    `${percentOf({ alpha })} % from ${percent(low, 2)} to ${percent(high, 2)} (Wilson), which is over images and not ` +
    `over seeds. Mean cross entropy is ${loss.toFixed(4)}.`;
}

function calibrationText({ calibration }: AnswerReport): string {
  const { overconfidence, equalWidth, equalMass, ifCalibrated } = calibration;
  const [wide, even] = [equalWidth, equalMass].map(({ ece, mce }) => ({ ece: percent(ece, 2), mce: percent(mce, 2) }));
  const [mean, high] = [percent(ifCalibrated.mean, 2), percent(ifCalibrated.high, 2)];
  const beyond = equalWidth.ece > ifCalibrated.high ? "beyond" : "not beyond";
  const surer = overconfidence < 0 ? "less sure than it may be" : "surer than it may be";
  return [
    `The expected calibration error is ${
      wide!.ece
    } over bins of equal width. A model that is right as often as it says`,
    `would show ${mean} of it by chance, and in 95 of 100 cases less than ${high}: this one is ${beyond} that. The largest`,
    `error of one bin, which may have few answers, is ${
      wide!.mce
    }. Over bins of equally many answers, of which chance makes`,
    `another error, they are ${even!.ece} and ${even!.mce}. On average it is`,
    `${(100 * Math.abs(overconfidence)).toFixed(2)} points ${surer}.`,
  ].join(" ");
}

function mistakesTable({ mistakes, classes }: AnswerReport): Table {
  const sizes = new Map(classes.map(({ name, n }) => [name, n]));
  return {
    title: "Most frequent mistakes",
    columns: ["right class", "answer", "images", "share of the class"],
    rows: mistakes.slice(0, mostRows).map((
      { label, answer, n },
    ) => [label, answer, n, percent(n / sizes.get(label)!, 2)]),
    ...(mistakes.length > mostRows ? { note: `${count(mistakes.length - mostRows)} more are left out.` } : {}),
  };
}

function classTable({ classes, alpha }: AnswerReport): Table {
  const shown = (value: number | null, digits = 2): string | null => value === null ? null : percent(value, digits);
  return {
    title: "Accuracy by class",
    columns: ["class", "images", "right", "accuracy", "from", "to", "answered", "precision", "mean loss"],
    rows: classes.map(({ name, n, right, accuracy, low, high, answered, precision, loss }) => [
      ...[name, n, right, shown(accuracy), shown(low), shown(high), answered, shown(precision)],
      loss === null ? null : loss.toFixed(4),
    ]),
    note: `From and to are Wilson's interval of ${percentOf({ alpha })} % for each class by itself.`,
  };
}

function lossTable({ topLosses }: AnswerReport): Table {
  return {
    title: "Largest losses",
    columns: ["image", "right class", "answer", "probability", "loss"],
    rows: topLosses.map(({ sample, image, label, answer, probability, loss }) => [
      ...[image ?? `${sample}`, label, answer, probability.toFixed(4), loss.toFixed(4)],
    ]),
  };
}

/**
 * A report on answers as parts of a page: confusion, accuracy by class, calibration and the largest losses, with the
 * pictures of these where they are given, in their order.
 *
 * @example
 * ```ts
 * import { study } from "@libtrain/libtrain";
 *
 * const answers = study.answersOf({ labels: [0, 1], probabilities: [0.9, 0.1, 0.6, 0.4], classes: 2 });
 * const sections = study.answerSections(study.answerReport(answers, { classes: ["cat", "dog"] }));
 * console.log(sections.map(({ title }) => title).join(", ")); // ImageAnswers, Classes, Calibration, Largest losses
 * ```
 */
export function answerSections(
  report: AnswerReport,
  { pictures = [] }: { pictures?: readonly Picture[] } = {},
): readonly Section[] {
  requireOptions("answerSections", report, "answerSections(answerReport(answers, { classes }))");
  const lost = pictures.length === 0 ? {} : {
    pictures: [{
      title: "Images with the largest losses",
      caption: "The largest first, each with its class, what it was taken for and that answer's probability.",
      pictures,
    }],
  };
  return [
    {
      title: "Answers",
      text: [answersText(report)],
      figures: [confusionFigure(report)],
      tables: [mistakesTable(report)],
    },
    { title: "Classes", figures: [classFigure(report)], tables: [classTable(report)] },
    {
      title: "Calibration",
      text: [calibrationText(report)],
      figures: [
        reliabilityFigure(report, { bins: "equalWidth", name: "reliability" }),
        reliabilityFigure(report, { bins: "equalMass", name: "reliability-mass" }),
        confidenceFigure(report),
      ],
    },
    { title: "Largest losses", tables: [lossTable(report)], ...lost },
  ];
}
