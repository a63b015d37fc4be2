/** Ops that move values, and their gradients. */
import { type DtypeName, isFloat } from "../../ffi/codes.ts";
import { applyOne } from "../apply.ts";
import { defineOp } from "../define_op.ts";
import type { GradientRule } from "../rules.ts";
import type { Tensor } from "../tensor.ts";
import { kindOf, requireNumbers, requireOptions, requireTensor } from "./checks.ts";
import { matmul } from "./matmul.ts";
import { affine } from "./unary.ts";
import { axisOf } from "./reduce.ts";

/** The same values under another shape; one size may be -1. */
export function reshape(x: Tensor, shape: readonly number[]): Tensor {
  requireNumbers("reshape", "shape", shape, "reshape([…])");
  const open = shape.filter((size) => size === -1).length;
  if (open > 1) throw new TypeError(`reshape(): Expected at most one size of -1, got [${shape.join(", ")}]`);
  const known = shape.reduce((product, size) => size === -1 ? product : product * size, 1);
  const resolved = shape.map((size) => size === -1 ? x.size / known : size);
  if (open === 1 && !Number.isInteger(x.size / known)) {
    throw new TypeError(`reshape(): Expected sizes that divide ${x.size} elements, got [${shape.join(", ")}]`);
  }
  return applyOne("reshape", [x], { shape: resolved });
}

/** Rows start..start+length of the first axis, sharing the buffer. */
export function narrow(x: Tensor, start: number, length: number): Tensor {
  for (const [name, value] of [["start", start], ["length", length]] as const) {
    if (!Number.isInteger(value) || value < 0) {
      throw new RangeError(`narrow(): Expected \`${name}\` as a whole number from 0, got ${value}`);
    }
  }
  if (x.rank === 0 || start + length > x.shape[0]!) {
    throw new TypeError(
      `narrow(): Expected \`x\` with at least ${start + length} rows (start + length), got shape [${
        x.shape.join(", ")
      }]`,
    );
  }
  return applyOne("rows", [x], { start, count: length });
}

/** A box copied out of x. */
export function slice(x: Tensor, starts: readonly number[], sizes: readonly number[]): Tensor {
  requireNumbers("slice", "starts", starts, "slice([…], sizes)");
  requireNumbers("slice", "sizes", sizes, "slice(starts, […])");
  if (starts.length !== x.rank || sizes.length !== x.rank) {
    throw new TypeError(
      `slice(): Expected a start and a size for each of ${x.rank} axes, got ${starts.length} and ${sizes.length}`,
    );
  }
  return applyOne("slice", [x], { startsAndSizes: [...starts, ...sizes] });
}

/** How many values to add around each axis. */
export interface PadOptions {
  /** Values before each axis. */
  before: readonly number[];
  /** Values after each axis. */
  after: readonly number[];
  /** By default 0. */
  value?: number;
}

/** x with constant values around it. */
export function pad(x: Tensor, options: PadOptions): Tensor {
  requireTensor("pad", "x", x);
  requireOptions("pad", options, "pad(x, { before: [0, 1], after: [0, 1] })");
  const { before, after, value = 0 } = options;
  requireNumbers("pad", "before", before, "before: […]");
  requireNumbers("pad", "after", after, "after: […]");
  if (before.length !== x.rank || after.length !== x.rank) {
    throw new TypeError(
      `pad(): Expected counts for each of ${x.rank} axes, got ${before.length} before and ${after.length} after`,
    );
  }
  return applyOne("pad", [x], { value, beforeAndAfter: [...before, ...after] });
}

/** The axes in another order; reversed where none is given. */
export function transpose(x: Tensor, permutation?: readonly number[]): Tensor {
  if (permutation !== undefined) requireNumbers("transpose", "permutation", permutation, "transpose([1, 0])");
  const order = permutation?.map((axis) => axisOf("transpose", axis, x.rank)) ??
    x.shape.map((_, axis) => x.rank - 1 - axis);
  return applyOne("transpose", [x], { permutation: order });
}

/** The tensors joined along an axis. */
export function concat(parts: readonly Tensor[], axis = 0): Tensor {
  if (!Array.isArray(parts)) throw new TypeError(`concat(): Expected an array of tensors, got ${kindOf(parts)}`);
  if (typeof axis !== "number") {
    throw new TypeError(`concat(): Expected \`axis\` as a number, got ${kindOf(axis)}: write concat(parts, 1)`);
  }
  parts.forEach((part, index) => requireTensor("concat", `parts[${index}]`, part));
  const [first] = parts;
  if (first === undefined) throw new TypeError("concat(): Expected at least one tensor, got none");
  return applyOne("concat", parts, { axis: axisOf("concat", axis, first.rank) });
}

