/** The size that a shared library says it has, of Linux's format. */

/** Bytes of a file, and how many its own tables speak of. */
export interface ElfSize {
  readonly bytes: number;
  readonly wanted: number;
}

const HEADER_BYTES = 64, SEGMENT_BYTES = 56;

/** Undefined for a file of another format; reads nothing but its header and the table of its segments. */
export function elfSize(path: URL): ElfSize | undefined {
  using file = Deno.openSync(path);
  const bytes = file.statSync().size;
  const header = bytesAt(file, 0, HEADER_BYTES);
  // "\x7fELF", 64 bits, little-endian.
  if (header.byteLength < HEADER_BYTES || header.getUint32(0) !== 0x7f454c46 || header.getUint16(4) !== 0x0201) {
    return undefined;
  }
  const segments = { at: Number(header.getBigUint64(0x20, true)), count: header.getUint16(0x38, true) };
  const sections = { at: Number(header.getBigUint64(0x28, true)), bytes: header.getUint16(0x3a, true) };
  const sectionsEnd = sections.at + sections.bytes * header.getUint16(0x3c, true);
  let wanted = Math.max(sectionsEnd, segments.at + segments.count * SEGMENT_BYTES);
  if (bytes < wanted) return { bytes, wanted };
  const table = bytesAt(file, segments.at, segments.count * SEGMENT_BYTES);
  for (let at = 0; at + SEGMENT_BYTES <= table.byteLength; at += SEGMENT_BYTES) {
    const end = Number(table.getBigUint64(at + 0x08, true) + table.getBigUint64(at + 0x20, true));
    wanted = Math.max(wanted, end);
  }
  return { bytes, wanted };
}

/** As many of the bytes as there are. */
function bytesAt(file: Deno.FsFile, at: number, count: number): DataView<ArrayBuffer> {
  const buffer = new Uint8Array(count);
  file.seekSync(at, Deno.SeekMode.Start);
  let read = 0;
  while (read < count) {
    const more = file.readSync(buffer.subarray(read));
    if (more === null) break;
    read += more;
  }
  return new DataView(buffer.buffer, 0, read);
}
