/** A model's weights in a file of their own, under the paths that they have in the model. */
import { requireModule } from "../nn/checks.ts";
import { isFloat } from "../ffi/codes.ts";
import { StateError } from "../ffi/errors.ts";
import type { AnyModule } from "../nn/module.ts";
import { RandomCounter } from "../nn/random_counter.ts";
import { tensor } from "../tensor/create.ts";
import { requireFlag, requireOptionsOf, requireText } from "../tensor/ops/checks.ts";
import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { TensorData } from "../tensor/typed_arrays.ts";
import { Checkpoints } from "./checkpoints.ts";
import { type Except, type LeftOut, leftOutBy, partsOf } from "./except.ts";
import { floatsFor, floatsOf } from "./floats.ts";
import { listNames, mostNames, prefixOf, withoutPrefix } from "./names.ts";
import { requireNoneLost } from "./finite.ts";
import { requirePath } from "./paths.ts";
import { readSafetensors, type SafeTensor, SafetensorsError, writeSafetensors } from "./safetensors.ts";
import { readTensors } from "./state.ts";

/** How {@linkcode loadWeights} takes a file's tensors. */
export interface LoadWeightsOptions {
  /**
   * What is not taken from the file and keeps its values in the model, say `"head"` for a network of other classes, or
   * `/^head\./`; everything else must fit. A name that matches nothing is an error.
   */
  except?: Except;
  /** Whether everything must fit, as by default; else what fits is loaded, and the rest is told. */
  strict?: boolean;
  /**
   * What the names in the file have before those of the model, say `module.`, or `model.` in a checkpoint of a training and
   * `ema.model.` for its averages; by default nothing, and `model.` for a run's folder. Names without it are left aside.
   */
  prefix?: string;
}

/** Other libraries' names for what has another one here. */
const elsewhere: Readonly<Record<string, string>> = {
  exclude: "it is called except here",
  skip: "it is called except here",
  ignore: "it is called except here",
  map_location: "a model keeps its device",
};

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
 * Writes a model's parameters and buffers, without counters of random numbers, to a safetensors file, under their paths in
 * the model and in their own dtype. The file appears whole or not at all. Rejects with a StateError where weights are not
 * finite and those saved at that path are.
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
export async function saveWeights(model: AnyModule, path: string): Promise<void> {
  requireModule("saveWeights", "model", model);
  requirePath("saveWeights", path);
  const counters = countersOf(model);
  const named = [...await readTensors({ model })].map(([name, saved]) => [name.slice("model.".length), saved] as const)
    .filter(([path]) => !counters.has(path));
  await requireNoneLost(path, new Map(named), () => tensorsIn(path));
  await writeSafetensors(path, new Map(named), { metadata: { format: "libtrain-weights-1" } });
}

/** The tensors of a file; undefined where there is none that can be read. */
async function tensorsIn(path: string): Promise<ReadonlyMap<string, SafeTensor> | undefined> {
  try {
    return (await readSafetensors(path)).tensors;
  } catch (error) {
    if (error instanceof SafetensorsError) return undefined;
    throw error;
  }
}

/** Where a model has counters of random numbers: they belong to its training, and are no weights. */
function countersOf(model: AnyModule): Set<string> {
  return new Set([...model.namedBuffers()].flatMap(([path, buffer]) => buffer instanceof RandomCounter ? [path] : []));
}

