/** 2-D convolution and its gradients. */
import { applyOne } from "../apply.ts";
import type { GradientRule } from "../rules.ts";
import type { Tensor } from "../tensor.ts";
import { requireOptionsOf, requireTensor, requireWhole } from "./checks.ts";
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

/** Other libraries' names of a convolution's options. */
export const convNames: Readonly<Record<string, string>> = {
  strides: "it is called stride here",
  kernel: "the weight's shape says it",
  kernel_size: "the weight's shape says it",
  kernelSize: "the weight's shape says it",
  output_padding: "it is called outputPadding here",
  dilation: "there is no dilation here",
  padding_mode: "a convolution is padded with zeros",
  data_format: "images are [n, h, w, c] here, always",
};

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
  requireTensor("conv2d", "x", x);
  requireTensor("conv2d", "weight", weight);
  requireOptionsOf("conv2d", options, {
    example: "conv2d(x, weight, { stride: 2 })",
    known: ["stride", "padding", "groups", "bias"],
    names: convNames,
  });
  const { groups = 1, bias = null } = options;
  requireWhole("conv2d", "groups", groups, 1);
  if (bias !== null) requireTensor("conv2d", "bias", bias);
  requireChannelsLast(x, weight, groups);
  const [strideH, strideW] = pair("conv2d", "stride", options.stride ?? 1);
  const [paddingH, paddingW] = pair("conv2d", "padding", options.padding ?? 0);
  const y = applyOne("conv2d", [x, weight], { strideH, strideW, paddingH, paddingW, groups });
  return bias === null ? y : y.add(bias);
}

/**
 * What to say behind the shape of images whose channels are second and not last, as PyTorch has them; "" where it does
 * not look so. Where the first two of the three are equal, they are more likely height and width.
 */
export function channelsFirst({ shape }: Tensor, channels: number): string {
  const [, c, h] = shape;
  return shape.length === 4 && c === channels && c !== h && shape[3] !== channels ? looksFirst : "";
}

const looksFirst = ", which looks like channels first: transpose([0, 2, 3, 1]) moves them last";

/** Names the usual mistake: images and weights as PyTorch has them, with the channels before height and width. */
function requireChannelsLast(x: Tensor, weight: Tensor, groups: number): void {
  if (x.rank !== 4 || weight.rank !== 4 || x.shape[3] === weight.shape[3]! * groups) return;
  const says = (name: string, wanted: string, shape: readonly number[]): TypeError =>
    new TypeError(`conv2d(): Expected \`${name}\` as ${wanted}, got shape [${shape.join(", ")}]${looksFirst}`);
  if (channelsFirst(x, weight.shape[3]! * groups) !== "") throw says("x", "[n, h, w, c]", x.shape);
  const isFirst = x.shape[3] === weight.shape[1]! * groups || x.shape[1] === weight.shape[1]! * groups;
  if (isFirst && weight.shape[2] === weight.shape[3]) {
    throw says("weight", "[out, kh, kw, in / groups]", weight.shape);
  }
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