/** The values in another dtype. */
export function cast(x: Tensor, dtype: DtypeName): Tensor {
  return applyOne("cast", [x], { dtype });
}

/** The values in a dtype: the tensor itself where that is its own, else a cast, which gradients pass through. */
export function inDtype(x: Tensor, dtype: DtypeName): Tensor {
  return x.dtype === dtype ? x : cast(x, dtype);
}

/** A copy of the values. */
export function clone(x: Tensor): Tensor {
  return isFloat(x.dtype) ? affine(x, 1, 0) : cast(x, x.dtype);
}

/**
 * y[i] = table[index[i]], rows of the first axis; `index` is i32.
 *
 * The table's gradient sums over the places where a row was taken, by a product with the one-hot index: for tables of some
 * thousand rows.
 */
export function gatherRows(table: Tensor, index: Tensor): Tensor {
  requireTensor("gatherRows", "table", table);
  requireTensor("gatherRows", "index", index);
  return gather(table, index);
}

const gather = defineOp({
  name: "gatherRows",
  forward: (table: Tensor, index: Tensor) => applyOne("gather_rows", [table, index], {}),
  backward: (dy, { inputs: [table, index] }) => {
    const [rows = 0] = table.shape;
    const chosen = oneHot(index.reshape([index.size]), { classes: rows, dtype: dy.dtype });
    const sums = matmul(chosen, dy.reshape([index.size, rows === 0 ? 0 : table.size / rows]), { transposeA: true });
    return [sums.reshape(table.shape), null];
  },
});

/** Labels [n] (i32) to [n, classes] with a 1 in each row. */
export function oneHot(labels: Tensor, options: { classes: number; dtype?: DtypeName }): Tensor {
  requireTensor("oneHot", "labels", labels);
  requireOptions("oneHot", options, "oneHot(labels, { classes: 10 })");
  if (!Number.isInteger(options.classes)) {
    throw new TypeError(`oneHot(): Expected \`classes\` as a whole number, got ${kindOf(options.classes)}`);
  }
  return applyOne("one_hot", [labels], { classes: options.classes, dtype: options.dtype ?? "f32" });
}

export const reshapeRule: GradientRule<"reshape"> = {
  backward: ([dy], { inputShapes: [shape = []] }) => [dy!.reshape(shape)],
};

export const rowsRule: GradientRule<"rows"> = {
  backward: ([dy], { params: { start, count }, inputShapes: [shape = []] }) => {
    const zeros = shape.map(() => 0);
    return [pad(dy!, { before: zeros.with(0, start), after: zeros.with(0, shape[0]! - start - count) })];
  },
};

export const sliceRule: GradientRule<"slice"> = {
  backward: ([dy], { params, inputShapes: [shape = []] }) => {
    const starts = params.startsAndSizes.slice(0, shape.length);
    const after = shape.map((size, axis) => size - starts[axis]! - params.startsAndSizes[shape.length + axis]!);
    return [pad(dy!, { before: starts, after })];
  },
};

export const padRule: GradientRule<"pad"> = {
  backward: (
    [dy],
    { params, inputShapes: [shape = []] },
  ) => [slice(dy!, params.beforeAndAfter.slice(0, shape.length), shape)],
};

export const transposeRule: GradientRule<"transpose"> = {
  backward: (
    [dy],
    { params: { permutation } },
  ) => [transpose(dy!, permutation.map((_, axis) => permutation.indexOf(axis)))],
};

export const concatRule: GradientRule<"concat"> = {
  backward: ([dy], { params: { axis }, inputShapes, needs }) => {
    let start = 0;
    return inputShapes.map((shape, part) => {
      const starts = shape.map((_, i) => i === axis ? start : 0);
      start += shape[axis]!;
      return needs[part] ? slice(dy!, starts, shape) : null;
    });
  },
};

/** Gradients pass in the input's own dtype. */
export const castRule: GradientRule<"cast"> = {
  saveInputs: () => [0],
  backward: ([dy], call) => [cast(dy!, call.input(0).dtype)],
};
