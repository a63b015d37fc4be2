/** Runs as parts of a page. */
import type { Datum, Figure, Section, Table } from "../report/page.ts";
import { kindOf } from "../../tensor/ops/checks.ts";
import { clock, measureOf, pairedTable, recipeTable, resultFigure, settingsTable, shownValue } from "./comparison.ts";
import { type Curve, curveFigure, isOneEpoch, isOver } from "./curves.ts";
import { groupRuns, type RunGroup } from "./groups.ts";
import { rateFigure } from "./rates.ts";
import type { StudiedRun } from "./read_run.ts";

const curves: readonly Curve[] = [
  {
    name: "top1",
    title: "Top-1 accuracy by epoch",
    axis: "Top-1",
    column: "top1",
    format: "~%",
    told: "Share of validation images that are answered rightly.",
  },
  {
    name: "top1-ema",
    title: "Top-1 accuracy of the averaged weights by epoch",
    axis: "Top-1",
    column: "top1Ema",
    format: "~%",
    told: "Share of validation images that are answered rightly by the average of the weights.",
  },
  {
    name: "loss",
    title: "Validation loss by epoch",
    axis: "Loss",
    column: "loss",
    told: "Mean loss of validation images, without label smoothing.",
  },
  {
    name: "train-loss",
    title: "Training loss by epoch",
    axis: "Loss",
    column: "trainLoss",
    told: "Mean loss of the epoch's batches as they were trained on: augmented, with what the loss smooths.",
  },
  {
    name: "train-top1",
    title: "Training accuracy by epoch",
    axis: "Top-1",
    column: "trainTop1",
    format: "~%",
    told: "Share of right answers to the epoch's batches as they were trained on: augmented, in training mode.",
  },
];

const speeds: readonly Curve[] = [
  {
    name: "rate",
    title: "Images a second by epoch",
    axis: "Images a second",
    column: "imagesPerSecond",
    told: "Images that went through training steps in a second; measuring is not counted.",
  },
  {
    name: "time",
    title: "Seconds of training by epoch",
    axis: "Seconds",
    column: "trainSeconds",
    told: "Time of each epoch's training steps; measuring is not counted.",
  },
];

/** Columns of `metrics.csv` that have a figure, or are none of their own. */
const known = [
  ...[...curves, ...speeds].map(({ column }) => column),
  ...["epoch", "top5", "top5Ema", "lossEma", "lr"],
];

/** Columns of `metrics.csv` whose last values the table of runs has. */
const ofTable: readonly string[] = ["top1", "loss", "imagesPerSecond", "trainSeconds"];

/** Curves of what a script or recipe measures beside. */
function ownCurves(runs: readonly StudiedRun[]): Curve[] {
  const columns = new Set(runs.flatMap(({ metrics }) => metrics.columns));
  return [...columns].filter((column) => !known.includes(column)).map((column, at) => ({
    name: `metric-${at}`,
    title: `${column} by epoch`,
    axis: column,
    column,
    told: `The metric ${column}.`,
  }));
}

/** Runs that did not get to their end, in a sentence each. */
function troubles(runs: readonly StudiedRun[]): string[] {
  const told = runs.filter((run) => !isOver(run) || run.why !== null);
  return told.map(({ folder, state, why, epochs, planned }) =>
    `${folder}: ${state} after ${epochs} of ${planned ?? "unknown"} epochs${why === null ? "" : `, ${why}`}.`
  );
}

function deviceOf({ device, config }: StudiedRun): string {
  return `${device ?? "unknown"} (${config?.["isa"] ?? "unknown"})`;
}

