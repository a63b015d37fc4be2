/** A job's events as lines for a reader. */
import type { serve } from "../../mod.ts";
import { formatDuration, formatNumber, formatPercent, formatRate } from "./format.ts";

/** An accuracy, where there is one. */
function accuracy(top1: number | null | undefined): string[] {
  return top1 === null || top1 === undefined ? [] : [`top-1 ${formatPercent(top1, 2)}`];
}

/** What an event says, as one line. */
export function jobLine(event: serve.JobEvent): string {
  switch (event.type) {
    case "started":
      return `job       ${event.job} · attempt ${event.attempt} · process ${event.pid}`;
    case "prepared": {
      const { device, threads, dtype, parameters, train, valid, from, epochs } = event;
      const place = from === null ? "" : ` · goes on after ${from.epoch} of ${epochs} epochs, step ${from.step}`;
      return `prepared  ${device}, ${threads} threads · ${dtype} · ${formatNumber(parameters)} parameters · ` +
        `${formatNumber(train)} train · ${formatNumber(valid)} val${place}`;
    }
    case "progress": {
      const { stage, done, total, epoch, epochs, loss, imagesPerSecond, secondsLeft } = event;
      return [
        `${stage.padEnd(10)}${total === null || total === 0 ? formatNumber(done) : formatPercent(done / total)}`,
        ...(epoch === null ? [] : [`epoch ${epoch}/${epochs}`]),
        ...(loss === null ? [] : [`loss ${loss.toFixed(3)}`]),
        ...(imagesPerSecond === null ? [] : [`${formatRate(imagesPerSecond)} img/s`]),
        ...(secondsLeft === null ? [] : [`${formatDuration(1000 * secondsLeft)} left`]),
      ].join(" · ");
    }
    case "epoch": {
      const { epoch, epochs, trainLoss, evaluation, trainSeconds } = event;
      const facts = [
        `${epoch}/${epochs}`,
        `loss ${trainLoss.toFixed(4)}`,
        ...accuracy(evaluation?.top1),
        formatDuration(1000 * trainSeconds),
      ];
      return `epoch     ${facts.join(" · ")}`;
    }
    case "saved":
      return `saved     step ${formatNumber(event.step)}`;
    case "warning":
      return `warning: ${event.message}`;
    case "note":
      return event.message;
    case "artefact":
      return `artefact  ${event.name} · ${event.path} · ${formatNumber(event.bytes / 1e6, 2)} MB`;
    case "done":
      return `done      ${[...accuracy(event.result.top1), `${formatNumber(event.result.steps)} steps`].join(" · ")}`;
    case "failed":
    case "lost":
      return `error: ${event.error.message}`;
    case "stopped":
      return `stopped   by ${event.why === "signal" ? "a signal" : "the deadline"}; the same command goes on`;
  }
}
