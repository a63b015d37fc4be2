/** Steps at rates that are only tried: afterwards everything is as it was. */
import { readTensors, writeTensors } from "../checkpoint/state.ts";
import { type BatchSource, releaseBatch, type SampleBatch } from "../data/batch_source.ts";
import { LateError, OutOfMemoryError, StateError } from "../ffi/errors.ts";
import { type AnyModule, Module } from "../nn/module.ts";
import type { Ema } from "../optim/ema.ts";
import type { BoundOptimizer } from "../optim/optimizer.ts";
import type { Device } from "../tensor/device.ts";
import { kindOf, requireFunction, requireOptionsOf, requireSignal } from "../tensor/ops/checks.ts";
import type { Tensors } from "../tensor/tensors.ts";
import { batchGroups } from "./batch_groups.ts";
import { firstNonFinite } from "./diagnose.ts";
import { lateError } from "./steps_in_flight.ts";
import type { Enqueued, TrainingStep } from "./step.ts";

/** How to try rates. */
export interface TryRatesOptions {
  /** Ends it early: it rejects with the signal's reason, with everything put back. */
  signal?: AbortSignal;
  /** Told the loss of each step, from 0 on; where it gives false, no other step is taken. */
  onStep?(step: number, loss: number): boolean | void;
}

/** What came of it. */
export interface TriedRates {
  /** The mean loss of each step before it changed the weights; of as many steps as were taken. */
  readonly losses: readonly number[];
  /** What was not finite in the step after these, which ended it: a loss, a gradient; null where none was. */
  readonly notFinite: string | null;
}

/** What steps are taken with; all of it stays the Trainer's. */
interface Parts<In extends Tensors, Out extends Tensors, Targets extends Tensors> {
  readonly model: AnyModule;
  readonly optimizer: BoundOptimizer;
  readonly ema: Ema | undefined;
  readonly step: TrainingStep<In, Out, Targets>;
  readonly device: Device;
  /** Batches a step. */
  readonly accumulate: number;
  /** The epoch whose batches come first. */
  readonly epoch: number;
  /** Readies the step for an epoch's draws. */
  begin(train: BatchSource<In, Targets>, epoch: number): void;
}

/** The largest rate that f32 holds. */
const largestRate = 3.4028234663852886e38;

/** Refuses rates that are none, and options that there are none of. */
export function requireRates(rates: unknown, options: TryRatesOptions): asserts rates is readonly number[] {
  if (!Array.isArray(rates)) {
    throw new TypeError(`tryRates(): Expected \`rates\` as an array of numbers, got ${kindOf(rates)}`);
  }
  if (rates.length === 0) throw new RangeError("tryRates(): Expected at least one rate, got none");
  const at = rates.findIndex((rate) => !(typeof rate === "number" && rate >= 0 && rate <= largestRate));
  if (at >= 0) {
    throw new RangeError(
      `tryRates(): Expected \`rates[${at}]\` as a number from 0 to ${largestRate}, as f32 holds, got ${
        kindOf(rates[at])
      }`,
    );
  }
  requireOptionsOf("tryRates", options, {
    example: "tryRates(batches, rates, { signal })",
    known: ["signal", "onStep"],
  });
  requireSignal("tryRates", options.signal);
  if (options.onStep !== undefined) requireFunction("tryRates", "onStep", options.onStep);
}

/** Takes a step at each rate, and puts weights, buffers, optimizer, average and modes back, bit for bit. */
export async function tryRates<In extends Tensors, Out extends Tensors, Targets extends Tensors>(
  parts: Parts<In, Out, Targets>,
  train: BatchSource<In, Targets>,
  rates: readonly number[],
  options: TryRatesOptions,
): Promise<TriedRates> {
  const { model, optimizer, ema, step } = parts;
  const owners = { model, optimizer, ema };
  const modes = [...model.modules()].map(([, module]) => ({ module, training: Module.modeOf(module) }));
  const { lr, steps, begun } = optimizer;
  const before = await readTensors(owners);
  try {
    if (!model.training) model.train();
    return await taken(parts, train, rates, options);
  } finally {
    optimizer.discard();
    writeTensors(before, owners);
    optimizer.resumeAt(steps, { begun });
    // What an optimizer does before its first step, a replay would not do.
    if (!begun) step.forget();
    optimizer.lr = lr;
    // From the outside in, as setting a module's mode sets that of everything inside.
    for (const { module, training } of modes) if (Module.modeOf(module) !== training) module.train(training);
  }
}

async function taken<In extends Tensors, Out extends Tensors, Targets extends Tensors>(
  parts: Parts<In, Out, Targets>,
  train: BatchSource<In, Targets>,
  rates: readonly number[],
  { signal, onStep }: TryRatesOptions,
): Promise<TriedRates> {
  const losses: number[] = [];
  for (let epoch = parts.epoch;; epoch++) {
    const before = losses.length;
    parts.begin(train, epoch);
    for await (const group of batchGroups(train, { epoch, batch: 0, done: 0, accumulate: parts.accumulate })) {
      try {
        signal?.throwIfAborted();
        const loss = await one(parts, group, rates[losses.length]!);
        if (typeof loss !== "number") return { losses, notFinite: loss.notFinite };
        losses.push(loss);
        if (onStep?.(losses.length - 1, loss) === false || losses.length === rates.length) {
          return { losses, notFinite: null };
        }
      } finally {
        group.forEach(releaseBatch);
      }
    }
    if (losses.length > before) continue;
    throw new StateError("tryRates(): Expected batches that can be gone through again, got none the second time");
  }
}

/** The loss of a step, or what of it was not finite, whereupon the device goes on. */
async function one<In extends Tensors, Out extends Tensors, Targets extends Tensors>(
  { model, optimizer, step, device }: Parts<In, Out, Targets>,
  group: readonly SampleBatch<In, Targets>[],
  rate: number,
): Promise<number | { readonly notFinite: string }> {
  let enqueued: Enqueued | undefined;
  try {
    optimizer.lr = rate;
    enqueued = await step.enqueue(group);
    const loss = (await enqueued.values.data())[step.names.indexOf("loss")]!;
    return Number.isFinite(loss) ? loss : { notFinite: "the loss" };
  } catch (error) {
    const late = error instanceof LateError ? error : await lateError(device);
    if (late !== undefined || error instanceof OutOfMemoryError) await device.recover();
    if (late === undefined) throw error;
    // Nothing is wrong with the step's numbers.
    if (late.cause instanceof OutOfMemoryError) throw late.cause;
    const found = await firstNonFinite(model, group, (batch) => step.lossOf(batch));
    if (found === undefined) throw error;
    return { notFinite: found.what };
  } finally {
    enqueued?.values.dispose();
    enqueued?.before?.[Symbol.dispose]();
  }
}
