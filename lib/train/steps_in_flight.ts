/** Steps in flight, and what is needed should one of them fail. */
import type { Counters } from "../checkpoint/state.ts";
import { releaseBatch, type SampleBatch } from "../data/batch_source.ts";
import { LateError } from "../ffi/errors.ts";
import type { Device } from "../tensor/device.ts";
import type { Tensors } from "../tensor/tensors.ts";
import type { BuffersBefore } from "./buffers_before.ts";

/** A step that the device may still be busy with, and what is needed to run it again. */
export interface StepInFlight<In extends Tensors, Targets extends Tensors> {
  /** The last command of the step in the device's queue. */
  readonly ticket: number;
  readonly before: Pick<Counters, "batch" | "step" | "images">;
  /** Steps measured before it. */
  readonly measured: number;
  /** The model's buffers before it, where they were kept. */
  readonly buffers: BuffersBefore | undefined;
  /** Its batches, in handles of their own. */
  readonly batches: readonly SampleBatch<In, Targets>[];
}

/** Steps kept: those in flight, and the one that was just waited for. */
const keptSteps = 3;

/** The last few steps that were enqueued. */
export class StepsInFlight<In extends Tensors, Targets extends Tensors> implements Disposable {
  readonly #steps: StepInFlight<In, Targets>[] = [];

  /** Takes a step over, with its batches. */
  add(step: StepInFlight<In, Targets>): void {
    this.#steps.push(step);
  }

  /** Lets go of steps that are surely over. */
  trim(): void {
    while (this.#steps.length > keptSteps) letGo(this.#steps.shift()!);
  }

  /** The step that a command of the queue belongs to. */
  of(command: number): StepInFlight<In, Targets> | undefined {
    return this.#steps.find(({ ticket }) => command <= ticket);
  }

  [Symbol.dispose](): void {
    this.#steps.forEach(letGo);
    this.#steps.length = 0;
  }
}

function letGo({ batches, buffers }: StepInFlight<Tensors, Tensors>): void {
  batches.forEach(releaseBatch);
  buffers?.[Symbol.dispose]();
}

/** Waits for the device; gives the late error that it meets, if any. */
export async function lateError(device: Device): Promise<LateError | undefined> {
  try {
    await device.synchronize();
  } catch (error) {
    if (error instanceof LateError) return error;
  }
  return undefined;
}
