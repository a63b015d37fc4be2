/** Typed forms of the library's functions that decode one image. */
import { type Handle, out, type RawTensor, tensorAt } from "./call.ts";
import { symbols } from "./library.ts";
import { check, textAt } from "./out.ts";

/** Limits of a decode in the order that the library takes them; 0 for each default. */
export type DecodeLimitValues = readonly [
  pixels: number,
  side: number,
  scans: number,
  work: number,
  memory: number,
  fileBytes: number,
];

/** Takes a copy of a file's bytes, to be decoded with its short side at `shortSide` pixels (0: as it is). */
export function startDecode(
  bytes: Uint8Array<ArrayBuffer>,
  shortSide: number,
  limits: DecodeLimitValues,
): Handle {
  const options = new Float64Array([shortSide, ...limits]);
  check(
    symbols().lt_image_decode_start(bytes, bytes.byteLength, options, options.byteLength, out, out.byteLength),
    out,
  );
  return { slot: out[0]!, generation: out[1]! };
}

/** Decodes on a thread of Deno's; whether it came to its end, and was not stopped by {@linkcode releaseDecode}. */
export async function runDecode({ slot, generation }: Handle): Promise<boolean> {
  const words = new Uint32Array(1024);
  check(await symbols().lt_image_decode_run(slot, generation, words, words.byteLength), words);
  return words[0] === 0;
}

/** A decoded image: u8 [h, w, 3]. */
export interface RawDecoded {
  readonly raw: RawTensor;
  /** Why the file is damaged; empty where it is not. */
  readonly damage: string;
}

/** What was decoded, as a tensor of a queue; lets go of the handle. */
export function takeDecode(queue: Handle, { slot, generation }: Handle): RawDecoded {
  check(
    symbols().lt_image_decode_take(queue.slot, queue.generation, slot, generation, out, out.byteLength),
    out,
  );
  const raw = tensorAt(0);
  // Height and width of the file's image stand between.
  return { raw, damage: textAt(out, 4 + raw.shape.length + 2) };
}

/** Lets go of it; where it is being decoded, that ends soon. */
export function releaseDecode({ slot, generation }: Handle): void {
  check(symbols().lt_image_decode_release(slot, generation, out, out.byteLength), out);
}
