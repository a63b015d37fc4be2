/** Learning-rate schedules: functions of how far training is. */
import { kindOf, requireFunction, requireNumber, requireNumbers, requireOptions } from "../tensor/ops/checks.ts";
import { requireKnown } from "./known_options.ts";

/** A schedule's settings as plain JSON: `name` is the function that makes it, and `then` the settings of an inner one. */
export interface ScheduleConfig {
  /** The function's name: say flatCos. */
  readonly name: string;
  /** Its options, those left out too. */
  readonly [option: string]: number | string | readonly number[] | ScheduleConfig;
}

/** A schedule without its length; `over(steps)` gives the rate of each step. */
export interface Schedule {
  /** What is recorded of it in a run's configuration. */
  readonly config: ScheduleConfig;
  /** The rate at a position from 0 to 1. */
  at(position: number): number;
  /** The rate of each step, from 0, of a training of so many steps. */
  over(steps: number): (step: number) => number;
}

/**
 * A schedule from what is recorded of it and its rate at a position from 0 to 1.
 *
 * @example
 * ```ts
 * import { optim } from "@libtrain/libtrain";
 *
 * const triangle = (lr: number) =>
 *   optim.defineSchedule({ name: "triangle", lr }, (position) => lr * (1 - Math.abs(2 * position - 1)));
 * console.log(triangle(0.1).over(100)(50)); // 0.1
 * ```
 */
export function defineSchedule(config: ScheduleConfig, at: (position: number) => number): Schedule {
  requireOptions("defineSchedule", config, 'defineSchedule({ name: "mine", lr }, (position) => lr)');
  if (typeof config.name !== "string") {
    throw new TypeError(`defineSchedule(): Expected \`config.name\` as a string, got ${kindOf(config.name)}`);
  }
  requireFunction("defineSchedule", "at", at);
  return {
    config,
    at,
    over(steps): (step: number) => number {
      if (!Number.isInteger(steps) || steps < 1) {
        throw new RangeError(`over(): Expected the number of steps as a whole number from 1, got ${kindOf(steps)}`);
      }
      return (step) => at(Math.min(Math.max(step / steps, 0), 1));
    },
  };
}

/** Half a cosine from `start` at 0 to `end` at 1. */
function cosineBetween(start: number, end: number, position: number): number {
  return start + (1 + Math.cos(Math.PI * (1 - position))) * (end - start) / 2;
}

/** Checks numbers by what they are, naming the one that is off. */
function check(
  op: string,
  rates: Record<string, number>,
  positions: Record<string, number> = {},
  divisors: Record<string, number> = {},
): void {
  const number = (name: string, value: unknown, wanted: string, fits: (value: number) => boolean): void =>
    requireNumber(op, name, value, { fits: (value) => Number.isFinite(value) && fits(value), wanted });
  for (const [name, value] of Object.entries(rates)) number(name, value, "from 0", (value) => value >= 0);
  for (const [name, value] of Object.entries(positions)) {
    number(name, value, "from 0 to 1", (value) => value >= 0 && value <= 1);
  }
  for (const [name, value] of Object.entries(divisors)) number(name, value, "above 0", (value) => value > 0);
}

/**
 * Flat, then half a cosine down to lr / divFinal: fastai's fit_flat_cos.
 *
 * @example
 * ```ts
 * import { optim } from "@libtrain/libtrain";
 *
 * const rate = optim.flatCos({ lr: 8e-3, start: 0.75 }).over(1475);
 * console.log(rate(0), rate(1474)); // 0.008, about 8e-8
 * ```
 */
export function flatCos(options: { lr: number; start?: number; divFinal?: number }): Schedule {
  requireKnown("flatCos", options, ["lr", "start", "divFinal"]);
  const { lr, start = 0.75, divFinal = 1e5 } = options;
  check("flatCos", { lr }, { start }, { divFinal });
  return defineSchedule({ name: "flatCos", lr, start, divFinal }, (position) => {
    if (position < start || start === 1) return lr;
    return cosineBetween(lr, lr / divFinal, (position - start) / (1 - start));
  });
}

/** Cosine up from lr / div, then down to lr / divFinal: fastai's fit_one_cycle (Smith 2018). */
export function oneCycle(options: { lr: number; start?: number; div?: number; divFinal?: number }): Schedule {
  requireKnown("oneCycle", options, ["lr", "start", "div", "divFinal"]);
  const { lr, start = 0.25, div = 25, divFinal = 1e5 } = options;
  check("oneCycle", { lr }, { start }, { div, divFinal });
  return defineSchedule(
    { name: "oneCycle", lr, start, div, divFinal },
    (position) =>
      position < start
        ? cosineBetween(lr / div, lr, position / start)
        : start === 1
        ? lr
        : cosineBetween(lr, lr / divFinal, (position - start) / (1 - start)),
  );
}

