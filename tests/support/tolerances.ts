/** How far each op may be from PyTorch's float64 values: one table, with reasons. */
import type { DtypeName, FloatName } from "../../lib/ffi/codes.ts";
import type { OpCase } from "./op_cases.ts";
import type { Tolerance } from "./compare.ts";

/** For every op in f64, as the reference kernels compute what PyTorch does. */
const F64: Tolerance = { atol: 1e-9, rtol: 1e-9 };

/** For every op in f32: about 25 steps of a float32 near 1. */
const F32: Tolerance = { atol: 3e-6, rtol: 3e-6 };

/** One rounding to bf16: half a step, which is 2^-7 of the power of two below. */
const BF16 = 2 ** -8;

/** Where it must be another one. */
interface Exception {
  readonly tolerance: Tolerance;
  readonly reason: string;
  /** The cases that it is for. */
  readonly cases: RegExp;
}

const FAR_MEAN: readonly Exception[] = [
  {
    tolerance: { atol: 1e-3, rtol: 1e-3 },
    reason: "x - mean cancels: float32 steps by 6e-5 at 1000; PyTorch's own is off by 1e-4 (y) and 1e-3 (dweight)",
    cases: /mean 1000/,
  },
  {
    tolerance: { atol: 1e-4, rtol: 1e-4 },
    reason: "x - mean cancels: float32 steps by 3e-5 at 300",
    cases: /mean -300/,
  },
];

/** The exceptions in f32 by op. */
export const EXCEPTIONS: Readonly<Record<string, readonly Exception[]>> = {
  batch_norm: FAR_MEAN,
  batch_norm_backward: FAR_MEAN,
  group_norm: FAR_MEAN,
  group_norm_backward: FAR_MEAN,
};

type Shapes = readonly (readonly number[])[];

/** How many products each value sums, at most, in the output or in a gradient: errors grow with its square root. */
const SUMMANDS: Readonly<Record<string, (shapes: Shapes, params: OpCase["params"]) => number>> = {
  matmul: ([a = [], b = []]) => Math.max(...a.slice(-2), ...b.slice(-2)),
  conv2d: ([x = [], weight = []]) => {
    const [out = 1, kernelH = 1, kernelW = 1, channels = 1] = weight;
    return Math.max(kernelH * kernelW * channels, kernelH * kernelW * out, size(x.slice(0, 3)));
  },
  conv2d_bias_act: ([, weight = []]) => size(weight.slice(1)),
  conv2d_backward_input: ([dy = [], weight = []]) =>
    Math.max(size(weight.slice(0, 3)), size(weight.slice(1)), size(dy.slice(0, 3))),
  conv2d_backward_weight: ([dy = []]) => size(dy.slice(0, 3)),
  squeeze_excitation: ([x = []]) => size(x.slice(1, 3)),
  squeeze_excitation_backward: ([dy = []]) => size(dy.slice(1, 3)),
  sum: ([x = []]) => size(x),
  broadcast_to: (_, { shape }) => size(shape as readonly number[]),
};

function size(shape: readonly number[]): number {
  return shape.reduce((product, each) => product * each, 1);
}

/** The tolerance of a case in a dtype. */
export function toleranceOf(op: string, each: OpCase, dtype: FloatName): Tolerance {
  if (dtype === "f64") return F64;
  const exception = EXCEPTIONS[op]?.find(({ cases }) => cases.test(each.name));
  if (exception !== undefined) return exception.tolerance;
  const shapes = each.inputs.map((input) => input?.shape ?? []);
  const scale = Math.sqrt(SUMMANDS[op]?.(shapes, each.params) ?? 1);
  return { atol: F32.atol * Math.max(scale, 1), rtol: F32.rtol };
}

/** What a tolerance is for. */
export type Compared = "output" | "gradient";

/** Where squeeze-and-excitation has an activation at its end, as a result of its backward op and as a gradient. */
const READ_BACK = {
  tolerance: { atol: 2 * BF16, rtol: 2 * BF16 },
  reason: "the GPU reads the gradient before the activation back, rounded, and its product with the gate may cancel",
};

/** Gradients in bf16 that are rounded more than once, as PyTorch's own are; everything else is, like results, once. */
export const LOW_GRADIENTS: Readonly<Record<string, { readonly tolerance: Tolerance; readonly reason: string }>> = {
  exp: { tolerance: { atol: 3e-6, rtol: 2 * BF16 }, reason: "the saved result is rounded, then dy times it" },
  sqrt: { tolerance: { atol: 3e-6, rtol: 2 * BF16 }, reason: "the saved result is rounded, then dy over it" },
  power: { tolerance: { atol: 3e-6, rtol: 3 * BF16 }, reason: "a power and two products, each rounded" },
  mul: {
    tolerance: { atol: 8 * BF16, rtol: 2 * BF16 },
    reason: "up to 30 products of up to 4 are rounded, then added up where a factor broadcasts, and may cancel",
  },
  div: {
    tolerance: { atol: 32 * BF16, rtol: 4 * BF16 },
    reason: "two products and a quotient of up to 10, each rounded, then added up where b broadcasts, and may cancel",
  },
  softmax: {
    tolerance: { atol: BF16, rtol: 2 * BF16 },
    reason: "y (dy - sum y dy) of the rounded y, which is at most 1, cancels",
  },
  causal_softmax: {
    tolerance: { atol: BF16, rtol: 2 * BF16 },
    reason: "as softmax's",
  },
  log_softmax: {
    tolerance: { atol: 4 * BF16, rtol: 2 * BF16 },
    reason: "dy - exp(y) sum dy of the rounded y, which is down to -8 and so off by 2^-6, cancels",
  },
  squeeze_excitation: READ_BACK,
};

/** Results in bf16 that some device rounds more than once. */
export const LOW_OUTPUTS: Readonly<Record<string, { readonly tolerance: Tolerance; readonly reason: string }>> = {
  conv2d_bias_act: {
    tolerance: { atol: 4 * BF16, rtol: 2 * BF16 },
    reason: "the GPU's convolutions, of values up to 4, are rounded before bias and residual are added, and may cancel",
  },
  squeeze_excitation_backward: READ_BACK,
};

/** The tolerance of a tensor of a case in bf16, from that of the case in f32. */
export function lowTolerance(op: string, dtype: DtypeName, single: Tolerance, compared: Compared): Tolerance {
  if (dtype === "i32" || dtype === "u8") return { atol: 0, rtol: 0 };
  if (dtype !== "bf16") return single;
  const exception = (compared === "gradient" ? LOW_GRADIENTS : LOW_OUTPUTS)[op];
  if (exception !== undefined) return exception.tolerance;
  return { atol: single.atol, rtol: single.rtol + BF16 };
}
