/** Ops that move values, and their gradients. */
import { type DtypeName, isFloat } from "../../ffi/codes.ts";
import { applyOne } from "../apply.ts";
import { gradEnabled, GraphNode, noGrad } from "../graph.ts";
import { noteRead } from "../recording.ts";
import type { GradientRule } from "../rules.ts";
import { scope } from "../scope.ts";
import { setNode, type Tensor } from "../tensor.ts";
import { kindOf, requireNumbers, requireOptionsOf, requireTensor } from "./checks.ts";
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
      throw new RangeError(`narrow(): Expected \`${name}\` as a whole number from 0, got ${kindOf(value)}`);
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
  requireOptionsOf("pad", options, {
    example: "pad(x, { before: [0, 1], after: [0, 1] })",
    known: ["before", "after", "value"],
    names: { pad: "the counts are called before and after here", mode: "what is around is one value here" },
  });
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

/** Whether shapes are the same. */
function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis]);
}

/**
 * Tensors of one shape along a new axis: [..] each to [.., parts, ..].
 *
 * `axis` is where the new one is in the result, by default 0; negative ones count from its end.
 *
 * @example
 * ```ts
 * import { stack, tensor } from "@libtrain/libtrain";
 *
 * using a = tensor([1, 2, 3]);
 * using b = tensor([4, 5, 6]);
 * using rows = stack([a, b]);
 * using columns = stack([a, b], 1);
 * console.log(rows.shape, columns.shape); // [2, 3] [3, 2]
 * ```
 */
export function stack(parts: readonly Tensor[], axis = 0): Tensor {
  if (!Array.isArray(parts)) throw new TypeError(`stack(): Expected an array of tensors, got ${kindOf(parts)}`);
  if (typeof axis !== "number") {
    throw new TypeError(`stack(): Expected \`axis\` as a number, got ${kindOf(axis)}: write stack(parts, 1)`);
  }
  parts.forEach((part, index) => requireTensor("stack", `parts[${index}]`, part));
  const [first] = parts;
  if (first === undefined) throw new TypeError("stack(): Expected at least one tensor, got none");
  const other = parts.findIndex(({ shape }) => !sameShape(shape, first.shape));
  if (other >= 0) {
    throw new TypeError(
      `stack(): Expected tensors of one shape, got [${first.shape.join(", ")}] and [${
        parts[other]!.shape.join(", ")
      }] (parts[${other}]): concat() joins along an axis that is there`,
    );
  }
  const at = axisOf("stack", axis, first.rank + 1);
  const shape = first.shape.toSpliced(at, 0, 1);
  return scope(() => applyOne("concat", parts.map((part) => part.reshape(shape)), { axis: at }));
}

/** Parts along an axis: of one size, of which the last may be smaller, or of the sizes given. */
export function split(x: Tensor, sizes: number | readonly number[], axis: number): Tensor[] {
  if (typeof axis !== "number") {
    throw new TypeError(`split(): Expected \`axis\` as a number, got ${kindOf(axis)}: write split(2, 1)`);
  }
  const at = axisOf("split", axis, x.rank);
  const whole = x.shape[at]!;
  const lengths = typeof sizes === "number" ? equalParts(sizes, whole) : sizes;
  requireNumbers("split", "sizes", lengths, "split([…])");
  const isCount = (size: number): boolean => Number.isInteger(size) && size >= 0;
  if (!lengths.every(isCount) || lengths.reduce((sum, size) => sum + size, 0) !== whole) {
    throw new RangeError(
      `split(): Expected sizes that add up to ${whole}, the size of axis ${at} of shape [${x.shape.join(", ")}], got ` +
        `[${lengths.join(", ")}]`,
    );
  }
  noteRead([x]);
  let start = 0;
  const parts = noGrad(() =>
    lengths.map((length) => {
      const from = start;
      start += length;
      if (at === 0) return narrow(x, from, length);
      return slice(x, x.shape.map((_, axis) => axis === at ? from : 0), x.shape.with(at, length));
    })
  );
  if (!gradEnabled() || !x.requiresGrad) return parts;
  const node = new GraphNode({ op: "split", inputs: [x], outputs: parts, saved: [], backward: joined(x, lengths, at) });
  parts.forEach((part, output) => setNode(part, { node, output }));
  return parts;
}

/** A function of its own, as a closure would keep the parts alive, and they their graph: dx is the dy joined. */
function joined(
  { shape, dtype, device }: Tensor,
  lengths: readonly number[],
  axis: number,
): (dy: readonly (Tensor | null)[]) => readonly Tensor[] {
  return (dy) => {
    // A part without a consumer gets no gradient.
    const zeros = (length: number): Tensor =>
      applyOne("full", [], { dtype, value: 0, shape: shape.with(axis, length) }, { device });
    return [concat(lengths.map((length, part) => dy[part] ?? zeros(length)), axis)];
  };
}

/** Sizes of the parts of a whole, all the same but the last. */
function equalParts(size: number, whole: number): number[] {
  if (!Number.isInteger(size) || size < 1) {
    throw new RangeError(
      `split(): Expected \`sizes\` as a whole number from 1, or an array of sizes, got ${kindOf(size)}`,
    );
  }
  return Array.from({ length: Math.ceil(whole / size) }, (_, part) => Math.min(size, whole - part * size));
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
 * Rows of the first axis by number: y[i, ..] = table[index[i], ..], for an index (i32) of any shape; the result has the
 * index's shape, then that of a row. A number outside the table is a late error.
 *
 * The table's gradient has in each row the sum over the places that took it, added up in their order in f64.
 *
 * @example
 * ```ts
 * import { gatherRows, tensor } from "@libtrain/libtrain";
 *
 * using table = tensor([[1, 2], [3, 4], [5, 6]]);
 * using index = tensor([[2, 0], [2, 1]], { dtype: "i32" });
 * using rows = gatherRows(table, index);
 * console.log(rows.shape); // [2, 2, 2]
 * ```
 */
export function gatherRows(table: Tensor, index: Tensor): Tensor {
  requireTensor("gatherRows", "table", table);
  requireTensor("gatherRows", "index", index);
  if (index.dtype !== "i32") {
    throw new TypeError(
      `gatherRows(): Expected \`index\` of dtype i32, got ${index.dtype}: make it with { dtype: "i32" }, or call ` +
        `to("i32") on it`,
    );
  }
  if (table.rank === 0) {
    throw new TypeError("gatherRows(): Expected `table` with rows [n, ..], got shape []: reshape([1]) makes one of it");
  }
  if (index.rank === 1) return applyOne("gather_rows", [table, index], {});
  return scope(() =>
    applyOne("gather_rows", [table, index.reshape([index.size])], {})
      .reshape([...index.shape, ...table.shape.slice(1)])
  );
}

/** Labels [n] (i32) to [n, classes] with a 1 in each row. */
export function oneHot(labels: Tensor, options: { classes: number; dtype?: DtypeName }): Tensor {
  requireTensor("oneHot", "labels", labels);
  requireOptionsOf("oneHot", options, {
    example: "oneHot(labels, { classes: 10 })",
    known: ["classes", "dtype"],
    names: {
      num_classes: "it is called classes here",
      numClasses: "it is called classes here",
      depth: "it is called classes here",
    },
  });
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

/** The index gets no gradient. */
export const gatherRowsRule: GradientRule<"gather_rows"> = {
  saveInputs: () => [1],
  backward: ([dy], call) => [
    applyOne("gather_rows_backward", [call.input(1), dy!], { rows: call.inputShapes[0]![0]! }),
    null,
  ],
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
