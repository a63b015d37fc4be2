/** Steps in flight, and what is needed should one of them fail. */
import { LateError } from "../ffi/errors.ts";
import type { Device } from "../tensor/device.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Counters } from "./state.ts";

/** A step that the device may still be busy with, and what is needed to run it again. */
export interface Kept {
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
export const keptSteps = 3;

/** Lets go of a step. */
export function release({ images, labels }: Kept): void {
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
