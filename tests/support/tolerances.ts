/** How far each op may be from PyTorch's float64 values: one table, with reasons. */
import type { OpCase, ParamValue } from "./op_cases.ts";
import type { Tolerance } from "./compare.ts";

/** For every op in f64, as the reference kernels compute what PyTorch does. */
const F64: Tolerance = { atol: 1e-9, rtol: 1e-9 };

/** For every op in f32 whose values depend on few numbers. */
const F32: Tolerance = { atol: 1e-5, rtol: 1e-5 };

/** Where it must be another one. */
interface Exception {
  readonly tolerance: Tolerance;
  readonly reason: string;
  /** The cases that it is for; all where none are named. */
  readonly cases?: RegExp;
}

const EXCEPTIONS: Readonly<Record<string, readonly Exception[]>> = {};

/** How many products each value of an op sums, at most; rounding errors grow with its square root. */
const SUMMANDS: Readonly<Record<string, (shapes: (readonly number[])[], params: OpCase["params"]) => number>> = {
  matmul: ([a = [], b = []]) => Math.max(...a.slice(-2), ...b.slice(-2)),
  conv2d: ([x = [], weight = []]) => Math.max(size(weight.slice(1)), size([weight[0]!, ...weight.slice(1, 3)]), size(x.slice(0, 3))),
  conv2d_backward_input: ([, weight = []]) => size([weight[0]!, ...weight.slice(1, 3)]),
  conv2d_backward_weight: ([, dy = []]) => size(dy.slice(0, 3)),
  sum: ([x = []]) => size(x),
  mean: ([x = []]) => size(x),
  broadcast_to: (_, { shape }) => size(shape as readonly number[]),
};

function size(shape: readonly number[]): number {
  return shape.reduce((product, each) => product * each, 1);
}

/** The tolerance of a case in a dtype. */
export function toleranceOf(op: string, each: OpCase, dtype: "f32" | "f64"): Tolerance {
  if (dtype === "f64") return F64;
  const exception = EXCEPTIONS[op]?.find(({ cases }) => cases?.test(each.name) ?? true);
  if (exception !== undefined) return exception.tolerance;
  const shapes = each.inputs.map((input) => input?.shape ?? []);
  const scale = Math.sqrt(SUMMANDS[op]?.(shapes, each.params as Record<string, ParamValue>) ?? 1);
  return { atol: F32.atol * Math.max(scale, 1), rtol: F32.rtol };
}
