/** Element-wise ops of two tensors, with NumPy's broadcasting, and their gradients. */
import { applyOne } from "../apply.ts";
import type { GradientRule } from "../rules.ts";
import type { Tensor } from "../tensor.ts";
import { sumTo } from "./reduce.ts";
import { affine } from "./unary.ts";
import { fullLike } from "./writing.ts";

type ArithmeticOp = "add" | "sub" | "mul" | "div" | "maximum" | "minimum";

/** a + b */
export function add(a: Tensor, b: Tensor | number): Tensor {
  return typeof b === "number" ? affine(a, 1, b) : applyOne("add", [a, b], {});
}

/** a - b */
export function sub(a: Tensor, b: Tensor | number): Tensor {
  return typeof b === "number" ? affine(a, 1, -b) : applyOne("sub", [a, b], {});
}

/** a · b */
export function mul(a: Tensor, b: Tensor | number): Tensor {
  return typeof b === "number" ? affine(a, b, 0) : applyOne("mul", [a, b], {});
}

/** a / b */
export function div(a: Tensor, b: Tensor | number): Tensor {
  return typeof b === "number" ? affine(a, 1 / b, 0) : applyOne("div", [a, b], {});
}

/** The larger of the two; NaN where either is NaN. */
export function maximum(a: Tensor, b: Tensor | number): Tensor {
  return applyOne("maximum", [a, operand(a, b)], {});
}

/** The smaller of the two; NaN where either is NaN. */
export function minimum(a: Tensor, b: Tensor | number): Tensor {
  return applyOne("minimum", [a, operand(a, b)], {});
}

/** 1 where a = b, else 0. */
export function equal(a: Tensor, b: Tensor | number): Tensor {
  return applyOne("equal", [a, operand(a, b)], {});
}

/** 1 where a > b, else 0. */
export function greater(a: Tensor, b: Tensor | number): Tensor {
  return applyOne("greater", [a, operand(a, b)], {});
}

/** A number takes the tensor's dtype. */
function operand(a: Tensor, b: Tensor | number): Tensor {
  return typeof b === "number" ? fullLike(a, b, []) : b;
}

/** A gradient of the broadcast shape, summed to the shape of input `index`; null where none is needed. */
function toInput<Name extends ArithmeticOp>(
  index: number,
  call: Parameters<GradientRule<Name>["backward"]>[1],
  gradient: () => Tensor,
): Tensor | null {
  return call.needs[index] ? sumTo(gradient(), call.inputShapes[index]!) : null;
}

function selectRule<Name extends "maximum" | "minimum">(
  firstWins: (a: Tensor, b: Tensor) => Tensor,
): GradientRule<Name> {
  return {
    saveInputs: () => [0, 1],
    backward: ([dy], call) => {
      // Ties share the gradient, as in PyTorch: first + second masks are 1 together.
      const [a, b] = [call.input(0), call.input(1)];
      const half = equal(a, b).mul(0.5);
      const first = firstWins(a, b).add(half);
      return [
        toInput(0, call, () => dy!.mul(first)),
        toInput(1, call, () => dy!.mul(affine(first, -1, 1))),
      ];
    },
  };
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
      toInput(1, call, () => {
        const b = call.input(1);
        return dy!.mul(call.input(0)).div(b.mul(b)).neg();
      }),
    ],
  } satisfies GradientRule<"div">,
  maximum: selectRule<"maximum">((a, b) => greater(a, b)),
  minimum: selectRule<"minimum">((a, b) => greater(b, a)),
};
