import { LibtrainError } from "../ffi/errors.ts";

/** An array of bytes with its shape, as an IDX file (the format of MNIST) holds it. */
export interface IdxArray {
  /** Sizes of its axes. */
  readonly shape: readonly number[];
  /** Its bytes, the last axis fastest. */
  readonly data: Uint8Array<ArrayBuffer>;
}

/** A file that is not what it should be: a data set's file cut short, of another kind, or changed. */
export class DataFileError extends LibtrainError {
  /** Tells this error from others, in logs too. */
  override name = "DataFileError";
}

const unsignedBytes = 0x08;

function refuse(file: string, what: string): never {
  throw new DataFileError(`Cannot read "${file}" as an IDX file: ${what}: get the file anew`);
}

/**
 * Parses an IDX file of unsigned bytes with `axes` axes: two zero bytes, the kind of number, the number of axes, their
 * sizes as big-endian 32-bit numbers, the data. `data` is a view into `bytes`.
 */
export function parseIdx(bytes: Uint8Array<ArrayBuffer>, options: { file: string; axes: number }): IdxArray {
  const { file, axes } = options;
  const headerBytes = 4 + 4 * axes;
  if (bytes.length < headerBytes) refuse(file, `expected at least ${headerBytes} bytes, got ${bytes.length}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const magic = view.getUint32(0);
  const wanted = unsignedBytes << 8 | axes;
  if (magic !== wanted) {
    refuse(file, `expected the magic number ${wanted} (unsigned bytes, ${axes} axes), got ${magic}`);
  }
  const shape = Array.from({ length: axes }, (_, axis) => view.getUint32(4 + 4 * axis));
  const elements = shape.reduce((product, size) => product * size, 1);
  const left = bytes.length - headerBytes;
  if (elements !== left) {
    refuse(file, `its shape [${shape.join(", ")}] needs ${elements} bytes of data, the file has ${left}`);
  }
  return { shape, data: bytes.subarray(headerBytes) };
}
