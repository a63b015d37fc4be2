/** Curves over epochs: a mean with its band for each recipe, and runs that did not get to their end by themselves. */
import type { Json } from "../../registry/registry.ts";
import type { Datum, Figure } from "../report/page.ts";
import type { RunGroup } from "./groups.ts";
import type { StudiedRun } from "./read_run.ts";

/** What to draw of each epoch. */
export interface Curve {
  /** The figure's name. */
  readonly name: string;
  /** Its heading. */
  readonly title: string;
  /** What the axis says. */
  readonly axis: string;
  /** The column of `metrics.csv`. */
  readonly column: string;
  /** How numbers of the axis are written, by d3: `~%`. */
  readonly format?: string;
  /** What its caption begins with. */
  readonly told: string;
}

/** Runs whose ends can be held against each other. */
export function isOver({ state }: StudiedRun): boolean {
  return state === "over";
}

/** Largest by smallest value from which a scale of powers of ten tells more. */
const wide = 100;

function valuesAt(runs: readonly StudiedRun[], column: string, at: number): number[] {
  return runs.flatMap(({ metrics }) => metrics.rows[at]?.[column] ?? []);
}

function meanRows({ label, runs }: RunGroup, column: string): Record<string, Datum>[] {
  const over = runs.filter(isOver);
  const epochs = Math.max(0, ...over.map(({ metrics }) => metrics.rows.length));
  return Array.from({ length: epochs }, (_, at) => {
    const values = valuesAt(over, column, at);
    if (values.length === 0) return [];
    const several = values.length > 1;
    return [{
      recipe: label,
      epoch: at + 1,
      value: values.reduce((sum, value) => sum + value, 0) / values.length,
      low: several ? Math.min(...values) : null,
      high: several ? Math.max(...values) : null,
      seeds: values.length,
      run: null,
    }];
  }).flat();
}

/** Runs that are not over, each by itself: among the others a mean would begin to be of fewer in the middle. */
function ownRows({ label, runs }: RunGroup, column: string): Record<string, Datum>[] {
  return runs.filter((run) => !isOver(run)).flatMap(({ metrics, folder, state }) =>
    metrics.rows.flatMap((row, at) => {
      const value = row[column] ?? null;
      if (value === null) return [];
      return [{ recipe: label, epoch: at + 1, value, low: null, high: null, seeds: 1, run: `${folder} (${state})` }];
    })
  );
}

/** The colours of recipes, in their order; without a legend where there is one. */
export function colorOf(groups: readonly RunGroup[]): Json {
  const labels = groups.map(({ label }) => label);
  return {
    field: "recipe",
    type: "nominal",
    sort: labels,
    scale: { domain: labels },
    title: null,
    legend: labels.length > 1
      ? Math.max(...labels.map((label) => label.length)) > 30 ? { columns: 1, labelLimit: 600 } : { columns: 3 }
      : null,
  };
}

/** Whether no run has come to a second epoch: there is no curve then. */
export function isOneEpoch(runs: readonly StudiedRun[]): boolean {
  return runs.every(({ metrics }) => metrics.rows.length < 2);
}

/** A curve of each recipe; undefined where no epoch has the value. */
export function curveFigure(curve: Curve, groups: readonly RunGroup[]): Figure | undefined {
  const { name, title, axis, column, format, told } = curve;
  const means = groups.flatMap((group) => meanRows(group, column));
  const own = groups.flatMap((group) => ownRows(group, column));
  const rows = [...means, ...own];
  if (rows.length === 0) return undefined;
  const values = rows.map(({ value }) => value as number);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const log = low > 0 && high / low > wide;
  const banded = means.some(({ low }) => low !== null);
  const y = {
    title: axis,
    type: "quantitative",
    scale: log ? { type: "log" } : { zero: false },
    ...(format === undefined ? {} : { axis: { format } }),
  };
  const color = colorOf(groups);
  const layers: Json[] = [
    ...(banded
      ? [{
        transform: [{ filter: "datum.low !== null" }],
        mark: "area",
        encoding: { y: { field: "low", ...y }, y2: { field: "high" }, color },
      }]
      : []),
    ...(means.length > 0
      ? [{
        transform: [{ filter: "datum.run === null" }],
        mark: { type: "line", point: true },
        encoding: { y: { field: "value", ...y }, color },
      }]
      : []),
    ...(own.length > 0
      ? [{
        transform: [{ filter: "datum.run !== null" }],
        mark: { type: "line", point: true, strokeDash: [5, 4] },
        encoding: { y: { field: "value", ...y }, color, detail: { field: "run", type: "nominal" } },
      }]
      : []),
  ];
  const caption = [
    told,
    ...(banded ? ["Lines are means over seeds, bands go from the lowest seed to the highest."] : []),
    ...(own.length > 0 ? ["Dashed: runs that are not over, each by itself and in no mean."] : []),
    ...(log ? ["The axis is one of powers of ten."] : []),
  ].join(" ");
  return {
    name,
    title,
    caption,
    spec: {
      encoding: {
        x: {
          field: "epoch",
          type: "quantitative",
          title: "Epoch",
          axis: { tickMinStep: 1, format: "d" },
          scale: { zero: false, nice: false },
        },
      },
      layer: layers,
    },
    rows,
  };
}
