/** What a sweep came to as parts of a page: the claim's verdict, the arms, epochs, the same images, and every run. */
import { differences } from "../../recipe/differences.ts";
import { requireOptions } from "../../tensor/ops/checks.ts";
import type { Datum, Section, Table } from "../report/page.ts";
import { armFigure, differenceFigure, epochFigures } from "./figures.ts";
import type { ComparisonResult, SweepResult } from "./results.ts";
import { armColumns, armRows, comparisonColumns, comparisonRows, noteLines, unitOf } from "./texts.ts";

/** A verdict as a sentence, with its interval and, where it is open, how many seeds would decide. */
function sentence({ arm, against, claim, words }: ComparisonResult): string {
  const verdict = claim === null || claim === "not decided" ? "" : `${claim}: `;
  const text = `${verdict}${arm} against ${against}: ${words}.`;
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}

function verdictText({ claim, source, comparisons }: SweepResult): string[] {
  const primary = comparisons.find(({ kind }) => kind === "primary");
  return [
    ...(claim === null ? [] : [`Claim: ${claim}.`]),
    ...(source === null ? [] : [`Its source: ${source}.`]),
    primary === undefined
      ? `${
        claim === null ? "Nothing is claimed" : "No comparison of the sweep decides this"
      }: what is compared here only hints.`
      : `The comparison that decides was chosen before anything ran. ${sentence(primary)}`,
  ];
}

/** What each comparison says, and what would decide those that are open. */
function wordsTable({ comparisons }: SweepResult): Table {
  return {
    title: "What is said, and what would decide",
    columns: ["comparison", "in words"],
    rows: comparisons.map(({ arm, against, kind, words }) => [`${arm} against ${against} (${kind})`, words]),
    note:
      "Intervals are those of the sign-flip test: they leave out 0 just where it decides. Seeds that would decide are an " +
      "estimate at a power of 80 %, of exploratory comparisons after the correction for their number. More seeds, because " +
      "these did not decide, are a second test: take new ones alone, or halve what either may take.",
  };
}

function answersTable({ comparisons }: SweepResult): Table | undefined {
  const rows = comparisons.flatMap(({ arm, against, answers }) =>
    answers.map(({ seed, n, both, onlyA, onlyB, neither, p }) => [
      ...[arm, against, seed, n, both, onlyA, onlyB, neither],
      Number(p.toPrecision(2)),
    ])
  );
  if (rows.length === 0) return undefined;
  return {
    title: "Two runs of a seed on the same images",
    columns: ["a", "against b", "seed", "images", "both right", "a alone", "b alone", "neither", "p (McNemar)"],
    rows,
    note:
      "p is exact, of each pair of trained networks by itself: it speaks of these two, and says nothing of other seeds.",
  };
}

/** What each arm changes of the baseline, and how long its runs took. */
function changesTable({ arms, baseline }: SweepResult): Table {
  const base = arms.find(({ arm }) => arm === baseline)?.recipe;
  return {
    title: "What each arm changes",
    columns: ["arm", "settings other than the baseline's", "seconds a run"],
    rows: arms.map(({ arm, recipe, seconds: time }) => {
      const changed = base === undefined ? [] : differences(base, recipe);
      const told = changed.map(({ path, now }) => `${path} ${typeof now === "string" ? now : JSON.stringify(now)}`);
      return [arm, arm === baseline ? "the baseline" : told.join(", ") || "none", seconds(time)];
    }),
  };
}

function seconds(value: number | null): Datum {
  return value === null ? null : Math.round(value);
}

function runsTable({ arms }: SweepResult): Table {
  return {
    title: "Every run",
    columns: ["arm", "seed", "status", "top-1 in %", "loss", "seconds", "images/s", "commit", "instructions", "hash"],
    rows: arms.flatMap(({ arm, runs, failed, missing }) => [
      ...runs.map(({ seed, status, top1, loss, trainSeconds, imagesPerSecond, code, machine, hash }) => [
        ...[arm, seed, status, top1 === null ? null : (100 * top1).toFixed(2), loss?.toFixed(4) ?? null],
        seconds(trainSeconds),
        seconds(imagesPerSecond),
        code.commit === null ? null : `${code.commit.slice(0, 12)}${code.dirty === true ? ", changed" : ""}`,
        machine.isa,
        hash,
      ]),
      ...failed.map(({ seed }) => [arm, seed, "failed", null, null, null, null, null, null, null]),
      ...missing.map((seed) => [arm, seed, "not run", null, null, null, null, null, null, null]),
    ]),
  };
}

/**
 * What a sweep came to as parts of a page: the claim's verdict with its interval and how many seeds would decide it, paired
 * differences and arms with their intervals and each seed, curves by epoch, McNemar's test of runs on the same images, and
 * every run. Figures are called by the sweep's name, so that a page may hold several sweeps.
 *
 * @example
 * ```ts
 * import { study } from "@libtrain/libtrain";
 *
 * const plan = study.gridOf({ pool: ["maxblur", "max"] }, {
 *   preset: "mnist",
 *   changes: { epochs: 1, bs: 32, data: { limit: 64 }, threads: 1 },
 *   name: "shown-pools",
 * });
 * const sections = study.sweepSections(await study.sweep(plan, { runs: 2 }));
 * console.log(sections.map(({ title }) => title).join(", ")); // Sweep shown-pools, shown-pools: arms, …
 * ```
 */
export function sweepSections(result: SweepResult): Section[] {
  requireOptions("sweepSections", result, 'sweepSections(await readSweep("runs/blurpool"))');
  if (!Array.isArray(result.arms) || !Array.isArray(result.comparisons)) {
    throw new TypeError(
      "sweepSections(): Expected `result` as sweep() or readSweep() give it, got an object without arms",
    );
  }
  const { name } = result;
  const notes = noteLines(result);
  const unit = `${unitOf(result.measure)}.`;
  const some = <Part>(part: Part | undefined): Part[] => part === undefined ? [] : [part];
  const curves = epochFigures(result);
  const same = answersTable(result);
  const compared = result.comparisons.length > 0;
  return [
    {
      title: `Sweep ${name}`,
      text: verdictText(result),
      ...(compared
        ? {
          figures: some(differenceFigure(result)),
          tables: [
            { title: "Comparisons", columns: comparisonColumns, rows: comparisonRows(result), note: unit },
            wordsTable(result),
          ],
        }
        : {}),
    },
    {
      title: `${name}: arms`,
      figures: some(armFigure(result)),
      tables: [
        { title: "What each arm came to", columns: armColumns, rows: armRows(result), note: unit },
        changesTable(result),
      ],
    },
    ...(curves.length === 0 ? [] : [{ title: `${name}: by epoch`, figures: curves }]),
    ...(same === undefined ? [] : [{ title: `${name}: same images`, tables: [same] }]),
    { title: `${name}: runs`, text: notes, tables: [runsTable(result)] },
  ];
}
