/** A model's weights in a file of their own, under the paths that they have in the model. */
import { isFloat } from "../ffi/codes.ts";
import { StateError } from "../ffi/errors.ts";
import type { Module } from "../nn/module.ts";
import { RandomCounter } from "../nn/random_counter.ts";
import { tensor } from "../tensor/create.ts";
import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { TensorData } from "../tensor/typed_arrays.ts";
import { floatsFor, floatsOf } from "./floats.ts";
import { listNames, prefixOf } from "./names.ts";
import { readSafetensors, type SafeTensor, writeSafetensors } from "./safetensors.ts";
import { readTensors } from "./state.ts";

/** How {@linkcode loadWeights} takes a file's tensors. */
export interface LoadWeightsOptions {
  /** Whether everything must fit, as by default; else what fits is loaded, and the rest is told. */
  strict?: boolean;
  /**
   * What the names in the file have before those of the model, say `module.`, or `model.` in a checkpoint of a training; by
   * default nothing. Names without it are left aside.
   */
  prefix?: string;
}

/** What {@linkcode loadWeights} could not load, by the model's paths; all empty where everything fitted. */
export interface LoadedWeights {
  /** What the model has and the file has not. */
  readonly missing: readonly string[];
  /** What the file has and the model has not. */
  readonly unexpected: readonly string[];
  /** What both have, in other shapes or of another kind of number. */
  readonly mismatched: readonly string[];
}

/**
 * Writes a model's parameters and buffers, without counters of random numbers, to a safetensors file, under their paths in the model and in their own dtype. The
 * file appears whole or not at all.
 *
 * @example
 * ```ts
 * import { loadWeights, nn, saveWeights } from "@libtrain/libtrain";
 *
 * using model = new nn.Linear(8, 2);
 * await saveWeights(model, ".cache/linear.safetensors");
 * using other = new nn.Linear(8, 2);
 * await loadWeights(other, ".cache/linear.safetensors");
 * ```
 */
export async function saveWeights(model: Module, path: string): Promise<void> {
  const counters = countersOf(model);
  const named = [...await readTensors({ model })].map(([name, saved]) => [name.slice("model.".length), saved] as const)
    .filter(([path]) => !counters.has(path));
  await writeSafetensors(path, new Map(named), { metadata: { format: "libtrain-weights-1" } });
}

/** Where a model has counters of random numbers: they belong to its training, and are no weights. */
function countersOf(model: Module): Set<string> {
  return new Set([...model.namedBuffers()].flatMap(([path, buffer]) => buffer instanceof RandomCounter ? [path] : []));
}

/** What of a file does not fit a model. */
function misfits(live: ReadonlyMap<string, Tensor>, saved: ReadonlyMap<string, SafeTensor>): LoadedWeights {
  return {
    missing: [...live.keys()].filter((path) => !saved.has(path)),
    unexpected: [...saved.keys()].filter((name) => !live.has(name)),
    mismatched: [...live].flatMap(([path, target]) => {
      const got = saved.get(path);
      return got === undefined || valuesFor(target, got) !== undefined ? [] : [path];
    }),
  };
}

/** The saved values as the target is made of them; undefined where they do not fit. */
function valuesFor(target: Tensor, saved: SafeTensor): TensorData | undefined {
  if (String(saved.shape) !== String(target.shape)) return undefined;
  const floats = floatsOf(saved);
  if (isFloat(target.dtype)) return floats && floatsFor(target.dtype, floats);
  return saved.dtype.toLowerCase() === target.dtype ? saved.data as TensorData : undefined;
}

function describe(
  live: ReadonlyMap<string, Tensor>,
  saved: ReadonlyMap<string, SafeTensor>,
  found: LoadedWeights,
): string {
  const { missing, unexpected, mismatched } = found;
  const others = mismatched.slice(0, 4).map((path) => {
    const { dtype, shape } = saved.get(path)!;
    const target = live.get(path)!;
    return `expected "${path}" as ${target.dtype} [${target.shape.join(", ")}], got ${dtype} [${shape.join(", ")}]`;
  });
  return [
    ...(missing.length > 0 ? [`missing ${listNames(missing)}`] : []),
    ...(unexpected.length > 0 ? [`not in this model ${listNames(unexpected)}`] : []),
    ...others,
    ...(mismatched.length > 4 ? [`and ${mismatched.length - 4} more of another shape`] : []),
  ].join("; ");
}

/**
 * Loads a safetensors file of weights into a model: one of {@linkcode saveWeights}, or any whose names are the model's paths.
 * Floats of another width are rounded to the model's own.
 *
 * Rejects with a StateError that names some of what is missing, extra or of another shape, and with a SafetensorsError for a
 * file that cannot be read; the model is then as it was. With `strict: false` what fits is loaded, and the rest is returned; a
 * file of which nothing fits is an error all the same.
 *
 * @example A trained body under a new head
 * ```ts
 * import { loadWeights, models, saveWeights } from "@libtrain/libtrain";
 *
 * using trained = models.xresnet18({ classes: 10, widen: 0.125, seed: 0 });
 * await saveWeights(trained, ".cache/trained.safetensors");
 * using model = models.xresnet18({ classes: 3, widen: 0.125 });
 * const { mismatched } = await loadWeights(model, ".cache/trained.safetensors", { strict: false });
 * console.log(mismatched); // ["head.weight", "head.bias"]
 * ```
 */
export async function loadWeights(
  model: Module,
  path: string,
  { strict = true, prefix = "" }: LoadWeightsOptions = {},
): Promise<LoadedWeights> {
  const { tensors } = await readSafetensors(path);
  const counters = countersOf(model);
  const saved = new Map([...belowPrefix(tensors, prefix, path)].filter(([name]) => !counters.has(name)));
  const live = new Map([...model.state()].filter(([path]) => !counters.has(path)));
  const found = misfits(live, saved);
  const { missing, unexpected, mismatched } = found;
  const fitting = [...live].filter(([path]) => saved.has(path) && !mismatched.includes(path));
  if (fitting.length === 0 || strict && missing.length + unexpected.length + mismatched.length > 0) {
    const before = prefixOf(saved.keys(), new Set(live.keys()));
    const why = before === undefined
      ? `${describe(live, saved, found)}: build the model as it was saved` +
        (fitting.length > 0 ? ", or pass strict: false to load what fits" : "")
      : `its names begin with "${before}", those of the model do not: pass prefix: "${prefix}${before}"`;
    throw new StateError(`Cannot load the weights of "${path}": ${why}`);
  }
  for (const [path, target] of fitting) {
    const { shape, dtype, device } = target;
    scope(() => void target.assign(tensor(valuesFor(target, saved.get(path)!)!, shape, { dtype, device })));
  }
  return found;
}

/** The tensors whose names begin with a prefix, without it. */
function belowPrefix(tensors: ReadonlyMap<string, SafeTensor>, prefix: string, path: string): Map<string, SafeTensor> {
  const below = [...tensors].filter(([name]) => name.startsWith(prefix));
  if (below.length === 0) {
    throw new StateError(
      `Cannot load the weights of "${path}": Expected names that begin with "${prefix}", got ${
        listNames([...tensors.keys()])
      }`,
    );
  }
  return new Map(below.map(([name, value]) => [name.slice(prefix.length), value]));
}
