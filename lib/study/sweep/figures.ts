/** A sweep's figures: arms and differences with their intervals, and curves by epoch with bands over seeds. */
import type { Json } from "../../registry/registry.ts";
import type { Datum, Figure } from "../report/page.ts";
import type { EpochRecord } from "./record.ts";
import type { ArmResult, SweepResult } from "./results.ts";

type Row = Readonly<Record<string, Datum>>;

/** A figure's name, of letters that files and pages may have. */
function nameOf({ name }: SweepResult, what: string): string {
  return `${name.toLowerCase().replaceAll(/[^a-z0-9_-]+/g, "-").slice(0, 80)}-${what}`;
}

/** Rows of one line: its mean with the interval, and each seed. */
function lineRows(
  label: string,
  { mean, interval, seeds, kind }: {
    mean: number;
    interval: { low: number; high: number } | null;
    seeds: readonly (readonly [seed: string, value: number])[];
    kind: string;
  },
): Row[] {
  return [
    {
      line: label,
      kind,
      of: "mean",
      seed: null,
      value: mean,
      low: interval?.low ?? null,
      high: interval?.high ?? null,
    },
    ...seeds.map(([seed, value]) => ({ line: label, kind, of: "seed", seed, value, low: null, high: null })),
  ];
}

/** Marks for means, intervals and seeds, one below the other; `zero` draws the line of no difference. */
function lineSpec(
  { labels, axis, format, zero }: { labels: readonly string[]; axis: string; format: string; zero: boolean },
): Figure["spec"] {
  const x = { type: "quantitative", title: axis, axis: { format, grid: true }, scale: { zero: false } } as const;
  const y = { field: "line", type: "nominal", sort: labels, title: null, axis: { labelLimit: 320 } } as const;
  const none: Json[] = zero
    ? [{
      transform: [{ aggregate: [{ op: "count", as: "rows" }] }],
      mark: { type: "rule", strokeDash: [4, 4] },
      encoding: { x: { datum: 0, ...x } },
    }]
    : [];
  return {
    layer: [
      ...none,
      {
        transform: [{ filter: "datum.low !== null" }],
        mark: { type: "rule", strokeWidth: 2.5 },
        encoding: { x: { field: "low", ...x }, x2: { field: "high" }, y },
      },
      {
        transform: [{ filter: "datum.of === 'seed'" }],
        mark: { type: "point", filled: false, opacity: 0.8 },
        encoding: { x: { field: "value", ...x }, y },
      },
      {
        transform: [{ filter: "datum.of === 'mean'" }],
        mark: { type: "point", size: 110 },
        encoding: { x: { field: "value", ...x }, y },
      },
    ],
  };
}

/** Each arm's mean with its interval; undefined where no run is over. */
export function armFigure(result: SweepResult): Figure | undefined {
  const { arms, measure } = result;
  const rows = arms.flatMap(({ arm, summary, values }) =>
    summary === null
      ? []
      : lineRows(arm, { mean: summary.mean, interval: summary.t, seeds: Object.entries(values), kind: "arm" })
  );
  if (rows.length === 0) return undefined;
  const top1 = measure === "top1";
  return {
    name: nameOf(result, "arms"),
    title: top1 ? "Top-1 of each arm" : "Validation loss of each arm",
    caption: "Full points are means, lines their 95 % intervals (Student's t), rings the seeds.",
    spec: lineSpec({
      labels: arms.map(({ arm }) => arm),
      axis: top1 ? "Top-1" : "Validation loss",
      format: top1 ? ".1%" : "~r",
      zero: false,
    }),
    rows,
  };
}

