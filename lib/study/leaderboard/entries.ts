/** Runs of one recipe, code and data as the entries of a leaderboard. */
import { type LeaderboardTask, taskName } from "../../recipe/image_presets.ts";
import { preset } from "../../recipe/change.ts";
import { isObject, valueAt } from "../../recipe/check.ts";
import { deviationOf, type Interval, meanOf, studentInterval } from "../statistics/intervals.ts";
import type { FoundRun, RunData } from "./found_run.ts";
import type { PublishedRow } from "./published.ts";
import { fewestRuns } from "./rules.ts";

/** One run of an entry. */
export interface EntryRun {
  /** The run's folder, or the file with its result. */
  readonly path: string;
  /** What weights, order and augmentation followed from. */
  readonly seed: number | null;
  /** Top-1 after the last epoch, 0 to 1. */
  readonly top1: number;
}

/** The runs of one recipe by one commit on the same images. */
export interface LeaderboardEntry {
  /** Each run, a seed once. */
  readonly runs: readonly EntryRun[];
  /** Runs whose seed is among them already, which do not count. */
  readonly repeated: readonly EntryRun[];
  /** How many count. */
  readonly n: number;
  /** Mean top-1, 0 to 1. */
  readonly mean: number;
  /** Their standard deviation (n - 1); null of one run. */
  readonly sd: number | null;
  /** Student's interval of 95 % for the mean; null of one run. */
  readonly interval: Interval | null;
  /** The code's version, 40 hexadecimal digits. */
  readonly commit: string;
  /** What the recipe has other than the row's preset, say `dtype bf16`. */
  readonly differences: readonly string[];
  /** What it was trained on. */
  readonly data: RunData;
  /** Fewer runs than an entry takes: it is shown, and not ranked. */
  readonly provisional: boolean;
  /** Points of a percentage above what is published; null where nothing is. */
  readonly points: number | null;
  /** Place among the row's entries that are ranked and the published one, from 1; null where it is provisional. */
  readonly rank: number | null;
}

/** What changes no weight: where it ran, how it was measured, what it was called. */
const ofNoMatter: readonly string[] = ["preset", "seed", "device", "threads", "capture", "validBs", "metrics"];

/** The sections and settings that a recipe is made of. */
const sections: readonly string[] = [
  ...["data", "size", "model", "weights", "optimizer", "schedule", "loss", "transforms", "epochs", "bs"],
  ...["clipNorm", "accumulate", "ema", "dtype"],
];

/** The leaves of a recipe as text by their paths, without those that say nothing: null, none, one batch a step. */
function leavesOf(config: Readonly<Record<string, unknown>>): Map<string, string> {
  const found = new Map<string, string>();
  const note = (value: unknown, path: string): void => {
    if (isObject(value)) {
      for (const [name, inner] of Object.entries(value)) note(inner, `${path}.${name}`);
    } else if (value !== null && value !== undefined && !(path === "accumulate" && value === 1)) {
      found.set(path, typeof value === "string" ? value : JSON.stringify(value));
    }
  };
  for (const name of sections) if (!ofNoMatter.includes(name)) note(config[name], name);
  // Where the images lie matters not, and which they are is told beside.
  found.delete("data.name");
  found.delete("data.keep");
  return found;
}

/** What a configuration has other than the row's preset. */
function differencesOf(config: Readonly<Record<string, unknown>>, task: LeaderboardTask): string[] {
  const [own, usual] = [leavesOf(config), leavesOf({ ...preset(taskName(task)) })];
  return [...new Set([...usual.keys(), ...own.keys()])].toSorted()
    .filter((path) => own.get(path) !== usual.get(path))
    .map((path) => `${path} ${own.get(path) ?? "not set"}`);
}

/** By which runs belong together: recipe, images, commit. */
function keyOf({ config, commit }: FoundRun): string {
  const images = valueAt(config, "source.contents") ?? valueAt(config, "source.sha256") ??
    valueAt(config, "source.name");
  return JSON.stringify([[...leavesOf(config)].toSorted(), images ?? null, commit]);
}

function entryOf(found: readonly FoundRun[], task: LeaderboardTask, published: number | undefined): LeaderboardEntry {
  const all = found.map(({ path, seed, top1 }): EntryRun => ({ path, seed, top1: top1! }));
  const first = new Map<number | null, EntryRun>();
  for (const run of all) if (!first.has(run.seed)) first.set(run.seed, run);
  const runs = [...first.values()].toSorted((a, b) => (a.seed ?? -1) - (b.seed ?? -1));
  const values = runs.map(({ top1 }) => top1);
  const mean = meanOf(values);
  const { config, commit, data } = found[0]!;
  return {
    runs,
    repeated: all.filter((run) => first.get(run.seed) !== run),
    n: values.length,
    mean,
    sd: values.length > 1 ? deviationOf(values) : null,
    interval: values.length > 1 ? studentInterval(values, 0.05) : null,
    commit: commit!,
    differences: differencesOf(config, task),
    data,
    provisional: values.length < fewestRuns,
    points: published === undefined ? null : 100 * (mean - published),
    rank: null,
  };
}

/** The entries of a row, the best first, and those that are provisional behind. */
export function entriesOf(
  found: readonly FoundRun[],
  { published, ...task }: PublishedRow,
): readonly LeaderboardEntry[] {
  const groups = Map.groupBy(found, keyOf);
  const entries = [...groups.values()].map((runs) => entryOf(runs, task, published?.top1))
    .toSorted((a, b) => Number(a.provisional) - Number(b.provisional) || b.mean - a.mean);
  const ranked = entries.filter(({ provisional }) => !provisional).map(({ mean }) => mean);
  const all = published === null ? ranked : [...ranked, published.top1];
  return entries.map((entry) =>
    entry.provisional ? entry : { ...entry, rank: 1 + all.filter((mean) => mean > entry.mean).length }
  );
}
