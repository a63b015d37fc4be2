/** The figures of a report on answers: Vega-Lite specifications with their rows. */
import type { Figure } from "../report/page.ts";
import type { ClassAnswers } from "./by_class.ts";
import type { Reliability } from "./calibration.ts";
import type { AnswerReport } from "./report.ts";

/** Classes that fit into a figure. */
export const mostShown = 40;

const share = { type: "quantitative", scale: { domain: [0, 1] } } as const;
const onAxis = { ...share, axis: { format: ".0%" } } as const;

/** Names of more letters are turned, so that they do not run into one another. */
const longestLevel = 4;

/** The places of the classes with the most wrong answers, in the classes' order; all where they fit. */
function shownClasses({ classes }: AnswerReport): number[] {
  const places = classes.map((_, place) => place);
  if (places.length <= mostShown) return places;
  const wrong = ({ n, right, answered }: ClassAnswers): number => n - right + answered - right;
  return places.sort((a, b) => wrong(classes[b]!) - wrong(classes[a]!) || a - b).slice(0, mostShown)
    .sort((a, b) => a - b);
}

/** Ends a caption where a figure shows some of the classes alone. */
function partText({ classes }: AnswerReport, which: string): string {
  return classes.length <= mostShown ? "" : ` Of ${classes.length} classes the ${mostShown} ${which}.`;
}

/** How often each class was answered to each, as a heat map. */
export function confusionFigure(report: AnswerReport): Figure {
  const { classes, confusion } = report;
  const shown = shownClasses(report);
  const rows = shown.flatMap((label) =>
    shown.map((answer) => {
      const n = confusion[label]![answer]!;
      const of = classes[label]!.n;
      return { label: classes[label]!.name, answer: classes[answer]!.name, n, share: of === 0 ? null : n / of };
    })
  );
  const labelAngle = shown.some((place) => classes[place]!.name.length > longestLevel) ? -45 : 0;
  return {
    name: "confusion",
    title: "Confusion",
    caption: "Rows are the right classes, columns what was answered; a cell is coloured by its share of the row." +
      partText(report, "with the most mistakes"),
    spec: {
      height: { step: 26 },
      encoding: {
        x: { field: "answer", type: "nominal", sort: null, title: "Answer", axis: { labelAngle, orient: "top" } },
        y: { field: "label", type: "nominal", sort: null, title: "Right class" },
      },
      layer: [
        {
          mark: { type: "rect", tooltip: true },
          encoding: {
            color: { field: "share", ...share, title: "Share of the row", legend: { format: ".0%", tickCount: 3 } },
          },
        },
        {
          transform: [{ filter: "datum.n > 0" }],
          mark: { type: "text", fontSize: 11 },
          encoding: {
            text: { field: "n", type: "quantitative" },
            // Cells go from dark to bright on light pages and on dark ones.
            color: { condition: { test: "datum.share < 0.55", value: "#fff" }, value: "#111" },
          },
        },
      ],
    },
    rows,
  };
}

/** Each class's accuracy with its interval, the worst first. */
export function classFigure(report: AnswerReport): Figure {
  const known = report.classes.filter(({ accuracy }) => accuracy !== null)
    .toSorted((a, b) => a.accuracy! - b.accuracy!).slice(0, mostShown);
  return {
    name: "accuracy-by-class",
    title: "Accuracy by class",
    caption: `The share of each class's images that is right, with Wilson's interval of ${percentOf(report)} %, the ` +
      `worst class first.${partText(report, "with the lowest accuracy")}`,
    spec: {
      height: { step: 20 },
      encoding: { y: { field: "class", type: "nominal", sort: null, title: "Class" } },
      layer: [
        {
          mark: { type: "rule" },
          encoding: { x: { field: "low", ...onAxis, title: "Accuracy" }, x2: { field: "high" } },
        },
        { mark: { type: "point", filled: true, tooltip: true }, encoding: { x: { field: "accuracy", ...onAxis } } },
      ],
    },
    rows: known.map(({ name, n, right, accuracy, low, high }) => ({ class: name, n, right, accuracy, low, high })),
  };
}

/** What intervals cover, percent. */
export function percentOf({ alpha }: Pick<AnswerReport, "alpha">): number {
  return Number((100 * (1 - alpha)).toPrecision(4));
}

/** The bins with answers as rows. */
function binRows({ bins }: Reliability): Figure["rows"] {
  return bins.filter(({ n }) => n > 0).map(({ from, to, n, confidence, accuracy, low, high }) => ({
    ...{ from, to, n, confidence, accuracy, low, high },
  }));
}

/** The accuracy of answers against their confidence, bin by bin. */
export function reliabilityFigure(
  report: AnswerReport,
  { bins, name }: { bins: "equalWidth" | "equalMass"; name: string },
): Figure {
  const kind = bins === "equalWidth" ? "equal width" : "equally many answers";
  return {
    name,
    title: `Reliability, bins of ${kind}`,
    caption: `Accuracy against mean confidence of the answers in bins of ${kind}, with Wilson's interval of ` +
      `${percentOf(report)} %. On the dashed line a model is right as often as it says; below it, it is too sure.`,
    spec: {
      height: 320,
      layer: [
        {
          // One line, whatever the number of rows.
          transform: [{ aggregate: [{ op: "count", as: "all" }] }],
          mark: { type: "rule", strokeDash: [5, 4] },
          encoding: { x: { datum: 0 }, y: { datum: 0 }, x2: { datum: 1 }, y2: { datum: 1 } },
        },
        {
          mark: { type: "rule" },
          encoding: {
            x: { field: "confidence", ...onAxis, title: "Confidence" },
            y: { field: "low", ...onAxis, title: "Accuracy" },
            y2: { field: "high" },
          },
        },
        {
          mark: { type: "point", filled: true, size: 60, tooltip: true },
          encoding: { x: { field: "confidence", ...onAxis }, y: { field: "accuracy", ...onAxis } },
        },
      ],
    },
    rows: binRows(report.calibration[bins]),
  };
}

/** How many answers have which confidence. */
export function confidenceFigure({ calibration }: AnswerReport): Figure {
  return {
    name: "confidence",
    title: "Confidence",
    caption: "How many answers were given with which probability.",
    spec: {
      height: 160,
      mark: { type: "bar", tooltip: true },
      encoding: {
        x: { field: "from", bin: "binned", type: "quantitative", title: "Confidence", axis: { format: ".0%" } },
        x2: { field: "to" },
        y: { field: "n", type: "quantitative", title: "Images" },
      },
    },
    rows: calibration.equalWidth.bins.map(({ from, to, n }) => ({ from, to, n })),
  };
}
