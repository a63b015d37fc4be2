/**
 * The stored cases of the ops in bf16. A case's own inputs are rounded to bf16 first, and what the reference kernels make
 * of the rounded ones in f64 is what the result must be within one rounding.
 */
import { roundToBf16, widenBf16 } from "../../lib/ffi/bf16.ts";
import type { DtypeName } from "../../lib/ffi/codes.ts";
import type { Device } from "../../lib/tensor/device.ts";
import type { Tensor } from "../../lib/tensor/tensor.ts";
import type { SafeTensor } from "../../lib/checkpoint/safetensors.ts";
import type { OpCase, OpRow } from "./op_cases.ts";
import { disposeAll, enqueue } from "./run_case.ts";

/** What of an op stays f32 where the rest is bf16, by the number of the input or output. */
interface Wide {
  readonly inputs?: readonly number[];
  readonly outputs?: readonly number[];
}

const WIDE: Readonly<Record<string, Wide>> = {
  equal: { outputs: [0] },
  greater: { outputs: [0] },
  sample_draws: { outputs: [0] },
  greater_equal: { outputs: [0] },
  less: { outputs: [0] },
  less_equal: { outputs: [0] },
  where: { inputs: [0] },
  image_batch: { outputs: [0] },
  crop_batch: { outputs: [0] },
  batch_norm: { inputs: [1, 2], outputs: [1, 2] },
  batch_norm_backward: { inputs: [2, 3, 4, 5], outputs: [1, 2] },
  batch_norm_eval: { inputs: [1, 2, 3, 4] },
  batch_norm_eval_backward: { inputs: [2, 3, 4, 5], outputs: [1, 2] },
  conv2d_bias_act: { inputs: [2] },
  group_norm: { inputs: [1, 2], outputs: [1, 2] },
  group_norm_backward: { inputs: [2, 3, 4], outputs: [1, 2] },
  squeeze_excitation: { inputs: [1, 2, 3, 4], outputs: [1, 2, 3] },
  squeeze_excitation_backward: { inputs: [2, 3, 4, 5, 6], outputs: [1, 2, 3, 4] },
  cross_entropy: { inputs: [1], outputs: [0] },
  cross_entropy_backward: { inputs: [1, 2] },
};

/** Ops that refuse bf16, as what they write adds up over many steps. */
export const MASTERS: readonly string[] = ["sgd_step", "adamw_step", "ranger_step", "update_running_stats"];

/** Whether a case has a counterpart in bf16: one with floats, whose dtypes are not fixed. */
export function hasLowCase({ name }: OpRow, each: OpCase): boolean {
  if (MASTERS.includes(name) || each.inputDtypes !== undefined) return false;
  const dtype = each.params["dtype"];
  return each.inputs.some(isFloat) || (each.inputs.length === 0 && dtype === "f32");
}

/** The dtype of an output of a case in bf16; undefined for one of whole numbers. */
export function lowDtype({ name }: OpRow, output: number, stored: SafeTensor): "bf16" | "f32" | undefined {
  if (!isFloat(stored)) return undefined;
  return WIDE[name]?.outputs?.includes(output) ? "f32" : "bf16";
}

/** A case with inputs that bf16 holds, and with what the device makes of them in f64. */
export async function lowCase(row: OpRow, each: OpCase, reference: Device): Promise<OpCase> {
  const inputDtypes = each.inputs.map((input, index) =>
    input === null || !isFloat(input) ? "" : WIDE[row.name]?.inputs?.includes(index) ? "f32" : "bf16"
  );
  const inputs = each.inputs.map((input, index) => rounded(input, inputDtypes[index]!));
  const upstream = each.upstream.map((dy, index) =>
    rounded(dy, WIDE[row.name]?.outputs?.includes(index) ? "f32" : "bf16")
  );
  const made = each.params["dtype"] !== undefined && each.inputs.length === 0;
  const inDtype = (dtype: DtypeName): OpCase["params"] => made ? { ...each.params, dtype } : each.params;
  const exact: OpCase = { ...each, inputs, upstream, params: inDtype("f64") };
  const run = enqueue(row, exact, reference, "f64");
  try {
    const outputs: (SafeTensor | null)[] = [];
    for (const output of each.outputs) {
      outputs.push(output === null ? null : await stored(run.outputs[outputs.filter((each) => each !== null).length]!));
    }
    const grads = await Promise.all(
      each.grads.map((gradient, index) => gradient === null ? null : stored(run.inputs[index]!.grad!)),
    );
    const mutated = await Promise.all(
      each.mutated.map((value, index) => value === null ? null : stored(run.inputs[index]!)),
    );
    return { ...exact, params: inDtype("bf16"), inputDtypes, outputs, grads, mutated };
  } finally {
    disposeAll(run);
  }
}

function isFloat(stored: SafeTensor | null): boolean {
  return stored?.dtype === "F64" || stored?.dtype === "F32";
}

/** A stored tensor with values that a dtype holds. */
function rounded(input: SafeTensor | null, dtype: string): SafeTensor | null {
  if (input === null || !isFloat(input)) return input;
  const single = Float32Array.from(input.data as ArrayLike<number>);
  const values = dtype === "bf16" ? widenBf16(roundToBf16(single)) : single;
  return { dtype: "F64", shape: input.shape, data: Float64Array.from(values) };
}

async function stored(tensor: Tensor): Promise<SafeTensor> {
  const names = { f32: "F32", f64: "F64", bf16: "F32", i32: "I32", u8: "U8" } as const;
  return { dtype: names[tensor.dtype], shape: tensor.shape, data: await tensor.data() } as SafeTensor;
}
