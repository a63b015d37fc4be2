/** What a sweep shows: a table that is drawn over itself while it runs, and at the end what it came to. */
import { recipe, study } from "../../mod.ts";
import { showDownload, showPreparing } from "./data_report.ts";
import { formatDuration, formatPercent } from "./format.ts";
import { LiveLines } from "./live_lines.ts";
import { bar, Progress } from "./progress.ts";
import type { Report } from "./report.ts";
import { flagName, inFlags } from "./settings_flags.ts";
import { tableLines } from "./table.ts";

/** Milliseconds between two lines off a terminal. */
const plainEvery = 60_000;

function number(value: number): string {
  return value.toLocaleString("en-US");
}

/** Prints a sweep's events and results. */
export class SweepReport implements Disposable {
  readonly #report: Report;
  readonly #progress: Progress;
  readonly #live: LiveLines;
  readonly #say: (line: string) => void;
  readonly #measure: study.Measure;
  readonly #noted = new Set<string>();
  #nextAt = 0;
  #status: study.SweepStatus | undefined;

  /** `quiet` keeps stdout for something else, say CSV. */
  constructor(report: Report, { quiet, measure }: { quiet: boolean; measure: study.Measure }) {
    this.#report = report;
    this.#progress = new Progress(report);
    this.#live = new LiveLines(report);
    this.#say = quiet ? (line): void => report.note(line) : (line): void => report.line(line);
    this.#measure = measure;
  }

  /** A line that stays. */
  line(text: string): void {
    this.#progress.clear();
    this.#live.clear();
    this.#say(text);
  }

  /** A line on stderr that stays. */
  note(text: string): void {
    this.#progress.clear();
    this.#live.clear();
    this.#report.note(text);
  }

