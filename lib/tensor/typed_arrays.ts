/** The typed array of each dtype. */
import { roundToBf16, widenBf16 } from "../ffi/bf16.ts";
import { DTYPE_BYTES, type DtypeName } from "../ffi/codes.ts";
import { withArrays } from "../ffi/errors.ts";

/** The typed array of a dtype's values; those of bf16 are given as f32, which holds each of them. */
export type TypedArrayOf<Dtype extends DtypeName> = Dtype extends "f32" | "bf16" ? Float32Array<ArrayBuffer>
  : Dtype extends "f64" ? Float64Array<ArrayBuffer>
  : Dtype extends "i32" ? Int32Array<ArrayBuffer>
  : Uint8Array<ArrayBuffer>;

/** Values read back from a device. */
export type TensorData = TypedArrayOf<DtypeName>;

/** The classes by dtype. */
export const ARRAYS = {
  f32: Float32Array,
  f64: Float64Array,
  bf16: Float32Array,
  i32: Int32Array,
  u8: Uint8Array,
} as const;

/** The values of a dtype as the device holds them. */
export function bytesOf(values: TensorData, dtype: DtypeName): Uint8Array<ArrayBuffer> {
  const held = dtype === "bf16"
    ? withArrays("tensor", 2 * values.length, () => roundToBf16(values as TypedArrayOf<"bf16">))
    : values;
  return new Uint8Array(held.buffer, held.byteOffset, held.byteLength);
}

/** Values to be read: where the device writes its bytes, and what they are then. */
export function readerOf(dtype: DtypeName, size: number): { bytes: Uint8Array<ArrayBuffer>; values(): TensorData } {
  const held = withArrays(
    "data",
    DTYPE_BYTES[dtype] * size,
    () => dtype === "bf16" ? new Uint16Array(size) : new ARRAYS[dtype](size),
  );
  return {
    bytes: new Uint8Array(held.buffer),
    values: () => held instanceof Uint16Array ? withArrays("data", 4 * size, () => widenBf16(held)) : held,
  };
}
