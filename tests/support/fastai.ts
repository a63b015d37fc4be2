/** What `tests/fixtures/make_fastai.py` computes rather than stores: weights, images and labels. */
import { fromFileUrl } from "@std/path";
import { Device, type models, rand, type Tensor, tensor } from "../../mod.ts";
import type { FastaiEntry } from "../../lib/nn/fastai_names.ts";
import { fastaiEntries } from "../../lib/models/fastai.ts";
import { writeFastai } from "../../lib/checkpoint/fastai.ts";
import { readSafetensors, type SafeTensor } from "../../lib/checkpoint/safetensors.ts";

/** A stored file of `tests/fixtures/fastai`, and its settings. */
export interface StoredFastai<Settings> {
  readonly settings: Settings;
  /** Floats by name; throws where there are none. */
  numbers(name: string): Float64Array<ArrayBuffer>;
  shape(name: string): readonly number[];
  /** Names that begin so. */
  names(prefix: string): string[];
}

/** Reads `tests/fixtures/fastai/<name>.safetensors`. */
export async function readFixture<Settings>(name: string): Promise<StoredFastai<Settings>> {
  const path = fromFileUrl(new URL(`../fixtures/fastai/${name}.safetensors`, import.meta.url));
  const { tensors, metadata } = await readSafetensors(path);
  const find = (key: string): SafeTensor => {
    const found = tensors.get(key);
    if (found === undefined) throw new Error(`Expected tensor "${key}" in "${path}", got none`);
    return found;
  };
  return {
    settings: JSON.parse(metadata["settings"] ?? "{}"),
    numbers: (key) => Float64Array.from(find(key).data as Float64Array),
    shape: (key) => find(key).shape,
    names: (prefix) => [...tensors.keys()].filter((key) => key.startsWith(prefix)),
  };
}

async function uniforms(size: number, seed: number, stream: number): Promise<Float64Array> {
  using cpu = new Device("cpu", { threads: 1 });
  using values = rand([size], { dtype: "f64", seed, stream, device: cpu });
  return await values.data() as Float64Array;
}

async function valueOf({ name, shape }: FastaiEntry, seed: number, stream: number): Promise<SafeTensor> {
  const size = shape.reduce((product, each) => product * each, 1);
  if (name.endsWith("num_batches_tracked")) return { dtype: "I64", shape, data: new BigInt64Array(size) };
  const u = await uniforms(size, seed, stream);
  return { dtype: "F32", shape, data: Float32Array.from(u, mapOf(name, shape, size)) };
}

/** How a uniform number becomes a value, by what the tensor is for. */
function mapOf(name: string, shape: readonly number[], size: number): (u: number) => number {
  const scaled = (scale: number) => (u: number): number => scale * (2 * u - 1);
  if (name.endsWith("running_var")) return (u) => 0.2 + 0.3 * u;
  if (name.endsWith("running_mean")) return scaled(0.2);
  if (name.endsWith("gamma")) return (u) => 0.001 + 0.001 * u;
  if (/weight_[uv]$/.test(name)) return scaled(Math.sqrt(3 / size));
  if (name.endsWith("bias")) return scaled(0.1);
  // The end of a residual branch: 0 by fastai's own initialisation.
  if (name.endsWith("convpath.2.1.weight")) return (u) => 0.2 * u;
  if (shape.length === 1) return (u) => 0.5 + u;
  return scaled(Math.sqrt(6 / (size / shape[0]!)));
}

/** The state dict that the script fills fastai's network with: the i-th name gets the numbers of stream i. */
export async function stateDictOf(model: models.XResNet, seed: number): Promise<Map<string, SafeTensor>> {
  const entries = fastaiEntries(model).sort((a, b) => a.name < b.name ? -1 : 1);
  const tensors = new Map<string, SafeTensor>();
  for (const [stream, entry] of entries.entries()) tensors.set(entry.name, await valueOf(entry, seed, stream));
  return tensors;
}

/** Gives a model the script's weights. */
export async function fill(model: models.XResNet, seed: number): Promise<void> {
  writeFastai(model, await stateDictOf(model, seed));
}

/** Images and labels of one of the script's steps. */
export async function fastaiBatch(
  settings: { readonly n: number; readonly size: number; readonly seed: number; readonly images: number },
  step: number,
  options: { dtype: "f32" | "f64"; device: Device },
): Promise<{ images: Tensor; labels: Tensor }> {
  const { n, size, seed, images } = settings;
  const u = await uniforms(n * size * size * 3, seed, images + step);
  const pixels = options.dtype === "f32" ? Float32Array.from(u) : Float64Array.from(u);
  const labels = Int32Array.from({ length: n }, (_, i) => (3 * i + 7 * step + Math.floor(i / 3)) % 10);
  const { device } = options;
  return { images: tensor(pixels, [n, size, size, 3], { device }), labels: tensor(labels, [n], { device }) };
}

/** The elements of a tensor that the script stores: all of a small one, some of a larger. */
export function samplesOf(values: ArrayLike<number>): number[] {
  const count = values.length <= 64 ? values.length : 16;
  return Array.from({ length: count }, (_, i) => values[Math.floor(i * values.length / count)]!);
}
