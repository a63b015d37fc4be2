/** Transposed convolution: the gradient of a convolution for its input, as an op of its own with gradients. */
import { applyOne } from "../apply.ts";
import type { GradientRule } from "../rules.ts";
import type { Tensor } from "../tensor.ts";
import { requireOptionsOf, requireTensor, requireWhole } from "./checks.ts";
import { convNames } from "./conv2d.ts";
import { type Pair, pair } from "./pair.ts";

/** How a transposed convolution moves over its result. */
export interface ConvTranspose2dOptions {
  /** Pixels of the result between windows; by default 1. */
  stride?: Pair;
  /** Pixels cut off around the result; by default 0. */
  padding?: Pair;
  /**
   * Rows and columns more at the end of the result, below the stride: which of the sizes that a convolution of this stride
   * would take to `x`. By default 0.
   */
  outputPadding?: Pair;
  /** Groups of channels that see only themselves; by default 1. */
  groups?: number;
  /** Added to each output channel. */
  bias?: Tensor | null;
}

/**
 * 2-D transposed convolution: x [n, h, w, in], weight [in, kh, kw, out / groups] to [n, oh, ow, out], where
 * oh = (h - 1) · stride - 2 · padding + kh + outputPadding. `torch.nn.functional.conv_transpose2d`, channels last.
 *
 * @example
 * ```ts
 * import { convTranspose2d, randn } from "@libtrain/libtrain";
 *
 * using x = randn([1, 4, 4, 16]);
 * using weight = randn([16, 3, 3, 8]);
 * using y = convTranspose2d(x, weight, { stride: 2, padding: 1, outputPadding: 1 });
 * console.log(y.shape); // [1, 8, 8, 8]
 * ```
 */
export function convTranspose2d(x: Tensor, weight: Tensor, options: ConvTranspose2dOptions = {}): Tensor {
  requireTensor("convTranspose2d", "x", x);
  requireTensor("convTranspose2d", "weight", weight);
  requireOptionsOf("convTranspose2d", options, {
    example: "convTranspose2d(x, weight, { stride: 2 })",
    known: ["stride", "padding", "outputPadding", "groups", "bias"],
    names: convNames,
  });
  const { groups = 1, bias = null } = options;
  if (bias !== null) requireTensor("convTranspose2d", "bias", bias);
  requireLayout(x, weight, groups);
  const [strideH, strideW] = pair("convTranspose2d", "stride", options.stride ?? 1);
  const [paddingH, paddingW] = pair("convTranspose2d", "padding", options.padding ?? 0);
  const [moreH, moreW] = pair("convTranspose2d", "outputPadding", options.outputPadding ?? 0);
  if (moreH >= strideH || moreW >= strideW) {
    throw new RangeError(
      `convTranspose2d(): Expected \`outputPadding\` below the stride [${strideH}, ${strideW}], got [${moreH}, ${moreW}]`,
    );
  }
  const [, h = 0, w = 0] = x.shape, [, kh = 0, kw = 0] = weight.shape;
  const height = (h - 1) * strideH - 2 * paddingH + kh + moreH;
  const width = (w - 1) * strideW - 2 * paddingW + kw + moreW;
  if (height < 1 || width < 1) {
    throw new RangeError(
      `convTranspose2d(): Expected a result of at least 1 x 1, got ${height} x ${width}: use less padding than ` +
        `[${paddingH}, ${paddingW}]`,
    );
  }
  const params = { height, width, strideH, strideW, paddingH, paddingW, groups };
  const y = applyOne("conv2d_backward_input", [x, weight], params);
  return bias === null ? y : y.add(bias);
}

function requireLayout(x: Tensor, weight: Tensor, groups: number): void {
  requireWhole("convTranspose2d", "groups", groups, 1);
  if (x.rank !== 4) {
    throw new TypeError(`convTranspose2d(): Expected \`x\` as [n, h, w, in], got shape [${x.shape.join(", ")}]`);
  }
  if (weight.rank !== 4 || weight.shape[0] !== x.shape[3]) {
    throw new TypeError(
      `convTranspose2d(): Expected \`weight\` as [in, kh, kw, out / groups] with ${
        x.shape[3]
      } input channels, got shape ` +
        `[${weight.shape.join(", ")}]`,
    );
  }
  if (x.shape[3]! % groups !== 0) {
    throw new TypeError(
      `convTranspose2d(): Expected input channels that ${groups} groups divide, got ${x.shape[3]}`,
    );
  }
}

/** Of y = Wᵀ x, with W the convolution: dx = W dy, and dweight as the convolution's own with x and dy exchanged. */
export const conv2dBackwardInputRule: GradientRule<"conv2d_backward_input"> = {
  saveInputs: ([first, weight]) => [...(weight ? [0] : []), ...(first ? [1] : [])],
  backward: ([dy], call) => {
    const { height: _height, width: _width, ...window } = call.params;
    const [, kernelH = 0, kernelW = 0] = call.inputShapes[1] ?? [];
    return [
      call.needs[0] ? applyOne("conv2d", [dy!, call.input(1)], window) : null,
      call.needs[1] ? applyOne("conv2d_backward_weight", [dy!, call.input(0)], { kernelH, kernelW, ...window }) : null,
    ];
  },
};
