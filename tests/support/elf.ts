/** The symbols that a shared library defines, read from its own tables. */

const SHT_DYNSYM = 11;
const SYMBOL_BYTES = 24;

/** Names of the dynamic symbols that an ELF library defines; undefined for a file of another format. */
export function elfSymbols(path: string | URL): string[] | undefined {
  const bytes = Deno.readFileSync(path);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const magic = view.getUint32(0);
  // "\x7fELF", 64 bits, little-endian.
  if (magic !== 0x7f454c46 || bytes[4] !== 2 || bytes[5] !== 1) return undefined;
  const headers = Number(view.getBigUint64(0x28, true));
  const headerBytes = view.getUint16(0x3a, true);
  const count = view.getUint16(0x3c, true);
  const section = (index: number): { kind: number; offset: number; size: number; link: number } => {
    const at = headers + index * headerBytes;
    return {
      kind: view.getUint32(at + 4, true),
      offset: Number(view.getBigUint64(at + 0x18, true)),
      size: Number(view.getBigUint64(at + 0x20, true)),
      link: view.getUint32(at + 0x28, true),
    };
  };
  const sections = Array.from({ length: count }, (_, index) => section(index));
  const table = sections.find(({ kind }) => kind === SHT_DYNSYM);
  if (table === undefined) return [];
  const names = sections[table.link]!.offset;
  const decoder = new TextDecoder();
  const nameAt = (offset: number): string => {
    const start = names + offset;
    return decoder.decode(bytes.subarray(start, bytes.indexOf(0, start)));
  };
  const found: string[] = [];
  for (let at = table.offset; at < table.offset + table.size; at += SYMBOL_BYTES) {
    // Section 0: the library needs the symbol, and another one defines it.
    if (view.getUint16(at + 6, true) !== 0) found.push(nameAt(view.getUint32(at, true)));
  }
  return found;
}
