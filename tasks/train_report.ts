/** What a training shows: a header, a bar, a row an epoch, and what to do next. */
import { formatDuration, formatNumber, formatPercent, formatRate } from "../lib/cli/format.ts";
import { Progress } from "../lib/cli/progress.ts";
import type { Report } from "../lib/cli/report.ts";
import type { BatchEnd, data, EpochBegin, EpochEnd, EvaluateBatch } from "../mod.ts";
import { showDownload, showPreparing } from "./data_report.ts";
import type { RunsResult } from "./train_runs.ts";
import type { TrainListener, TrainResult } from "./training.ts";

/** Number of parameters: 25.6 M, 78,234. */
function count(parameters: number): string {
  return parameters < 1e6 ? formatNumber(parameters) : `${(parameters / 1e6).toFixed(1)} M`;
}

function row(cells: readonly string[]): string {
  const widths = [8, 12, 11, 9, 9, 8];
  return cells.map((cell, column) => column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!)).join("");
}

/** Prints a training's events; nothing of it is on stdout when the report is JSON. */
export class TrainReport implements TrainListener, Disposable {
  readonly #report: Report;
  readonly #progress: Progress;
  /** The epoch whose measuring is shown. */
  #measuring = 0;

  constructor(report: Report) {
    this.#report = report;
    this.#progress = new Progress(report);
  }

  downloading({ bytes, expectedBytes }: data.DownloadProgress): void {
    showDownload(this.#progress, { bytes, expectedBytes });
  }

  preparing(state: data.PrepareProgress): void {
    showPreparing(this.#progress, state);
  }

  ready(
    { config, headline, parameters, train, valid, folder, from }: Parameters<NonNullable<TrainListener["ready"]>>[0],
  ): void {
    const { dtype, seed, data, model } = config;
    this.#progress.clear();
    this.#report.line(`${headline} · ${dtype} · ${model.name} ${count(parameters)} parameters · seed ${seed}`);
    this.#report.line(`data      ${data.path} · ${formatNumber(train)} train · ${formatNumber(valid)} val`);
    this.#report.line(`run       ${folder}`);
    if (from !== null) this.#report.line(`resumed   after ${from.epoch} of ${from.epochs} epochs, step ${from.step}`);
    this.#report.line(row(["epoch", "train loss", "val loss", "top-1", "img/s", "time"]));
  }

  note(line: string): void {
    this.#progress.clear();
    this.#report.note(line);
  }

  epochBegin({ done }: EpochBegin): void {
    this.#measuring = 0;
    this.#progress.start(done);
  }

  batchEnd({ epoch, epochs, done, samples, loss, top1 }: BatchEnd): void {
    if (!this.#progress.due) return;
    const facts = loss === null || top1 === null ? [] : [`loss ${loss.toFixed(3)}`, `top-1 ${formatPercent(top1)}`];
    this.#progress.update({ label: `epoch ${epoch}/${epochs}`, done, total: samples, facts });
  }

  evaluateBatch({ epoch, epochs, done, samples }: EvaluateBatch): void {
    if (this.#measuring !== epoch) {
      this.#measuring = epoch;
      this.#progress.start();
    }
    this.#progress.update({ label: `measure ${epoch}/${epochs}`, done, total: samples });
  }

  epochEnd({ epoch, trainLoss, evaluation, ema, imagesPerSecond, trainSeconds }: EpochEnd): void {
    this.#progress.line(row([
      `${epoch}`,
      trainLoss.toFixed(4),
      evaluation?.loss.toFixed(4) ?? "",
      evaluation === null ? "" : formatPercent(evaluation.top1, 2),
      formatRate(imagesPerSecond),
      formatDuration(trainSeconds * 1000),
    ]));
    if (ema !== null) {
      this.#progress.line(row(["  ema", "", ema.loss.toFixed(4), formatPercent(ema.top1, 2)]));
    }
  }

  /** Prints what it came to. */
  end({ top1, n, trainSeconds, epochs, stopped, run }: TrainResult): void {
    this.#progress.clear();
    if (stopped) {
      this.#report.line(`stopped after ${epochs} whole epochs; the state is in ${run}`);
    } else {
      const errors = Math.round((1 - top1!) * n!);
      this.#report.line(
        `top-1     ${formatPercent(top1!, 2)} after the last epoch · ${formatNumber(errors)} of ${
          formatNumber(n!)
        } wrong · ` +
          `${formatDuration(trainSeconds * 1000)} of training`,
      );
    }
    this.#report.line(`run       ${run}`);
    if (stopped) this.#report.line(`next      deno task train --resume ${run}`);
    else this.#report.line(`next      deno task evaluate ${run}\n          deno task train --seed 1`);
  }

  /** Prints what several runs came to. */
  endRuns({ run, seeds, results, mean, standardDeviation, stopped }: RunsResult): void {
    this.#progress.clear();
    this.#report.line(row(["seed", "top-1"]));
    results.forEach(({ top1, stopped }, count) =>
      this.#report.line(row([`${seeds[count]}`, stopped || top1 === null ? "stopped" : formatPercent(top1, 2)]))
    );
    if (mean !== null) {
      const deviation = standardDeviation === null ? "" : ` ± ${formatPercent(standardDeviation, 2)}`;
      const over = results.filter(({ stopped }) => !stopped).length;
      this.#report.line(`top-1     ${formatPercent(mean, 2)}${deviation} over ${over} run${over === 1 ? "" : "s"}`);
    }
    this.#report.line(`runs      ${run}`);
    if (stopped) this.#report.line(`next      deno task train --resume ${run}`);
  }

  [Symbol.dispose](): void {
    this.#progress.clear();
  }
}
