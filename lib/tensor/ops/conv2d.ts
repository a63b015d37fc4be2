/** 2-D convolution and its gradients. */
import { applyOne } from "../apply.ts";
import type { GradientRule } from "../rules.ts";
import type { Tensor } from "../tensor.ts";
import { type Pair, pair } from "./pair.ts";

/** How a convolution moves over the image. */
export interface Conv2dOptions {
  /** Pixels between windows; by default 1. */
  stride?: Pair;
  /** Zeros around the image; by default 0. */
  padding?: Pair;
  /** Groups of channels that see only themselves; by default 1. */
  groups?: number;
  /** Added to each output channel. */
  bias?: Tensor | null;
}

/**
 * 2-D convolution: x [n, h, w, c], weight [out, kh, kw, c / groups] to [n, oh, ow, out].
 *
 * @example
 * ```ts
 * import { conv2d, randn } from "@libtrain/libtrain";
 *
 * using x = randn([1, 8, 8, 3]);
 * using weight = randn([16, 3, 3, 3]);
 * using y = conv2d(x, weight, { stride: 2, padding: 1 });
 * console.log(y.shape); // [1, 4, 4, 16]
 * ```
 */
export function conv2d(x: Tensor, weight: Tensor, options: Conv2dOptions = {}): Tensor {
  const [strideH, strideW] = pair("conv2d", "stride", options.stride ?? 1);
  const [paddingH, paddingW] = pair("conv2d", "padding", options.padding ?? 0);
  const y = applyOne("conv2d", [x, weight], { strideH, strideW, paddingH, paddingW, groups: options.groups ?? 1 });
  return options.bias ? y.add(options.bias) : y;
}

export const conv2dRule: GradientRule<"conv2d"> = {
  saveInputs: ([image, weight]) => [...(weight ? [0] : []), ...(image ? [1] : [])],
  backward: ([dy], call) => {
    const [image = [], weight = []] = call.inputShapes;
    const [, height = 0, width = 0] = image;
    const [, kernelH = 0, kernelW = 0] = weight;
    return [
      call.needs[0] ? applyOne("conv2d_backward_input", [dy!, call.input(1)], { height, width, ...call.params }) : null,
      call.needs[1]
        ? applyOne("conv2d_backward_weight", [call.input(0), dy!], { kernelH, kernelW, ...call.params })
        : null,
    ];
  },
};
