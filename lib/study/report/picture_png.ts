/** Pictures as PNG files (PNG specification, third edition), to stand in a page. */
import { Buffer } from "node:buffer";
import { crc32, deflateSync } from "node:zlib";
import type { Picture } from "./page.ts";

const signature = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);

function chunk(type: string, data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(12 + data.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, data.length);
  bytes.set(new TextEncoder().encode(type), 4);
  bytes.set(data, 8);
  view.setUint32(8 + data.length, crc32(bytes.subarray(4, 8 + data.length)));
  return bytes;
}

/** The predictor that PNG calls Paeth: the neighbour that is nearest to left + above - upper left. */
function paeth(left: number, above: number, corner: number): number {
  const guess = left + above - corner;
  const [toLeft, toAbove, toCorner] = [Math.abs(guess - left), Math.abs(guess - above), Math.abs(guess - corner)];
  if (toLeft <= toAbove && toLeft <= toCorner) return left;
  return toAbove <= toCorner ? above : corner;
}

/** What PNG's filters 0 to 4 take away from a byte, by its neighbours. */
const filters: readonly ((left: number, above: number, corner: number) => number)[] = [
  () => 0,
  (left) => left,
  (_, above) => above,
  (left, above) => (left + above) >> 1,
  paeth,
];

/** Rows as PNG packs them: each with the filter that leaves the least, as the specification advises. */
function filtered(pixels: Uint8Array, height: number, stride: number, channels: number): Uint8Array {
  const out = new Uint8Array(height * (stride + 1));
  const tried = filters.map(() => new Uint8Array(stride));
  for (let row = 0; row < height; row++) {
    const start = row * stride;
    let [best, least] = [0, Infinity];
    for (const [kind, filter] of filters.entries()) {
      const line = tried[kind]!;
      let sum = 0;
      for (let at = 0; at < stride; at++) {
        const left = at < channels ? 0 : pixels[start + at - channels]!;
        const above = row === 0 ? 0 : pixels[start + at - stride]!;
        const corner = at < channels || row === 0 ? 0 : pixels[start + at - stride - channels]!;
        const rest = (pixels[start + at]! - filter(left, above, corner)) & 0xff;
        line[at] = rest;
        sum += rest < 128 ? rest : 256 - rest;
      }
      if (sum < least) [best, least] = [kind, sum];
    }
    out[row * (stride + 1)] = best;
    out.set(tried[best]!, row * (stride + 1) + 1);
  }
  return out;
}

/** Whether all three channels are the same, as of pictures in grey. */
function isGrey(pixels: Uint8Array): boolean {
  for (let at = 0; at < pixels.length; at += 3) {
    if (pixels[at] !== pixels[at + 1] || pixels[at] !== pixels[at + 2]) return false;
  }
  return true;
}

/** The bytes of a PNG file; one channel where all three are the same. */
export function picturePng(
  { pixels, height, width }: Pick<Picture, "pixels" | "height" | "width">,
): Uint8Array<ArrayBuffer> {
  const grey = isGrey(pixels);
  const channels = grey ? 1 : 3;
  const samples = grey ? pixels.filter((_, at) => at % 3 === 0) : pixels;
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header.set([8, grey ? 0 : 2], 8);
  const data = deflateSync(filtered(samples, height, width * channels, channels), { level: 9 });
  return Buffer.concat([signature, chunk("IHDR", header), chunk("IDAT", data), chunk("IEND", new Uint8Array())]);
}

/** A picture as an address that holds it. */
export function pictureUri(picture: Pick<Picture, "pixels" | "height" | "width">): string {
  return `data:image/png;base64,${Buffer.from(picturePng(picture)).toString("base64")}`;
}
