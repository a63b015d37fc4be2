/** Layers with weights: convolution, linear, batch norm. */
import type { ActivationName } from "../ffi/codes.ts";
import { ones, zeros } from "../tensor/create.ts";
import { batchNorm } from "../tensor/ops/batch_norm.ts";
import { conv2d } from "../tensor/ops/conv2d.ts";
import { linear } from "../tensor/ops/matmul.ts";
import { type Pair, pair } from "../tensor/ops/pair.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { requireChannels, requireCounts, requireFeatures, requireImages } from "./checks.ts";
import { type Init, UniformInit } from "./init.ts";
import { layerOptions, moduleOptions, placeOf, requireLayerOptions } from "./known_options.ts";
import { Buffer, Module, type ModuleOptions, Parameter } from "./module.ts";
import { forInput } from "./precision.ts";

/** How to make a layer's weights. */
export interface LayerOptions extends ModuleOptions {
  /** Where the initial weights come from; by default PyTorch's way for a layer ({@linkcode UniformInit}), drawn anew. */
  init?: Init;
}

/** Options of {@linkcode Conv2d}. */
export interface Conv2dLayerOptions extends LayerOptions {
  /** By default 3. */
  kernel?: Pair;
  /** By default 1. */
  stride?: Pair;
  /** By default (kernel - 1) / 2, which keeps the size at stride 1. */
  padding?: Pair;
  /** By default 1. */
  groups?: number;
  /** By default true; leave it out before a batch norm. */
  bias?: boolean;
}

/**
 * 2-D convolution: [n, h, w, in] to [n, oh, ow, out]; weight [out, kh, kw, in / groups]. Computes in bf16 for a bf16 input.
 *
 * Without an `init`, weight and bias start as PyTorch's: uniform from -1/√fanIn to 1/√fanIn, fanIn = kh · kw · in / groups.
 */
export class Conv2d extends Module {
  /** Pixels between windows. */
  readonly stride: readonly [number, number];
  /** What surrounds the image. */
  readonly padding: readonly [number, number];
  /** Groups of channels that see only themselves. */
  readonly groups: number;
  /** The weight. */
  weight: Parameter;
  /** The bias. */
  bias: Parameter | null;

  /** Makes the parameters. */
  constructor(inChannels: number, outChannels: number, options: Conv2dLayerOptions = {}) {
    super();
    requireCounts("Conv2d", { inChannels, outChannels });
    requireLayerOptions("Conv2d", options, {
      known: ["kernel", "stride", "padding", "groups", "bias", ...layerOptions],
      example: "new Conv2d(3, 16, { stride: 2 })",
    });
    const [kh, kw] = pair("Conv2d", "kernel", options.kernel ?? 3);
    this.stride = pair("Conv2d", "stride", options.stride ?? 1);
    this.padding = pair("Conv2d", "padding", options.padding ?? [(kh - 1) >> 1, (kw - 1) >> 1]);
    this.groups = options.groups ?? 1;
    if (inChannels % this.groups !== 0 || outChannels % this.groups !== 0) {
      throw new RangeError(
        `Conv2d(): Expected channels that ${this.groups} groups divide, got ${inChannels} and ${outChannels}`,
      );
    }
    const channels = inChannels / this.groups;
    const init = options.init ?? new UniformInit();
    const fanIn = kh * kw * channels;
    this.weight = Parameter.of(init.weight([outChannels, kh, kw, channels], fanIn, placeOf(options)));
    this.bias = options.bias ?? true ? Parameter.of(init.bias([outChannels], fanIn, placeOf(options))) : null;
  }

  /** The result for one batch. */
  override forward(x: Tensor): Tensor {
    const { stride, padding, groups } = this;
    requireConvolved(this, x);
    const bias = this.bias && forInput(this.bias, x);
    return conv2d(x, forInput(this.weight, x), { stride, padding, groups, bias });
  }
}

/** Throws where something is no batch of images for a convolution. */
export function requireConvolved({ weight, groups }: Conv2d, x: Tensor): void {
  const [outChannels = 0, , , channels = 0] = weight.shape;
  requireImages("Conv2d", `Conv2d(${channels * groups}, ${outChannels})`, x, channels * groups);
}

