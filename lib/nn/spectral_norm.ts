/** Spectral normalisation: a weight divided by its largest singular value. */
import { requireCounts, requireFeatures } from "./checks.ts";
import { requireFlag, requireOptionsOf, requireTensor } from "../tensor/ops/checks.ts";
import { defineOp } from "../tensor/define_op.ts";
import { noGrad } from "../tensor/graph.ts";
import { linear, matmul } from "../tensor/ops/matmul.ts";
import { sumTo } from "../tensor/ops/reduce.ts";
import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { KaimingInit } from "./init.ts";
import { layerOptions, placeOf, requireLayerOptions } from "./known_options.ts";
import type { LayerOptions } from "./layers.ts";
import { Buffer, Module, Parameter } from "./module.ts";
import { forInput } from "./precision.ts";

/** What {@linkcode spectralNorm} needs besides the weight. */
export interface SpectralNormOptions {
  /** Estimate [out] of the first left singular vector, of length 1. */
  u: Tensor;
  /** Estimate [rest] of the first right singular vector, of length 1. */
  v: Tensor;
  /** Whether to improve the estimates first, in place. */
  training: boolean;
  /** Smallest length that a vector is divided by; by default 1e-12. */
  eps?: number;
}

/**
 * weight / σ, where σ = u · W v estimates the largest singular value of W, the weight [out, ...] as [out, rest].
 *
 * In training, one power iteration comes first: v = Wᵀu / ‖Wᵀu‖, u = Wv / ‖Wv‖ (Miyato 2018, algorithm 1). The gradient
 * goes through W and σ and takes u and v as constants, as torch.nn.utils.spectral_norm does.
 *
 * @example
 * ```ts
 * import { nn, tensor } from "@libtrain/libtrain";
 *
 * using weight = tensor([[3, 0], [0, 2]]);
 * using u = tensor([1, 0]);
 * using v = tensor([1, 0]);
 * using normalized = nn.spectralNorm(weight, { u, v, training: true });
 * console.log(await normalized.data()); // Float32Array [1, 0, 0, 0.6666...]
 * ```
 */
export function spectralNorm(weight: Tensor, options: SpectralNormOptions): Tensor {
  requireTensor("spectralNorm", "weight", weight);
  requireOptionsOf("spectralNorm", options, {
    example: "spectralNorm(weight, { u, v, training: true })",
    known: ["u", "v", "training", "eps"],
  });
  requireFlag("spectralNorm", "training", options.training);
  requireTensor("spectralNorm", "u", options.u);
  requireTensor("spectralNorm", "v", options.v);
  const { training, eps = 1e-12 } = options;
  const [out = 0] = weight.shape;
  if (weight.rank < 2 || options.u.size !== out || options.v.size !== weight.size / out) {
    throw new TypeError(
      `spectralNorm(): Expected a weight [out, ...] with \`u\` [out] and \`v\` [rest], got shapes [${weight.shape}], ` +
        `[${options.u.shape}] and [${options.v.shape}]`,
    );
  }
  return scope(() => {
    const matrix = weight.rank === 2 ? weight : weight.reshape([out, -1]);
    // What backward keeps are these vectors, never the buffers, which the next forward overwrites.
    const { u, v } = training ? noGrad(() => powerIteration(matrix, options, eps)) : rowsOf(options);
    const sigma = matmul(u, matmul(matrix, v, { transposeB: true }));
    return divideBy(weight, sigma);
  });
}

/** weight / σ. For σ, the size of a weight, σ² is in range, and saves a pass over the weight in backward. */
const divideBy = defineOp({
  name: "spectral_norm",
  forward: (weight: Tensor, sigma: Tensor) => weight.div(sigma),
  backward: (dy, { inputs: [weight, sigma] }) => [
    dy.div(sigma),
    sumTo(dy.mul(weight).div(sigma.mul(sigma)).neg(), sigma.shape),
  ],
});

function rowsOf({ u, v }: { u: Tensor; v: Tensor }): { u: Tensor; v: Tensor } {
  return { u: u.reshape([1, u.size]), v: v.reshape([1, v.size]) };
}

/** Better estimates [1, out] and [1, rest], also written over the old ones. */
function powerIteration(matrix: Tensor, old: { u: Tensor; v: Tensor }, eps: number): { u: Tensor; v: Tensor } {
  const v = unit(matmul(rowsOf(old).u, matrix), eps);
  const u = unit(matmul(v, matrix, { transposeB: true }), eps);
  old.u.assign(u.reshape(old.u.shape));
  old.v.assign(v.reshape(old.v.shape));
  return { u, v };
}

function unit(x: Tensor, eps: number): Tensor {
  return x.div(x.mul(x).sum().sqrt().maximum(eps));
}

/** Options of {@linkcode SpectralLinear}. */
export interface SpectralLinearOptions extends LayerOptions {
  /** Whether (W + Wᵀ) / 2 takes the place of W; by default false. */
  symmetric?: boolean;
}

/**
 * A linear layer without bias whose weight is normalised to a largest singular value of 1: [.., in] to [.., out].
 *
 * `weight` is the parameter before normalisation, and starts with normal numbers; `u` and `v` belong to the state, so evaluation repeats training's.
 */
export class SpectralLinear extends Module {
  /** Whether (W + Wᵀ) / 2 takes the place of W. */
  readonly symmetric: boolean;
  /** W before normalisation, [out, in]. */
  weight: Parameter;
  /** Estimate of the first left singular vector. */
  u: Buffer;
  /** Estimate of the first right singular vector. */
  v: Buffer;

  /** Makes the parameters. */
  constructor(inFeatures: number, outFeatures: number, options: SpectralLinearOptions = {}) {
    super();
    requireCounts("SpectralLinear", { inFeatures, outFeatures });
    requireLayerOptions("SpectralLinear", options, {
      known: ["symmetric", ...layerOptions],
      example: "new SpectralLinear(64, 64, { symmetric: true })",
    });
    this.symmetric = options.symmetric ?? false;
    if (this.symmetric && inFeatures !== outFeatures) {
      throw new RangeError(
        `SpectralLinear(): Expected as many features out as in with symmetric, got ${inFeatures} and ${outFeatures}`,
      );
    }
    const init = options.init ?? new KaimingInit();
    this.weight = Parameter.of(init.kaimingNormal([outFeatures, inFeatures], inFeatures, placeOf(options)));
    this.u = Buffer.of(scope(() => unit(init.normal([outFeatures], placeOf(options)), 1e-12)));
    this.v = Buffer.of(scope(() => unit(init.normal([inFeatures], placeOf(options)), 1e-12)));
  }

  /** The weight as it is used; in training mode each call improves `u` and `v`. */
  normalized(): Tensor {
    const { weight, u, v, training, symmetric } = this;
    return scope(() => spectralNorm(symmetric ? symmetricPart(weight) : weight, { u, v, training }));
  }

  /** The result for one batch. */
  override forward(x: Tensor): Tensor {
    requireFeatures("SpectralLinear", x, this.weight.shape);
    return linear(x, forInput(this.normalized(), x));
  }
}

/** (W + Wᵀ) / 2 */
export function symmetricPart(weight: Tensor): Tensor {
  return weight.add(weight.transpose()).mul(0.5);
}
