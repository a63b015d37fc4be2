/** What a sweep came to: each arm's values with their intervals, and what was compared on the same seeds. */
import type { Recipe } from "../../recipe/recipe.ts";
import type { McNemar } from "../statistics/counts.ts";
import { short } from "../statistics/digits.ts";
import { holm } from "../statistics/holm.ts";
import { type Paired, paired } from "../statistics/paired.ts";
import { type Summary, summary } from "../statistics/summary.ts";
import { decide, intervalText, inUnits } from "../statistics/verdict.ts";
import { comparedAnswers } from "./compare_answers.ts";
import { withoutPlaces } from "./identity.ts";
import type { Divergence, SweepRun } from "./record.ts";
import type { Plan } from "./plan.ts";
import type { Comparison, Measure } from "./study.ts";

/** A run of an arm as a result tells of it: its answers are in its own file. */
export type RunResult = Omit<SweepRun, "libtrain" | "format" | "sweep" | "answers" | "recipe" | "data">;

/** What an arm came to. */
export interface ArmResult {
  /** Its name. */
  readonly arm: string;
  /** What was trained, of whatever seed. */
  readonly recipe: Recipe;
  /** Of the runs that were trained to their end; null where there is none. */
  readonly summary: Summary | null;
  /** What each of these came to, by its seed. */
  readonly values: Readonly<Record<string, number>>;
  /** Runs whose numbers were no longer finite: the mean is without them. */
  readonly diverged: readonly ({ readonly seed: number } & Divergence)[];
  /** Runs that failed, with the reason. */
  readonly failed: readonly { readonly seed: number; readonly message: string }[];
  /** Seeds that were not run yet. */
  readonly missing: readonly number[];
  /** Mean time of a run's steps; null where there is none. */
  readonly seconds: number | null;
  /** Its runs, in the order of the seeds. */
  readonly runs: readonly RunResult[];
}

/** The two runs of a seed on the same images, \`a\` the arm's, \`b\` that of what it is compared with. */
export interface SeedAnswers extends McNemar {
  /** The seed. */
  readonly seed: number;
}

/** Two arms on the same seeds. */
export interface ComparisonResult extends Comparison {
  /** `primary` decides the claim; `exploratory` ones only hint. */
  readonly kind: "primary" | "exploratory";
  /** The differences; null where there is no seed that both have. */
  readonly paired: Paired | null;
  /** p after Holm's correction for the exploratory comparisons; null of the primary one. */
  readonly holm: number | null;
  /** What is decided: by p of the primary one, else by Holm's. */
  readonly verdict: Paired["verdict"];
  /** What this says of the claim; null of an exploratory one. */
  readonly claim: "holds here" | "refuted here" | "not decided" | null;
  /** The verdict with its reasons; accuracies in points. */
  readonly words: string;
  /**
   * About how many seeds would decide at this difference and spread, exploratory ones after their correction; null where it
   * is decided, and where that cannot be told.
   */
  readonly seedsToDecide: number | null;
  /** Seeds that one of the two lacks. */
  readonly unpaired: readonly string[];
  /** McNemar's test for each seed whose runs have both kept their answers. */
  readonly answers: readonly SeedAnswers[];
}

/** What a sweep came to. */
export interface SweepResult extends Pick<Plan, "name" | "claim" | "source" | "baseline" | "measure"> {
  /** Its folder. */
  readonly folder: string;
  /** The seeds. */
  readonly seeds: readonly number[];
  /** Whether a signal ended it before its end. */
  readonly stopped: boolean;
  /** The arms. */
  readonly arms: readonly ArmResult[];
  /** The comparisons, the primary one first. */
  readonly comparisons: readonly ComparisonResult[];
  /** What a reader should know of how the runs were made. */
  readonly notes: readonly string[];
}

/** The chance of being wrong that is taken. */
const ALPHA = 0.05;

/** What a run is compared by; null where it has none. */
export function valueOf(
  { status, top1, loss }: Pick<SweepRun, "status" | "top1" | "loss">,
  measure: Measure,
): number | null {
  return status === "done" ? measure === "top1" ? top1 : loss : null;
}

