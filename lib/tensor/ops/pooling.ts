/** Pooling, blur pooling, and their gradients. */
import { applyOne } from "../apply.ts";
import type { GradientRule } from "../rules.ts";
import type { Tensor } from "../tensor.ts";
import { requireOptions, requireTensor } from "./checks.ts";
import { type Pair, pair } from "./pair.ts";

/** How a pooling window moves over the image. */
export interface Pool2dOptions {
  /** The window's size. */
  kernel: Pair;
  /** Pixels between windows; by default the kernel. */
  stride?: Pair;
  /** By default 0. */
  padding?: Pair;
  /** Whether windows that hang over the edge count; by default false. */
  ceilMode?: boolean;
}

/** Blur filters (Zhang 2019): [1 1], [1 2 1], [1 4 6 4 1], normalised. */
export type BlurFilter = "rect2" | "tri3" | "bin5";

/** How a blur pool filters and subsamples. */
export interface BlurPoolOptions {
  /** By default tri3. */
  filter?: BlurFilter;
  /** By default 2. */
  stride?: number;
  /** What surrounds the image; by default zeros, as in kornia. Zhang's own code reflects. */
  padding?: "zeros" | "reflect";
}

const TAPS = { rect2: 2, tri3: 3, bin5: 5 } as const;

function windowOf(op: string, options: Pool2dOptions): {
  kernelH: number;
  kernelW: number;
  strideH: number;
  strideW: number;
  paddingH: number;
  paddingW: number;
  ceilMode: boolean;
} {
  requireOptions(op, options, `${op}(x, { kernel: 2 })`);
  const [kernelH, kernelW] = pair(op, "kernel", options.kernel);
  const [strideH, strideW] = pair(op, "stride", options.stride ?? options.kernel);
  const [paddingH, paddingW] = pair(op, "padding", options.padding ?? 0);
  return { kernelH, kernelW, strideH, strideW, paddingH, paddingW, ceilMode: options.ceilMode ?? false };
}

function blurOf(op: string, options: BlurPoolOptions): { taps: number; stride: number; reflect: boolean } {
  requireOptions(op, options, `${op}(x, { stride: 2 })`);
  const { filter = "tri3", stride = 2, padding = "zeros" } = options;
  if (!Object.hasOwn(TAPS, filter)) {
    throw new RangeError(`${op}(): Expected \`filter\` as rect2, tri3 or bin5, got "${filter}"`);
  }
  if (padding !== "zeros" && padding !== "reflect") {
    throw new RangeError(`${op}(): Expected \`padding\` as zeros or reflect, got "${padding}"`);
  }
  return { taps: TAPS[filter], stride, reflect: padding === "reflect" };
}

/** The largest value of each window: x [n, h, w, c]. */
export function maxPool2d(x: Tensor, options: Pool2dOptions): Tensor {
  return applyOne("max_pool2d", [x], windowOf("maxPool2d", options));
}

/** The mean of each window: x [n, h, w, c]. */
export function avgPool2d(x: Tensor, options: Pool2dOptions & { countIncludePad?: boolean }): Tensor {
  return applyOne("avg_pool2d", [x], {
    ...windowOf("avgPool2d", options),
    countIncludePad: options.countIncludePad ?? true,
  });
}

/** The mean of each channel over the image: [n, h, w, c] to [n, c]. */
export function globalAvgPool2d(x: Tensor): Tensor {
  requireTensor("globalAvgPool2d", "x", x);
  return x.mean([1, 2]);
}

/** Low-pass filter, then subsample (Zhang 2019): x [n, h, w, c]. */
export function blurPool(x: Tensor, options: BlurPoolOptions = {}): Tensor {
  return applyOne("blur_pool", [x], blurOf("blurPool", options));
}

/** Max pool at stride 1, then {@linkcode blurPool}, in one pass: kornia's MaxBlurPool2D. */
export function maxBlurPool(x: Tensor, options: BlurPoolOptions & { kernel?: number } = {}): Tensor {
  requireOptions("maxBlurPool", options, "maxBlurPool(x, { stride: 2 })");
  return applyOne("max_blur_pool", [x], { kernel: options.kernel ?? 2, ...blurOf("maxBlurPool", options) });
}

export const maxPool2dRule: GradientRule<"max_pool2d"> = {
  saveInputs: () => [0],
  backward: ([dy], call) => [applyOne("max_pool2d_backward", [call.input(0), dy!], call.params)],
};

export const avgPool2dRule: GradientRule<"avg_pool2d"> = {
  backward: ([dy], { params, inputShapes: [[, height = 0, width = 0] = []] }) => [
    applyOne("avg_pool2d_backward", [dy!], { height, width, ...params }),
  ],
};

export const blurPoolRule: GradientRule<"blur_pool"> = {
  backward: ([dy], { params, inputShapes: [[, height = 0, width = 0] = []] }) => [
    applyOne("blur_pool_backward", [dy!], { height, width, ...params }),
  ],
};

export const maxBlurPoolRule: GradientRule<"max_blur_pool"> = {
  saveInputs: () => [0],
  backward: ([dy], call) => [applyOne("max_blur_pool_backward", [call.input(0), dy!], call.params)],
};
