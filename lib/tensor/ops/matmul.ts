/** Matrix products and their gradients. */
import { applyOne } from "../apply.ts";
import type { GradientRule } from "../rules.ts";
import type { Tensor } from "../tensor.ts";
import { requireOptionsOf, requireTensor } from "./checks.ts";

/** Which operands to read transposed. */
export interface MatmulOptions {
  /** Whether to read the first operand transposed. */
  transposeA?: boolean;
  /** Whether to read the second operand transposed. */
  transposeB?: boolean;
}

/** The product of the last two axes: [m, k] · [k, n], or batches [b, m, k] · [b, k, n]. */
export function matmul(a: Tensor, b: Tensor, options: MatmulOptions = {}): Tensor {
  requireTensor("matmul", "a", a);
  requireTensor("matmul", "b", b);
  requireOptionsOf("matmul", options, {
    example: "matmul(a, b, { transposeB: true })",
    known: ["transposeA", "transposeB"],
  });
  return applyOne("matmul", [a, b], {
    transposeA: options.transposeA ?? false,
    transposeB: options.transposeB ?? false,
  });
}

/** y = x · weightᵀ + bias: x [.., in], weight [out, in], bias [out]. */
export function linear(x: Tensor, weight: Tensor, options: { bias?: Tensor | null } = {}): Tensor {
  requireTensor("linear", "x", x);
  requireTensor("linear", "weight", weight);
  requireOptionsOf("linear", options, { example: "linear(x, weight, { bias })", known: ["bias"] });
  const { bias = null } = options;
  if (bias !== null) requireTensor("linear", "bias", bias);
  if (weight.rank !== 2 || x.rank === 0 || x.shape.at(-1) !== weight.shape[1]) {
    throw new TypeError(
      `linear(): Expected \`x\` [.., in] for a \`weight\` [out, in], got shapes [${x.shape.join(", ")}] and [${
        weight.shape.join(", ")
      }]`,
    );
  }
  const flat = x.rank === 2 ? x : x.reshape([-1, x.shape.at(-1) ?? 1]);
  const product = matmul(flat, weight, { transposeB: true });
  const y = bias === null ? product : product.add(bias);
  return x.rank === 2 ? y : y.reshape([...x.shape.slice(0, -1), weight.shape[0]!]);
}

/**
 * With A = op(a), B = op(b) and y = A B: dA = dy Bᵀ, dB = Aᵀ dy; the gradient of a transposed operand is transposed, which
 * is the product in the other order.
 */
export const matmulRule: GradientRule<"matmul"> = {
  saveInputs: ([first, second]) => [...(second ? [0] : []), ...(first ? [1] : [])],
  backward: ([dy], call) => {
    const { transposeA, transposeB } = call.params;
    const da = (): Tensor =>
      transposeA
        ? matmul(call.input(1), dy!, { transposeA: transposeB, transposeB: true })
        : matmul(dy!, call.input(1), { transposeB: !transposeB });
    const db = (): Tensor =>
      transposeB
        ? matmul(dy!, call.input(0), { transposeA: true, transposeB: transposeA })
        : matmul(call.input(0), dy!, { transposeA: !transposeA });
    return [call.needs[0] ? da() : null, call.needs[1] ? db() : null];
  },
};
