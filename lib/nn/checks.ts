/** What layers ask of their arguments, so that a wrong one is named where it was given. */
import { kindOf, requireTensor } from "../tensor/ops/checks.ts";
import { channelsFirst } from "../tensor/ops/conv2d.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type AnyModule, Module } from "./module.ts";

/** Throws where something is no module. */
export function requireModule(op: string, name: string, value: unknown): asserts value is AnyModule {
  if (value instanceof Module) return;
  throw new TypeError(`${op}(): Expected \`${name}\` as a module, got ${kindOf(value)}`);
}

/** Throws where numbers are no whole numbers from 0. */
export function requireCounts(layer: string, counts: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(counts)) {
    if (Number.isInteger(value) && (value as number) >= 0 && (value as number) < 2 ** 32) continue;
    throw new TypeError(`${layer}(): Expected \`${name}\` as a whole number from 0, got ${kindOf(value)}`);
  }
}

/** Throws where something is no module. */
export function requireForward(op: string, name: string, value: unknown): void {
  if (typeof (value as { forward?: unknown } | null | undefined)?.forward === "function") return;
  throw new TypeError(`${op}(): Expected \`${name}\` as a module with a forward, got ${kindOf(value)}`);
}

/** Throws where rows do not have a layer's features, naming the layer as it was made. */
export function requireFeatures(layer: string, x: Tensor, [outFeatures, inFeatures]: readonly number[]): void {
  requireTensor(layer, "x", x);
  if (x.shape.at(-1) === inFeatures) return;
  const [n, ...rest] = x.shape;
  const flat = rest.reduce((product, size) => product * size, 1);
  throw new TypeError(
    `${layer}(${inFeatures}, ${outFeatures}): Expected \`x\` with a last axis of ${inFeatures} (inFeatures), got shape ` +
      `[${x.shape.join(", ")}]` +
      (rest.length > 1 && flat === inFeatures ? `: reshape([${n}, -1]) makes rows of it` : ""),
  );
}

/** Throws where images do not have a layer's channels last; `made` is the layer as it was made. */
export function requireImages(layer: string, made: string, x: Tensor, channels: number): void {
  requireTensor(layer, "x", x);
  if (x.rank === 4 && x.shape[3] === channels) return;
  const single = x.rank === 3 && x.shape[2] === channels;
  throw new TypeError(
    `${made}: Expected \`x\` as [n, h, w, ${channels}], got shape [${x.shape.join(", ")}]` +
      (single ? `: reshape([1, ${x.shape.join(", ")}]) makes a batch of it` : channelsFirst(x, channels)),
  );
}

/** Throws where the last axis is not a layer's channels; `made` is the layer as it was made. */
export function requireChannels(layer: string, made: string, x: Tensor, channels: number): void {
  requireTensor(layer, "x", x);
  if (x.shape.at(-1) === channels) return;
  throw new TypeError(
    `${made}: Expected \`x\` with ${channels} channels in its last axis, got shape [${x.shape.join(", ")}]` +
      channelsFirst(x, channels),
  );
}
