/** Where a training takes its batches from: a data set's, or any iterable of a script. */
import type { Device } from "../tensor/device.ts";
import { kindOf } from "../tensor/ops/checks.ts";
import { scope } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";
import { leavesOf, mapTensors, type Tensors } from "../tensor/tensors.ts";
import type { Dataset } from "./dataset.ts";

/**
 * Some samples to train on or to measure with. `inputs` is what the model takes, `targets` what it should answer, where
 * there is such a thing; `images` and `labels` are other names for the same.
 *
 * The tensors belong to whoever gives the batch, and live until the next one is asked for.
 */
export interface TrainingBatch<In extends Tensors = Tensor, Targets extends Tensors = Tensor> {
  /** What the model takes; the first axis of its tensors is that of the samples. */
  readonly inputs?: In;
  /** Another name for `inputs`. */
  readonly images?: In;
  /** What it should answer. */
  readonly targets?: Targets;
  /** Another name for `targets`. */
  readonly labels?: Targets;
  /** The samples' numbers, by which errors name them and random draws differ; by default their places in the epoch. */
  readonly index?: ArrayLike<number>;
}

/**
 * Batches for a training: a data set's ({@linkcode Batches}), an array, or any iterable with a `length`.
 *
 * Each `for await` over it is one epoch. With `at()` a training that was stopped goes on exactly where it was; an array does
 * so by itself, and without either it is refused.
 */
export type BatchSource<In extends Tensors = Tensor, Targets extends Tensors = Tensor> =
  & (AsyncIterable<TrainingBatch<In, Targets>> | Iterable<TrainingBatch<In, Targets>>)
  & {
    /** Batches in an epoch; of an iterable that gives more, the rest is not asked for. */
    readonly length: number;
    /** Samples in an epoch, for those who show progress. */
    readonly samples?: number;
    /** Settings, as plain JSON, that must be the same when a training goes on; a `seed` among them is that of batch transforms. */
    readonly config?: object;
    /** What they come from; its classes are told to batch transforms. */
    readonly dataset?: { readonly classes: readonly string[] };
  };

/** Throws where something gives no batches, say a data set that was not cut into them. */
export function requireBatches(caller: string, name: string, value: unknown): void {
  const given = value as
    | Partial<Iterable<unknown> & AsyncIterable<unknown> & Positioned<Tensor, Tensor> & Dataset>
    | null;
  if ([given?.[Symbol.asyncIterator], given?.[Symbol.iterator], given?.at].some((way) => typeof way === "function")) {
    return;
  }
  const set = typeof given?.batches === "function";
  throw new TypeError(
    `${caller}(): Expected \`${name}\` as batches, got ${
      set ? `a data set of ${given.length} samples` : kindOf(value)
    }: ` +
      "write .batches(size) of a data set, say .batches(32)",
  );
}

/** Batches from any place on. */
interface Positioned<In extends Tensors, Targets extends Tensors> {
  at(position: { epoch: number; batch?: number }): AsyncIterable<TrainingBatch<In, Targets>>;
}

/** Whether an epoch can be entered anywhere, and is then the same again. */
export function canPosition<In extends Tensors, Targets extends Tensors>(source: BatchSource<In, Targets>): boolean {
  return Array.isArray(source) || typeof (source as Partial<Positioned<In, Targets>>).at === "function";
}

/** One epoch from one of its batches on; what cannot be positioned begins a new one, of which those before are passed over. */
export async function* passOver<In extends Tensors, Targets extends Tensors>(
  source: BatchSource<In, Targets>,
  { epoch, batch }: { epoch: number; batch: number },
): AsyncGenerator<TrainingBatch<In, Targets>, void, undefined> {
  if (batch >= source.length) return;
  const positioned = canPosition(source) && !Array.isArray(source);
  const batches = positioned ? (source as unknown as Positioned<In, Targets>).at({ epoch, batch }) : source;
  let place = positioned ? batch : 0;
  for await (const each of batches) {
    if (place++ >= batch) yield each;
    // Asking for more than there are would have the loader make a batch that nobody takes.
    if (place === source.length) return;
  }
}

/** A batch under its general names, with the numbers of its samples. */
export interface SampleBatch<In extends Tensors = Tensor, Targets extends Tensors = Tensor> {
  readonly inputs: In;
  /** Undefined where there is nothing to answer with. */
  readonly targets: Targets | undefined;
  readonly index: Int32Array;
}

/** A batch as it is worked with; `from` is the place of its first sample in the epoch. */
export function sampleBatch<In extends Tensors, Targets extends Tensors>(
  caller: string,
  batch: TrainingBatch<In, Targets>,
  from: number,
): SampleBatch<In, Targets> {
  const { inputs = batch?.images, targets = batch?.labels } = batch ?? {};
  if (inputs === undefined) {
    const got = typeof batch === "object" && batch !== null && !(batch instanceof Tensor) && !Array.isArray(batch)
      ? Object.keys(batch).join(", ") || "none of them"
      : kindOf(batch);
    throw new TypeError(
      `${caller}(): Expected batches with \`inputs\` and \`targets\`, or images and labels, got ${got}`,
    );
  }
  const [first] = leavesOf(inputs, caller, "inputs");
  if (first === undefined) throw new TypeError(`${caller}(): Expected \`inputs\` with at least one tensor, got none`);
  const n = first.shape[0] ?? 1;
  const index = batch.index === undefined
    ? Int32Array.from({ length: n }, (_, place) => from + place)
    : batch.index instanceof Int32Array
    ? batch.index
    : Int32Array.from(batch.index);
  if (index.length !== n) {
    throw new TypeError(
      `${caller}(): Expected an \`index\` of ${n} numbers, one for each sample of \`inputs\` [${
        first.shape.join(", ")
      }], got ${index.length}`,
    );
  }
  return { inputs, targets, index };
}

/** Where a batch is. */
export function deviceOf({ inputs }: SampleBatch<Tensors, Tensors>): Device {
  return leavesOf(inputs)[0]!.device;
}

/** The same values in handles of their own, which outlive the loader's; {@linkcode releaseBatch} lets go of them. */
export function keepBatch<In extends Tensors, Targets extends Tensors>(
  { inputs, targets, index }: SampleBatch<In, Targets>,
): SampleBatch<In, Targets> {
  const kept = (tensor: Tensor): Tensor => scope(() => tensor.detach()).detachFromScope().claimed();
  return { inputs: mapTensors(inputs, kept), targets: targets && mapTensors(targets, kept), index };
}

/** Lets go of a batch that was kept. */
export function releaseBatch({ inputs, targets }: SampleBatch<Tensors, Tensors>): void {
  for (const tensor of [...leavesOf(inputs), ...(targets === undefined ? [] : leavesOf(targets))]) tensor.dispose();
}
