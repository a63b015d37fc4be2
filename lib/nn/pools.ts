/** Pooling layers: no parameters. */
import {
  avgPool2d,
  type BlurFilter,
  blurPool,
  type BlurPoolOptions,
  globalAvgPool2d,
  maxBlurPool,
  maxPool2d,
  type Pool2dOptions,
  requireBlur,
  requireWindow,
} from "../tensor/ops/pooling.ts";
import { adaptiveAvgPool2d, sizeOf } from "../tensor/ops/resample.ts";
import { type Pair, pair } from "../tensor/ops/pair.ts";
import { requireWhole } from "../tensor/ops/checks.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { requireLayerOptions } from "./known_options.ts";
import { Module } from "./module.ts";

/** The largest value of each window. */
export class MaxPool2d extends Module {
  /** How the window moves. */
  readonly options: Pool2dOptions;

  /** Takes its settings. */
  constructor(options: Pool2dOptions) {
    super();
    requireLayerOptions("MaxPool2d", options, {
      known: ["kernel", "stride", "padding", "ceilMode"],
      example: "new MaxPool2d({ kernel: 2 })",
    });
    requireWindow("MaxPool2d", options);
    this.options = options;
  }

  /** Pixels between windows, along the height. */
  get stride(): number {
    return pair("MaxPool2d", "stride", this.options.stride ?? this.options.kernel)[0];
  }

  /** The result for one batch. */
  override forward(x: Tensor): Tensor {
    return maxPool2d(x, this.options);
  }
}

/** The mean of each window. */
export class AvgPool2d extends Module {
  /** How the window moves. */
  readonly options: Pool2dOptions & { countIncludePad?: boolean };

  /** Takes its settings. */
  constructor(options: Pool2dOptions & { countIncludePad?: boolean }) {
    super();
    requireLayerOptions("AvgPool2d", options, {
      known: ["kernel", "stride", "padding", "ceilMode", "countIncludePad"],
      example: "new AvgPool2d({ kernel: 2 })",
    });
    requireWindow("AvgPool2d", options, ["countIncludePad"]);
    this.options = options;
  }

  /** Pixels between windows, along the height. */
  get stride(): number {
    return pair("AvgPool2d", "stride", this.options.stride ?? this.options.kernel)[0];
  }

  /** The result for one batch. */
  override forward(x: Tensor): Tensor {
    return avgPool2d(x, this.options);
  }
}

/** Low-pass filter, then subsample (Zhang 2019). */
export class BlurPool2d extends Module {
  /** Pixels between windows. */
  readonly stride: number;
  /** The blur filter. */
  readonly filter: BlurFilter;
  /** What surrounds the image. */
  readonly padding: "zeros" | "reflect";

  /** Takes its settings. */
  constructor(options: BlurPoolOptions = {}) {
    super();
    requireLayerOptions("BlurPool2d", options, {
      known: ["filter", "stride", "padding"],
      example: "new BlurPool2d({ stride: 2 })",
    });
    requireBlur("BlurPool2d", options);
    this.stride = options.stride ?? 2;
    this.filter = options.filter ?? "tri3";
    this.padding = options.padding ?? "zeros";
  }

  /** The result for one batch. */
  override forward(x: Tensor): Tensor {
    return blurPool(x, { stride: this.stride, filter: this.filter, padding: this.padding });
  }
}

/** Max pool at stride 1, then blur pool: kornia's MaxBlurPool2D. */
export class MaxBlurPool2d extends Module {
  /** The max window's size. */
  readonly kernel: number;
  /** Pixels between windows. */
  readonly stride: number;
  /** The blur filter. */
  readonly filter: BlurFilter;
  /** What surrounds the image. */
  readonly padding: "zeros" | "reflect";

  /** Takes its settings. */
  constructor(options: BlurPoolOptions & { kernel?: number } = {}) {
    super();
    requireLayerOptions("MaxBlurPool2d", options, {
      known: ["kernel", "filter", "stride", "padding"],
      example: "new MaxBlurPool2d({ stride: 2 })",
    });
    requireBlur("MaxBlurPool2d", options, ["kernel"]);
    requireWhole("MaxBlurPool2d", "kernel", options.kernel ?? 2, 1);
    this.kernel = options.kernel ?? 2;
    this.stride = options.stride ?? 2;
    this.filter = options.filter ?? "tri3";
    this.padding = options.padding ?? "zeros";
  }

  /** The result for one batch. */
  override forward(x: Tensor): Tensor {
    return maxBlurPool(x, { kernel: this.kernel, stride: this.stride, filter: this.filter, padding: this.padding });
  }
}

/**
 * The mean of the pixels that each result overlaps, to one size whatever the image's: [n, h, w, c] to [n, height, width, c].
 *
 * @example
 * ```ts
 * import { nn, zeros } from "@libtrain/libtrain";
 *
 * using y = new nn.AdaptiveAvgPool2d({ size: 2 }).forward(zeros([1, 7, 5, 3]));
 * console.log(y.shape); // [1, 2, 2, 3]
 * ```
 */
export class AdaptiveAvgPool2d extends Module {
  /** Height and width of the result. */
  readonly size: readonly [height: number, width: number];

  /** Takes its settings. */
  constructor(options: { size: Pair }) {
    super();
    requireLayerOptions("AdaptiveAvgPool2d", options, {
      known: ["size"],
      example: "new AdaptiveAvgPool2d({ size: 1 })",
    });
    this.size = sizeOf("AdaptiveAvgPool2d", options.size);
  }

  /** The result for one batch. */
  override forward(x: Tensor): Tensor {
    return adaptiveAvgPool2d(x, { size: this.size });
  }
}

/** The mean of each channel over the image: [n, h, w, c] to [n, c]. */
export class GlobalAvgPool2d extends Module {
  /** The result for one batch. */
  override forward(x: Tensor): Tensor {
    return globalAvgPool2d(x);
  }
}
