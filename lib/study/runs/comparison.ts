/** Recipes beside each other: what their runs came to at the end, and what differs in their settings. */
import type { Datum, Figure, Table } from "../report/page.ts";
import { holm } from "../statistics/holm.ts";
import { type Paired, paired } from "../statistics/paired.ts";
import { summary } from "../statistics/summary.ts";
import { colorOf, isOver } from "./curves.ts";
import { type RunGroup, settingsOf } from "./groups.ts";
import type { StudiedRun } from "./read_run.ts";

/** The chance of being wrong that is taken. */
const ALPHA = 0.05;

/** What runs are compared by at their end. */
export interface Measure {
  /** Which of a run's values. */
  readonly of: "top1" | "loss";
  /** What it is called. */
  readonly name: string;
  /** Whether more is better. */
  readonly higherIsBetter: boolean;
}

/** Top-1 where any run has it, else the loss. */
export function measureOf(runs: readonly StudiedRun[]): Measure {
  return runs.some(({ top1 }) => top1 !== null)
    ? { of: "top1", name: "top-1", higherIsBetter: true }
    : { of: "loss", name: "loss", higherIsBetter: false };
}

/** A value as a reader takes it: accuracies in per cent. */
export function shownValue(value: number | null, { of }: Pick<Measure, "of">): string | null {
  if (value === null) return null;
  return of === "top1" ? `${(100 * value).toFixed(2)} %` : value.toFixed(4);
}

function valuesOf({ runs }: RunGroup, { of }: Measure): number[] {
  return runs.filter(isOver).flatMap((run) => run[of] ?? []);
}

/** Runs of a group that are in no mean, by what became of them: `1 diverged`. */
function leftOut({ runs }: RunGroup): string {
  const states = Map.groupBy(runs.filter((run) => !isOver(run)), ({ state }) => state);
  return [...states].map(([state, each]) => `${each.length} ${state}`).join(", ");
}

/** What each recipe came to. */
export function recipeTable(groups: readonly RunGroup[], measure: Measure): Table {
  const rows = groups.map((group): Datum[] => {
    const values = valuesOf(group, measure);
    const found = values.length === 0 ? null : summary(values);
    const seconds = group.runs.filter(isOver).flatMap(({ seconds }) => seconds ?? []);
    const points = measure.of === "top1" ? 100 : 1;
    return [
      group.label,
      values.length,
      leftOut(group) || null,
      shownValue(found?.mean ?? null, measure),
      typeof found?.sd !== "number" ? null : (points * found.sd).toFixed(measure.of === "top1" ? 2 : 4),
      found === null || found.t === null
        ? null
        : `${shownValue(found.t.low, measure)} to ${shownValue(found.t.high, measure)}`,
      seconds.length === 0 ? null : clock(seconds.reduce((sum, time) => sum + time, 0) / seconds.length),
    ];
  });
  return {
    title: "Recipes",
    columns: ["recipe", "runs over", "in no mean", `mean ${measure.name}`, "deviation", "95 % interval", "mean time"],
    rows,
    note:
      "Deviation is over seeds, of top-1 in points; the interval is Student's, for the mean of such runs. Means are of " +
      "runs that are over.",
  };
}

