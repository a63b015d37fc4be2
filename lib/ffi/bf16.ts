/** bfloat16, which JavaScript has no number for: the upper 16 bits of an f32. */

/** The bits of the nearest bf16 of each number, of two as near the even one; NaN stays NaN. */
export function roundToBf16(values: Float32Array<ArrayBuffer>): Uint16Array<ArrayBuffer> {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const rounded = new Uint16Array(values.length);
  for (let i = 0; i < rounded.length; i++) {
    const each = bits[i]!;
    // The quiet bit keeps a NaN from becoming infinity.
    const upper = Number.isNaN(values[i]) ? (each >>> 16) | 0x40 : (each + 0x7fff + ((each >>> 16) & 1)) >>> 16;
    rounded[i] = upper;
  }
  return rounded;
}

/** The numbers of bf16 bits. */
export function widenBf16(bits: Uint16Array): Float32Array<ArrayBuffer> {
  const values = new Uint32Array(bits.length);
  for (let i = 0; i < values.length; i++) values[i] = bits[i]! << 16;
  return new Float32Array(values.buffer);
}
