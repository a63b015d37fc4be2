/** The gradient cases of each op on a device: what a rule gives for uneven upstream gradients. */
import type { FloatName } from "../../lib/ffi/codes.ts";
import { type DifferentiableOp, type OpName, type OpParams, OPS } from "../../lib/ffi/generated/symbols.ts";
import { applyOne } from "../../lib/tensor/apply.ts";
import { tensor } from "../../lib/tensor/create.ts";
import type { Device } from "../../lib/tensor/device.ts";
import { scope } from "../../lib/tensor/scope.ts";
import type { Tensor } from "../../lib/tensor/tensor.ts";
import { GRAD_CASES, type GradCase, type GradInput, spread } from "./grad_cases.ts";

/** The names of the ops that have a gradient rule. */
export const differentiableOps = (Object.keys(OPS) as OpName[]).filter((name) =>
  OPS[name].differentiable
) as DifferentiableOp[];

/** A case's input on a device; floats are f64 unless `dtype` says so. */
export function gradInput(input: Exclude<GradInput, null>, device: Device, dtype: FloatName = "f64"): Tensor {
  if ("labels" in input) return tensor([...input.labels], undefined, { dtype: "i32", device });
  const { shape, low = -2, high = 2 } = input;
  const values = spread(shape.reduce((product, size) => product * size, 1), low, high);
  // Numbers that f32 has, so that every dtype computes on the same ones.
  const own = Float32Array.from(values);
  return tensor(dtype === "f64" ? Float64Array.from(own) : own, shape, { device, dtype });
}

/** Whether a case asks for the gradient of an input. */
export function isChecked(input: GradInput): boolean {
  return input !== null && !("labels" in input) && input.fixed !== true;
}

/** The gradients of all cases of an op by `case, input`, computed in a dtype. */
export async function ruleGradients(
  name: DifferentiableOp,
  { dtype, device }: { dtype: "f32" | "f64"; device: Device },
): Promise<Map<string, ArrayLike<number>>> {
  const found = new Map<string, ArrayLike<number>>();
  const cases: readonly GradCase<OpParams[DifferentiableOp]>[] = GRAD_CASES[name];
  for (const [at, { inputs, params }] of cases.entries()) {
    // A cast goes to what every device has.
    const own = "dtype" in params ? { ...params, dtype: "f32" as const } : params;
    const leaves = scope(() =>
      inputs.map((input, index) => {
        if (input === null) return null;
        const made = gradInput(input, device, dtype);
        return isChecked(inputs[index]!) ? made.requireGrad() : made;
      })
    );
    try {
      scope(() => {
        const y = applyOne(name, leaves, own);
        const weights = Float64Array.from({ length: y.size }, (_, i) => Math.fround(Math.sin(1 + 0.7 * i) + 0.1));
        y.mul(tensor(y.dtype === "f64" ? weights : Float32Array.from(weights), y.shape, { device })).sum().backward();
      });
      for (const [index, leaf] of leaves.entries()) {
        if (leaf?.grad) found.set(`case ${at}, input ${index}`, await leaf.grad.data());
      }
    } finally {
      for (const leaf of leaves) leaf?.dispose();
    }
  }
  return found;
}
