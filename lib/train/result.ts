import type { EpochEnd, FitResult } from "./events.ts";
import type { Counters } from "./state.ts";

/** What a training came to: its counters, its last epoch, and what was measured after it. */
export function resultOf(
  { epoch, step, trainSeconds, images }: Counters,
  options: {
    last: EpochEnd | undefined;
    measured: Pick<EpochEnd, "evaluation" | "ema"> | undefined;
    stopped: boolean;
  },
): FitResult {
  const { last, stopped } = options;
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
    trainLoss: last?.trainLoss ?? null,
    trainTop1: last?.trainTop1 ?? null,
    trainSeconds,
    imagesPerSecond: trainSeconds > 0 ? images / trainSeconds : 0,
    stopped,
  };
}
