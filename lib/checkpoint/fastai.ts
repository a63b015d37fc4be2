/** Weights from fastai and to it, as safetensors files of its state dict. */
import { requireModule } from "../nn/checks.ts";
import { requireFlag, requireOptionsOf, requireWhole } from "../tensor/ops/checks.ts";
import { StateError } from "../ffi/errors.ts";
import type { FastaiEntry, FastaiNames } from "../nn/fastai_names.ts";
import type { AnyModule } from "../nn/module.ts";
import { tensor } from "../tensor/create.ts";
import { scope } from "../tensor/scope.ts";
import { type Except, type LeftOut, leftOutBy, partsOf } from "./except.ts";
import { firstNonFiniteOf, nonFiniteText } from "./finite.ts";
import { type Floats, floatsFor, floatsOf } from "./floats.ts";
import { listNames, mostNames, prefixOf, withoutPrefix } from "./names.ts";
import { requirePath } from "./paths.ts";
import { readSafetensors, type SafeTensor, writeSafetensors } from "./safetensors.ts";
import { readTensors } from "./state.ts";
import type { LoadedWeights } from "./weights.ts";

/** Exchanges two neighbouring runs of axes: for each of `rows`, [first, second] becomes [second, first]. */
function exchange<Values extends Floats>(values: Values, rows: number, first: number, second: number): Values {
  const moved = values.slice() as Values;
  for (let row = 0; row < rows; row++) {
    const start = row * first * second;
    for (let i = 0; i < first; i++) {
      for (let j = 0; j < second; j++) moved[start + j * first + i] = values[start + i * second + j]!;
    }
  }
  return moved;
}

function fromFastai(entry: FastaiEntry, values: Floats): Floats {
  const [out = 0, channels = 0, kh = 0, kw = 0] = entry.shape;
  return entry.convolution ? exchange(values, out, channels, kh * kw) : values;
}

function toFastai(entry: FastaiEntry, values: Floats): Floats {
  const [out = 0, channels = 0, kh = 0, kw = 0] = entry.shape;
  if (entry.convolution) return exchange(values, out, kh * kw, channels);
  return entry.symmetric === true ? symmetricPart(values, out) : values;
}

/** (W + Wᵀ) / 2 */
function symmetricPart<Values extends Floats>(values: Values, size: number): Values {
  return values.map((value, at) => (value + values[(at % size) * size + Math.floor(at / size)]!) / 2) as Values;
}

function isSymmetric(values: Floats, size: number): boolean {
  return symmetricPart(values, size).every((value, at) => value === values[at]);
}

/** The model's own list of what fastai has; only some models have one. */
function entriesOf(model: AnyModule): readonly FastaiEntry[] {
  const named = model as AnyModule & Partial<FastaiNames>;
  if (typeof named.fastaiEntries === "function") return named.fastaiEntries();
  throw new StateError(
    `Expected a model with fastai's names, got ${model.constructor.name}: saveWeights() and loadWeights() take any model`,
  );
}

/** What of a state dict does not fit, under fastai's names, and why. */
function misfits(
  entries: readonly FastaiEntry[],
  saved: ReadonlyMap<string, SafeTensor>,
  leftOut: LeftOut,
): LoadedWeights & { readonly why: string } {
  const known = new Set(entries.map(({ name }) => name));
  const wanted = entries.filter(({ name, path }) => !leftOut(name, path));
  const missing = wanted.flatMap(({ name, path }) => path === null || saved.has(name) ? [] : [name]);
  const unexpected = [...saved.keys()].filter((name) => !known.has(name) && !leftOut(name));
  const other = new Map(wanted.flatMap((entry): [string, string][] => {
    const got = saved.get(entry.name);
    const complaint = got && complaintOf(entry, got);
    return complaint === undefined ? [] : [[entry.name, complaint]];
  }));
  const why = [
    ...(missing.length > 0 ? [`missing ${listNames(missing)}`] : []),
    ...(unexpected.length > 0 ? [`not in this model ${listNames(unexpected)}`] : []),
    ...[...other.values()].slice(0, mostNames),
    ...(other.size > mostNames ? [`and ${other.size - mostNames} more that do not fit`] : []),
  ].join("; ");
  return { missing, unexpected, mismatched: [...other.keys()], why };
}

