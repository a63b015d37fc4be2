/** The typed array of each dtype. */
import type { DtypeName } from "../ffi/codes.ts";

/** The typed array of a dtype's values. */
export type TypedArrayOf<Dtype extends DtypeName> = Dtype extends "f32" ? Float32Array<ArrayBuffer>
  : Dtype extends "f64" ? Float64Array<ArrayBuffer>
  : Dtype extends "i32" ? Int32Array<ArrayBuffer>
  : Uint8Array<ArrayBuffer>;

/** Values read back from a device. */
export type TensorData = TypedArrayOf<DtypeName>;

/** The classes by dtype. */
export const ARRAYS = { f32: Float32Array, f64: Float64Array, i32: Int32Array, u8: Uint8Array } as const;
