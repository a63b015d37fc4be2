/** Steps in flight, and what is needed should one of them fail. */
import type { Batch } from "../data/dataset.ts";
import { LateError } from "../ffi/errors.ts";
import type { Device } from "../tensor/device.ts";
import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Counters } from "../checkpoint/state.ts";

/** A step that the device may still be busy with, and what is needed to run it again. */
export interface StepInFlight {
  /** The last command of the step in the device's queue. */
  readonly ticket: number;
  readonly before: Pick<Counters, "batch" | "step" | "images">;
  /** Batches measured before it. */
  readonly measured: number;
  readonly index: Int32Array;
  readonly images: Tensor;
  readonly labels: Tensor;
}

/** Steps kept: those in flight, and the one that was just waited for. */
const keptSteps = 3;

/** The last few steps that were enqueued. */
export class StepsInFlight implements Disposable {
  readonly #steps: StepInFlight[] = [];

  /** Keeps a step with its batch, whose own tensors the loader disposes of. */
  add({ images, labels, index }: Batch, step: Pick<StepInFlight, "ticket" | "before" | "measured">): void {
    this.#steps.push({
      ...step,
      index,
      images: scope(() => images.detach()).detachFromScope(),
      labels: scope(() => labels.detach()).detachFromScope(),
    });
  }

  /** Lets go of steps that are surely over. */
  trim(): void {
    while (this.#steps.length > keptSteps) release(this.#steps.shift()!);
  }

  /** The step that a command of the queue belongs to. */
  of(command: number): StepInFlight | undefined {
    return this.#steps.find(({ ticket }) => command <= ticket);
  }

  [Symbol.dispose](): void {
    this.#steps.forEach(release);
    this.#steps.length = 0;
  }
}

function release({ images, labels }: StepInFlight): void {
  images.dispose();
  labels.dispose();
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