function complaintOf({ name, path, shape, symmetric }: FastaiEntry, got: SafeTensor): string | undefined {
  if (path === null) return undefined;
  if (String(got.shape) !== String(shape)) {
    return `expected "${name}" as [${shape.join(", ")}], got [${got.shape.join(", ")}]`;
  }
  const values = floatsOf(got);
  if (values === undefined) return `expected "${name}" as F32, F64 or BF16, got ${got.dtype}`;
  if (symmetric === true && !isSymmetric(values, shape[0]!)) {
    return `expected "${name}" symmetric, as fastai's sym is without effect: build the model without sym`;
  }
  return undefined;
}

/** How {@linkcode importFastai} takes a state dict. */
export interface ImportOptions {
  /** Whether everything must fit, as by default; else what fits is loaded, and the rest is told. */
  strict?: boolean;
  /**
   * What is not taken and keeps its values in the model, by the model's paths or fastai's names, say `"head"`; everything else
   * must fit. A name that matches nothing is an error.
   */
  except?: Except;
  /** What the names in the file have before fastai's, say `module.`; by default nothing. Names without it are left aside. */
  prefix?: string;
}

/**
 * Writes fastai's state dict over a model's weights and buffers. Everything is checked first, so nothing is written
 * where something does not fit; the StateError then names some of what is missing, extra or of another shape.
 */
export function writeFastai(
  model: AnyModule,
  all: ReadonlyMap<string, SafeTensor>,
  { strict = true, except, prefix = "" }: ImportOptions = {},
): LoadedWeights {
  const entries = entriesOf(model);
  const names = entries.map(({ name }) => name);
  const saved = withoutPrefix(all, prefix);
  const before = prefixOf(saved.keys(), new Set(names));
  if (before !== undefined) {
    throw new StateError(
      `Cannot import these weights: their names begin with "${before}", which fastai's do not: pass prefix: ` +
        `"${prefix}${before}"`,
    );
  }
  const paths = entries.flatMap(({ path }) => path ?? []);
  const leftOut = leftOutBy("importFastai", except, new Set([...paths, ...names, ...saved.keys()]));
  const { why, ...found } = misfits(entries, saved, leftOut);
  const out = new Set([...found.missing, ...found.mismatched]);
  const fitting = entries.filter(({ name, path }) => path !== null && !out.has(name) && !leftOut(name, path));
  if (fitting.length === 0 || strict && why !== "") {
    throw new StateError(
      `Cannot import these weights: ${
        why === "" ? "`except` leaves nothing of them. Leave out less" : `${why}. ${cureOf(entries, found, fitting)}`
      }`,
    );
  }
  const state = model.state();
  for (const entry of fitting) {
    const target = state.get(entry.path!)!;
    const values = floatsFor(target.dtype, fromFastai(entry, floatsOf(saved.get(entry.name)!)!));
    scope(() => void target.assign(tensor(values, target.shape, { device: target.device })));
  }
  return found;
}

/** What to do about weights that do not fit. */
function cureOf(
  entries: readonly FastaiEntry[],
  { missing, unexpected, mismatched }: LoadedWeights,
  fitting: readonly FastaiEntry[],
): string {
  const cure = "Build the model as it was trained (arch, sa, widths, classes)";
  if (missing.length + unexpected.length > 0 || fitting.length === 0) return cure;
  const parts = partsOf(entries.flatMap(({ name, path }) => mismatched.includes(name) ? path ?? [] : []));
  return `${cure}, or pass strict: false to leave out what has another shape, say a head of other classes` +
    (parts === undefined ? "" : `: except: ${parts} leaves out that alone`);
}

