/** Layers that make images larger: upsampling, and transposed convolution. */
import { requireTensor } from "../tensor/ops/checks.ts";
import { convTranspose2d } from "../tensor/ops/conv_transpose2d.ts";
import { type Pair, pair } from "../tensor/ops/pair.ts";
import { requireUpsample, upsample2d, type UpsampleOptions } from "../tensor/ops/resample.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { requireCounts, requireImages } from "./checks.ts";
import { UniformInit } from "./init.ts";
import { layerOptions, placeOf, requireLayerOptions } from "./known_options.ts";
import type { LayerOptions } from "./layers.ts";
import { Module, Parameter } from "./module.ts";
import { forInput } from "./precision.ts";

/**
 * Images of another size, by repeated pixels or bilinear: [n, h, w, c] to [n, height, width, c].
 *
 * @example
 * ```ts
 * import { nn, zeros } from "@libtrain/libtrain";
 *
 * using y = new nn.Upsample({ scale: 2, mode: "bilinear" }).forward(zeros([1, 4, 4, 3]));
 * console.log(y.shape); // [1, 8, 8, 3]
 * ```
 */
export class Upsample extends Module {
  /** Size or scale, and mode. */
  readonly options: UpsampleOptions;

  /** Takes its settings. */
  constructor(options: UpsampleOptions) {
    super();
    requireLayerOptions("Upsample", options, {
      known: ["size", "scale", "mode"],
      example: "new Upsample({ scale: 2 })",
    });
    requireUpsample("Upsample", options);
    this.options = options;
  }

  /** The result for one batch. */
  override forward(x: Tensor): Tensor {
    return upsample2d(x, this.options);
  }
}

/** Options of {@linkcode ConvTranspose2d}. */
export interface ConvTranspose2dLayerOptions extends LayerOptions {
  /** By default 3. */
  kernel?: Pair;
  /** Pixels of the result between windows; by default 1. */
  stride?: Pair;
  /** Pixels cut off around the result; by default 0. */
  padding?: Pair;
  /** Rows and columns more at the end of the result, below the stride; by default 0. */
  outputPadding?: Pair;
  /** By default 1. */
  groups?: number;
  /** By default true. */
  bias?: boolean;
}

/**
 * 2-D transposed convolution: [n, h, w, in] to [n, oh, ow, out], oh = (h - 1) · stride - 2 · padding + kh + outputPadding;
 * weight [in, kh, kw, out / groups]. Computes in bf16 for a bf16 input.
 *
 * Without an `init`, weight and bias start as PyTorch's: uniform from -1/√fanIn to 1/√fanIn, fanIn = kh · kw · out / groups.
 *
 * @example
 * ```ts
 * import { nn, randn } from "@libtrain/libtrain";
 *
 * using layer = new nn.ConvTranspose2d(16, 8, { kernel: 2, stride: 2 });
 * using x = randn([1, 4, 4, 16]);
 * using y = layer.forward(x);
 * console.log(y.shape); // [1, 8, 8, 8]
 * ```
 */
export class ConvTranspose2d extends Module {
  /** Pixels of the result between windows. */
  readonly stride: readonly [number, number];
  /** What is cut off around the result. */
  readonly padding: readonly [number, number];
  /** What the result has more at its end. */
  readonly outputPadding: readonly [number, number];
  /** Groups of channels that see only themselves. */
  readonly groups: number;
  /** The weight. */
  weight: Parameter;
  /** The bias. */
  bias: Parameter | null;

  /** Makes the parameters. */
  constructor(inChannels: number, outChannels: number, options: ConvTranspose2dLayerOptions = {}) {
    super();
    requireCounts("ConvTranspose2d", { inChannels, outChannels });
    requireLayerOptions("ConvTranspose2d", options, {
      known: ["kernel", "stride", "padding", "outputPadding", "groups", "bias", ...layerOptions],
      example: "new ConvTranspose2d(16, 8, { kernel: 2, stride: 2 })",
    });
    const [kh, kw] = pair("ConvTranspose2d", "kernel", options.kernel ?? 3);
    this.stride = pair("ConvTranspose2d", "stride", options.stride ?? 1);
    this.padding = pair("ConvTranspose2d", "padding", options.padding ?? 0);
    this.outputPadding = pair("ConvTranspose2d", "outputPadding", options.outputPadding ?? 0);
    this.groups = options.groups ?? 1;
    if (inChannels % this.groups !== 0 || outChannels % this.groups !== 0) {
      throw new RangeError(
        `ConvTranspose2d(): Expected channels that ${this.groups} groups divide, got ${inChannels} and ${outChannels}`,
      );
    }
    const channels = outChannels / this.groups;
    const init = options.init ?? new UniformInit();
    const fanIn = kh * kw * channels;
    this.weight = Parameter.of(init.weight([inChannels, kh, kw, channels], fanIn, placeOf(options)));
    this.bias = options.bias ?? true ? Parameter.of(init.bias([outChannels], fanIn, placeOf(options))) : null;
  }

  /** The result for one batch. */
  override forward(x: Tensor): Tensor {
    const { stride, padding, outputPadding, groups } = this;
    requireTensor("ConvTranspose2d", "x", x);
    const [inChannels = 0, , , channels = 0] = this.weight.shape;
    requireImages("ConvTranspose2d", `ConvTranspose2d(${inChannels}, ${channels * groups})`, x, inChannels);
    const bias = this.bias && forInput(this.bias, x);
    return convTranspose2d(x, forInput(this.weight, x), { stride, padding, outputPadding, groups, bias });
  }
}
