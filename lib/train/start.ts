/** Where a training begins, or goes on. */
import type { Batches } from "../data/dataset.ts";
import { StateError } from "../ffi/errors.ts";
import { type Counters, startingCounters } from "../checkpoint/state.ts";

/** What a training is asked for. */
export interface Asked {
  readonly epochs: number;
  /** Only to go on with the training that was loaded, not to begin another. */
  readonly resume?: boolean;
  /** To go on although epochs or batches are others. */
  readonly force?: boolean;
}

/** The counters to start from; throws where epochs or batches are not those that the training was begun with. */
export function startingPoint(
  at: Counters,
  train: Batches,
  { epochs, resume = false, force = false }: Asked,
): Counters {
  if (!Number.isInteger(epochs) || epochs < 1) {
    throw new RangeError(`fit(): Expected \`epochs\` as a whole number from 1, got ${epochs}`);
  }
  if (train.length === 0) {
    const { dataset, batchSize } = train.config;
    throw new RangeError(
      `fit(): Expected at least one batch an epoch, got ${dataset} samples in batches of ${batchSize}`,
    );
  }
  const begun = at.epochs > 0;
  if (begun && (resume || at.epoch < at.epochs)) {
    if (force) return forced(at, train, epochs);
    requireSame({ ...at.sampler, epochs: at.epochs }, { ...train.config, epochs });
    return at;
  }
  const { firstEpoch, optimizerSteps } = at;
  return {
    ...startingCounters,
    epochs,
    firstEpoch: firstEpoch + at.epochs,
    optimizerSteps,
    sampler: train.config,
  };
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

/** The same place in a training of other epochs or batches: as many of the epoch's samples are done. */
function forced(at: Counters, train: Batches, epochs: number): Counters {
  const before = at.sampler?.batchSize ?? train.config.batchSize;
  const batch = Math.min(Math.floor(at.batch * before / train.config.batchSize), train.length);
  return { ...at, epochs, batch, step: at.epoch * train.length + batch, sampler: train.config };
}
