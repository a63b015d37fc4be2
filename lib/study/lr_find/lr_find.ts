/** Looking for a learning rate by a short training whose rate grows (Smith 2017). */
import { kindOf, requireNumber, requireOptionsOf, requireSignal } from "../../tensor/ops/checks.ts";
import type { BatchSource } from "../../data/batch_source.ts";
import { whole } from "../../data/checks.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { Tensors } from "../../tensor/tensors.ts";
import { Trainer } from "../../train/trainer.ts";
import {
  growingRates,
  pointsThatCount,
  type RatePoint,
  type RateSuggestions,
  Smoothing,
  suggestionsOf,
} from "./suggestions.ts";

/** How to look. */
export interface LrFindOptions {
  /** The first rate, above 0; by default 1e-7. */
  startLr?: number;
  /** The rate that one step more would have, above the first and up to 1e10; by default 10. */
  endLr?: number;
  /** Steps at most, 20 to 10000; by default 100. */
  steps?: number;
  /** It ends where the smoothed loss is more than so many times its lowest, from 1; by default 4; Infinity for never. */
  diverge?: number;
  /** Ends it early: it rejects with the signal's reason, with everything put back. */
  signal?: AbortSignal;
  /** Told each step. */
  onStep?(point: RatePoint, step: number): void;
}

/** What was found. */
export interface LrFound {
  /** The rate that is suggested, by the rule `valley`; null where there are too few points. */
  readonly suggestion: number | null;
  /** Rates by each rule. */
  readonly suggestions: RateSuggestions;
  /** A step each. */
  readonly points: readonly RatePoint[];
  /** Why it ended: all steps were taken, the loss grew too large, or something was not finite. */
  readonly ended: "steps" | "diverged" | "notFinite";
  /** What was not finite, say a gradient's name; null where nothing was. */
  readonly notFinite: string | null;
}

/** Rates are f32 on the device. */
const [lowestRate, highestRate] = [1e-30, 1e10];

interface Filled extends Required<Pick<LrFindOptions, "startLr" | "endLr" | "steps" | "diverge">> {}

const known = ["startLr", "endLr", "steps", "diverge", "signal", "onStep"] as const;

/** The options with nothing left open; refuses those out of their limits. */
export function filledSweep(op: string, options: Pick<LrFindOptions, keyof Filled>): Filled {
  const { startLr = 1e-7, endLr = 10, steps = 100, diverge = 4 } = options;
  requireNumber(op, "startLr", startLr, {
    fits: (lr) => lr >= lowestRate && lr <= highestRate,
    wanted: `from ${lowestRate} to ${highestRate}`,
  });
  requireNumber(op, "endLr", endLr, {
    fits: (lr) => lr > startLr && lr <= highestRate,
    wanted: `above \`startLr\`, ${startLr}, to ${highestRate}`,
  });
  whole(op, "steps", steps, 20, 10_000);
  requireNumber(op, "diverge", diverge, { fits: (times) => times >= 1, wanted: "from 1" });
  return { startLr, endLr, steps, diverge };
}

/**
 * Looks for a learning rate: a step at each of exponentially growing rates, until the smoothed loss has grown to four times
 * its lowest (Smith 2017; steps, smoothing and suggestions are those of fastai's `lr_find`). Afterwards weights, buffers,
 * optimizer, average and random counters are as they were, bit for bit ({@linkcode Trainer.tryRates}), and the trainer's
 * schedule was not asked.
 *
 * What is frozen in the first epoch of a training is frozen here; a schedule that begins low can be given a higher rate.
 *
 * @example
 * ```ts
 * import { data, models, optim, study, Trainer } from "@libtrain/libtrain";
 *
 * const { train } = await data.mnist({ limit: 512 });
 * using model = models.mnistNet({ seed: 0 });
 * using trainer = new Trainer(model, { optimizer: optim.adamw(), schedule: optim.cosine({ lr: 1e-3 }) });
 * const { suggestion, points } = await study.lrFind(trainer, train.batches(32, { seed: 0 }), { steps: 50 });
 * console.log(suggestion, points.length);
 * ```
 */
export async function lrFind<
  In extends Tensors = Tensor,
  Out extends Tensors = Tensor,
  Targets extends Tensors = Tensor,
>(
  trainer: Trainer<In, Out, Targets>,
  train: BatchSource<In, Targets>,
  options: LrFindOptions = {},
): Promise<LrFound> {
  if (!(trainer instanceof Trainer)) throw new TypeError(`lrFind(): Expected a Trainer, got ${kindOf(trainer)}`);
  requireOptionsOf("lrFind", options, { example: "lrFind(trainer, batches, { steps: 100 })", known });
  requireSignal("lrFind", options.signal);
  const { startLr: start, endLr: end, steps, diverge } = filledSweep("lrFind", options);
  const rates = growingRates({ start, end, steps });
  const smoothing = new Smoothing();
  const points: RatePoint[] = [];
  let best = Infinity;
  let diverged = false;
  const onStep = (step: number, loss: number): boolean => {
    const point = { lr: rates[step]!, loss, smooth: smoothing.add(loss) };
    points.push(point);
    options.onStep?.(point, step);
    best = Math.min(best, point.smooth);
    diverged = point.smooth > diverge * best;
    return !diverged;
  };
  const { notFinite } = await trainer.tryRates(train, rates, { signal: options.signal, onStep });
  const suggestions = suggestionsOf(pointsThatCount(points, { steps, broken: notFinite !== null }));
  const ended = notFinite !== null ? "notFinite" : diverged ? "diverged" : "steps";
  return { suggestion: suggestions.valley, suggestions, points, ended, notFinite };
}
