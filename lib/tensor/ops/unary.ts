/** Element-wise ops of one tensor, and their gradients. */
import { isFloat } from "../../ffi/codes.ts";
import type { OpParams } from "../../ffi/generated/symbols.ts";
import { applyOne } from "../apply.ts";
import type { GradientRule } from "../rules.ts";
import type { Tensor } from "../tensor.ts";
import { kindOf, requireNumber, requireOptionsOf, requireTensor } from "./checks.ts";
import { fullLike } from "./writing.ts";

/** The ops whose backward is an op of its own over (x, dy). */
type ActivationOp = "relu" | "mish" | "silu" | "gelu" | "sigmoid" | "tanh" | "softplus";

/** The element-wise ops without parameters. */
export type UnaryOp = ActivationOp | "exp" | "log" | "sqrt" | "abs" | "sign";

/** An element-wise op by name. */
export function unary(name: UnaryOp, x: Tensor): Tensor {
  return applyOne(name, [x], {});
}

/** scale · x + shift */
export function affine(x: Tensor, scale: number, shift: number): Tensor {
  return applyOne("affine", [x], { scale, shift });
}

/** -x */
export function neg(x: Tensor): Tensor {
  checkFloat("neg", x);
  return affine(x, -1, 0);
}

/** Throws where a tensor is not of floats, naming the method that a script called. */
export function checkFloat(op: string, x: Tensor): void {
  if (isFloat(x.dtype)) return;
  throw new TypeError(`${op}(): Expected a tensor of dtype f32, bf16 or f64, got ${x.dtype}: to() converts`);
}

/** x to a constant power. */
export function power(x: Tensor, exponent: number): Tensor {
  requireNumber("pow", "exponent", exponent);
  return applyOne("power", [x], { exponent });
}

/** x limited to low..high. */
export function clamp(x: Tensor, low: number, high: number): Tensor {
  requireNumber("clamp", "low", low);
  requireNumber("clamp", "high", high);
  return applyOne("clamp", [x], { low, high });
}

/** Mish: x · tanh(softplus(x)) (Misra 2019). */
export function mish(x: Tensor): Tensor {
  return unary("mish", x);
}

/** SiLU: x · sigmoid(x). */
export function silu(x: Tensor): Tensor {
  return unary("silu", x);
}

/** GELU in its exact form: x · (1 + erf(x / √2)) / 2. */
export function gelu(x: Tensor): Tensor {
  return unary("gelu", x);
}

/** ReLU: max(x, 0). */
export function relu(x: Tensor): Tensor {
  return unary("relu", x);
}

/** The logistic function: 1 / (1 + exp(-x)). */
export function sigmoid(x: Tensor): Tensor {
  return unary("sigmoid", x);
}

/** The hyperbolic tangent. */
export function tanh(x: Tensor): Tensor {
  return unary("tanh", x);
}

/** Softplus: log(1 + exp(x)), a smooth max(x, 0), exact also where it is nearly 0. */
export function softplus(x: Tensor): Tensor {
  return unary("softplus", x);
}

/** Leaky ReLU: x where x > 0, else negativeSlope · x (by default 0.01 x), as PyTorch's `leaky_relu` (Maas 2013). */
export function leakyRelu(x: Tensor, options: { negativeSlope?: number } = {}): Tensor {
  requireTensor("leakyRelu", "x", x);
  requireOptionsOf("leakyRelu", options, { example: "leakyRelu(x, { negativeSlope: 0.2 })", known: ["negativeSlope"] });
  const { negativeSlope = 0.01 } = options;
  if (!Number.isFinite(negativeSlope)) {
    throw new RangeError(`leakyRelu(): Expected \`negativeSlope\` as a finite number, got ${kindOf(negativeSlope)}`);
  }
  return applyOne("leaky_relu", [x], { negativeSlope });
}

function activationRule<Name extends ActivationOp>(name: Name): GradientRule<Name> {
  const backward = `${name}_backward` as const;
  return {
    saveInputs: () => [0],
    backward: ([dy], call) => [applyOne(backward, [call.input(0), dy!], {} as OpParams[typeof backward])],
  };
}

/** Rules of the activations. */
export const activationRules = {
  relu: activationRule("relu"),
  mish: activationRule("mish"),
  silu: activationRule("silu"),
  gelu: activationRule("gelu"),
  sigmoid: activationRule("sigmoid"),
  tanh: activationRule("tanh"),
  softplus: activationRule("softplus"),
};

/** Rules that compose: d exp = y dy, d log = dy / x, d sqrt = dy / 2y, d abs = sign(x) dy. */
export const unaryRules = {
  exp: { saveOutputs: () => [0], backward: ([dy], call) => [dy!.mul(call.output(0))] } satisfies GradientRule<"exp">,
  log: { saveInputs: () => [0], backward: ([dy], call) => [dy!.div(call.input(0))] } satisfies GradientRule<"log">,
  sqrt: {
    saveOutputs: () => [0],
    backward: ([dy], call) => [dy!.div(call.output(0)).mul(0.5)],
  } satisfies GradientRule<"sqrt">,
  abs: { saveInputs: () => [0], backward: ([dy], call) => [dy!.mul(call.input(0).sign())] } satisfies GradientRule<
    "abs"
  >,
};

/** d (scale x + shift) = scale dy */
export const affineRule: GradientRule<"affine"> = {
  backward: ([dy], { params }) => [affine(dy!, params.scale, 0)],
};

/** d x^p = p x^(p-1) dy; of x^0 it is 0 everywhere, where x^-1 has none at 0. */
export const powerRule: GradientRule<"power"> = {
  saveInputs: () => [0],
  backward: ([dy], call) => {
    const { exponent } = call.params;
    if (exponent === 0) return [fullLike(call.input(0), 0)];
    return [power(call.input(0), exponent - 1).mul(dy!).mul(exponent)];
  },
};

/** As in PyTorch, the slope at 0 is that of the negative side. */
export const leakyReluRule: GradientRule<"leaky_relu"> = {
  saveInputs: () => [0],
  backward: ([dy], call) => [applyOne("leaky_relu_backward", [call.input(0), dy!], call.params)],
};

/** The gradient passes where low < x < high, as in PyTorch from 2.15. */
export const clampRule: GradientRule<"clamp"> = {
  saveInputs: () => [0],
  backward: ([dy], call) => [applyOne("clamp_backward", [call.input(0), dy!], call.params)],
};
