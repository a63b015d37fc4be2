/** Self-attention over the pixels of an image, in fastai's simple form. */
import { requireCounts } from "./checks.ts";
import { zeros } from "../tensor/create.ts";
import { defineOp } from "../tensor/define_op.ts";
import { requireTensor } from "../tensor/ops/checks.ts";
import { matmul } from "../tensor/ops/matmul.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { layerOptions, placeOf, requireLayerOptions } from "./known_options.ts";
import type { LayerOptions } from "./layers.ts";
import { Module, Parameter } from "./module.ts";
import { forInput } from "./precision.ts";
import { SpectralLinear } from "./spectral_norm.ts";

/** Options of {@linkcode SimpleSelfAttention}. */
export interface SelfAttentionOptions extends LayerOptions {
  /** Whether the 1x1 convolution's matrix is made symmetric; by default false. */
  sym?: boolean;
}

/**
 * fastai's SimpleSelfAttention with a 1x1 convolution: y = x + γ · (x xᵀ)(W x) with pixels as columns of x, for images
 * [n, h, w, c]. W has spectral norm 1, and γ starts at 0.
 *
 * fastai's own `sym` changes nothing: its spectral normalisation computes the weight anew after it was made symmetric.
 * Here (W + Wᵀ) / 2 is what gets normalised.
 */
export class SimpleSelfAttention extends Module {
  /** The 1x1 convolution. */
  readonly conv: SpectralLinear;
  /** The share of the attention, γ. */
  gamma: Parameter;

  /** Makes the parameters. */
  constructor(channels: number, options: SelfAttentionOptions = {}) {
    super();
    requireCounts("SimpleSelfAttention", { channels });
    requireLayerOptions("SimpleSelfAttention", options, {
      known: ["sym", ...layerOptions],
      example: "new SimpleSelfAttention(64, { sym: true })",
    });
    const { sym, ...others } = options;
    this.conv = new SpectralLinear(channels, channels, { ...others, symmetric: sym });
    // fastai excepts biases and batch norms from weight decay, and this is neither.
    this.gamma = Parameter.of(zeros([1], placeOf(options)), { decays: true });
  }

  /** The result for one batch. */
  override forward(x: Tensor): Tensor {
    requireTensor("SimpleSelfAttention", "x", x);
    const [n = 0, height = 0, width = 0, c = 0] = x.shape;
    const pixels = x.reshape([n, height * width, c]);
    // With pixels as rows, the term is X Wᵀ G = X (G W)ᵀ for the symmetric G = XᵀX: γ and W go on the small side.
    // The norm is taken of the weight itself, whatever the images' dtype.
    const weight = forInput(this.conv.normalized().mul(this.gamma), x);
    const mixed = matmul(gram(pixels).reshape([n * c, c]), weight).reshape([n, c, c]);
    return x.add(matmul(pixels, mixed, { transposeB: true }).reshape(x.shape));
  }
}

/** G = XᵀX for each image; dX = X (dG + dGᵀ), one product where the plain rule has two. */
const gram = defineOp({
  name: "gram",
  forward: (x: Tensor) => matmul(x, x, { transposeA: true }),
  backward: (dy, { inputs: [x] }) => [matmul(x, dy.add(dy.transpose([0, 2, 1])))],
});
