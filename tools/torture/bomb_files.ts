/** Small files that ask for much: images, and archives. */
import { deflateSync } from "node:zlib";
import { joined } from "./tar_maker.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const crcTable = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let bit = 0; bit < 8; bit++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c >>> 0;
});

function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = crcTable[(crc ^ byte) & 0xff]! ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

function u32(value: number): Bytes {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}

function chunk(type: string, body: Uint8Array): Bytes {
  const named = joined([new TextEncoder().encode(type), body]);
  return joined([u32(body.length), named, u32(crc32(named))]);
}

/** What a PNG says of itself, and how much zeros its data are. */
export interface PngBomb {
  readonly width: number;
  readonly height: number;
  readonly depth?: number;
  readonly color?: number;
  readonly interlaced?: boolean;
  /** Bytes of the decompressed image data; none of them is anything but zero. */
  readonly zeros: number;
  /** MiB of a compressed text beside the image. */
  readonly textMib?: number;
}

function deflatedZeros(bytes: number): Bytes {
  return new Uint8Array(deflateSync(new Uint8Array(bytes), { level: 9 }));
}

/** A PNG of zeros. */
export function pngOf({ width, height, depth = 8, color = 2, interlaced = false, zeros, textMib = 0 }: PngBomb): Bytes {
  const header = joined([u32(width), u32(height), Uint8Array.of(depth, color, 0, 0, interlaced ? 1 : 0)]);
  const text = textMib === 0
    ? []
    : [chunk("zTXt", joined([new TextEncoder().encode("note\0\0"), deflatedZeros(textMib << 20)]))];
  return joined([
    Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a),
    chunk("IHDR", header),
    ...text,
    chunk("IDAT", deflatedZeros(zeros)),
    chunk("IEND", new Uint8Array()),
  ]);
}

/** The segments of a JPEG: from a marker to the next. */
function segments(bytes: Bytes): { marker: number; bytes: Bytes }[] {
  const found: { marker: number; bytes: Bytes }[] = [];
  for (let at = 0; at < bytes.length;) {
    const marker = bytes[at + 1]!;
    let end = at + 2;
    if (marker !== 0xd8 && marker !== 0xd9) end += bytes[end]! * 256 + bytes[end + 1]!;
    // Entropy-coded data go up to the next marker that is none of theirs.
    if (marker === 0xda) {
      while (bytes[end] !== 0xff || bytes[end + 1] === 0 || (bytes[end + 1]! & 0xf8) === 0xd0) end++;
    }
    found.push({ marker, bytes: bytes.slice(at, end) });
    at = end;
  }
  return found;
}

/** A JPEG with the size in its frame header changed, and the scans after the first so often. */
export function jpegOf(
  bytes: Bytes,
  { width, height, scans }: { width: number; height: number; scans: number },
): Bytes {
  const parts: Bytes[] = [];
  const repeated: Bytes[] = [];
  for (const { marker, bytes: segment } of segments(bytes)) {
    if (marker === 0xc0 || marker === 0xc2) {
      segment.set([height >> 8, height & 255, width >> 8, width & 255], 5);
    }
    if (marker === 0xda) repeated.push(segment);
    if (marker !== 0xd9) parts.push(segment);
  }
  const last = repeated.at(-1)!;
  for (let at = repeated.length; at < scans; at++) parts.push(last);
  return joined([...parts, Uint8Array.of(0xff, 0xd9)]);
}
