/** Single images from the bytes of their files. */
import { DataError } from "../ffi/errors.ts";
import {
  type DecodeLimitValues,
  type RawDecoded,
  releaseDecode,
  runDecode,
  startDecode,
  takeDecode,
} from "../ffi/image_decode.ts";
import { kindOf, requireDevice, requireOptionsOf } from "../tensor/ops/checks.ts";
import { whole } from "./checks.ts";
import { defaultDevice, type Device } from "../tensor/device.ts";
import { Tensor } from "../tensor/tensor.ts";

/** What decoding one image may take; what needs more is refused with a DataError that names the limit. */
export interface DecodeLimits {
  /** Pixels of the image; by default 50 million. */
  pixels?: number;
  /** Pixels along one side; by default 65,535. */
  side?: number;
  /** Scans of a JPEG; by default 1,000. */
  scans?: number;
  /** Pixels times scans of a JPEG; by default 1,000 million. */
  work?: number;
  /** Bytes of memory, the image's own among them; by default 512 MiB. */
  memory?: number;
  /** Bytes of the file; by default 256 MiB. */
  fileBytes?: number;
}

/** How to decode an image. */
export interface DecodeOptions {
  /** What its shorter side is resized to, pixels, as PIL does (bilinear, antialiased); by default it stays as it is. */
  size?: number;
  /** Where the tensor lives; by default the default device. */
  device?: Device;
  /** Stops the decoding; the promise then rejects with the signal's reason. */
  signal?: AbortSignal;
  /** Whether a damaged file is an error, though it has pixels; by default false. */
  strict?: boolean;
  /** Is told why a file is damaged that is decoded all the same. */
  onDamage?: (reason: string) => void;
  /** Limits other than the usual ones. */
  limits?: DecodeLimits;
}

const optionNames = ["size", "device", "signal", "strict", "onDamage", "limits"] as const;
const limitNames = [
  "pixels",
  "side",
  "scans",
  "work",
  "memory",
  "fileBytes",
] as const satisfies readonly (keyof DecodeLimits)[];

/** Images that are decoded at once: each holds one of Deno's threads, which file I/O needs too. */
const atOnce = 2;

let running = 0;
const waiting: (() => void)[] = [];

/** Waits for a turn, or until the signal is aborted; the result ends it. */
async function turn(signal: AbortSignal | undefined): Promise<Disposable> {
  if (running < atOnce) running += 1;
  else {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const leave = (): void => {
      const place = waiting.indexOf(resolve);
      if (place < 0) return;
      waiting.splice(place, 1);
      reject(signal?.reason);
    };
    waiting.push(resolve);
    signal?.addEventListener("abort", leave);
    try {
      await promise;
    } finally {
      signal?.removeEventListener("abort", leave);
    }
  }
  return {
    [Symbol.dispose](): void {
      const next = waiting.shift();
      // The place goes to the next one, or is free.
      if (next === undefined) running -= 1;
      else next();
    },
  };
}

function limitsOf(limits: DecodeLimits): DecodeLimitValues {
  requireOptionsOf("decodeImage", limits, { example: "{ limits: { pixels: 1e8 } }", known: limitNames });
  const [pixels = 0, side = 0, scans = 0, work = 0, memory = 0, fileBytes = 0] = limitNames.map((name) => {
    const value = limits[name];
    if (value !== undefined) whole("decodeImage", `limits.${name}`, value, 1, Number.MAX_SAFE_INTEGER);
    return value ?? 0;
  });
  return [pixels, side, scans, work, memory, fileBytes];
}

/**
 * The pixels of a JPEG, PNG or WebP file, u8 [h, w, 3], grey and CMYK made RGB, not turned as an EXIF orientation says: as
 * PIL's `Image.open` and fastai give them. The tensor belongs to the caller.
 *
 * It is decoded on a thread of its own, two images at a time, while the event loop goes on. Files that libjpeg-turbo and PIL
 * decode with a warning are decoded to their pixels and told to `onDamage`; `docs/decoding.md` has the whole of it.
 *
 * Rejects with a DataError where the bytes are no such file, make no sense, or need more than the limits allow, with
 * `strict` also where they are damaged, and with the reason of `signal` once that is aborted.
 *
 * @example
 * ```ts
 * import { data } from "@libtrain/libtrain";
 *
 * const bytes = await Deno.readFile("tests/fixtures/images/baseline_420.jpg");
 * using pixels = await data.decodeImage(bytes, { size: 16 });
 * console.log(Math.min(...pixels.shape.slice(0, 2))); // 16
 * ```
 */
export async function decodeImage(bytes: Uint8Array<ArrayBuffer>, options: DecodeOptions = {}): Promise<Tensor> {
  if (!(bytes instanceof Uint8Array)) {
    throw new TypeError(`decodeImage(): Expected the bytes of a file as a Uint8Array, got ${kindOf(bytes)}`);
  }
  requireOptionsOf("decodeImage", options, { example: "decodeImage(bytes, { size: 128 })", known: optionNames });
  requireDevice("decodeImage", options.device);
  const { size = 0, signal, strict = false, onDamage, limits = {} } = options;
  whole("decodeImage", "size", size, 0, 16_384);
  const values = limitsOf(limits);
  signal?.throwIfAborted();
  try {
    const device = options.device ?? defaultDevice();
    const { raw, damage } = await decoded({ bytes, size, values, device, ...(signal && { signal }) });
    const pixels = new Tensor(device, raw);
    if (damage === "") return pixels;
    if (strict) {
      pixels.dispose();
      throw new DataError(`Damaged: ${damage}`);
    }
    onDamage?.(damage);
    return pixels;
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    throw new DataError(error.reason, { cause: error });
  }
}

async function decoded(
  { bytes, size, values, device, signal }: {
    bytes: Uint8Array<ArrayBuffer>;
    size: number;
    values: DecodeLimitValues;
    device: Device;
    signal?: AbortSignal;
  },
): Promise<RawDecoded> {
  using _turn = await turn(signal);
  signal?.throwIfAborted();
  const handle = startDecode(bytes, size, values);
  const stop = (): void => releaseDecode(handle);
  signal?.addEventListener("abort", stop);
  try {
    await runDecode(handle);
    signal?.throwIfAborted();
    return takeDecode(device.handle, handle);
  } catch (error) {
    // However it shows, it is the signal that ended it.
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener("abort", stop);
    releaseDecode(handle);
  }
}