  #value(value: number | null): string {
    return value === null ? "" : this.#measure === "top1" ? formatPercent(value, 2) : value.toFixed(4);
  }

  /** Data that are prepared before anything runs. */
  preparing(event: recipe.TrainingEvent): void {
    if (event.type === "downloading") showDownload(this.#progress, event);
    else if (event.type === "preparing") showPreparing(this.#progress, event);
    else if (event.type === "warning") this.#noteOnce(`warning: ${event.message}`);
    else if (event.type === "note") this.#noteOnce(event.message);
  }

  /** Arms on the same data have the same to tell. */
  #noteOnce(text: string): void {
    if (!this.#noted.has(text)) this.note(text);
    this.#noted.add(text);
  }

  /** What is about to run. */
  ready({ folder, cells, over, taken, open, jobs, threads, costs, seconds }: study.SweepReady): void {
    const own = threads === null ? "" : ` · ${threads} ${threads === 1 ? "thread" : "threads"} each`;
    const found = taken === 0 ? "" : ` · ${taken} found elsewhere`;
    this.line(`sweep     ${folder}`);
    this.line(
      `runs      ${cells.length} in all · ${over} over${found} · ${open} to run · ${jobs} at once${own}`,
    );
    if (open > 0) this.#costs(costs, seconds);
    this.#nextAt = performance.now() + plainEvery;
  }

  /** What runs are, arms of one size in one line, and about how long all of them take. */
  #costs(costs: readonly study.ArmCost[], seconds: number | null): void {
    const texts = costs.map(({ arm, epochs, images, steps }) => ({
      arm,
      text: `${number(epochs)} ${epochs === 1 ? "epoch" : "epochs"} of ${number(images)} images, ${number(steps)} ${
        steps === 1 ? "step" : "steps"
      }`,
    }));
    const groups = Map.groupBy(texts, ({ text }) => text);
    for (const [text, arms] of groups) {
      this.line(`a run     ${text}${groups.size === 1 ? "" : `: ${arms.map(({ arm }) => arm).join(", ")}`}`);
    }
    const measured = costs.reduce((sum, each) => sum + each.measured, 0);
    this.line(
      seconds === null
        ? "time      not known: none of these arms was run on this processor before"
        : `time      about ${formatDuration(1000 * seconds)} of steps for what is to run, by ${number(measured)} ${
          measured === 1 ? "run" : "runs"
        } of these arms on this processor`,
    );
  }

  /** Something that happened. */
  event(event: study.WorkEvent): void {
    switch (event.type) {
      case "note":
        return this.#noteOnce(event.message);
      case "failed":
        return this.note(
          `warning: ${event.cell.arm}, seed ${event.cell.seed}, failed: ${inFlags(event.message)}` +
            (event.attempt === 1 ? ": tried once more" : ""),
        );
      case "over": {
        const { cell: { arm, seed }, status, top1, seconds } = event;
        const came = status === "diverged" ? "diverged" : top1 === null ? "over" : formatPercent(top1, 2);
        return this.line(`${arm}, seed ${seed}: ${came} · ${formatDuration(1000 * seconds)}`);
      }
    }
  }

  /** How it stands. */
  status(status: study.SweepStatus): void {
    this.#status = status;
    if (this.#report.streams.terminal) {
      this.#live.show([...this.#table(status), this.#sum(status)]);
      return;
    }
    if (performance.now() < this.#nextAt) return;
    this.#nextAt = performance.now() + plainEvery;
    const running = status.arms.flatMap(({ arm, running }) =>
      running.map(({ seed, epoch, epochs }) => `${arm}, seed ${seed}, epoch ${epoch}/${epochs}`)
    );
    this.#report.note([this.#sum(status), ...running].join(" · "));
  }

  #table({ arms }: study.SweepStatus): string[] {
    const rows = arms.map(({ arm, over, total, diverged, mean, sd, running }) => [
      arm,
      `${over}/${total}`,
      running.map(({ seed, epoch, epochs, done }) => `seed ${seed} · ${epoch}/${epochs} ${bar(done, 8)}`).join(" "),
      this.#value(mean),
      sd === null ? "" : `± ${this.#value(sd)}`,
      diverged === 0 ? "" : `${diverged} diverged`,
    ]);
    return tableLines([["arm", "runs", "now", "mean", "sd", ""], ...rows], [0, 2, 5]);
  }

  #sum({ over, total, secondsLeft }: study.SweepStatus): string {
    const left = secondsLeft === null || over === total ? "" : ` · ${formatDuration(1000 * secondsLeft)} left`;
    return `${over} of ${total} runs${left}`;
  }

  /** What it came to, the primary comparison first; \`written\` says whether it is in files too. */
  end(result: study.SweepResult, { written }: { written: boolean }): void {
    const { claim, source, measure, comparisons, folder, stopped } = result;
    if (claim !== null) this.line(`claim     ${claim}`);
    if (source !== null) this.line(`source    ${source}`);
    this.line("");
    for (const line of tableLines([[...study.armColumns], ...study.armRows(result)], [0, 1, 6])) this.line(line);
    this.line("");
    this.line(study.unitOf(measure));
    for (const comparison of comparisons) {
      this.line(study.comparisonText(comparison));
      const answers = comparison.kind === "primary" ? study.answersText(comparison) : undefined;
      if (answers !== undefined) this.line(`          ${answers}`);
    }
    for (const line of study.noteLines(result)) this.line(`note      ${inFlags(line)}`);
    if (written) this.line(`results   ${folder}/results.json, .csv, .md`);
    if (stopped) {
      const { over = 0, total = 0 } = this.#status ?? {};
      this.line(`stopped   ${total === 0 ? "" : `after ${over} of ${total} runs; `}the same command goes on`);
    }
  }

  /** What would run. */
  preview({ folder, cells, costs, seconds }: study.SweepPreview): void {
    this.line(`sweep     ${folder}`);
    const rows = cells.map(({ arm, seed, hash, state }) => [arm, `${seed}`, hash, state]);
    for (const line of tableLines([["arm", "seed", "hash", "state"], ...rows], [0, 2, 3])) this.line(line);
    const counts = (wanted: string): number => cells.filter(({ state }) => state === wanted).length;
    // Arms of one recipe share a run.
    const open = new Set(cells.flatMap(({ hash, state }) => state === "to run" ? hash : [])).size;
    this.line(
      `${cells.length} runs · ${counts("over")} over · ${counts("found elsewhere")} found elsewhere · ${open} to run`,
    );
    if (open > 0) this.#costs(costs, seconds);
  }

  /** A plan's arms by what each has other than the baseline, and its comparisons. */
  plan({ claim, source, arms, baseline, primary, exploratory }: study.Plan): void {
    if (claim !== null) this.line(`claim     ${claim}`);
    if (source !== null) this.line(`source    ${source}`);
    const base = arms.find(({ name }) => name === baseline)!.recipe;
    const rows = arms.map(({ name, recipe: own }) => {
      const changed = recipe.differences(base, own).map(({ path, now }) => `${flagName(path)} ${now}`);
      return [name, changed.length === 0 ? "the baseline, or the same" : changed.join(", ")];
    });
    for (const line of tableLines(rows, [0, 1])) this.line(`arm       ${line}`);
    if (primary !== null) this.line(`primary   ${primary.arm} against ${primary.against}`);
    for (const { arm, against } of exploratory) this.line(`further   ${arm} against ${against}`);
  }

  [Symbol.dispose](): void {
    this.#progress.clear();
    this.#live.clear();
  }
}
