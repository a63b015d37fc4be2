/** The codes that cross the ABI, by their names in TypeScript. */

/** The name of an element type: f32 (the default), f64 (the CPU's reference kernels), bf16 (half the memory), i32, u8. */
export type DtypeName = "f32" | "f64" | "bf16" | "i32" | "u8";

/** Codes of the dtypes. */
export const DTYPE_CODES: Readonly<Record<DtypeName, number>> = { f32: 0, f64: 1, bf16: 2, i32: 3, u8: 4 };

/** Bytes of an element. */
export const DTYPE_BYTES: Readonly<Record<DtypeName, number>> = { f32: 4, f64: 8, bf16: 2, i32: 4, u8: 1 };

/** The dtypes that can be differentiated. */
export type FloatName = "f32" | "f64" | "bf16";

/** Whether a dtype can be differentiated. */
export function isFloat(dtype: DtypeName): dtype is FloatName {
  return dtype === "f32" || dtype === "f64" || dtype === "bf16";
}

/** The name of an activation. */
export type ActivationName = "none" | "relu" | "mish" | "silu" | "gelu" | "sigmoid" | "tanh";

/** Codes of the activations that fused ops apply. */
export const ACTIVATION_CODES: Readonly<Record<ActivationName, number>> = {
  none: 0,
  relu: 1,
  mish: 2,
  silu: 3,
  gelu: 4,
  sigmoid: 5,
  tanh: 6,
};

const DTYPE_NAMES = new Map(Object.entries(DTYPE_CODES).map(([name, code]) => [code as number, name as DtypeName]));

/** The dtype of a code that the library wrote. */
export function dtypeOf(code: number): DtypeName {
  const name = DTYPE_NAMES.get(code);
  if (name === undefined) throw new Error(`Expected the code of a dtype from the library, got ${code}`);
  return name;
}