/**
 * How many classes a state dict is for, by a model of one class: the first axis of what has one there and more in the file,
 * its classifier. One where nothing says so: what is missing is told as the weights are written.
 */
export function fastaiClasses(model: AnyModule, saved: ReadonlyMap<string, SafeTensor>): number {
  for (const { name, shape: [first, ...rest] } of entriesOf(model)) {
    const found = saved.get(name)?.shape;
    if (first === 1 && found !== undefined && found[0]! > 1 && String(found.slice(1)) === String(rest)) {
      return found[0]!;
    }
  }
  return 1;
}

/** A model's state as fastai's state dict; `steps` is what PyTorch's batch norms count as batches, by default 0. */
export async function readFastai(model: AnyModule, options: { steps?: number } = {}): Promise<Map<string, SafeTensor>> {
  const entries = entriesOf(model);
  const state = await readTensors({ model });
  return new Map(entries.map((entry): [string, SafeTensor] => {
    const { name, path, shape } = entry;
    if (path === null) return [name, { dtype: "I64", shape, data: BigInt64Array.of(BigInt(options.steps ?? 0)) }];
    const { dtype, data } = state.get(`model.${path}`)!;
    return [name, { dtype, shape, data: toFastai(entry, data as Floats) } as SafeTensor];
  }));
}

/**
 * Loads weights trained with fastai or PyTorch into a model of the same options.
 *
 * `path` is a safetensors file of the state dict of fastai's model. Rejects with a StateError that names some of what is
 * missing, extra or of another shape, and for a model that fastai does not have; with a SafetensorsError for a file that
 * cannot be read. The model is then as it was. With `except: "head"` the classifier keeps its values, as for other classes.
 * With `strict: false` what fits is loaded, and the rest is returned under fastai's names.
 *
 * @example
 * ```ts
 * import { exportFastai, importFastai, models } from "@libtrain/libtrain";
 *
 * using trained = models.xresnet18({ classes: 10, widen: 0.125, seed: 1 });
 * await exportFastai(trained, ".cache/weights.safetensors");
 * using model = models.xresnet18({ classes: 10, widen: 0.125 });
 * await importFastai(model, ".cache/weights.safetensors");
 * ```
 */
export async function importFastai(
  model: AnyModule,
  path: string,
  options: ImportOptions = {},
): Promise<LoadedWeights> {
  requireModule("importFastai", "model", model);
  requirePath("importFastai", path);
  requireOptionsOf("importFastai", options, {
    example: "importFastai(model, path, { strict: false })",
    known: ["strict", "prefix", "except"],
  });
  if (options.strict !== undefined) requireFlag("importFastai", "strict", options.strict);
  return writeFastai(model, await readStateDict(path), options);
}

/** The tensors of a state dict's file. */
export async function readStateDict(path: string): Promise<ReadonlyMap<string, SafeTensor>> {
  return (await readSafetensors(path)).tensors;
}

/**
 * Writes a model's weights and buffers as fastai's state dict, which `model.load_state_dict(load_file(path))` takes in
 * PyTorch, strictly. The file appears whole or not at all. Rejects with a StateError where weights are not finite.
 */
export async function exportFastai(model: AnyModule, path: string, options: { steps?: number } = {}): Promise<void> {
  requireModule("exportFastai", "model", model);
  requirePath("exportFastai", path);
  requireOptionsOf("exportFastai", options, { example: "exportFastai(model, path, { steps: 100 })", known: ["steps"] });
  if (options.steps !== undefined) requireWhole("exportFastai", "steps", options.steps);
  const weights = await readFastai(model, options);
  const broken = firstNonFiniteOf(weights);
  if (broken !== undefined) {
    throw new StateError(`Cannot export these weights: ${nonFiniteText(broken)}: export those of an earlier state`);
  }
  await writeSafetensors(path, weights, { metadata: { format: "pt" } });
}
