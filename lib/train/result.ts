/** What a training came to, as its files have it. */
import type { Row } from "../run/run_folder.ts";
import { NonFiniteError } from "./diagnose.ts";
import type { EpochEnd, FitResult } from "./events.ts";
import type { Counters } from "../checkpoint/state.ts";
import { emaColumn, trainColumn } from "./measures.ts";

/** What a training came to: its counters, and what was measured after its last epoch. */
export function resultOf(
  { epoch, step, trainLoss, trainTop1, trainMetrics = {}, trainSeconds, images }: Counters,
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
    metrics: evaluation?.metrics ?? {},
    top1Ema: ema?.top1 ?? null,
    top5Ema: ema?.top5 ?? null,
    lossEma: ema?.loss ?? null,
    metricsEma: ema?.metrics ?? {},
    n: evaluation?.n ?? null,
    epochs: epoch,
    steps: step,
    trainLoss,
    trainTop1,
    trainMetrics,
    ...speedOf(trainSeconds, images),
    stopped,
  };
}

/** An epoch as a row of `metrics.csv`. */
export function metricsRow({ evaluation, ema, trainMetrics, ...rest }: EpochEnd): Row {
  const { metrics = {}, ...measured } = evaluation ?? {};
  const named = (values: Readonly<Record<string, number | null>>, column: (name: string) => string): Row =>
    Object.fromEntries(Object.entries(values).map(([name, value]) => [column(name), value]));
  return {
    ...rest,
    ...measured,
    lossEma: ema?.loss,
    top1Ema: ema?.top1,
    top5Ema: ema?.top5,
    ...named(trainMetrics, trainColumn),
    ...metrics,
    ...named(ema?.metrics ?? {}, emaColumn),
  };
}

/** How long an epoch's steps took, and how many samples a second that is. */
export function speedOf(trainSeconds: number, samples: number): Pick<EpochEnd, "trainSeconds" | "imagesPerSecond"> {
  return { trainSeconds, imagesPerSecond: trainSeconds > 0 ? samples / trainSeconds : 0 };
}

/** What ended a training before its end, as an event of its folder: who finds the folder later is told. */
export function failureOf(error: unknown): [event: string, values: Readonly<Record<string, unknown>>] {
  const message = error instanceof Error ? error.message : String(error);
  if (!(error instanceof NonFiniteError)) return ["failed", { message }];
  const { epoch, step, where } = error;
  return ["diverged", { epoch, step, where, message }];
}
