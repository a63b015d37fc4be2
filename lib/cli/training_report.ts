/** What a training shows: a header, a bar, a row an epoch, and what to do next. */
import type { recipe } from "../../mod.ts";
import { showDownload, showPreparing } from "./data_report.ts";
import { formatDuration, formatMetrics, formatNumber, formatPercent, formatRate } from "./format.ts";
import { headline } from "./headline.ts";
import { Progress } from "./progress.ts";
import type { Report } from "./report.ts";
import { flagsFor, quoted } from "./settings_flags.ts";

type EventOf<Type extends recipe.TrainingEvent["type"]> = Extract<recipe.TrainingEvent, { type: Type }>;

/** Number of parameters: 25.6 M, 78,234. */
function count(parameters: number): string {
  return parameters < 1e6 ? formatNumber(parameters) : `${(parameters / 1e6).toFixed(1)} M`;
}

function row(cells: readonly string[]): string {
  const widths = [8, 12, 11, 9, 9, 8];
  return cells.map((cell, column) => {
    // Metrics come last, each as wide as its name needs.
    const width = widths[column] ?? Math.max(12, cell.length + 2);
    return column === 0 ? cell.padEnd(width) : cell.padStart(width);
  }).join("");
}

/** Accuracy, where there is one. */
function accuracy(evaluation: Pick<recipe.Evaluation, "top1"> | null): string {
  return evaluation === null || evaluation.top1 === null ? "" : formatPercent(evaluation.top1, 2);
}

function metricsOf(evaluation: Pick<recipe.Evaluation, "metrics"> | null): string[] {
  return Object.values(evaluation?.metrics ?? {}).map((value) => value.toFixed(4));
}

/** Prints a training's events; nothing of it is on stdout when the report is JSON. */
export class TrainingReport implements Disposable {
  readonly #report: Report;
  readonly #progress: Progress;
  /** The epoch whose measuring is shown. */
  #measuring = 0;
  #config: recipe.RunConfig | undefined;
  readonly #register: string;
  readonly #cache: string;

  /** What the commands to run next need too: `register`, the script that was imported first, and where caches are. */
  constructor(report: Report, { register, cache }: { register?: string; cache?: string } = {}) {
    this.#report = report;
    this.#register = register === undefined ? "" : ` --register ${quoted(register)}`;
    this.#cache = cache === undefined ? "" : ` --cache ${quoted(cache)}`;
    this.#progress = new Progress(report);
  }

