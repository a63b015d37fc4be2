/** Weights from fastai and to it, as safetensors files of its state dict. */
import { widenBf16 } from "../ffi/bf16.ts";
import type { DtypeName } from "../ffi/codes.ts";
import { StateError } from "../ffi/errors.ts";
import { fastaiEntries, type FastaiEntry } from "../models/fastai.ts";
import type { XResNet } from "../models/xresnet.ts";
import { tensor } from "../tensor/create.ts";
import { scope } from "../tensor/scope.ts";
import { readSafetensors, type SafeTensor, SafetensorsError, writeSafetensors } from "./safetensors.ts";
import { readTensors } from "./state.ts";

type Floats = Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer>;

/** The numbers of a tensor of floats, undefined for others. */
function floatsOf(saved: SafeTensor): Floats | undefined {
  if (saved.dtype === "F32" || saved.dtype === "F64") return saved.data;
  if (saved.dtype !== "BF16") return undefined;
  return widenBf16(saved.data);
}

/** Whether the last axes of convolution weights have to move. */
function isConvolution({ shape, path }: FastaiEntry): boolean {
  return path !== null && shape.length === 4 && path.endsWith("conv.weight");
}

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
  return isConvolution(entry) ? exchange(values, out, channels, kh * kw) : values;
}

function toFastai(entry: FastaiEntry, values: Floats): Floats {
  const [out = 0, channels = 0, kh = 0, kw = 0] = entry.shape;
  if (isConvolution(entry)) return exchange(values, out, kh * kw, channels);
  return entry.symmetric === true ? symmetricPart(values, out) : values;
}

/** (W + Wᵀ) / 2 */
function symmetricPart<Values extends Floats>(values: Values, size: number): Values {
  return values.map((value, at) => (value + values[(at % size) * size + Math.floor(at / size)]!) / 2) as Values;
}

function isSymmetric(values: Floats, size: number): boolean {
  return symmetricPart(values, size).every((value, at) => value === values[at]);
}

/** What of a state dict does not fit, tensor by tensor. */
function complaints(entries: readonly FastaiEntry[], saved: ReadonlyMap<string, SafeTensor>): string[] {
  const known = new Set(entries.map(({ name }) => name));
  const missing = entries.filter(({ name, path }) => path !== null && !saved.has(name));
  const extra = [...saved.keys()].filter((name) => !known.has(name));
  const other = entries.flatMap((entry) => {
    const got = saved.get(entry.name);
    return got === undefined ? [] : complaintsOf(entry, got);
  });
  const list = (names: readonly string[]): string => names.map((name) => `"${name}"`).join(", ");
  return [
    ...(missing.length > 0 ? [`missing ${list(missing.map(({ name }) => name))}`] : []),
    ...(extra.length > 0 ? [`not in this model ${list(extra)}`] : []),
    ...other,
  ];
}

function complaintsOf({ name, path, shape, symmetric }: FastaiEntry, got: SafeTensor): string[] {
  if (path === null) return [];
  if (String(got.shape) !== String(shape)) {
    return [`expected "${name}" as [${shape.join(", ")}], got [${got.shape.join(", ")}]`];
  }
  const values = floatsOf(got);
  if (values === undefined) return [`expected "${name}" as F32, F64 or BF16, got ${got.dtype}`];
  if (symmetric === true && !isSymmetric(values, shape[0]!)) {
    return [`expected "${name}" symmetric, as fastai's sym is without effect: build the model without sym`];
  }
  return [];
}

/**
 * Writes fastai's state dict over a model's weights and buffers. Everything is checked first, so nothing is written
 * where something does not fit; the StateError then names every tensor that is missing, extra or of another shape.
 */
export function writeFastai(saved: ReadonlyMap<string, SafeTensor>, model: XResNet): void {
  const entries = fastaiEntries(model);
  const wrong = complaints(entries, saved);
  if (wrong.length > 0) {
    throw new StateError(
      `Cannot import these weights: ${wrong.join("; ")}. Build the model as it was trained (arch, sa, widths, classes)`,
    );
  }
  const state = model.state();
  for (const entry of entries) {
    if (entry.path === null) continue;
    const target = state.get(entry.path)!;
    const values = fromFastai(entry, floatsOf(saved.get(entry.name)!)!);
    const own = inDtype(values, target.dtype);
    scope(() => void target.assign(tensor(own, target.shape, { device: target.device })));
  }
}

function inDtype(values: Floats, dtype: DtypeName): Floats {
  if (dtype === "f64") return values instanceof Float64Array ? values : Float64Array.from(values);
  return values instanceof Float32Array ? values : Float32Array.from(values);
}

/** A model's state as fastai's state dict; `steps` is what PyTorch's batch norms count as batches, by default 0. */
export async function readFastai(model: XResNet, options: { steps?: number } = {}): Promise<Map<string, SafeTensor>> {
  const entries = fastaiEntries(model);
  const state = await readTensors({ model });
  return new Map(entries.map((entry): [string, SafeTensor] => {
    const { name, path, shape } = entry;
    if (path === null) return [name, { dtype: "I64", shape, data: BigInt64Array.of(BigInt(options.steps ?? 0)) }];
    const { dtype, data } = state.get(`model.${path}`)!;
    return [name, { dtype, shape, data: toFastai(entry, data as Floats) } as SafeTensor];
  }));
}

/** A file of torch.save is a ZIP archive. */
async function isTorchSave(path: string): Promise<boolean> {
  using file = await Deno.open(path);
  const first = new Uint8Array(4);
  await file.read(first);
  return first.join() === "80,75,3,4";
}

/**
 * Loads weights trained with fastai or PyTorch into a model of the same options.
 *
 * `path` is a safetensors file of the state dict of fastai's XResNet. Rejects with a StateError that names every tensor
 * that is missing, extra or of another shape, and with a SafetensorsError for a file that cannot be read; the model is
 * then as it was.
 *
 * @example
 * ```ts
 * import { exportFastai, importFastai, models } from "@libtrain/libtrain";
 *
 * using trained = models.xresnet18({ classes: 10, widen: 0.125, seed: 1 });
 * await exportFastai(trained, ".cache/weights.safetensors");
 * using model = models.xresnet18({ classes: 10, widen: 0.125 });
 * await importFastai(".cache/weights.safetensors", model);
 * ```
 */
export async function importFastai(path: string, model: XResNet): Promise<void> {
  writeFastai(await readStateDict(path), model);
}

/** The tensors of a state dict's file, with what to do where it is one of torch.save. */
export async function readStateDict(path: string): Promise<ReadonlyMap<string, SafeTensor>> {
  if (await isTorchSave(path)) {
    throw new SafetensorsError(
      `Cannot read "${path}": Expected a safetensors file, got one of torch.save. Convert it with ` +
        `python -c "import sys, torch; from safetensors.torch import save_file; d = torch.load(sys.argv[1], 'cpu'); ` +
        `save_file({k: v.contiguous() for k, v in d.get('model', d).items()}, sys.argv[2])" IN.pth OUT.safetensors`,
    );
  }
  return (await readSafetensors(path)).tensors;
}

/**
 * Writes a model's weights and buffers as fastai's state dict, which `model.load_state_dict(load_file(path))` takes in
 * PyTorch, strictly. The file appears whole or not at all.
 */
export async function exportFastai(model: XResNet, path: string, options: { steps?: number } = {}): Promise<void> {
  await writeSafetensors(path, await readFastai(model, options), { metadata: { format: "pt" } });
}