/** The paired differences with their intervals; undefined where there is no pair. */
export function differenceFigure(result: SweepResult): Figure | undefined {
  const { comparisons, measure } = result;
  const scale = measure === "top1" ? 100 : 1;
  const labelled = comparisons.map((each) => ({
    ...each,
    label: `${each.arm} against ${each.against}${each.kind === "primary" ? " (primary)" : ""}`,
  }));
  const rows = labelled.flatMap(({ label, kind, paired }) => {
    if (paired === null) return [];
    const { mean, flips, t, keys, values } = paired;
    const interval = flips ?? t;
    return lineRows(label, {
      kind,
      mean: scale * mean,
      interval: interval === null ? null : { low: scale * interval.low, high: scale * interval.high },
      seeds: keys.map((seed, at) => [seed, scale * values[at]!]),
    });
  });
  if (rows.length === 0) return undefined;
  const top1 = measure === "top1";
  return {
    name: nameOf(result, "differences"),
    title: "Differences on the same seeds",
    caption:
      `${top1 ? "To the right" : "To the left"} of the dashed line the first arm is better. Full points are means, ` +
      "lines their 95 % intervals (of the sign-flip test; Student's of fewer than six pairs), rings the seeds.",
    spec: lineSpec({
      labels: labelled.map(({ label }) => label),
      axis: top1 ? "Difference of top-1, in points" : "Difference of validation loss",
      format: "+~r",
      zero: true,
    }),
    rows,
  };
}

/** What is drawn by epoch. */
const curves: readonly { of: keyof EpochRecord; name: string; title: string; axis: string; format: string }[] = [
  { of: "top1", name: "top1", title: "Top-1 by epoch", axis: "Top-1", format: "~%" },
  { of: "loss", name: "loss", title: "Validation loss by epoch", axis: "Validation loss", format: "~r" },
  { of: "trainLoss", name: "train-loss", title: "Training loss by epoch", axis: "Training loss", format: "~r" },
  { of: "lr", name: "rate", title: "Learning rate at the end of each epoch", axis: "Learning rate", format: "~g" },
  { of: "trainSeconds", name: "time", title: "Time of an epoch's steps", axis: "Seconds", format: "~r" },
];

/** The mean over the seeds of runs that went to their end, with the lowest and the highest. */
function epochRows({ arm, runs }: ArmResult, of: keyof EpochRecord): Row[] {
  const byEpoch = Map.groupBy(
    runs.filter(({ status }) => status === "done").flatMap(({ epochs }) => epochs),
    ({ epoch }) => epoch,
  );
  return [...byEpoch].sort(([a], [b]) => a - b).flatMap(([epoch, records]) => {
    const values = records.flatMap((record) => record[of] ?? []);
    if (values.length === 0) return [];
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    return [{ arm, epoch, mean, low: Math.min(...values), high: Math.max(...values), seeds: values.length }];
  });
}

/** Curves of every arm by epoch; none of trainings of one epoch, which the tables tell. */
export function epochFigures(result: SweepResult): Figure[] {
  const { arms } = result;
  if (arms.every(({ runs }) => runs.every(({ epochs }) => epochs.length < 2))) return [];
  const labels = arms.map(({ arm }) => arm);
  return curves.flatMap(({ of, name, title, axis, format }) => {
    const rows = arms.flatMap((arm) => epochRows(arm, of));
    if (rows.length === 0) return [];
    const color = { field: "arm", type: "nominal", sort: labels, scale: { domain: labels }, title: null } as const;
    const y = { type: "quantitative", title: axis, axis: { format }, scale: { zero: false } } as const;
    const x = {
      field: "epoch",
      type: "quantitative",
      title: "Epoch",
      axis: { tickMinStep: 1, format: "d" },
      scale: { zero: false, nice: false },
    } as const;
    return [{
      name: nameOf(result, name),
      title,
      caption:
        "Lines are means over the seeds that went to their end, bands go from the lowest of them to the highest.",
      spec: {
        encoding: { x, color },
        layer: [
          { mark: "area", encoding: { y: { field: "low", ...y }, y2: { field: "high" } } },
          { mark: { type: "line", point: true }, encoding: { y: { field: "mean", ...y } } },
        ],
      },
      rows,
    }];
  });
}