  /** Flags that every next command needs. */
  get #more(): string {
    return `${this.#cache}${this.#register}`;
  }

  /** Shows one event. */
  show(event: recipe.TrainingEvent): void {
    switch (event.type) {
      case "downloading":
        return showDownload(this.#progress, event);
      case "preparing":
        return showPreparing(this.#progress, event);
      case "dtypeChosen":
        return this.note(
          `--dtype auto takes ${event.dtype}: the same work takes ${event.f32.toFixed(2)} ms in f32, ` +
            `${event.bf16.toFixed(2)} ms in bf16`,
        );
      case "note":
        return this.note(event.message);
      case "warning":
        return this.note(`warning: ${event.message}`);
      case "ready":
        return this.#ready(event);
      case "epochBegin":
        this.#measuring = 0;
        return this.#progress.start(event.done);
      case "batchEnd":
        return this.#batchEnd(event);
      case "evaluateBatch":
        return this.#evaluateBatch(event);
      case "epochEnd":
        return this.#epochEnd(event);
    }
  }

  /** Prints a line on stderr, taking the bar away first. */
  note(line: string): void {
    this.#progress.clear();
    this.#report.note(line);
  }

  #ready({ config, parameters, train, valid, folder, from, threads }: EventOf<"ready">): void {
    const { dtype, seed, data, model, device } = config;
    this.#config = config;
    this.#progress.clear();
    this.#report.line(
      `${headline({ kind: device, threads })} · ${dtype} · ${model.name} ${
        count(parameters)
      } parameters · seed ${seed}`,
    );
    this.#report.line(`data      ${data.name} · ${formatNumber(train)} train · ${formatNumber(valid)} val`);
    this.#report.line(`run       ${folder}`);
    if (from !== null) this.#report.line(`resumed   after ${from.epoch} of ${from.epochs} epochs, step ${from.step}`);
    const metrics = (config.metrics ?? []) as readonly string[];
    this.#report.line(row(["epoch", "train loss", "val loss", "top-1", "img/s", "time", ...metrics]));
  }

  #batchEnd({ epoch, epochs, done, samples, loss, top1, metrics }: EventOf<"batchEnd">): void {
    if (!this.#progress.due) return;
    const facts = [
      ...(loss === null ? [] : [`loss ${loss.toFixed(3)}`]),
      ...(top1 === null ? [] : [`top-1 ${formatPercent(top1)}`]),
      ...formatMetrics(metrics),
    ];
    this.#progress.update({ label: `epoch ${epoch}/${epochs}`, done, total: samples ?? 0, facts });
  }

  #evaluateBatch({ epoch, epochs, done, samples }: EventOf<"evaluateBatch">): void {
    if (this.#measuring !== epoch) {
      this.#measuring = epoch;
      this.#progress.start();
    }
    this.#progress.update({ label: `measure ${epoch}/${epochs}`, done, total: samples ?? 0 });
  }

  #epochEnd({ epoch, trainLoss, evaluation, ema, imagesPerSecond, trainSeconds }: EventOf<"epochEnd">): void {
    this.#progress.line(row([
      `${epoch}`,
      trainLoss.toFixed(4),
      evaluation?.loss.toFixed(4) ?? "",
      accuracy(evaluation),
      formatRate(imagesPerSecond),
      formatDuration(trainSeconds * 1000),
      ...metricsOf(evaluation),
    ]));
    if (ema !== null) {
      this.#progress.line(row(["  ema", "", ema.loss.toFixed(4), accuracy(ema), "", "", ...metricsOf(ema)]).trimEnd());
    }
  }

  /** Prints what it came to. */
  end({ top1, loss, metrics, n, trainSeconds, epochs, stopped, folder, seed }: recipe.TrainResult): void {
    this.#progress.clear();
    if (stopped) {
      this.#report.line(`stopped after ${epochs} whole epochs; the state is in ${folder}`);
    } else if (top1 === null) {
      const facts = [`${loss!.toFixed(4)} after the last epoch`, ...formatMetrics(metrics)];
      this.#report.line(`loss      ${facts.join(" · ")} · ${formatDuration(trainSeconds * 1000)} of training`);
    } else {
      const errors = Math.round((1 - top1) * n!);
      this.#report.line(
        `top-1     ${formatPercent(top1, 2)} after the last epoch · ${formatNumber(errors)} of ${
          formatNumber(n!)
        } wrong · ` +
          `${formatDuration(trainSeconds * 1000)} of training`,
      );
    }
    this.#report.line(`run       ${folder}`);
    if (stopped) {
      this.#report.line(`next      deno task train --resume ${quoted(folder)}${this.#more}`);
      return;
    }
    this.#report.line(`next      deno task evaluate ${quoted(folder)}${this.#more}`);
    // After the last seed comes the first.
    const next = (seed + 1) % 2 ** 32;
    const again = this.#config === undefined ? undefined : flagsFor({ ...this.#config, seed: next });
    if (again !== undefined) this.#report.line(`          deno task train ${again.join(" ")}${this.#more}`);
  }

  /** Prints what several runs came to. */
  endSeeds({ folder, seeds, results, mean, standardDeviation, stopped }: recipe.SeedsResult): void {
    this.#progress.clear();
    this.#report.line(row(["seed", "top-1"]));
    results.forEach(({ top1, stopped }, count) =>
      this.#report.line(row([`${seeds[count]}`, stopped ? "stopped" : top1 === null ? "" : formatPercent(top1, 2)]))
    );
    if (mean !== null) {
      const deviation = standardDeviation === null ? "" : ` ± ${formatPercent(standardDeviation, 2)}`;
      const over = results.filter(({ stopped }) => !stopped).length;
      this.#report.line(`top-1     ${formatPercent(mean, 2)}${deviation} over ${over} run${over === 1 ? "" : "s"}`);
    }
    this.#report.line(`runs      ${folder}`);
    if (stopped) this.#report.line(`next      deno task train --resume ${quoted(folder)}${this.#more}`);
  }

  [Symbol.dispose](): void {
    this.#progress.clear();
  }
}
