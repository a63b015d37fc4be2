/** A model's answers in a dtype of the caller's choice. */
import { requireForward } from "../nn/checks.ts";
import { type FloatName, isFloat } from "../ffi/codes.ts";
import type { Module } from "../nn/module.ts";
import { kindOf, requireChoice } from "../tensor/ops/checks.ts";
import { inDtype } from "../tensor/ops/shape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { leavesOf, mapTensors, type Tensors } from "../tensor/tensors.ts";

/**
 * A model's output for its inputs, of which floats are cast to `dtype` first where one is given; what comes in bf16 is given
 * as f32, as a loss needs more digits than it has.
 */
export function logitsOf<In extends Tensors, Out extends Tensors>(
  model: Module<In, Out>,
  inputs: In,
  dtype: FloatName | undefined,
): Out {
  requireForward("logitsOf", "model", model);
  if (dtype !== undefined) requireChoice("logitsOf", "dtype", dtype, ["f32", "f64", "bf16"]);
  leavesOf(inputs, "logitsOf", "inputs");
  const given = dtype === undefined ? inputs : mapTensors(inputs, (x) => isFloat(x.dtype) ? inDtype(x, dtype) : x);
  const output = model.forward(given);
  // A tensor of the usual kind stays the one that it is.
  if (output instanceof Tensor && output.dtype !== "bf16") return output;
  requireOutput(model, output);
  return mapTensors(output, (y) => y.dtype === "bf16" ? inDtype(y, "f32") : y);
}

/** Refuses what is neither a tensor nor several of them. */
function requireOutput(model: object, output: unknown): void {
  if (typeof output === "object" && output !== null && !(output instanceof Promise)) return;
  const wanted = `Expected forward() of ${model.constructor.name} to give a Tensor, or several in arrays and objects`;
  if (output instanceof Promise) throw new TypeError(`${wanted}, got a promise: it cannot be async`);
  throw new TypeError(`${wanted}, got ${output === undefined ? "nothing: is there a return?" : kindOf(output)}`);
}
