/** Reductions over axes, their opposite, and their gradients. */
import type { OpParams } from "../../ffi/generated/symbols.ts";
import { applyOne } from "../apply.ts";
import type { GradientRule } from "../rules.ts";
import type { Tensor } from "../tensor.ts";
import type { ReduceOptions } from "../tensor_methods.ts";
import { equal } from "./binary.ts";
import { kindOf, requireNumbers, requireOptionsOf } from "./checks.ts";
import { inDtype } from "./shape.ts";
import { fullLike } from "./writing.ts";

/** An axis counted from the start; negative ones count from the end. */
export function axisOf(op: string, axis: number, rank: number): number {
  if (typeof axis !== "number") throw new TypeError(`${op}(): Expected an axis as a number, got ${kindOf(axis)}`);
  const index = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(axis) || index < 0 || index >= rank) {
    throw new RangeError(`${op}(): Expected an axis from ${-rank} to ${rank - 1}, got ${axis}`);
  }
  return index;
}

/** A reduction over axes, or over all. */
export function reduce(
  op: "sum" | "mean" | "max" | "min",
  x: Tensor,
  axes: number | readonly number[] | undefined,
  options: ReduceOptions,
): Tensor {
  const resolved = axesOf(op, x, axes);
  requireOptionsOf(op, options, { example: `${op}(0, { keepDims: true })`, known: ["keepDims"] });
  return applyOne(op, [x], { keepDims: options.keepDims ?? false, axes: resolved });
}

/** The axes to reduce, counted from the start; where none are given, all. */
export function axesOf(op: string, x: Tensor, axes: number | readonly number[] | undefined): number[] {
  requireAxes(op, axes);
  const list = axes === undefined ? x.shape.map((_, axis) => axis) : typeof axes === "number" ? [axes] : axes;
  const resolved = list.map((axis) => axisOf(op, axis, x.rank));
  if (new Set(resolved).size !== resolved.length) {
    throw new RangeError(`${op}(): Expected distinct axes, got [${list}]`);
  }
  return resolved;
}

/** PyTorch and NumPy name the axes, and TypeScript's options are objects: both lead to `{ axis: 0 }`. */
function requireAxes(op: string, axes: unknown): void {
  const list = Array.isArray(axes) ? axes : axes === undefined ? [] : [axes];
  if (list.every((axis) => typeof axis === "number")) return;
  throw new TypeError(
    `${op}(): Expected axes as a number or an array of numbers, got ${kindOf(axes)}: write ${op}(0)` +
      (op === "argmax" ? "" : `, ${op}([0, 1]) or ${op}(0, { keepDims: true })`),
  );
}

/** The index of the first largest value along an axis. */
export function argmax(x: Tensor, axis: number): Tensor {
  requireAxes("argmax", axis);
  return applyOne("argmax", [x], { axis: axisOf("argmax", axis, x.rank) });
}

/** x repeated to a shape. */
export function broadcastTo(x: Tensor, shape: readonly number[]): Tensor {
  requireNumbers("broadcastTo", "shape", shape, "broadcastTo([…])");
  return applyOne("broadcast_to", [x], { shape });
}

/** Sums a tensor down to a shape that broadcasts to its own: the opposite of broadcasting. */
export function sumTo(x: Tensor, shape: readonly number[]): Tensor {
  if (x.rank === shape.length && x.shape.every((size, axis) => size === shape[axis])) return x;
  const lead = x.rank - shape.length;
  const axes = x.shape.flatMap((size, axis) => axis < lead || (shape[axis - lead] === 1 && size !== 1) ? [axis] : []);
  return axes.length > 0 ? x.sum(axes, { keepDims: true }).reshape(shape) : x.reshape(shape);
}

/** The shape with the reduced axes kept as 1; no axes given means all. */
function keptShape(shape: readonly number[], axes: readonly number[]): number[] {
  return shape.map((size, axis) => axes.length === 0 || axes.includes(axis) ? 1 : size);
}

/** How many values each sum has. */
export function countOf(shape: readonly number[], axes: readonly number[]): number {
  return shape.reduce((count, size, axis) => axes.length === 0 || axes.includes(axis) ? count * size : count, 1);
}

/** d sum: dy repeated. */
export const sumRule: GradientRule<"sum"> = {
  backward: ([dy], { params, inputShapes: [shape = []] }) => [
    broadcastTo(dy!.reshape(keptShape(shape, params.axes)), shape),
  ],
};

/** d mean: dy / count repeated. */
export const meanRule: GradientRule<"mean"> = {
  backward: ([dy], { params, inputShapes: [shape = []] }) => [
    broadcastTo(dy!.mul(1 / countOf(shape, params.axes)).reshape(keptShape(shape, params.axes)), shape),
  ],
};

/** d max and d min: dy goes to the values that are the result, in equal parts; of NaN, to those that are NaN. */
function extremeRule<Name extends "max" | "min">(): GradientRule<Name> {
  return {
    saveInputs: () => [0],
    saveOutputs: () => [0],
    backward: ([dy], call) => {
      const [x, { axes }] = [call.input(0), call.params as OpParams["max"]];
      const kept = keptShape(call.inputShapes[0]!, axes);
      const y = call.output(0).reshape(kept);
      // A result that is no number is that of the values that are none.
      const isNumber = (values: Tensor): Tensor => equal(values, values);
      const mask = applyOne("where", [isNumber(y), equal(x, y), equal(isNumber(x), 0)], {});
      const ties = mask.sum(axes.length === 0 ? undefined : axes, { keepDims: true });
      // The mask of bf16 is f32, which counts ties beyond 256 too.
      const share = inDtype(dy!.reshape(kept), mask.dtype).div(ties.reshape(kept));
      const others = fullLike(share, 0, []);
      return [inDtype(applyOne("where", [mask, share, others], {}), x.dtype)];
    },
  };
}

/** Rules of the largest and the smallest value. */
export const extremeRules = { max: extremeRule<"max">(), min: extremeRule<"min">() };

/** d broadcast_to: dy summed back. */
export const broadcastToRule: GradientRule<"broadcast_to"> = {
  backward: ([dy], { inputShapes: [shape = []] }) => [sumTo(dy!, shape)],
};
