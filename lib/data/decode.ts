/** Single images from the bytes of their files. */
import { kindOf, requireDevice, requireOptions } from "../tensor/ops/checks.ts";
import { DataError } from "../ffi/errors.ts";
import { decodeImage as decode } from "../ffi/image.ts";
import { whole } from "./checks.ts";
import { defaultDevice, type Device } from "../tensor/device.ts";
import { Tensor } from "../tensor/tensor.ts";

/** How to decode an image. */
export interface DecodeOptions {
  /** What its shorter side is resized to, pixels, as PIL does (bilinear, antialiased); by default it stays as it is. */
  size?: number;
  /** Where the tensor lives; by default the default device. */
  device?: Device;
}

/**
 * The pixels of a JPEG or PNG file, u8 [h, w, 3], grey and CMYK made RGB, not turned as an EXIF orientation says: as PIL's
 * `Image.open` and fastai give them. The tensor belongs to the caller.
 *
 * Throws a DataError where the bytes are no such file, are cut off, or would make an image too large.
 *
 * @example
 * ```ts
 * import { data } from "@libtrain/libtrain";
 *
 * const bytes = await Deno.readFile("tests/fixtures/images/baseline_420.jpg");
 * using pixels = data.decodeImage(bytes, { size: 16 });
 * console.log(Math.min(...pixels.shape.slice(0, 2))); // 16
 * ```
 */
export function decodeImage(bytes: Uint8Array<ArrayBuffer>, options: DecodeOptions = {}): Tensor {
  if (!(bytes instanceof Uint8Array)) {
    throw new TypeError(`decodeImage(): Expected \`bytes\` as a Uint8Array, got ${kindOf(bytes)}`);
  }
  requireOptions("decodeImage", options, "decodeImage(bytes, { size: 128 })");
  requireDevice("decodeImage", options.device);
  const { size = 0 } = options;
  const device = options.device ?? defaultDevice();
  whole("decodeImage", "size", size, 0, 16_384);
  try {
    return new Tensor(device, decode(device.handle, bytes, size).raw);
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    throw new DataError(error.reason, { cause: error });
  }
}
