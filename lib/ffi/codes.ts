/** The codes that cross the ABI, by their names in TypeScript. */

/** Codes of the dtypes. */
export const DTYPE_CODES = { f32: 0, f64: 1, bf16: 2, i32: 3, u8: 4 } as const;

/** The name of an element type: f32 (the default), f64 (the CPU's reference kernels), bf16 (half the memory), i32, u8. */
export type DtypeName = keyof typeof DTYPE_CODES;

/** The dtypes that can be differentiated. */
export type FloatName = "f32" | "f64" | "bf16";

/** Whether a dtype can be differentiated. */
export function isFloat(dtype: DtypeName): dtype is FloatName {
  return dtype === "f32" || dtype === "f64" || dtype === "bf16";
}

/** Codes of the activations that fused ops apply. */
export const ACTIVATION_CODES = { none: 0, relu: 1, mish: 2, silu: 3, gelu: 4, sigmoid: 5, tanh: 6 } as const;

/** The name of an activation. */
export type ActivationName = keyof typeof ACTIVATION_CODES;

const DTYPE_NAMES = new Map(Object.entries(DTYPE_CODES).map(([name, code]) => [code as number, name as DtypeName]));

/** The dtype of a code that the library wrote. */
export function dtypeOf(code: number): DtypeName {
  const name = DTYPE_NAMES.get(code);
  if (name === undefined) throw new Error(`Expected the code of a dtype from the library, got ${code}`);
  return name;
}
