/** The whole state of a training as one tree of named tensors and a few counters. */
import { requireModule } from "../nn/checks.ts";
import { kindOf, requireOptions } from "../tensor/ops/checks.ts";
import type { BatchesConfig } from "../data/dataset.ts";
import { roundToBf16, widenBf16 } from "../ffi/bf16.ts";
import { DTYPE_BYTES, type DtypeName } from "../ffi/codes.ts";
import { StateError } from "../ffi/errors.ts";
import type { AnyModule } from "../nn/module.ts";
import type { BoundOptimizer } from "../optim/optimizer.ts";
import { tensor } from "../tensor/create.ts";
import { noGrad } from "../tensor/graph.ts";
import { scope } from "../tensor/scope.ts";
import { type Tensor, versionOf } from "../tensor/tensor.ts";
import type { TensorData } from "../tensor/typed_arrays.ts";
import type { Ema } from "../optim/ema.ts";
import { listNames } from "./names.ts";
import type { SafeDtype, SafeTensor } from "./safetensors.ts";

/** How a training's batches are made, and taken together: what must be the same when it goes on. */
export interface SamplerConfig extends Partial<BatchesConfig> {
  /** Batches an epoch, of batches that say nothing else of themselves. */
  readonly batches?: number;
  /** Batches an optimizer step; not set for one. */
  readonly accumulate?: number;
}

/** Where a training is. */
export interface Counters {
  /** Epochs that are over. */
  readonly epoch: number;
  /** Batches of the epoch that are done: all of those of each step. */
  readonly batch: number;
  /** Steps of the optimizer done, over all epochs: where the schedule is. */
  readonly step: number;
  /** Epochs in all. */
  readonly epochs: number;
  /** The sampler's epoch at which the training began: the second `fit()` of a trainer sees other orders than the first. */
  readonly firstEpoch: number;
  /** Steps that the optimizer has done. */
  readonly optimizerSteps: number;
  /** Sum of the losses over the samples of the epoch so far. */
  readonly lossSum: number;
  /** Correct answers of the epoch so far; null where the targets are no classes. */
  readonly correct: number | null;
  /** Sums of the script's own metrics over the samples of the epoch so far, in files null for NaN; not set where there are none. */
  readonly metricSums?: Readonly<Record<string, number | null>>;
  /** Samples of the epoch so far. */
  readonly seen: number;
  /** Time of all steps. */
  readonly trainSeconds: number;
  /** Time of the epoch's steps so far. */
  readonly epochSeconds: number;
  /** Mean loss of the last whole epoch; null before the first is over. */
  readonly trainLoss: number | null;
  /** Share of correct answers of the last whole epoch, 0 to 1; null where the targets are no classes, too. */
  readonly trainTop1: number | null;
  /** Means of the script's own metrics over the last whole epoch; not set where there are none. */
  readonly trainMetrics?: Readonly<Record<string, number | null>>;
  /** Samples of all steps. */
  readonly images: number;
  /** How the batches are made; null before the first. */
  readonly sampler: SamplerConfig | null;
  /** What the device chose by timing (`device.plan()`); null where it chose nothing. */
  readonly plan: string | null;
}

/** The counters of a training that has not begun. */
export const startingCounters: Counters = {
  epoch: 0,
  batch: 0,
  step: 0,
  epochs: 0,
  firstEpoch: 0,
  optimizerSteps: 0,
  lossSum: 0,
  correct: 0,
  seen: 0,
  trainSeconds: 0,
  epochSeconds: 0,
  trainLoss: null,
  trainTop1: null,
  images: 0,
  sampler: null,
  plan: null,
};

/**
 * Everything that decides how a training goes on: `model.<path>` for parameters and buffers, `optimizer.<state>.<path>`,
 * `ema.model.<path>` where the weights are averaged, and the counters. Random numbers follow from seeds and counters: those
 * of the data from these, those of layers from buffers of the model (`nn.RandomCounter`).
 */
export interface State {
  /** Values by name, on the host. */
  readonly tensors: ReadonlyMap<string, SafeTensor>;
  /** Where it is. */
  readonly counters: Counters;
}

/** Whose state it is; without an optimizer, the model's alone. */
export interface StateOwners {
  /** Its parameters and buffers count. */
  readonly model: AnyModule;
  /** Its state counts too. */
  readonly optimizer?: BoundOptimizer;
  /** Its averages count too. */
  readonly ema?: Ema;
}

const safeDtypes: Readonly<Record<DtypeName, SafeDtype>> = {
  f32: "F32",
  f64: "F64",
  bf16: "BF16",
  i32: "I32",
  u8: "U8",
};

/** A tensor's values as a file has them. */
async function savedData(tensor: Tensor): Promise<SafeTensor["data"]> {
  const values = await tensor.data();
  return tensor.dtype === "bf16" ? roundToBf16(values as Float32Array<ArrayBuffer>) : values;
}

/** Saved values as a tensor of the same dtype is made of them. */
function loadedData(saved: SafeTensor): TensorData {
  return saved.dtype === "BF16" ? widenBf16(saved.data) : saved.data as TensorData;
}

/** The live tensors of the tree by name, and those of them that are only views, which are the caller's to dispose of. */
function namedTensors({ model, optimizer, ema }: StateOwners): { named: Map<string, Tensor>; views: Tensor[] } {
  const named = new Map<string, Tensor>();
  for (const [path, value] of model.state()) named.set(`model.${path}`, value);
  for (const [path, value] of ema?.state() ?? []) named.set(`ema.${path}`, value);
  const views = scope(() =>
    [...optimizer?.state() ?? []].map(([path, view]) => [path, view.detachFromScope().claimed()] as const)
  );
  for (const [path, view] of views) named.set(`optimizer.${path}`, view);
  return { named, views: views.map(([, view]) => view) };
}

