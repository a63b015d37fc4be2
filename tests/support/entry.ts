/** The entry's network with the weights that `tests/fixtures/make_fastai.py` computes: one training step's results. */
import { assertEquals } from "@std/assert";
import { crossEntropy, type Device, models, scope } from "../../mod.ts";
import type { FloatName } from "../../lib/ffi/codes.ts";
import { fastaiEntries } from "../../lib/models/fastai.ts";
import { logitsOf } from "../../lib/train/precision.ts";
import { assertClose } from "./compare.ts";
import { fastaiBatch, fill, samplesOf, type StoredFastai } from "./fastai.ts";

/** A network of the entry's kind, and on what it is tried. */
export interface EntrySettings {
  readonly options: Partial<models.ModelOptions>;
  readonly n: number;
  readonly size: number;
  readonly seed: number;
  readonly images: number;
  readonly labelSmoothing: number;
}

/** What is stored of its gradients beside samples of their values. */
export interface StoredEntry extends EntrySettings {
  /** By fastai's name; `error32` is the largest difference of PyTorch's f32 gradients from its f64 ones. */
  readonly gradients: Record<string, { norm: number; largest: number; error32: number }>;
}

/** How far results may be from PyTorch's f64, as shares of the largest number of the tensor. */
export interface EntryLimits {
  readonly logits: number;
  readonly gradients: number;
}

/** Values by name: `logits`, `loss`, `evaluated`, and by fastai's names `grads.…` and, of the attention, `vectors.…`. */
export type EntryValues = ReadonlyMap<string, Float64Array>;

/** What to compute in, and where; the weights are f64 for f64, else f32. */
export interface EntryHow {
  readonly dtype: FloatName;
  readonly device: Device;
}

/** One training step without the optimizer's, then evaluation: logits, loss, every gradient, the attention's vectors. */
export async function entryValues(settings: EntrySettings, { dtype, device }: EntryHow): Promise<EntryValues> {
  const values = new Map<string, Float64Array>();
  const master = dtype === "f64" ? "f64" : "f32";
  using model = models.xseResnext50({ classes: 10, ...settings.options, dtype: master, device });
  await fill(model, settings.seed);
  const batch = await fastaiBatch(settings, 0, { dtype: master, device });
  using images = batch.images;
  using labels = batch.labels;
  const { logits, loss } = scope(() => {
    const logits = logitsOf(model, images, dtype);
    const loss = crossEntropy(logits, labels, { labelSmoothing: settings.labelSmoothing });
    loss.backward();
    return { logits, loss };
  });
  model.eval();
  const evaluated = scope(() => logitsOf(model, images, dtype));
  for (const [name, value] of Object.entries({ logits, loss, evaluated })) {
    values.set(name, Float64Array.from(await value.data()));
    value.dispose();
  }
  const state = model.state();
  for (const { name, path, shape } of fastaiEntries(model)) {
    const tensor = path === null ? undefined : state.get(path);
    if (tensor?.requiresGrad) values.set(`grads.${name}`, inOrder(await tensor.grad!.data(), tensor.shape, shape));
    if (/weight_[uv]$/.test(name)) values.set(`vectors.${name}`, Float64Array.from(await tensor!.data()));
  }
  return values;
}

/** Throws where a value is not as fastai's. */
export function checkEntry(stored: StoredFastai<StoredEntry>, values: EntryValues, limits: EntryLimits): void {
  for (const [name, value] of values) {
    const expected = name.startsWith("grads.") ? undefined : stored.numbers(name.includes(".") ? name : `${name}.f64`);
    if (expected === undefined) continue;
    assertClose(value, expected, { atol: limits.logits * largestOf(expected), rtol: 0 }, name);
  }
  const gradients = [...values].flatMap(([name, value]): [string, Float64Array][] =>
    name.startsWith("grads.") ? [[name.slice("grads.".length), value]] : []
  );
  assertEquals(gradients.map(([name]) => name).sort(), Object.keys(stored.settings.gradients).sort());
  for (const [name, gradient] of gradients) {
    const { norm, largest } = stored.settings.gradients[name]!;
    const own = Math.sqrt(gradient.reduce((sum, each) => sum + each * each, 0));
    assertClose([own], [norm], { atol: 0, rtol: limits.gradients }, `${name}: norm`);
    const samples = stored.numbers(`grads.${name}`);
    assertClose(samplesOf(gradient), samples, { atol: limits.gradients * largest, rtol: 0 }, name);
  }
}

/** The largest absolute value. */
export function largestOf(values: Float64Array): number {
  return values.reduce((most, each) => Math.max(most, Math.abs(each)), 0);
}

/** Values [out, kh, kw, in] in fastai's order [out, in, kh, kw]; others as they are. */
function inOrder(values: ArrayLike<number>, own: readonly number[], theirs: readonly number[]): Float64Array {
  if (own.length !== 4 || theirs.length !== 4) return Float64Array.from(values);
  const [, channels = 0, kh = 0, kw = 0] = theirs;
  const taps = kh * kw;
  return Float64Array.from(values, (_, at) => {
    const out = Math.floor(at / (channels * taps));
    const channel = Math.floor(at / taps) % channels;
    return values[(out * taps + at % taps) * channels + channel]!;
  });
}
