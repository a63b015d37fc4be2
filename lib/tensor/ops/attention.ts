/** Attention: what queries take from values by how well they match keys. */
import { isFloat } from "../../ffi/codes.ts";
import type { Tensor } from "../tensor.ts";
import { kindOf, requireFlag, requireOptionsOf, requireTensor } from "./checks.ts";
import { matmul } from "./matmul.ts";
import { inDtype } from "./shape.ts";
import { causalSoftmax, softmax } from "./softmax.ts";
import { affine } from "./unary.ts";

/** Options of {@linkcode scaledDotProductAttention}. */
export interface AttentionOptions {
  /** Whether query i sees keys 0 to i alone; by default false. */
  causal?: boolean;
  /**
   * What each query sees, of a shape that broadcasts to [.., queries, keys]: of whole numbers (u8, i32) 1 where it sees the
   * key and 0 where not; floats are added to the scores, and get a gradient. A query that sees nothing gives NaN.
   */
  mask?: Tensor | null;
  /** Times the products of queries and keys; by default 1 / √features. */
  scale?: number;
}

/**
 * softmax(scale · q kᵀ + mask) v (Vaswani 2017, https://arxiv.org/abs/1706.03762): q [.., queries, features], k [.., keys,
 * features], v [.., keys, values] to [.., queries, values], the leading axes being equal, as [n, heads].
 * `torch.nn.functional.scaled_dot_product_attention`.
 *
 * @example
 * ```ts
 * import { randn, scaledDotProductAttention } from "@libtrain/libtrain";
 *
 * using q = randn([2, 4, 10, 16]);
 * using k = randn([2, 4, 10, 16]);
 * using v = randn([2, 4, 10, 16]);
 * using y = scaledDotProductAttention(q, k, v, { causal: true });
 * console.log(y.shape); // [2, 4, 10, 16]
 * ```
 */
export function scaledDotProductAttention(q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions = {}): Tensor {
  for (const [name, value] of [["q", q], ["k", k], ["v", v]] as const) {
    requireTensor("scaledDotProductAttention", name, value);
  }
  requireOptionsOf("scaledDotProductAttention", options, {
    example: "scaledDotProductAttention(q, k, v, { causal: true })",
    known: ["causal", "mask", "scale"],
  });
  const lead = requireShapes(q, k, v);
  requireFlag("scaledDotProductAttention", "causal", options.causal ?? false);
  const { causal = false, scale = 1 / Math.sqrt(q.shape.at(-1)!) } = options;
  if (!Number.isFinite(scale)) {
    throw new RangeError(`scaledDotProductAttention(): Expected \`scale\` as a finite number, got ${kindOf(scale)}`);
  }
  const batch = lead.reduce((product, size) => product * size, 1);
  const matrices = (x: Tensor): Tensor => x.rank <= 3 ? x : x.reshape([batch, ...x.shape.slice(-2)]);
  // Scaled where there are fewer numbers.
  const scores = matmul(affine(matrices(q), scale, 0), matrices(k), { transposeB: true });
  const masked = options.mask !== undefined && options.mask !== null
    ? withMask(scores, options.mask, [...lead, ...scores.shape.slice(-2)])
    : scores;
  const shares = causal ? causalSoftmax(masked) : softmax(masked);
  const y = matmul(shares, matrices(v));
  return y.rank === q.rank ? y : y.reshape([...lead, ...y.shape.slice(-2)]);
}

/** The leading axes. */
function requireShapes(q: Tensor, k: Tensor, v: Tensor): readonly number[] {
  const lead = q.shape.slice(0, -2);
  const leads = (x: Tensor): boolean => x.rank === q.rank && lead.every((size, axis) => x.shape[axis] === size);
  const fits = q.rank >= 2 && leads(k) && leads(v) && k.shape.at(-1) === q.shape.at(-1) &&
    k.shape.at(-2) === v.shape.at(-2);
  if (fits) return lead;
  throw new TypeError(
    "scaledDotProductAttention(): Expected q [.., queries, features], k [.., keys, features] and v [.., keys, values] of " +
      `equal leading axes, got shapes ${[q, k, v].map(({ shape }) => `[${shape.join(", ")}]`).join(", ")}`,
  );
}

/** Scores with a mask added, as matrices again. */
function withMask(scores: Tensor, mask: Tensor, shape: readonly number[]): Tensor {
  requireTensor("scaledDotProductAttention", "mask", mask);
  const off = shape.length - mask.rank;
  if (off < 0 || mask.shape.some((size, axis) => size !== 1 && size !== shape[off + axis])) {
    throw new TypeError(
      `scaledDotProductAttention(): Expected \`mask\` of a shape that broadcasts to [${shape.join(", ")}], got [${
        mask.shape.join(", ")
      }]`,
    );
  }
  // log 1 = 0, log 0 = -Infinity.
  const added = isFloat(mask.dtype) ? inDtype(mask, scores.dtype) : inDtype(mask, scores.dtype).log();
  return scores.reshape(shape).add(added).reshape(scores.shape);
}
