/** What a training shows: a header, a bar, a row an epoch, and what to do next. */
import { formatDuration, formatNumber, formatPercent, formatRate } from "../lib/cli/format.ts";
import { Progress } from "../lib/cli/progress.ts";
import type { Report } from "../lib/cli/report.ts";
import type { BatchEnd, EpochBegin, EpochEnd } from "../mod.ts";
import type { TrainListener, TrainResult } from "./train.ts";

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

  constructor(report: Report) {
    this.#report = report;
    this.#progress = new Progress(report);
  }

  ready(
    { config, headline, model, parameters, train, valid, folder }: Parameters<NonNullable<TrainListener["ready"]>>[0],
  ): void {
    const { dtype, seed, data } = config;
    this.#report.line(`${headline} · ${dtype} · ${model} ${count(parameters)} parameters · seed ${seed}`);
    this.#report.line(`data      ${data.name} · ${formatNumber(train)} train · ${formatNumber(valid)} val`);
    this.#report.line(`run       ${folder}`);
    this.#report.line(row(["epoch", "train loss", "val loss", "top-1", "img/s", "time"]));
  }

  epochBegin({ done }: EpochBegin): void {
    this.#progress.start(done);
  }

  batchEnd({ epoch, epochs, done, samples, loss, top1 }: BatchEnd): void {
    if (!this.#progress.due) return;
    const facts = loss === null || top1 === null ? [] : [`loss ${loss.toFixed(3)}`, `top-1 ${formatPercent(top1)}`];
    this.#progress.update({ label: `epoch ${epoch}/${epochs}`, done, total: samples, facts });
  }

  epochEnd({ epoch, trainLoss, evaluation, imagesPerSecond, trainSeconds }: EpochEnd): void {
    this.#progress.line(row([
      `${epoch}`,
      trainLoss.toFixed(4),
      evaluation?.loss.toFixed(4) ?? "",
      evaluation === null ? "" : formatPercent(evaluation.top1, 2),
      formatRate(imagesPerSecond),
      formatDuration(trainSeconds * 1000),
    ]));
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
    this.#report.line(`next      deno task evaluate ${run}`);
    if (!stopped) this.#report.line("          deno task train --seed 1");
  }

  [Symbol.dispose](): void {
    this.#progress.clear();
  }
}