/** Half a cosine from lr to `end`, by default 0. */
export function cosine(options: { lr: number; end?: number }): Schedule {
  requireKnown("cosine", options, ["lr", "end"]);
  const { lr, end = 0 } = options;
  check("cosine", { lr, end });
  return defineSchedule({ name: "cosine", lr, end }, (position) => cosineBetween(lr, end, position));
}

/** One rate throughout. */
export function constant(options: { lr: number }): Schedule {
  requireKnown("constant", options, ["lr"]);
  const { lr } = options;
  check("constant", { lr });
  return defineSchedule({ name: "constant", lr }, () => lr);
}

/**
 * Multiplied by `gamma` after each share `every` of the training, from 0 to 1: PyTorch's StepLR of 30 of 90 epochs is
 * `every: 1 / 3`.
 *
 * @example
 * ```ts
 * import { optim } from "@libtrain/libtrain";
 *
 * const rate = optim.stepDecay({ lr: 0.1, every: 0.5 }).over(100);
 * console.log(rate(49), rate(50)); // 0.1, 0.01
 * ```
 */
export function stepDecay(options: { lr: number; every?: number; gamma?: number }): Schedule {
  requireKnown("stepDecay", options, ["lr", "every", "gamma"]);
  const { lr, every = 1 / 3, gamma = 0.1 } = options;
  check("stepDecay", { lr, gamma }, { every }, { every });
  // Thirds and tenths are no sums of powers of two: a step at an edge belongs behind it.
  const drops = (position: number): number => Math.floor(position / every + edge);
  return defineSchedule({ name: "stepDecay", lr, every, gamma }, (position) => lr * gamma ** drops(position));
}

/** How far before an edge a position counts as being on it, in steps of the edge. */
const edge = 1e-9;

/**
 * Multiplied by `gamma` at each of the `milestones`, shares of the training from 0 to 1 in order: PyTorch's MultiStepLR at 30
 * and 60 of 90 epochs is `milestones: [1 / 3, 2 / 3]`.
 *
 * @example
 * ```ts
 * import { optim } from "@libtrain/libtrain";
 *
 * const rate = optim.multiStepDecay({ lr: 0.1, milestones: [0.5, 0.75] }).over(100);
 * console.log(rate(0), rate(50), rate(75)); // 0.1, about 0.01, about 0.001
 * ```
 */
export function multiStepDecay(options: { lr: number; milestones?: readonly number[]; gamma?: number }): Schedule {
  requireKnown("multiStepDecay", options, ["lr", "milestones", "gamma"]);
  const { lr, milestones = [0.5, 0.75], gamma = 0.1 } = options;
  requireNumbers("multiStepDecay", "milestones", milestones, "milestones: […]");
  const places = Object.fromEntries(milestones.map((at, index) => [`milestones[${index}]`, at]));
  check("multiStepDecay", { lr, gamma }, places);
  if (milestones.some((at, index) => index > 0 && at <= milestones[index - 1]!)) {
    throw new RangeError(`multiStepDecay(): Expected \`milestones\` in rising order, got ${milestones.join(", ")}`);
  }
  const passed = (position: number): number => milestones.filter((at) => position >= at - edge).length;
  return defineSchedule(
    { name: "multiStepDecay", lr, milestones: [...milestones], gamma },
    (position) => lr * gamma ** passed(position),
  );
}

/** Straight up from lr / div during the first `warmup` of the steps, then another schedule over the rest. */
export function linearWarmup(options: { lr: number; warmup?: number; div?: number; then?: Schedule }): Schedule {
  requireKnown("linearWarmup", options, ["lr", "warmup", "div", "then"]);
  const { lr, warmup = 0.1, div = 25, then = constant({ lr }) } = options;
  check("linearWarmup", { lr }, { warmup }, { div });
  if (typeof then?.at !== "function" || typeof then.config !== "object" || then.config === null) {
    throw new TypeError(
      `linearWarmup(): Expected \`then\` as a schedule, say optim.cosine({ lr }), got ${kindOf(then)}`,
    );
  }
  return defineSchedule({ name: "linearWarmup", lr, warmup, div, then: then.config }, (position) => {
    if (position < warmup) return lr / div + (lr - lr / div) * position / warmup;
    return warmup === 1 ? lr : then.at((position - warmup) / (1 - warmup));
  });
}
