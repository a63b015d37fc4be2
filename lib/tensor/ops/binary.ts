/** Element-wise ops of two tensors, with NumPy's broadcasting, and their gradients. */
import { applyOne } from "../apply.ts";
import type { GradientRule } from "../rules.ts";
import { Tensor } from "../tensor.ts";
import { kindOf } from "./checks.ts";
import { sumTo } from "./reduce.ts";
import { affine, checkFloat } from "./unary.ts";
import { fullLike } from "./writing.ts";

type ArithmeticOp = "add" | "sub" | "mul" | "div" | "maximum" | "minimum";

/** The ops whose operands have to be brought to one dtype where one is a number. */
type NumberOp = "div" | "maximum" | "minimum" | "equal" | "greater" | "greater_equal" | "less" | "less_equal";

/** a + b */
export function add(a: Tensor, b: Tensor | number): Tensor {
  return typeof b === "number" ? addNumber("add", a, b) : applyOne("add", [a, operandOf("add", b)], {});
}

/** a - b */
export function sub(a: Tensor, b: Tensor | number): Tensor {
  return typeof b === "number" ? addNumber("sub", a, -b) : applyOne("sub", [a, operandOf("sub", b)], {});
}

/** a · b */
export function mul(a: Tensor, b: Tensor | number): Tensor {
  if (typeof b !== "number") return applyOne("mul", [a, operandOf("mul", b)], {});
  checkNumber("mul", a, b);
  return affine(a, b, 0);
}

/** a / b */
export function div(a: Tensor, b: Tensor | number): Tensor {
  if (typeof b !== "number") return applyOne("div", [a, operandOf("div", b)], {});
  checkNumber("div", a, b);
  if (b === 0) throw new RangeError("div(): Expected `b` as a number other than 0, got 0");
  // One pass where 1 / b is exact, as for a power of two; else the quotient would be rounded twice.
  return isPowerOfTwo(b) ? affine(a, 1 / b, 0) : withOperand("div", a, b);
}

function addNumber(op: "add" | "sub", a: Tensor, by: number): Tensor {
  checkNumber(op, a, op === "sub" ? -by : by);
  return affine(a, 1, by);
}

/** The second operand, where it is no number. */
function operandOf(op: string, b: unknown): Tensor {
  if (b instanceof Tensor) return b;
  throw new TypeError(`${op}(): Expected \`b\` as a Tensor or a number, got ${kindOf(b)}`);
}

/** Names the method that a script called, as the op below is another. */
function checkNumber(op: string, a: Tensor, b: number): void {
  if (!Number.isFinite(b)) throw new RangeError(`${op}(): Expected \`b\` as a finite number, got ${kindOf(b)}`);
  checkFloat(op, a);
}

/** Whether a finite number other than 0, and its inverse, are powers of two in f32 too. */
function isPowerOfTwo(value: number): boolean {
  const exponent = Math.log2(Math.abs(value));
  return Math.abs(exponent) <= 126 && 2 ** Math.round(exponent) === Math.abs(value);
}

/** The larger of the two; NaN where either is NaN. */
export function maximum(a: Tensor, b: Tensor | number): Tensor {
  return withOperand("maximum", a, b);
}

/** The smaller of the two; NaN where either is NaN. */
export function minimum(a: Tensor, b: Tensor | number): Tensor {
  return withOperand("minimum", a, b);
}

/** 1 where a = b, else 0. */
export function equal(a: Tensor, b: Tensor | number): Tensor {
  return withOperand("equal", a, b);
}

/** 1 where a > b, else 0. */
export function greater(a: Tensor, b: Tensor | number): Tensor {
  return withOperand("greater", a, b);
}

/** 1 where a >= b, else 0. */
export function greaterEqual(a: Tensor, b: Tensor | number): Tensor {
  return withOperand("greater_equal", a, b, "greaterEqual");
}

/** 1 where a < b, else 0. */
export function less(a: Tensor, b: Tensor | number): Tensor {
  return withOperand("less", a, b);
}

/** 1 where a <= b, else 0. */
export function lessEqual(a: Tensor, b: Tensor | number): Tensor {
  return withOperand("less_equal", a, b, "lessEqual");
}

/** An op of two tensors, by the name of the method; a number takes the first one's dtype. */
function withOperand(op: NumberOp, a: Tensor, b: Tensor | number, method: string = op): Tensor {
  if (typeof b !== "number") return applyOne(op, [a, operandOf(method, b)], {});
  if (!Number.isFinite(b)) throw new RangeError(`${method}(): Expected \`b\` as a finite number, got ${kindOf(b)}`);
  using scalar = fullLike(a, b, []);
  return applyOne(op, [a, scalar], {});
}

/** A gradient of the broadcast shape, summed to the shape of input `index`; null where none is needed. */
export function toInput<Name extends ArithmeticOp | "where">(
  index: number,
  call: Parameters<GradientRule<Name>["backward"]>[1],
  gradient: () => Tensor,
): Tensor | null {
  return call.needs[index] ? sumTo(gradient(), call.inputShapes[index]!) : null;
}

function selectRule<Name extends "maximum" | "minimum">(
  loses: (a: Tensor, b: Tensor) => Tensor,
): GradientRule<Name> {
  return {
    saveInputs: () => [0, 1],
    backward: ([dy], call) => {
      // As in PyTorch, ties share the gradient, and beside a NaN neither loses. Chosen, as a product of an infinite gradient
      // with 0 would be none.
      const [a, b] = [call.input(0), call.input(1)];
      const shared = chosen(equal(a, b), dy!.mul(0.5), dy!);
      const zero = fullLike(dy!, 0, []);
      return [
        toInput(0, call, () => chosen(loses(a, b), zero, shared)),
        toInput(1, call, () => chosen(loses(b, a), zero, shared)),
      ];
    },
  };
}

/** a where the condition is not 0, else b, whatever the other is. */
function chosen(condition: Tensor, a: Tensor, b: Tensor): Tensor {
  return applyOne("where", [condition, a, b], {});
}

/** Rules of the arithmetic ops. */
export const binaryRules = {
  add: {
    backward: ([dy], call) => [toInput(0, call, () => dy!), toInput(1, call, () => dy!)],
  } satisfies GradientRule<"add">,
  sub: {
    backward: ([dy], call) => [toInput(0, call, () => dy!), toInput(1, call, () => dy!.neg())],
  } satisfies GradientRule<"sub">,
  mul: {
    saveInputs: ([first, second]) => [...(second ? [0] : []), ...(first ? [1] : [])],
    backward: ([dy], call) => [
      toInput(0, call, () => dy!.mul(call.input(1))),
      toInput(1, call, () => dy!.mul(call.input(0))),
    ],
  } satisfies GradientRule<"mul">,
  div: {
    saveInputs: ([, second]) => second ? [0, 1] : [1],
    backward: ([dy], call) => [
      toInput(0, call, () => dy!.div(call.input(1))),
      // -dy (a / b) / b: b² would be infinite or 0 long before b is.
      toInput(1, call, () => dy!.mul(call.input(0).div(call.input(1))).div(call.input(1)).neg()),
    ],
  } satisfies GradientRule<"div">,
  maximum: selectRule<"maximum">((own, other) => greater(other, own)),
  minimum: selectRule<"minimum">((own, other) => greater(own, other)),
};
