/** Saved numbers in the dtype of the tensor that they are for. */
import { widenBf16 } from "../ffi/bf16.ts";
import type { DtypeName } from "../ffi/codes.ts";
import type { SafeTensor } from "./safetensors.ts";

/** Floating-point numbers on the host; those of bf16 as f32. */
export type Floats = Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer>;

/** The numbers of a saved tensor of floats; undefined for others. */
export function floatsOf(saved: SafeTensor): Floats | undefined {
  if (saved.dtype === "F32" || saved.dtype === "F64") return saved.data;
  return saved.dtype === "BF16" ? widenBf16(saved.data) : undefined;
}

/** Floats as a tensor of a dtype is made of them. */
export function floatsFor(dtype: DtypeName, values: Floats): Floats {
  if (dtype === "f64") return values instanceof Float64Array ? values : Float64Array.from(values);
  return values instanceof Float32Array ? values : Float32Array.from(values);
}