/** What a reader should know of code and machines. */
function notes(groups: readonly RunGroup[]): string[] {
  const runs = groups.flatMap(({ runs }) => runs);
  const commits = new Set(runs.map(({ commit }) => commit?.slice(0, 12) ?? "unknown"));
  const devices = new Set(runs.map(deviceOf));
  const dirty = runs.filter(({ dirty }) => dirty === true).length;
  const twice = groups.filter(({ runs }) => {
    const seeds = runs.filter(isOver).flatMap(({ seed }) => seed ?? []);
    return new Set(seeds).size < seeds.length;
  });
  return [
    ...(commits.size > 1 ? [`They are of ${commits.size} commits: ${[...commits].join(", ")}.`] : []),
    ...(dirty > 0
      ? [`${dirty === runs.length ? "All" : `${dirty} of them`} ran code with changes that were not committed.`]
      : []),
    ...(devices.size > 1 ? [`They were computed by ${[...devices].join(" and ")}.`] : []),
    ...(devices.size === 1 && commits.size === 1
      ? [`Trained on ${[...devices][0]}, by the code of commit ${[...commits][0]}.`]
      : []),
    ...twice.map(({ label }) =>
      `Several runs of ${label} have one seed: they are the same training again, no seeds more.`
    ),
  ];
}

/** The folder that all runs lie below, with a separator at its end; empty where there is none. */
function commonFolder(runs: readonly StudiedRun[]): string {
  const [first = [], ...others] = runs.map(({ folder }) => folder.split("/").slice(0, -1));
  const end = first.findIndex((name, at) => others.some((parts) => parts[at] !== name));
  const shared = end < 0 ? first : first.slice(0, end);
  return shared.length === 0 ? "" : `${shared.join("/")}/`;
}

/** A column of runs. */
interface Column {
  readonly name: string;
  readonly of: (run: StudiedRun, label: string) => Datum;
  /** Whether it is left out where all runs have one value. */
  readonly varies?: boolean;
}

function runTable(groups: readonly RunGroup[]): Table {
  const runs = groups.flatMap(({ label, runs }) => runs.map((run) => ({ label, run })));
  const below = commonFolder(runs.map(({ run }) => run));
  const all: readonly Column[] = [
    { name: "run", of: ({ folder }) => folder.slice(below.length) },
    { name: "arm", of: ({ arms }) => arms.length === 0 ? null : arms.join(", "), varies: true },
    { name: "recipe", of: (_, label) => label, varies: true },
    { name: "seed", of: ({ seed }) => seed },
    { name: "state", of: ({ state }) => state },
    { name: "epochs", of: ({ epochs, planned }) => planned === null ? `${epochs}` : `${epochs} of ${planned}` },
    { name: "top-1", of: ({ top1 }) => shownValue(top1, { of: "top1" }) },
    { name: "top-5", of: ({ top5 }) => shownValue(top5, { of: "top1" }) },
    { name: "loss", of: ({ loss }) => shownValue(loss, { of: "loss" }) },
    { name: "time", of: ({ seconds }) => seconds === null ? null : clock(seconds) },
    {
      name: "images/s",
      of: ({ imagesPerSecond: rate }) => rate === null ? null : rate.toFixed(rate < 100 ? 1 : 0),
    },
    { name: "device", of: deviceOf, varies: true },
    { name: "commit", of: ({ commit }) => commit?.slice(0, 7) ?? null, varies: true },
  ];
  const cells = all.map(({ of }) => runs.map(({ run, label }) => of(run, label)));
  const kept = all.map(({ varies = false }, at) => !varies || new Set(cells[at]).size > 1);
  return {
    title: "Runs",
    columns: all.flatMap(({ name }, at) => kept[at] ? [name] : []),
    rows: runs.map((_, row) => cells.filter((_, at) => kept[at]).map((column) => column[row]!)),
    note: [
      ...(below === "" ? [] : [`Folders are below ${below}.`]),
      ...(runs.every(({ run }) => isOver(run))
        ? []
        : ["Of a run that is not over it tells what its last whole epoch came to."]),
    ].join(" "),
  };
}