/**
 * y = x · weightᵀ + bias: [.., in] to [.., out]; weight [out, in]. Computes in bf16 for a bf16 input.
 *
 * Without an `init`, weight and bias start as PyTorch's: uniform from -1/√in to 1/√in.
 *
 * @example
 * ```ts
 * import { nn, zeros } from "@libtrain/libtrain";
 *
 * using layer = new nn.Linear(64, 10, { init: new nn.UniformInit({ seed: 0 }) });
 * using x = zeros([2, 64]);
 * using y = layer.forward(x);
 * console.log(y.shape); // [2, 10]
 * ```
 */
export class Linear extends Module {
  /** The weight. */
  weight: Parameter;
  /** The bias. */
  bias: Parameter | null;

  /** Makes the parameters. */
  constructor(inFeatures: number, outFeatures: number, options: LayerOptions & { bias?: boolean } = {}) {
    super();
    requireCounts("Linear", { inFeatures, outFeatures });
    requireLayerOptions("Linear", options, {
      known: ["bias", ...layerOptions],
      example: "new Linear(64, 10, { bias: false })",
    });
    const init = options.init ?? new UniformInit();
    this.weight = Parameter.of(init.weight([outFeatures, inFeatures], inFeatures, placeOf(options)));
    this.bias = options.bias ?? true ? Parameter.of(init.bias([outFeatures], inFeatures, placeOf(options))) : null;
  }

  /** The result for one batch. */
  override forward(x: Tensor): Tensor {
    requireFeatures("Linear", x, this.weight.shape);
    return linear(x, forInput(this.weight, x), { bias: this.bias && forInput(this.bias, x) });
  }
}

/** Options of {@linkcode BatchNorm2d}. */
export interface BatchNormLayerOptions extends ModuleOptions {
  /** By default 1e-5. */
  eps?: number;
  /** The batch's share of the running statistics; by default 0.1. */
  momentum?: number;
  /** Applied to the result in the same pass; by default none. */
  act?: ActivationName;
  /** Start with weight 0, for the last norm of a residual branch. */
  zeroWeight?: boolean;
}

/**
 * Batch normalisation over all axes but the last, with its activation and residual fused. For a bf16 input, parameters and
 * statistics stay f32.
 */
export class BatchNorm2d extends Module {
  /** Added to the variance. */
  readonly eps: number;
  /** The batch's share of the running statistics. */
  readonly momentum: number;
  /** The activation. */
  readonly act: ActivationName;
  /** The weight. */
  weight: Parameter;
  /** The bias. */
  bias: Parameter;
  /** Running mean, for evaluation. */
  runningMean: Buffer;
  /** Running unbiased variance, for evaluation. */
  runningVariance: Buffer;

  /** Makes the parameters. */
  constructor(channels: number, options: BatchNormLayerOptions = {}) {
    super();
    requireCounts("BatchNorm2d", { channels });
    requireLayerOptions("BatchNorm2d", options, {
      known: ["eps", "momentum", "act", "zeroWeight", ...moduleOptions],
      example: "new BatchNorm2d(16, { eps: 1e-3 })",
    });
    this.eps = options.eps ?? 1e-5;
    this.momentum = options.momentum ?? 0.1;
    this.act = options.act ?? "none";
    this.weight = Parameter.of(
      options.zeroWeight ? zeros([channels], placeOf(options)) : ones([channels], placeOf(options)),
    );
    this.bias = Parameter.of(zeros([channels], placeOf(options)));
    this.runningMean = Buffer.of(zeros([channels], placeOf(options)));
    this.runningVariance = Buffer.of(ones([channels], placeOf(options)));
  }

  /** The result for one batch. */
  override forward(x: Tensor, residual: Tensor | null = null): Tensor {
    const { weight, bias, runningMean, runningVariance, training, momentum, eps, act } = this;
    requireChannels("BatchNorm2d", `BatchNorm2d(${weight.size})`, x, weight.size);
    return batchNorm(x, { weight, bias, runningMean, runningVariance, training, momentum, eps, act, residual });
  }
}
