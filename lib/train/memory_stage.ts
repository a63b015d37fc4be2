/** Where in a training memory ran out: another setting helps in each place. */
import { OutOfMemoryError } from "../ffi/errors.ts";

/** Measuring, which has batches of its own, or reading the state to save it. */
export type MemoryStage = "measure" | "save";

const stages = new WeakMap<OutOfMemoryError, MemoryStage>();

/** Runs a part of a training; where memory runs out there, {@linkcode stageOf} tells. */
export async function during<Result>(stage: MemoryStage, body: () => Promise<Result>): Promise<Result> {
  try {
    return await body();
  } catch (error) {
    if (error instanceof OutOfMemoryError) stages.set(error, stage);
    throw error;
  }
}

/** The part of a training in which memory ran out; undefined for its steps. */
export function stageOf(error: OutOfMemoryError): MemoryStage | undefined {
  return stages.get(error);
}
