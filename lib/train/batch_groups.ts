/** Batches taken together: those of one optimizer step. */
import {
  type BatchSource,
  keepBatch,
  passOver,
  releaseBatch,
  type SampleBatch,
  sampleBatch,
} from "../data/batch_source.ts";
import { StateError } from "../ffi/errors.ts";
import type { Tensors } from "../tensor/tensors.ts";

/** Where in an epoch to begin, and how to go through it. */
export interface GroupOptions {
  readonly epoch: number;
  /** The first batch. */
  readonly batch: number;
  /** Samples of the epoch before it. */
  readonly done: number;
  /** Batches a step. */
  readonly accumulate: number;
}

/**
 * The batches of an epoch, so many a step, and what is left in the last; each is kept in handles of its own, which belong to
 * whoever takes it.
 *
 * Throws a StateError where there are fewer than `length`.
 */
export async function* batchGroups<In extends Tensors, Targets extends Tensors>(
  source: BatchSource<In, Targets>,
  { epoch, batch, done, accumulate }: GroupOptions,
): AsyncGenerator<SampleBatch<In, Targets>[], void, undefined> {
  let group: SampleBatch<In, Targets>[] = [];
  let [taken, samples] = [batch, done];
  try {
    for await (const each of passOver(source, { epoch, batch })) {
      const kept = keepBatch(sampleBatch("fit", each, samples));
      group.push(kept);
      samples += kept.index.length;
      taken++;
      if (group.length < accumulate && taken < source.length) continue;
      const whole = group;
      group = [];
      yield whole;
    }
    if (taken >= source.length) return;
    throw new StateError(
      `fit(): Expected ${source.length} batches an epoch, as their \`length\` says, got ${taken}: give an iterable that can ` +
        "be gone through once an epoch, and its length",
    );
  } finally {
    group.forEach(releaseBatch);
  }
}
