/** What helps where memory runs out: the setting that counts there, by its path. */
import { OutOfMemoryError } from "../ffi/errors.ts";
import type { AnyModule } from "../nn/module.ts";
import { BatchNorm2d } from "../nn/layers.ts";
import { stageOf } from "../train/memory_stage.ts";

/** Where no setting takes less. */
const MORE = "give the process more memory";
const MORE_OR_SMALLER = `${MORE}, or use a smaller model: this does not depend on the batch size`;

/** A batch size from 2 on can be less, down to `least`; then only the images can. */
function fewerImages(setting: string, count: number, { size, least }: { size?: number | null; least: number }): string {
  if (count > least) return `set \`${setting}\` below ${count}, which takes less memory`;
  return typeof size === "number" ? `set \`size\` below ${size}, or ${MORE}` : MORE;
}

/** Images that a step of training needs at least: a batch norm computes with the variance among several. */
function leastImages(model: AnyModule): number {
  return [...model.modules()].some(([, module]) => module instanceof BatchNorm2d) ? 2 : 1;
}

/** An error of a training with what helps against it; anything else is as it was. */
export function adviseTraining(
  error: unknown,
  { bs, validBs, size }: { readonly bs: number; readonly validBs: number; readonly size: number | null },
  model: AnyModule,
): unknown {
  if (!(error instanceof OutOfMemoryError)) return error;
  switch (stageOf(error)) {
    case "save":
      return error.withAdvice(MORE_OR_SMALLER);
    case "measure":
      return error.withAdvice(fewerImages("validBs", validBs, { size, least: 1 }));
    case undefined:
      return error.withAdvice(fewerImages("bs", bs, { size, least: leastImages(model) }));
  }
}

/** The same for what measures a model `bs` images at a time. */
export function adviseMeasuring(error: unknown, { bs, size }: { bs: number; size?: number | null }): unknown {
  if (!(error instanceof OutOfMemoryError)) return error;
  return error.withAdvice(fewerImages("bs", bs, { size, least: 1 }));
}

/** The same for what looks at one image at a time. */
export function advisePredicting(error: unknown, size: number): unknown {
  return error instanceof OutOfMemoryError ? error.withAdvice(fewerImages("bs", 1, { size, least: 1 })) : error;
}

/** Makes what does not depend on a batch: a model, an optimizer's state. */
export function withModelAdvice<Result>(make: () => Result): Result {
  try {
    return make();
  } catch (error) {
    throw error instanceof OutOfMemoryError ? error.withAdvice(MORE_OR_SMALLER) : error;
  }
}
