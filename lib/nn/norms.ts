/** Normalisation that looks at one example alone: layer norm and group norm. */
import { ones, zeros } from "../tensor/create.ts";
import { kindOf, requireTensor } from "../tensor/ops/checks.ts";
import { groupNorm, layerNorm, requireLastAxes } from "../tensor/ops/group_norm.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { requireChannels, requireCounts } from "./checks.ts";
import { moduleOptions, placeOf, requireLayerOptions } from "./known_options.ts";
import { Module, type ModuleOptions, Parameter } from "./module.ts";

/** Options of {@linkcode LayerNorm} and {@linkcode GroupNorm}. */
export interface NormLayerOptions extends ModuleOptions {
  /** Added to the variance; by default 1e-5. */
  eps?: number;
  /** Whether there are a weight and a bias; by default true. */
  affine?: boolean;
  /** Whether there is a bias beside the weight; by default true. */
  bias?: boolean;
}

/** Weight 1 and bias 0 of a shape, or none. */
function affineOf(shape: readonly number[], options: NormLayerOptions): [Parameter | null, Parameter | null] {
  const { affine = true, bias = true } = options;
  // As of one axis: what scales a norm does not decay.
  const of = (values: Tensor): Parameter => Parameter.of(values, { decays: false });
  return [
    affine ? of(ones(shape, placeOf(options))) : null,
    affine && bias ? of(zeros(shape, placeOf(options))) : null,
  ];
}

/**
 * Layer normalisation over the last axes of each example: [.., ...shape] to the same (Ba, Kiros and Hinton 2016). Weight and
 * bias, of that shape, start as 1 and 0. For a bf16 input they stay f32.
 *
 * @example
 * ```ts
 * import { nn, randn } from "@libtrain/libtrain";
 *
 * using layer = new nn.LayerNorm(64);
 * using x = randn([2, 10, 64]);
 * using y = layer.forward(x);
 * console.log(y.shape); // [2, 10, 64]
 * ```
 */
export class LayerNorm extends Module {
  /** Sizes of the axes that are normalised over. */
  readonly shape: readonly number[];
  /** Added to the variance. */
  readonly eps: number;
  /** The weight. */
  weight: Parameter | null;
  /** The bias. */
  bias: Parameter | null;

  /** Makes the parameters. */
  constructor(shape: number | readonly number[], options: NormLayerOptions = {}) {
    super();
    const sizes: readonly unknown[] = typeof shape === "number" ? [shape] : Array.isArray(shape) ? shape : [];
    if (sizes.length === 0 || sizes.some((size) => !Number.isInteger(size) || (size as number) < 1)) {
      throw new TypeError(`LayerNorm(): Expected \`shape\` as a size from 1 or some, got ${kindOf(shape)}`);
    }
    requireLayerOptions("LayerNorm", options, {
      known: ["eps", "affine", "bias", ...moduleOptions],
      example: "new LayerNorm(64, { eps: 1e-6 })",
    });
    this.shape = sizes as readonly number[];
    this.eps = options.eps ?? 1e-5;
    [this.weight, this.bias] = affineOf(this.shape, options);
  }

  /** The result for one batch. */
  override forward(x: Tensor): Tensor {
    const { shape, weight, bias, eps } = this;
    requireTensor("LayerNorm", "x", x);
    requireLastAxes(`LayerNorm(${shape.length === 1 ? shape[0] : `[${shape.join(", ")}]`})`, x, shape);
    return layerNorm(x, { shape, weight, bias, eps });
  }
}

/**
 * Group normalisation over the positions and the channels of a group of each example: [n, .., channels] to the same (Wu and He
 * 2018). Weight and bias [channels] start as 1 and 0. For a bf16 input they stay f32.
 *
 * @example
 * ```ts
 * import { nn, randn } from "@libtrain/libtrain";
 *
 * using layer = new nn.GroupNorm(4, 16);
 * using x = randn([2, 8, 8, 16]);
 * using y = layer.forward(x);
 * console.log(y.shape); // [2, 8, 8, 16]
 * ```
 */
export class GroupNorm extends Module {
  /** How many groups the channels are in. */
  readonly groups: number;
  /** How many channels there are. */
  readonly channels: number;
  /** Added to the variance. */
  readonly eps: number;
  /** The weight. */
  weight: Parameter | null;
  /** The bias. */
  bias: Parameter | null;

  /** Makes the parameters. */
  constructor(groups: number, channels: number, options: NormLayerOptions = {}) {
    super();
    requireCounts("GroupNorm", { groups, channels });
    requireLayerOptions("GroupNorm", options, {
      known: ["eps", "affine", "bias", ...moduleOptions],
      example: "new GroupNorm(4, 16, { eps: 1e-6 })",
    });
    if (groups === 0 || channels % groups !== 0) {
      throw new RangeError(`GroupNorm(): Expected channels that ${groups} groups divide, got ${channels}`);
    }
    this.groups = groups;
    this.channels = channels;
    this.eps = options.eps ?? 1e-5;
    [this.weight, this.bias] = affineOf([channels], options);
  }

  /** The result for one batch. */
  override forward(x: Tensor): Tensor {
    const { groups, channels, weight, bias, eps } = this;
    requireTensor("GroupNorm", "x", x);
    requireChannels("GroupNorm", `GroupNorm(${groups}, ${channels})`, x, channels);
    return groupNorm(x, { groups, weight, bias, eps });
  }
}
