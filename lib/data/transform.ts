/** Batch transforms: what a training batch goes through inside the step. */
import { kindOf } from "../tensor/ops/checks.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { Tensors } from "../tensor/tensors.ts";

/** What a batch transform works on. */
export interface TransformInput<In extends Tensors = Tensor, Targets extends Tensors = Tensor> {
  /** What the model takes, say images f32 or f64 [n, h, w, c]. */
  readonly inputs: In;
  /** The same. */
  readonly images: In;
  /** What it should answer, say labels i32 [n]. */
  readonly targets: Targets;
  /** The same. */
  readonly labels: Targets;
}

/** What a batch transform makes of it; what is left out stays as it was. */
export interface TransformOutput<In extends Tensors = Tensor, Targets extends Tensors = Tensor> {
  /** What the model is to take. */
  readonly inputs?: In;
  /** Another name for `inputs`. */
  readonly images?: In;
  /** What it is to answer. */
  readonly targets?: Targets;
  /** Another name for `targets`. */
  readonly labels?: Targets;
}

/**
 * What random draws of a batch transform follow from: with the same seed, epoch and sample they are the same, and a
 * recorded step draws anew at every replay.
 */
export interface TransformContext {
  /** Of the batches, or of the Trainer. */
  readonly seed: number;
  /** The epoch, from 0, as a scalar on the device: i32 []. */
  readonly epoch: Tensor;
  /** The samples' numbers: i32 [n]. */
  readonly index: Tensor;
  /** How many classes the data set has; undefined where that is not known. */
  readonly classes: number | undefined;
}

/** Changes a training batch, inside the step that is recorded and replayed: with ops alone. */
export type BatchTransform<In extends Tensors = Tensor, Targets extends Tensors = Tensor> = (
  batch: TransformInput<In, Targets>,
  context: TransformContext,
) => TransformOutput<In, Targets>;

/** A batch as a transform has left it. */
export function transformed<In extends Tensors, Targets extends Tensors>(
  { inputs, targets }: Pick<TransformInput<In, Targets>, "inputs" | "targets">,
  transform: BatchTransform<In, Targets>,
  context: TransformContext,
): Pick<TransformInput<In, Targets>, "inputs" | "targets"> {
  const made = transform({ inputs, images: inputs, targets, labels: targets }, context);
  requireOutput(made);
  // One that returns `{ ...batch, images }` has changed the one name and handed the other on.
  const changed = <Value>(before: Value, ...names: (Value | undefined)[]): Value =>
    names.find((value) => value !== undefined && value !== before) ?? before;
  return {
    inputs: changed(inputs, made.inputs, made.images),
    targets: changed(targets, made.targets, made.labels),
  };
}

const outputNames = ["inputs", "images", "targets", "labels"];

/** Refuses what is no batch: a tensor alone would say nothing, and the batch would stay as it was. */
function requireOutput(made: unknown): void {
  const wanted = "Expected `transformBatch` to give { inputs, targets } or { images, labels }, what changed of them";
  if (typeof made !== "object" || made === null || made instanceof Tensor || Array.isArray(made)) {
    const cure = made === undefined ? ": is there a return?" : made instanceof Tensor ? ": give { inputs: it }" : "";
    throw new TypeError(`${wanted}, got ${made === undefined ? "nothing" : kindOf(made)}${cure}`);
  }
  if (made instanceof Promise) throw new TypeError(`${wanted}, got a promise: it cannot be async`);
  const strange = Object.keys(made).find((name) => !outputNames.includes(name));
  if (strange !== undefined) throw new TypeError(`${wanted}, got \`${strange}\``);
}
