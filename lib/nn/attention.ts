/** Attention of a sequence to itself, in several heads. */
import { type AttentionOptions, scaledDotProductAttention } from "../tensor/ops/attention.ts";
import { requireOptionsOf, requireTensor } from "../tensor/ops/checks.ts";
import { Tensor } from "../tensor/tensor.ts";
import { requireCounts } from "./checks.ts";
import { UniformInit } from "./init.ts";
import { layerOptions, requireLayerOptions } from "./known_options.ts";
import { type LayerOptions, Linear } from "./layers.ts";
import { Module } from "./module.ts";

/** Options of {@linkcode MultiHeadAttention}. */
export interface MultiHeadAttentionOptions extends LayerOptions {
  /** Whether a place sees itself and those before it alone; by default false. */
  causal?: boolean;
  /** Whether the four layers have biases; by default true. */
  bias?: boolean;
}

/**
 * Multi-head self-attention (Vaswani 2017): [n, length, features] to the same. Linear layers make queries, keys and values;
 * each head attends by {@linkcode scaledDotProductAttention} with its features / heads of them, and a linear layer mixes what
 * the heads found.
 *
 * @example
 * ```ts
 * import { nn, randn } from "@libtrain/libtrain";
 *
 * using layer = new nn.MultiHeadAttention(64, 4, { causal: true });
 * using x = randn([2, 10, 64]);
 * using y = layer.forward(x);
 * console.log(y.shape); // [2, 10, 64]
 * ```
 */
export class MultiHeadAttention extends Module {
  /** How many heads the features are in. */
  readonly heads: number;
  /** Whether a place sees itself and those before it alone. */
  readonly causal: boolean;
  /** Makes queries. */
  readonly query: Linear;
  /** Makes keys. */
  readonly key: Linear;
  /** Makes values. */
  readonly value: Linear;
  /** Mixes the heads. */
  readonly out: Linear;

  /** Makes the parameters. */
  constructor(features: number, heads: number, options: MultiHeadAttentionOptions = {}) {
    super();
    requireCounts("MultiHeadAttention", { features, heads });
    requireLayerOptions("MultiHeadAttention", options, {
      known: ["causal", "bias", ...layerOptions],
      example: "new MultiHeadAttention(64, 4, { causal: true })",
    });
    if (heads === 0 || features % heads !== 0) {
      throw new RangeError(`MultiHeadAttention(): Expected features that ${heads} heads divide, got ${features}`);
    }
    const { causal = false, init = new UniformInit(), ...others } = options;
    const linear = (): Linear => new Linear(features, features, { ...others, init });
    this.heads = heads;
    this.causal = causal;
    [this.query, this.key, this.value, this.out] = [linear(), linear(), linear(), linear()];
  }

  /** The result for one batch; a mask as {@linkcode scaledDotProductAttention} takes it, for [n, heads, length, length]. */
  override forward(x: Tensor, options: Pick<AttentionOptions, "mask"> = {}, ...others: []): Tensor {
    const features = this.query.weight.shape[1]!;
    if (options instanceof Tensor || others.length > 0) {
      throw new TypeError(
        `MultiHeadAttention(${features}, ${this.heads}): Expected \`x\` alone, to which queries, keys and values are layers ` +
          "of its own, got more: scaledDotProductAttention(q, k, v) attends to others",
      );
    }
    requireOptionsOf("MultiHeadAttention", options, { example: "forward(x, { mask })", known: ["mask"] });
    requireTensor("MultiHeadAttention", "x", x);
    if (x.rank !== 3 || x.shape[2] !== features) {
      throw new TypeError(
        `MultiHeadAttention(${features}, ${this.heads}): Expected \`x\` [n, length, ${features}], got shape [${
          x.shape.join(", ")
        }]`,
      );
    }
    const [n, length] = x.shape as [number, number, number];
    const heads = (layer: Linear): Tensor =>
      layer.forward(x).reshape([n, length, this.heads, features / this.heads]).transpose([0, 2, 1, 3]);
    const found = scaledDotProductAttention(heads(this.query), heads(this.key), heads(this.value), {
      causal: this.causal,
      mask: options.mask,
    });
    return this.out.forward(found.transpose([0, 2, 1, 3]).reshape([n, length, features]));
  }
}
