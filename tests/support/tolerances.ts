/** How far each op may be from PyTorch's float64 values: one table, with reasons. */
import type { OpCase } from "./op_cases.ts";
import type { Tolerance } from "./compare.ts";

/** For every op in f64, as the reference kernels compute what PyTorch does. */
const F64: Tolerance = { atol: 1e-9, rtol: 1e-9 };

/** For every op in f32: about 25 steps of a float32 near 1. */
const F32: Tolerance = { atol: 3e-6, rtol: 3e-6 };

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
};

type Shapes = readonly (readonly number[])[];

/** How many products each value sums, at most, in the output or in a gradient: errors grow with its square root. */
const SUMMANDS: Readonly<Record<string, (shapes: Shapes, params: OpCase["params"]) => number>> = {
  matmul: ([a = [], b = []]) => Math.max(...a.slice(-2), ...b.slice(-2)),
  conv2d: ([x = [], weight = []]) => {
    const [out = 1, kernelH = 1, kernelW = 1, channels = 1] = weight;
    return Math.max(kernelH * kernelW * channels, kernelH * kernelW * out, size(x.slice(0, 3)));
  },
  conv2d_backward_input: ([, weight = []]) => size(weight.slice(0, 3)),
  conv2d_backward_weight: ([dy = []]) => size(dy.slice(0, 3)),
  sum: ([x = []]) => size(x),
  broadcast_to: (_, { shape }) => size(shape as readonly number[]),
};

function size(shape: readonly number[]): number {
  return shape.reduce((product, each) => product * each, 1);
}

/** The tolerance of a case in a dtype. */
export function toleranceOf(op: string, each: OpCase, dtype: "f32" | "f64"): Tolerance {
  if (dtype === "f64") return F64;
  const exception = EXCEPTIONS[op]?.find(({ cases }) => cases.test(each.name));
  if (exception !== undefined) return exception.tolerance;
  const shapes = each.inputs.map((input) => input?.shape ?? []);
  const scale = Math.sqrt(SUMMANDS[op]?.(shapes, each.params) ?? 1);
  return { atol: F32.atol * Math.max(scale, 1), rtol: F32.rtol };
}
