/** Layer and group normalisation, and their gradients. */
import { apply } from "../apply.ts";
import type { GradientRule } from "../rules.ts";
import type { Tensor } from "../tensor.ts";
import { kindOf, requireNumbers, requireOptionsOf, requireTensor } from "./checks.ts";
import { channelsFirst } from "./conv2d.ts";

/** What the values are scaled and shifted by once they are normalised. */
export interface NormOptions {
  /** Scales; f32 beside a bf16 `x`. By default 1. */
  weight?: Tensor | null;
  /** Shifts; f32 beside a bf16 `x`. By default 0. */
  bias?: Tensor | null;
  /** Added to the variance; by default 1e-5. */
  eps?: number;
}

/** Options of {@linkcode layerNorm}. */
export interface LayerNormOptions extends NormOptions {
  /** Sizes of the last axes, over which is normalised: the shape of weight and bias. By default the last axis alone. */
  shape?: readonly number[];
}

/** Options of {@linkcode groupNorm}. */
export interface GroupNormOptions extends NormOptions {
  /** How many groups the channels are in; they must divide them. */
  groups: number;
}

/**
 * (x - mean) / √(variance + eps) · weight + bias, with mean and biased variance over the last axes of each example
 * (Ba, Kiros and Hinton 2016, https://arxiv.org/abs/1607.06450): `torch.nn.functional.layer_norm`.
 *
 * @example
 * ```ts
 * import { layerNorm, tensor } from "@libtrain/libtrain";
 *
 * using x = tensor([[1, 2, 3], [10, 20, 30]]);
 * using y = layerNorm(x);
 * console.log((await y.data()).map((value) => Math.round(100 * value))); // [-122, 0, 122, -122, 0, 122]
 * ```
 */
export function layerNorm(x: Tensor, options: LayerNormOptions = {}): Tensor {
  requireTensor("layerNorm", "x", x);
  requireOptionsOf("layerNorm", options, {
    example: "layerNorm(x, { weight, bias })",
    known: ["shape", "weight", "bias", "eps"],
  });
  const { shape = x.shape.slice(-1) } = options;
  requireNumbers("layerNorm", "shape", shape, "shape: […]");
  const rank = shape.length;
  requireLastAxes("layerNorm()", x, shape);
  const size = product(shape), rows = product(x.shape.slice(0, x.rank - rank));
  for (const name of ["weight", "bias"] as const) requireShape("layerNorm", name, options[name], shape);
  const [weight, bias] = [options.weight, options.bias].map((vector) => vector && rank > 1 ? flat(vector) : vector);
  const y = normalized(as(x, [rows, size]), 1, { weight, bias, eps: options.eps });
  return as(y, x.shape);
}

/**
 * (x - mean) / √(variance + eps) · weight + bias for x [n, .., c], with mean and biased variance over the positions and the
 * channels of a group of each example, weight and bias [c] (Wu and He 2018, https://arxiv.org/abs/1803.08494):
 * `torch.nn.functional.group_norm`, channels last.
 *
 * @example
 * ```ts
 * import { groupNorm, randn } from "@libtrain/libtrain";
 *
 * using x = randn([2, 8, 8, 16]);
 * using y = groupNorm(x, { groups: 4 });
 * console.log(y.shape); // [2, 8, 8, 16]
 * ```
 */
export function groupNorm(x: Tensor, options: GroupNormOptions): Tensor {
  requireTensor("groupNorm", "x", x);
  requireOptionsOf("groupNorm", options, {
    example: "groupNorm(x, { groups: 4 })",
    known: ["groups", "weight", "bias", "eps"],
  });
  const { groups } = options;
  if (!Number.isInteger(groups) || groups < 1) {
    throw new RangeError(`groupNorm(): Expected \`groups\` as a whole number from 1, got ${kindOf(groups)}`);
  }
  const channels = x.shape.at(-1) ?? 0;
  if (x.rank < 2 || channels % groups !== 0) {
    throw new TypeError(
      `groupNorm(): Expected \`x\` [n, .., c] with channels that ${groups} groups divide, got shape [${
        x.shape.join(", ")
      }]`,
    );
  }
  for (const name of ["weight", "bias"] as const) requireShape("groupNorm", name, options[name], [channels]);
  return normalized(x, groups, options);
}

/** Throws where the last axes are not those of a shape; `made` is the function, or the layer as it was made. */
export function requireLastAxes(made: string, x: Tensor, shape: readonly number[]): void {
  const lead = x.rank - shape.length;
  if (shape.length > 0 && lead >= 0 && shape.every((size, axis) => size === x.shape[lead + axis])) return;
  throw new TypeError(
    `${made}: Expected \`x\` [.., ${shape.join(", ") || "features"}], got shape [${x.shape.join(", ")}]` +
      (shape.length === 1 ? channelsFirst(x, shape[0]!) : ""),
  );
}

function normalized(x: Tensor, groups: number, { weight, bias, eps = 1e-5 }: NormOptions): Tensor {
  const [y, mean, rstd] = apply("group_norm", [x, weight ?? null, bias ?? null], { groups, eps });
  mean!.dispose();
  rstd!.dispose();
  return y!;
}

function requireShape(op: string, name: string, vector: Tensor | null | undefined, shape: readonly number[]): void {
  if (vector === null || vector === undefined) return;
  requireTensor(op, name, vector);
  if (vector.rank === shape.length && vector.shape.every((size, axis) => size === shape[axis])) return;
  throw new TypeError(
    `${op}(): Expected \`${name}\` of shape [${shape.join(", ")}], got [${vector.shape.join(", ")}]`,
  );
}

function product(sizes: readonly number[]): number {
  return sizes.reduce((product, size) => product * size, 1);
}

function flat(x: Tensor): Tensor {
  return x.reshape([x.size]);
}

/** The tensor itself where it has the shape. */
function as(x: Tensor, shape: readonly number[]): Tensor {
  return x.rank === shape.length ? x : x.reshape(shape);
}

/** dx, and dweight and dbias where there were such. */
export const groupNormRule: GradientRule<"group_norm"> = {
  saveInputs: () => [0, 1],
  saveOutputs: () => [1, 2],
  backward: ([dy], call) => {
    const weight = call.has(1) ? call.input(1) : null;
    const inputs = [dy!, call.input(0), call.output(1), call.output(2), weight];
    const [dx, dweight, dbias] = apply("group_norm_backward", inputs, { groups: call.params.groups });
    return [dx!, call.has(1) ? dweight! : null, call.has(2) ? dbias! : null];
  },
};
