/** Pooling, blur pooling, and their gradients. */
import { applyOne } from "../apply.ts";
import type { GradientRule } from "../rules.ts";
import type { Tensor } from "../tensor.ts";
import { requireChoice, requireFlag, requireOptionsOf, requireTensor, requireWhole } from "./checks.ts";
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

/** Other libraries' names of a pool's options. */
const poolNames: Readonly<Record<string, string>> = {
  kernel_size: "it is called kernel here",
  kernelSize: "it is called kernel here",
  poolSize: "it is called kernel here",
  strides: "it is called stride here",
  ceil_mode: "it is called ceilMode here",
  count_include_pad: "it is called countIncludePad here",
  dilation: "there is no dilation here",
  return_indices: "there are no indices here",
  divisor_override: "a window is divided by its own size here",
};

/** Throws where a pool's options cannot be used: for layers, which are made long before they run. */
export function requireWindow(op: string, options: Pool2dOptions, own: readonly string[] = []): void {
  windowOf(op, options, own);
}

/** As {@linkcode requireWindow}, for blur pools. */
export function requireBlur(op: string, options: BlurPoolOptions, own: readonly string[] = []): void {
  blurOf(op, options, own);
}

function windowOf(op: string, options: Pool2dOptions, own: readonly string[] = []): {
  kernelH: number;
  kernelW: number;
  strideH: number;
  strideW: number;
  paddingH: number;
  paddingW: number;
  ceilMode: boolean;
} {
  const known = ["kernel", "stride", "padding", "ceilMode", ...own];
  requireOptionsOf(op, options, { example: `${op}(x, { kernel: 2 })`, known, names: poolNames });
  requireFlag(op, "ceilMode", options.ceilMode ?? false);
  const [kernelH, kernelW] = pair(op, "kernel", options.kernel);
  const [strideH, strideW] = pair(op, "stride", options.stride ?? options.kernel);
  const [paddingH, paddingW] = pair(op, "padding", options.padding ?? 0);
  return { kernelH, kernelW, strideH, strideW, paddingH, paddingW, ceilMode: options.ceilMode ?? false };
}

function blurOf(
  op: string,
  options: BlurPoolOptions,
  own: readonly string[] = [],
): { taps: number; stride: number; reflect: boolean } {
  const known = ["filter", "stride", "padding", ...own];
  requireOptionsOf(op, options, { example: `${op}(x, { stride: 2 })`, known, names: poolNames });
  const { filter = "tri3", stride = 2, padding = "zeros" } = options;
  requireChoice(op, "filter", filter, Object.keys(TAPS) as BlurFilter[]);
  requireChoice(op, "padding", padding, ["zeros", "reflect"]);
  requireWhole(op, "stride", stride, 1);
  return { taps: TAPS[filter], stride, reflect: padding === "reflect" };
}

/** The largest value of each window: x [n, h, w, c]. */
export function maxPool2d(x: Tensor, options: Pool2dOptions): Tensor {
  return applyOne("max_pool2d", [x], windowOf("maxPool2d", options));
}

/** The mean of each window: x [n, h, w, c]. */
export function avgPool2d(x: Tensor, options: Pool2dOptions & { countIncludePad?: boolean }): Tensor {
  return applyOne("avg_pool2d", [x], {
    ...windowOf("avgPool2d", options, ["countIncludePad"]),
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
  const blur = blurOf("maxBlurPool", options, ["kernel"]);
  return applyOne("max_blur_pool", [x], { kernel: options.kernel ?? 2, ...blur });
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
