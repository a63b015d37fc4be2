/** What a training came to, as its files have it. */
import type { Row } from "../run/run_folder.ts";
import type { EpochEnd, FitResult } from "./events.ts";
import type { Counters } from "../checkpoint/state.ts";

/** What a training came to: its counters, and what was measured after its last epoch. */
export function resultOf(
  { epoch, step, trainLoss, trainTop1, trainSeconds, images }: Counters,
  options: {
    measured: Pick<EpochEnd, "evaluation" | "ema"> | undefined;
    stopped: boolean;
  },
): FitResult {
  const { stopped } = options;
  const [evaluation, ema] = stopped ? [] : [options.measured?.evaluation, options.measured?.ema];
  return {
    top1: evaluation?.top1 ?? null,
    top5: evaluation?.top5 ?? null,
    loss: evaluation?.loss ?? null,
    top1Ema: ema?.top1 ?? null,
    top5Ema: ema?.top5 ?? null,
    lossEma: ema?.loss ?? null,
    n: evaluation?.n ?? null,
    epochs: epoch,
    steps: step,
    trainLoss,
    trainTop1,
    ...speedOf(trainSeconds, images),
    stopped,
  };
}

/** An epoch as a row of `metrics.csv`. */
export function metricsRow({ evaluation, ema, ...rest }: EpochEnd): Row {
  return { ...rest, ...evaluation, lossEma: ema?.loss, top1Ema: ema?.top1, top5Ema: ema?.top5 };
}

/** How long an epoch's steps took, and how many images a second that is. */
export function speedOf(trainSeconds: number, samples: number): Pick<EpochEnd, "trainSeconds" | "imagesPerSecond"> {
  return { trainSeconds, imagesPerSecond: trainSeconds > 0 ? samples / trainSeconds : 0 };
}