/** What of a file does not fit a model. */
function misfits(
  live: ReadonlyMap<string, Tensor>,
  saved: ReadonlyMap<string, SafeTensor>,
  leftOut: LeftOut,
): LoadedWeights {
  const wanted = [...live].filter(([path]) => !leftOut(path));
  return {
    missing: wanted.flatMap(([path]) => saved.has(path) ? [] : [path]),
    unexpected: [...saved.keys()].filter((name) => !live.has(name) && !leftOut(name)),
    mismatched: wanted.flatMap(([path, target]) => {
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
  const others = mismatched.slice(0, mostNames).map((path) => {
    const { dtype, shape } = saved.get(path)!;
    const target = live.get(path)!;
    return `expected "${path}" as ${target.dtype} [${target.shape.join(", ")}], got ${dtype} [${shape.join(", ")}]`;
  });
  return [
    ...(missing.length > 0 ? [`missing ${listNames(missing)}`] : []),
    ...(unexpected.length > 0 ? [`not in this model ${listNames(unexpected)}`] : []),
    ...others,
    ...(mismatched.length > mostNames ? [`and ${mismatched.length - mostNames} more of another shape`] : []),
  ].join("; ");
}

/**
 * Loads weights into a model: from a safetensors file of {@linkcode saveWeights}, from any whose names are the model's paths,
 * or from a run's folder, whose newest checkpoint that is whole is read. Floats of another width are rounded to the model's own.
 *
 * Rejects with a StateError that names some of what is missing, extra or of another shape, with a RangeError for an `except`
 * that matches nothing, and with a SafetensorsError for a file that cannot be read; the model is then as it was. With
 * `except` everything else must fit. With `strict: false` what fits is loaded, and the rest is returned; a file of which nothing
 * fits is an error all the same.
 *
 * @example A trained body under a new head
 * ```ts
 * import { loadWeights, models, saveWeights } from "@libtrain/libtrain";
 *
 * using trained = models.xresnet18({ classes: 10, widen: 0.125, seed: 0 });
 * await saveWeights(trained, ".cache/trained.safetensors");
 * using model = models.xresnet18({ classes: 3, widen: 0.125 });
 * await loadWeights(model, ".cache/trained.safetensors", { except: "head" });
 * ```
 */
export async function loadWeights(
  model: AnyModule,
  path: string,
  options: LoadWeightsOptions = {},
): Promise<LoadedWeights> {
  requireModule("loadWeights", "model", model);
  requirePath("loadWeights", path);
  requireOptionsOf("loadWeights", options, {
    example: 'loadWeights(model, path, { except: "head" })',
    known: ["strict", "prefix", "except"],
    names: elsewhere,
  });
  const { strict = true, prefix, except } = options;
  requireFlag("loadWeights", "strict", strict);
  if (prefix !== undefined) requireText("loadWeights", "prefix", prefix);
  const { tensors, usual } = await readWeights(path);
  const counters = countersOf(model);
  const saved = new Map([...belowPrefix(tensors, prefix ?? usual, path)].filter(([name]) => !counters.has(name)));
  const live = new Map([...model.state()].filter(([path]) => !counters.has(path)));
  const before = prefixOf(saved.keys(), new Set(live.keys()));
  if (before !== undefined) {
    const whole = `${prefix ?? usual}${before}`;
    throw cannotLoad(path, `its names begin with "${before}", those of the model do not: pass prefix: "${whole}"`);
  }
  const within = prefixOf(live.keys(), new Set(saved.keys()));
  if (within !== undefined) {
    const part = within.slice(0, -1);
    throw cannotLoad(
      path,
      `the model's names begin with "${within}", those of the file do not: load it into "${part}"`,
    );
  }
  const leftOut = leftOutBy("loadWeights", except, new Set([...live.keys(), ...saved.keys()]));
  const found = misfits(live, saved, leftOut);
  const { missing, unexpected, mismatched } = found;
  const fitting = [...live].filter(([path]) => saved.has(path) && !leftOut(path) && !mismatched.includes(path));
  if (fitting.length === 0 || strict && missing.length + unexpected.length + mismatched.length > 0) {
    const why = describe(live, saved, found);
    throw cannotLoad(
      path,
      why === "" ? "`except` leaves nothing of it: leave out less" : `${why}: ${cureOf(found, fitting.length > 0)}`,
    );
  }
  for (const [path, target] of fitting) {
    const { shape, dtype, device } = target;
    scope(() => void target.assign(tensor(valuesFor(target, saved.get(path)!)!, shape, { dtype, device })));
  }
  return found;
}

function cannotLoad(path: string, why: string): StateError {
  return new StateError(`Cannot load the weights of "${path}": ${why}`);
}

/** What to do about a file that does not fit, of which something does or nothing. */
function cureOf({ missing, unexpected, mismatched }: LoadedWeights, some: boolean): string {
  const cure = "build the model as it was saved";
  if (!some) return cure;
  const parts = partsOf([...missing, ...unexpected, ...mismatched]);
  return parts === undefined
    ? `${cure}, or pass strict: false to load what fits`
    : `${cure}, or pass except: ${parts} to leave that out`;
}

/** The tensors of a file, or of a run's newest checkpoint, and what their names have before the model's paths. */
async function readWeights(path: string): Promise<{ tensors: ReadonlyMap<string, SafeTensor>; usual: string }> {
  const stat = await Deno.stat(path).catch(() => undefined);
  if (stat === undefined) throw cannotLoad(path, "it is not there: give a safetensors file, or a run's folder");
  if (!stat.isDirectory) return { tensors: (await readSafetensors(path)).tensors, usual: "" };
  const found = await new Checkpoints(path).load();
  if (found !== undefined) return { tensors: found.state.tensors, usual: "model." };
  throw cannotLoad(path, "it is a folder without a checkpoint: give the folder of a run that has saved one, or a file");
}

/** The tensors whose names begin with a prefix, without it. */
function belowPrefix(
  tensors: ReadonlyMap<string, SafeTensor>,
  prefix: string,
  path: string,
): ReadonlyMap<string, SafeTensor> {
  const below = withoutPrefix(tensors, prefix);
  if (below.size === 0) {
    throw cannotLoad(path, `Expected names that begin with "${prefix}", got ${listNames([...tensors.keys()])}`);
  }
  return below;
}
