/** Where a training begins, or goes on. */
import { kindOf } from "../tensor/ops/checks.ts";
import { type Counters, type SamplerConfig, startingCounters } from "../checkpoint/state.ts";
import { type BatchSource, canPosition } from "../data/batch_source.ts";
import { StateError } from "../ffi/errors.ts";
import type { Tensors } from "../tensor/tensors.ts";

/** What a training is asked for. */
export interface Asked {
  readonly epochs: number;
  /** Only to go on with the training that was loaded, not to begin another. */
  readonly resume?: boolean;
  /** To go on although epochs or batches are others, or cannot be entered where the training was. */
  readonly force?: boolean;
  /** Batches a step; by default 1. */
  readonly accumulate?: number;
  /** The names of the script's own metrics; by default none. */
  readonly metrics?: readonly string[];
}

/** Steps of an optimizer for some batches of an epoch. */
export function stepsOf(batches: number, accumulate: number): number {
  return Math.ceil(batches / accumulate);
}

/** The settings of batches by which a training that goes on is told from another. */
function samplerOf(train: BatchSource<Tensors, Tensors>, accumulate: number): SamplerConfig {
  const own: SamplerConfig = train.config === undefined ? { batches: train.length } : train.config;
  return accumulate === 1 ? own : { ...own, accumulate };
}

/** The counters to start from; throws where epochs or batches are not those that the training was begun with. */
export function startingPoint(
  at: Counters,
  train: BatchSource<Tensors, Tensors>,
  { epochs, resume = false, force = false, accumulate = 1, metrics = [] }: Asked,
): Counters {
  if (!Number.isSafeInteger(epochs) || epochs < 1) {
    throw new RangeError(`fit(): Expected \`epochs\` as a whole number from 1, got ${kindOf(epochs)}`);
  }
  requireLength(train);
  const sampler = samplerOf(train, accumulate);
  const begun = at.epochs > 0;
  if (begun && (resume || at.epoch < at.epochs)) {
    if (force) return { ...forced(at, train, { epochs, accumulate, sampler }), metricSums: sumsOf(at, metrics) };
    requireSame({ ...at.sampler, epochs: at.epochs }, { ...sampler, epochs });
    requireMetrics(at, metrics);
    requirePosition(at, train);
    return at;
  }
  const { firstEpoch, optimizerSteps } = at;
  return { ...startingCounters, epochs, firstEpoch: firstEpoch + at.epochs, optimizerSteps, sampler };
}

function requireLength({ length, config }: BatchSource<Tensors, Tensors>): void {
  if (!Number.isInteger(length) || length < 0) {
    throw new TypeError(`fit(): Expected batches with a \`length\`, how many an epoch has, got ${kindOf(length)}`);
  }
  if (length > 0) return;
  const { dataset, batchSize }: SamplerConfig = config ?? {};
  const got = dataset === undefined ? "none" : `${dataset} samples in batches of ${batchSize}`;
  throw new RangeError(`fit(): Expected at least one batch an epoch, got ${got}`);
}

/** What cannot be entered where a training was would give it other batches from there on. */
function requirePosition(at: Counters, train: BatchSource<Tensors, Tensors>): void {
  if (at.epoch >= at.epochs || at.epoch === 0 && at.batch === 0 || canPosition(train)) return;
  throw new StateError(
    `fit(): Expected batches with at({ epoch, batch }) to go on exactly, in epoch ${at.epoch + 1} after ${at.batch} ` +
      "batches, got an iterable without: give it that method, or pass `force` to begin a new pass over it and leave out as many",
  );
}

/** A training that goes on must be the one that was begun. */
function requireSame(begun: Readonly<Record<string, unknown>>, now: Readonly<Record<string, unknown>>): void {
  const field = Object.keys({ ...now, ...begun }).find((name) => !same(begun[name], now[name]));
  if (field === undefined) return;
  throw new StateError(
    `fit(): Expected ${field} ${shown(begun[field])}, with which this training was begun, got ${shown(now[field])}: ` +
      `give the same, or make a new Trainer to begin anew`,
  );
}

/** Sums of metrics over the epoch under way hold for these metrics alone. */
function requireMetrics({ seen, metricSums = {} }: Counters, metrics: readonly string[]): void {
  const begun = Object.keys(metricSums);
  if (seen === 0 || begun.toSorted().join() === metrics.toSorted().join()) return;
  const list = (names: readonly string[]): string => names.join(", ") || "none";
  throw new StateError(
    `fit(): Expected the metrics with which this epoch was begun, ${list(begun)}, got ${
      list(metrics)
    }: give the same, or ` +
      "pass `force` to leave out of this epoch's means what is new",
  );
}

/** Sums of the epoch under way for other metrics: no number for those that were not measured from its beginning. */
function sumsOf({ metricSums = {} }: Counters, metrics: readonly string[]): Counters["metricSums"] {
  if (metrics.length === 0) return undefined;
  return Object.fromEntries(metrics.map((name) => [name, metricSums[name] ?? NaN]));
}

/** Whether two settings are the same, lists and objects by what is in them. */
function same(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  const [left, right] = [a as Readonly<Record<string, unknown>>, b as Readonly<Record<string, unknown>>];
  return Object.keys({ ...left, ...right }).every((name) => same(left[name], right[name]));
}

function shown(value: unknown): string {
  if (value === undefined) return "none";
  return typeof value === "object" ? JSON.stringify(value) : `${value}`;
}

/** The same place in a training of other epochs or batches: as many of the epoch's samples are done, at a step's end. */
function forced(
  at: Counters,
  train: BatchSource<Tensors, Tensors>,
  { epochs, accumulate, sampler }: { epochs: number; accumulate: number; sampler: SamplerConfig },
): Counters {
  const now = sampler.batchSize ?? 1;
  const before = at.sampler?.batchSize ?? now;
  const reached = Math.min(Math.floor(at.batch * before / now), train.length);
  const batch = reached === train.length ? reached : Math.floor(reached / accumulate) * accumulate;
  const step = at.epoch * stepsOf(train.length, accumulate) + stepsOf(batch, accumulate);
  return { ...at, epochs, batch, step, sampler };
}