/** A time as a clock shows it; below ten seconds in tenths of one. */
export function clock(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (value: number): string => String(value).padStart(2, "0");
  return hours > 0 ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

/** Settings that are not the same in all recipes; undefined where there is none. */
export function settingsTable(groups: readonly RunGroup[]): Table | undefined {
  const settings = settingsOf(groups.map(({ runs }) => runs));
  if (settings.length === 0) return undefined;
  return {
    title: "What differs in their settings",
    columns: ["setting", ...groups.map(({ label }) => label)],
    rows: settings.map(({ path, values }) => [path, ...values]),
    note: "All other settings are the same; seeds are not compared.",
  };
}

function bySeed({ runs }: RunGroup, { of }: Measure): Map<number, number> {
  const found = new Map<number, number>();
  for (const run of runs) {
    const value = run[of];
    // The first run of a seed: a second one is of the same numbers, or of other code, which the notes tell.
    if (isOver(run) && run.seed !== null && value !== null && !found.has(run.seed)) found.set(run.seed, value);
  }
  return found;
}

/** Both on the seeds that they share; undefined for fewer than two. */
function onSameSeeds(first: RunGroup, other: RunGroup, measure: Measure): Paired | undefined {
  const [before, after] = [bySeed(first, measure), bySeed(other, measure)];
  const shared = [...before.keys()].filter((seed) => after.has(seed));
  if (shared.length < 2) return undefined;
  const only = (values: Map<number, number>): Map<number, number> =>
    new Map(shared.map((seed) => [seed, values.get(seed)! * (measure.of === "top1" ? 100 : 1)]));
  return paired(only(before), only(after), { alpha: ALPHA, higherIsBetter: measure.higherIsBetter });
}

/** What it would take to decide. */
function undecided({ n, pairsToReach, pairsToDecide }: Paired): string {
  if (n < pairsToReach) return `not decided: it takes ${pairsToReach} pairs at least`;
  return pairsToDecide === null ? "not decided" : `not decided: about ${pairsToDecide} pairs would`;
}

function intervalOf({ flips, t }: Paired, shown: (value: number) => string): string | null {
  const found = flips ?? t;
  return found === null ? null : `${shown(found.low)} to ${shown(found.high)}`;
}

/** Each recipe against the first on the same seeds; undefined where none shares two. */
export function pairedTable(groups: readonly RunGroup[], measure: Measure): Table | undefined {
  const [first, ...others] = groups;
  if (first === undefined) return undefined;
  const found = others.flatMap((group) => {
    const pair = onSameSeeds(first, group, measure);
    return pair === undefined ? [] : [{ group, pair }];
  });
  if (found.length === 0) return undefined;
  const corrected = holm(found.map(({ pair }) => pair.p));
  const digits = measure.of === "top1" ? 2 : 4;
  const signed = (value: number): string => {
    const text = Math.abs(value).toFixed(digits);
    return `${Number(text) === 0 ? "" : value < 0 ? "−" : "+"}${text}`;
  };
  return {
    title: `Against ${first.label}, on the same seeds`,
    columns: ["recipe", "pairs", "mean difference", "95 % interval", "p", "p by Holm", "verdict"],
    rows: found.map(({ group, pair }, at): Datum[] => [
      group.label,
      pair.n,
      signed(pair.mean),
      intervalOf(pair, signed),
      pair.p.toFixed(4),
      corrected[at]!.toFixed(4),
      corrected[at]! >= ALPHA ? undecided(pair) : pair.mean > 0 === measure.higherIsBetter ? "better" : "worse",
    ]),
    note:
      `${measure.of === "top1" ? "Differences of top-1 in points" : "Differences of the loss"}; p is of the exact ` +
      "sign-flip test, the verdict by Holm's correction for as many comparisons as there are rows. They were not named " +
      "beforehand, so take them as hints.",
  };
}

/** What each run came to at its end, with the mean of its recipe; undefined where no run is over. */
export function resultFigure(groups: readonly RunGroup[], measure: Measure): Figure | undefined {
  const rows = groups.flatMap((group) => {
    const { label, runs } = group;
    const values = valuesOf(group, measure);
    const found = values.length < 2 ? null : summary(values);
    return [
      ...runs.filter((run) => isOver(run) && run[measure.of] !== null).map((run) => ({
        recipe: label,
        kind: "run",
        value: run[measure.of],
        seed: run.seed,
        low: null,
        high: null,
      })),
      ...(found === null || found.t === null
        ? []
        : [{ recipe: label, kind: "mean", value: found.mean, seed: null, low: found.t.low, high: found.t.high }]),
    ];
  });
  if (rows.length === 0) return undefined;
  const means = rows.some(({ kind }) => kind === "mean");
  const labels = groups.map(({ label }) => label);
  const axis = measure.of === "top1" ? { axis: { format: "~%" } } : {};
  const x = { type: "quantitative", title: `${measure.name} after the last epoch`, scale: { zero: false }, ...axis };
  const color = { ...colorOf(groups) as object, legend: null };
  const only = (kind: string): { filter: string }[] => [{ filter: `datum.kind === '${kind}'` }];
  return {
    name: "results",
    title: `${measure.name === "loss" ? "Loss" : "Top-1"} after the last epoch`,
    caption: means
      ? "Dots are runs, one a seed; the upright line is their mean, the flat one its 95 % interval (Student's)."
      : "Dots are runs, one a seed.",
    spec: {
      encoding: { y: { field: "recipe", type: "nominal", sort: labels, title: null } },
      layer: [
        ...(means
          ? [
            {
              transform: only("mean"),
              mark: { type: "rule", strokeWidth: 2 },
              encoding: { x: { field: "low", ...x }, x2: { field: "high" }, color },
            },
            {
              transform: only("mean"),
              mark: { type: "tick", thickness: 3, size: 18 },
              encoding: { x: { field: "value", ...x }, color },
            },
          ]
          : []),
        {
          transform: only("run"),
          mark: { type: "point", opacity: 0.75 },
          encoding: { x: { field: "value", ...x }, color },
        },
      ],
    },
    rows,
  };
}
