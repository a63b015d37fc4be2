/** Archives made in memory: POSIX ustar, and gzip. */
import { filesOf, type Layout } from "./image_files.ts";

const block = 512;

/** A file of an archive, or with a name that ends with `/` a folder. */
export type TarEntry = readonly [name: string, bytes: Uint8Array<ArrayBuffer>];

function header(name: string, size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(block);
  const text = new TextEncoder();
  const put = (at: number, value: string): void => bytes.set(text.encode(value), at);
  const octal = (at: number, digits: number, value: number): void => put(at, value.toString(8).padStart(digits, "0"));
  put(0, name);
  octal(100, 7, 0o644);
  octal(108, 7, 0);
  octal(116, 7, 0);
  octal(124, 11, size);
  octal(136, 11, 0);
  put(156, name.endsWith("/") ? "5" : "0");
  put(257, "ustar\x0000");
  // The sum counts its own field as spaces.
  put(148, " ".repeat(8));
  octal(148, 6, bytes.reduce((sum, byte) => sum + byte, 0));
  put(154, "\0");
  return bytes;
}

function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** An archive of these entries; names of up to 100 characters. */
export function tar(entries: Iterable<TarEntry>): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [];
  for (const [name, bytes] of entries) {
    const padding = new Uint8Array((block - bytes.length % block) % block);
    parts.push(header(name, bytes.length), bytes, padding);
  }
  return joined([...parts, new Uint8Array(2 * block)]);
}

/** Bytes compressed. */
export async function gzip(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** A layout below a folder `set`. */
export async function tarOf(layout: Layout): Promise<Uint8Array<ArrayBuffer>> {
  return tar((await filesOf(layout)).map(([name, bytes]) => [`set/${name}`, bytes]));
}