function armResult(
  { name: arm, recipe }: Plan["arms"][number],
  { runs, seeds, failures, measure }: {
    runs: readonly SweepRun[];
    seeds: readonly number[];
    failures: ReadonlyMap<number, string>;
    measure: Measure;
  },
): ArmResult {
  const values = runs.flatMap((run) => {
    const value = valueOf(run, measure);
    return value === null ? [] : [[run.seed, value] as const];
  });
  const times = runs.flatMap(({ trainSeconds }) => trainSeconds ?? []);
  const over = new Set(runs.map(({ seed }) => seed));
  const open = seeds.filter((seed) => !over.has(seed));
  return {
    arm,
    recipe: withoutPlaces(recipe),
    summary: values.length === 0 ? null : summary(values.map(([, value]) => value), { alpha: ALPHA }),
    values: Object.fromEntries(values),
    diverged: runs.flatMap(({ seed, diverged }) => diverged === null ? [] : [{ seed, ...diverged }]),
    failed: open.flatMap((seed) => failures.has(seed) ? [{ seed, message: failures.get(seed)! }] : []),
    missing: open.filter((seed) => !failures.has(seed)),
    seconds: times.length === 0 ? null : times.reduce((sum, time) => sum + time, 0) / times.length,
    runs: runs.map((
      { libtrain: _, format: _format, sweep: _sweep, answers: _answers, recipe: _recipe, data: _data, ...run },
    ) => run),
  };
}

interface Compared extends Comparison {
  readonly found: Paired | null;
  readonly unpaired: readonly string[];
  readonly answers: readonly SeedAnswers[];
  /** What is said of runs that no mean has. */
  readonly diverged: readonly string[];
}

/** The two arms' runs of each seed on the same images. */
function answersOf({ arm, against }: Comparison, records: readonly SweepRun[]): SeedAnswers[] {
  const own = records.filter((record) => record.arm === arm).sort((a, b) => a.seed - b.seed);
  return own.flatMap((record) => {
    const other = records.find((each) => each.arm === against && each.seed === record.seed);
    const found = other === undefined ? null : comparedAnswers(record, other);
    return found === null ? [] : [{ seed: record.seed, ...found }];
  });
}

function compare(
  { arm, against }: Comparison,
  { arms, records, measure }: { arms: readonly ArmResult[]; records: readonly SweepRun[]; measure: Measure },
): Compared {
  const of = (name: string): Readonly<Record<string, number>> => arms.find((each) => each.arm === name)?.values ?? {};
  const [all, others] = [of(against), of(arm)];
  const both = Object.keys(all).filter((seed) => Object.hasOwn(others, seed));
  const only = (values: Readonly<Record<string, number>>): Record<string, number> =>
    Object.fromEntries(both.map((seed) => [seed, values[seed]!]));
  const [before, after] = [only(all), only(others)];
  const unpaired = [...new Set([...Object.keys(all), ...Object.keys(others)])].filter((seed) => !both.includes(seed));
  const found = both.length === 0 ? null : paired(before, after, { alpha: ALPHA, higherIsBetter: measure === "top1" });
  const diverged = arms.flatMap((each) => [arm, against].includes(each.arm) ? divergedText(each) : []);
  return { arm, against, found, unpaired, answers: answersOf({ arm, against }, records), diverged };
}

/** What became of an arm's runs that diverged: pairs without them speak for it too well. */
function divergedText({ arm, runs, diverged }: ArmResult): string[] {
  return diverged.length === 0
    ? []
    : [`${diverged.length} of ${runs.length} runs of ${arm} diverged and are in no pair`];
}

/** The words of a comparison, its numbers in points, and how many seeds would decide; `alpha` is what one of several tests may take. */
function wordsOf(
  { found, diverged }: Compared,
  measure: Measure,
  alpha: number,
): Pick<ComparisonResult, "words" | "seedsToDecide"> {
  const lost = diverged.map((text) => `; ${text}`).join("");
  if (found === null) return { words: `not decided: no seed is over in both${lost}`, seedsToDecide: null };
  const told = inUnits(found, measure === "top1" ? 100 : 1);
  // Rounded down to two digits: readable, and never laxer. Intervals are those of the tables, whatever is corrected.
  const unit = 10 ** (Math.floor(Math.log10(alpha)) - 1);
  const options = { alpha: Math.floor(alpha / unit + 1e-9) * unit, covered: ALPHA, higherIsBetter: measure === "top1" };
  const { words, verdict, pairsToDecide: seedsToDecide } = decide(told, options);
  if (verdict !== "not decided") return { words: `${words}${lost}`, seedsToDecide };
  const { mean, flips, t } = told;
  const interval = flips === null ? intervalText(t, ALPHA, "Student's ") : intervalText(flips, ALPHA);
  return { words: `${words}; mean difference ${short(mean)}${interval}${lost}`, seedsToDecide };
}

