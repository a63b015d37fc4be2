/** A search for a learning rate as parts of a page. */
import { requireOptions } from "../../tensor/ops/checks.ts";
import type { Figure, Section } from "../report/page.ts";
import { short } from "../statistics/digits.ts";
import type { LrFound } from "./lr_find.ts";

/** What the rules do, in a few words. */
const rules: readonly (readonly [keyof LrFound["suggestions"], string])[] = [
  ["valley", "two fifths into the longest fall, about"],
  ["steep", "where the loss falls most steeply"],
  ["minimum", "a tenth of where the loss is lowest"],
  ["slide", "before the slope changes towards the end"],
];

/** The smoothed loss at the step whose rate is nearest to one. */
function lossNear(points: LrFound["points"], lr: number): number {
  const apart = (at: number): number => Math.abs(Math.log(points[at]!.lr / lr));
  const near = points.reduce((best, _, at) => apart(at) < apart(best) ? at : best, 0);
  return points[near]!.smooth;
}

function figure({ points, suggestions }: LrFound): Figure {
  const curve = points.flatMap(({ lr, loss, smooth }) => [
    { what: "smoothed", lr, loss: smooth, rule: null },
    { what: "each step", lr, loss, rule: null },
  ]);
  const marks = rules.flatMap(([rule]) => {
    const lr = suggestions[rule];
    return lr === null ? [] : [{ what: "suggestion", lr, loss: lossNear(points, lr), rule }];
  });
  // A few steps at the end may be so much higher that nothing else is seen.
  const highest = 1.5 * Math.max(...points.slice(0, Math.ceil(points.length / 2)).map(({ smooth }) => smooth));
  const y = {
    field: "loss",
    type: "quantitative",
    title: "Training loss",
    scale: { zero: false, domainMax: highest },
  } as const;
  const x = {
    field: "lr",
    type: "quantitative",
    title: "Learning rate",
    scale: { type: "log" },
    axis: { format: "~e" },
  } as const;
  const byRule = {
    ...{ field: "rule", type: "nominal", title: "Suggestion" },
    sort: rules.map(([rule]) => rule),
    legend: { columns: rules.length },
  };
  return {
    name: "lr-find",
    title: "Training loss while the rate grows",
    caption:
      "Each step has a higher rate than the one before. Points are the steps' losses, the line their average with " +
      "falling weights; the marks are what each rule suggests.",
    spec: {
      height: 320,
      layer: [
        {
          // Far outside the view no picture of it could be made.
          transform: [{ filter: `datum.what == 'each step' && datum.loss <= ${highest}` }],
          mark: { type: "point", opacity: 0.35, size: 18 },
          encoding: { x, y },
        },
        {
          transform: [{ filter: "datum.what == 'smoothed'" }],
          mark: { type: "line", clip: true },
          encoding: { x, y },
        },
        {
          transform: [{ filter: "datum.what == 'suggestion'" }],
          mark: { type: "point", size: 110, clip: true },
          encoding: {
            x,
            y,
            color: byRule,
            shape: byRule,
          },
        },
      ],
    },
    rows: [...curve, ...marks],
  };
}

function text({ points, suggestion, ended, notFinite }: LrFound): string[] {
  const [first, last] = [points[0], points.at(-1)];
  const range = first === undefined || last === undefined
    ? ""
    : `, at rates from ${short(first.lr)} to ${short(last.lr)}`;
  const why = {
    steps: "as many as were asked for",
    diverged: "until the loss had grown too large",
    notFinite: `until ${notFinite} was not finite`,
  }[ended];
  return [
    `${points.length} steps were taken${range}: ${why}. Afterwards everything was put back as it was.`,
    suggestion === null
      ? "They are too few to suggest a rate: begin lower, or take more steps."
      : `Suggested is ${
        short(suggestion)
      }, by the rule valley. It is a rate to begin with: a schedule that warms up or ends ` +
        "low may take a higher one, and so may a longer training.",
  ];
}

/**
 * A search for a learning rate as parts of a page: the curve with its suggestions, and these as a table.
 *
 * @example
 * ```ts ignore
 * const found = await study.lrFind(trainer, batches);
 * const sections = study.lrFindSections(found);
 * ```
 */
export function lrFindSections(found: LrFound): readonly Section[] {
  requireOptions("lrFindSections", found, "lrFindSections(await lrFind(trainer, batches))");
  const { points, suggestions } = found;
  return [{
    title: "Learning rate",
    text: text(found),
    tables: [{
      title: "Suggestions",
      columns: ["rule", "rate", "what it takes"],
      rows: rules.map(([rule, what]) => {
        const lr = suggestions[rule];
        return [rule, lr === null ? null : short(lr), what];
      }),
      note: "The rules are fastai's; the first tenth of the steps and the last five do not count.",
    }],
    ...(points.length === 0 ? {} : { figures: [figure(found)] }),
  }];
}