/** Calls `use` with the live tensors of the tree by name; those that are only views live no longer than the call. */
function withTensors<Result>(owners: StateOwners, use: (named: Map<string, Tensor>) => Result): Result {
  const { named, views } = namedTensors(owners);
  try {
    return use(named);
  } finally {
    for (const view of views) view.dispose();
  }
}

/** Bytes that may be on their way to the host at a time, unless one tensor has more. */
const IN_FLIGHT = 16 << 20;

/** Tensors in their order, in groups of so many bytes or of one. */
function* groupsOf(named: ReadonlyMap<string, Tensor>): Generator<[string, Tensor][]> {
  let group: [string, Tensor][] = [];
  let bytes = 0;
  for (const [name, value] of named) {
    const own = value.size * DTYPE_BYTES[value.dtype];
    if (group.length > 0 && bytes + own > IN_FLIGHT) {
      yield group;
      [group, bytes] = [[], 0];
    }
    group.push([name, value]);
    bytes += own;
  }
  if (group.length > 0) yield group;
}

/**
 * Copies the tensors to the host, all as they are when it is called: a StateError where one is written, by an op that is
 * enqueued, before its turn came. Beside the copies, few bytes are on their way at a time.
 */
export async function readTensors(owners: StateOwners): Promise<Map<string, SafeTensor>> {
  const { named, views } = namedTensors(owners);
  try {
    const versions = new Map([...named].map(([name, value]) => [name, versionOf(value)]));
    const saved = new Map<string, SafeTensor>();
    for (const group of groupsOf(named)) {
      for (const [name, value] of group) requireUnwritten(name, value, versions.get(name)!);
      const reads = await Promise.all(group.map(([, value]) => savedData(value)));
      group.forEach(([name, { dtype, shape }], at) =>
        saved.set(name, { dtype: safeDtypes[dtype], shape, data: reads[at]! } as SafeTensor)
      );
    }
    return saved;
  } finally {
    for (const view of views) view.dispose();
  }
}

function requireUnwritten(name: string, value: Tensor, version: number): void {
  // Disposed of, it could not be read either.
  if (!value.disposed && versionOf(value) === version) return;
  throw new StateError(
    `Cannot read "${name}" of the state: it was ${
      value.disposed ? "disposed of" : "written"
    } while the tensors before ` +
      "it were read: await the state before the next step",
  );
}

function complaints(saved: ReadonlyMap<string, SafeTensor>, live: ReadonlyMap<string, Tensor>): string[] {
  const missing = [...live.keys()].filter((name) => !saved.has(name));
  const extra = [...saved.keys()].filter((name) => !live.has(name));
  const other = [...live].flatMap(([name, { dtype, shape }]) => {
    const got = saved.get(name);
    if (got === undefined || got.dtype === safeDtypes[dtype] && String(got.shape) === String(shape)) return [];
    return [
      `Expected "${name}" as ${safeDtypes[dtype]} [${shape.join(", ")}], got ${got.dtype} [${got.shape.join(", ")}]`,
    ];
  });
  return [
    ...(missing.length > 0 ? [`Expected ${listNames(missing)}, which it lacks`] : []),
    ...(extra.length > 0 ? [`Got ${listNames(extra)}, which nothing here has`] : []),
    ...other.slice(0, 4),
  ];
}

/** What of a state belongs to its owners: without an optimizer, the saved optimizer state is left aside. */
function wantedOf(saved: ReadonlyMap<string, SafeTensor>, owners: StateOwners): ReadonlyMap<string, SafeTensor> {
  if (owners.optimizer !== undefined) return saved;
  return new Map([...saved].filter(([name]) => name.startsWith("model.")));
}

function requireFit(wanted: ReadonlyMap<string, SafeTensor>, live: ReadonlyMap<string, Tensor>): void {
  const wrong = complaints(wanted, live);
  if (wrong.length === 0) return;
  throw new StateError(
    `Cannot load this state: ${wrong.join("; ")}: build the model and optimizer as they were saved`,
  );
}

/** Throws a StateError where a name, dtype or shape of saved tensors is not that of the live ones. */
export function checkTensors(saved: ReadonlyMap<string, SafeTensor>, owners: StateOwners): void {
  withTensors(owners, (live) => requireFit(wantedOf(saved, owners), live));
}

/**
 * Writes saved tensors over the live ones. Every name, dtype and shape is checked first, so nothing is written where
 * something does not fit. Without an optimizer among the owners, the saved optimizer state is left aside.
 */
export function writeTensors(
  saved: ReadonlyMap<string, SafeTensor>,
  owners: { readonly model: AnyModule; readonly optimizer?: BoundOptimizer; readonly ema?: Ema },
): void {
  if (!(saved instanceof Map)) {
    throw new TypeError(`writeTensors(): Expected \`saved\` as a Map of tensors by name, got ${kindOf(saved)}`);
  }
  requireOptions("writeTensors", owners, "writeTensors(saved, { model })");
  requireModule("writeTensors", "model", owners.model);
  const wanted = wantedOf(saved, owners);
  withTensors(owners, (live) => {
    requireFit(wanted, live);
    for (const [name, target] of live) {
      const { device, dtype, shape } = target;
      const values = loadedData(wanted.get(name)!);
      noGrad(() => scope(() => void target.assign(tensor(values, shape, { device, dtype }))));
    }
  });
}