function primaryResult(compared: Compared, measure: Measure): ComparisonResult {
  const { arm, against, found, unpaired, answers } = compared;
  const verdict = found?.verdict ?? "not decided";
  const claim = verdict === "better" ? "holds here" : verdict === "worse" ? "refuted here" : "not decided";
  const told = wordsOf(compared, measure, ALPHA);
  return { arm, against, kind: "primary", paired: found, holm: null, verdict, claim, ...told, unpaired, answers };
}

/** The exploratory comparisons, by Holm's correction for as many as there are. */
function exploratoryResults(all: readonly Compared[], measure: Measure): ComparisonResult[] {
  const tested = all.filter(({ found }) => found !== null);
  const corrected = holm(tested.map(({ found }) => found!.p));
  return all.map((compared) => {
    const { arm, against, found, unpaired, answers } = compared;
    const at = tested.indexOf(compared);
    const p = corrected[at] ?? null;
    const decided = p !== null && p < ALPHA;
    const { words: own, seedsToDecide } = wordsOf(compared, measure, decided ? ALPHA : ALPHA / tested.length);
    const many = tested.length === 1 ? "1 exploratory comparison" : `${tested.length} exploratory comparisons`;
    const words = p === null ? own : `${own}; Holm-corrected for ${many}: p = ${Number(p.toPrecision(2))}`;
    const verdict = !decided ? "not decided" : found!.mean > 0 === (measure === "top1") ? "better" : "worse";
    return {
      arm,
      against,
      kind: "exploratory",
      paired: found,
      holm: p,
      verdict,
      claim: null,
      words,
      seedsToDecide,
      unpaired,
      answers,
    };
  });
}

/** Runs of several machines, or of code that nobody can get again. */
function notesOn(runs: readonly SweepRun[]): string[] {
  const distinct = (
    values: readonly (string | null)[],
  ): string[] => [...new Set(values.map((value) => value ?? "unknown"))];
  const commits = distinct(runs.map(({ code }) => code.commit?.slice(0, 12) ?? null));
  const kernels = distinct(runs.map(({ machine }) => `${machine.device}, ${machine.isa ?? "unknown"}`));
  const dirty = runs.filter(({ code }) => code.dirty === true).length;
  return [
    ...(commits.length > 1 ? [`Runs are of ${commits.length} commits: ${commits.join(", ")}`] : []),
    ...(kernels.length > 1 ? [`Runs are of ${kernels.length} kinds of kernels: ${kernels.join("; ")}`] : []),
    ...(dirty > 0 ? [`${dirty} of ${runs.length} runs are of code that was not committed`] : []),
  ];
}

/** What a sweep came to, from its runs' records by arm. */
export function resultOf(
  plan: Plan,
  { folder, seeds, records, failures, stopped }: {
    folder: string;
    seeds: readonly number[];
    records: readonly SweepRun[];
    failures: readonly { readonly arm: string; readonly seed: number; readonly message: string }[];
    stopped: boolean;
  },
): SweepResult {
  const { name, claim, source, baseline, measure, primary, exploratory } = plan;
  const arms = plan.arms.map((arm) => {
    const runs = records.filter((record) => record.arm === arm.name).sort((a, b) => a.seed - b.seed);
    const failed = failures.filter((failure) => failure.arm === arm.name);
    return armResult(arm, {
      runs,
      seeds,
      measure,
      failures: new Map(failed.map(({ seed, message }) => [seed, message])),
    });
  });
  const compared = (each: Comparison): Compared => compare(each, { arms, records, measure });
  const first = primary === null ? [] : [primaryResult(compared(primary), measure)];
  const others = exploratoryResults(exploratory.map(compared), measure);
  const comparisons = [...first, ...others];
  const undecidable = claim !== null && primary === null
    ? ["None of these comparisons decides the claim, which is of something else than they compare: they only hint"]
    : [];
  return {
    name,
    claim,
    source,
    baseline,
    measure,
    folder,
    seeds,
    stopped,
    arms,
    comparisons,
    notes: [...undecidable, ...notesOn(records)],
  };
}