/** What curves would tell of runs of one epoch, as far as their table does not; undefined where that is nothing. */
function epochTable(groups: readonly RunGroup[], curves: readonly Curve[]): Table | undefined {
  const runs = groups.flatMap(({ runs }) => runs);
  const of = (run: StudiedRun, { column }: Curve): number | null => run.metrics.rows[0]?.[column] ?? null;
  const told = curves.filter((curve) => !ofTable.includes(curve.column) && runs.some((run) => of(run, curve) !== null));
  if (told.length === 0) return undefined;
  const below = commonFolder(runs);
  return {
    title: "Their one epoch",
    columns: ["run", ...told.map(({ title }) => title.replace(/ by epoch$/, ""))],
    rows: runs.map((run) => [
      run.folder.slice(below.length),
      ...told.map((curve) => {
        const value = of(run, curve);
        return value === null ? null : shownValue(value, { of: curve.format === "~%" ? "top1" : "loss" });
      }),
    ]),
    note: "Curves by epoch take two epochs.",
  };
}

function present<Part>(parts: readonly (Part | undefined)[]): Part[] {
  return parts.filter((part) => part !== undefined);
}

function intro(groups: readonly RunGroup[]): string {
  const runs = groups.flatMap(({ runs }) => runs);
  const over = runs.filter(isOver).length;
  if (runs.length === 1) return over === 1 ? "One run, which is over." : "One run, which is not over.";
  const recipes = groups.length === 1 ? "one recipe" : `${groups.length} recipes`;
  return `${runs.length} runs of ${recipes}; ${over === runs.length ? "all are over" : `${over} of them are over`}.`;
}

/**
 * Runs as parts of a page: what each came to, recipes beside each other with what differs in their settings, loss, accuracy,
 * rate and time by epoch with a band over the seeds of a recipe, or of one epoch as numbers. Runs that were stopped, diverged or broke are named with the
 * reason, drawn by themselves, and in no mean.
 *
 * @example
 * ```ts
 * import { recipe, study } from "@libtrain/libtrain";
 *
 * const mine = recipe.preset("mnist", { epochs: 1, bs: 32, data: { limit: 64 } });
 * const { folder } = await recipe.train(mine).result;
 * const sections = await study.runSections([await study.readRun(folder)]);
 * console.log(sections.map(({ title }) => title).join(", ")); // Runs, Accuracy and loss, Rate and time
 * ```
 */
export async function runSections(runs: readonly StudiedRun[]): Promise<Section[]> {
  if (!Array.isArray(runs)) {
    throw new TypeError(`runSections(): Expected \`runs\` as an array of what readRun() gives, got ${kindOf(runs)}`);
  }
  if (runs.length === 0) throw new RangeError("runSections(): Expected at least one run, got none");
  const groups = groupRuns(runs);
  const measure = measureOf(runs);
  const several = groups.length > 1;
  const one = isOneEpoch(runs);
  const drawn = (all: readonly Curve[]): Figure[] => one ? [] : present(all.map((curve) => curveFigure(curve, groups)));
  const quality = [...curves, ...ownCurves(runs)];
  const results = runs.filter(isOver).length > 1 ? [resultFigure(groups, measure)] : [];
  const compared = several ? [recipeTable(groups, measure), pairedTable(groups, measure), settingsTable(groups)] : [];
  const alone = !several && runs.length > 1 ? [recipeTable(groups, measure)] : [];
  const sections: Section[] = [
    { title: "Runs", text: [intro(groups), ...troubles(runs), ...notes(groups)], tables: [...alone, runTable(groups)] },
    ...(several ? [{ title: "Comparison", tables: present(compared), figures: present(results) }] : []),
    {
      title: "Accuracy and loss",
      tables: present([one ? epochTable(groups, quality) : undefined]),
      figures: [...(several ? [] : present(results)), ...drawn(quality)],
    },
    { title: "Rate and time", figures: present([await rateFigure(groups), ...drawn(speeds)]) },
  ];
  return sections.filter(({ text, tables, figures }) =>
    [text, tables, figures].some((part) => (part?.length ?? 0) > 0)
  );
}
