/** Archives as nobody should make them: every field of a header can be given. */

type Bytes = Uint8Array<ArrayBuffer>;

const BLOCK = 512;
const encoder = new TextEncoder();

/** An entry's header and contents. */
export interface Entry {
  readonly name: string | Bytes;
  readonly body?: Bytes;
  /** The kind's character; `0`, a file, unless given. */
  readonly type?: string;
  /** What the header says of the size, where it lies; a text is taken as it is, bytes too. */
  readonly size?: number | string | Bytes;
  readonly link?: string;
  readonly prefix?: string;
  /** A sum that is wrong by so much. */
  readonly sumOff?: number;
}

function put(header: Bytes, at: number, width: number, value: string | Bytes): void {
  const bytes = typeof value === "string" ? encoder.encode(value) : value;
  header.set(bytes.subarray(0, width), at);
}

function headerOf({ name, body, type = "0", size, link = "", prefix = "", sumOff = 0 }: Entry): Bytes {
  const header = new Uint8Array(BLOCK);
  const octal = (at: number, digits: number, value: number): void =>
    put(header, at, digits, value.toString(8).padStart(digits, "0"));
  put(header, 0, 100, name);
  octal(100, 7, 0o644);
  octal(108, 7, 0);
  octal(116, 7, 0);
  const said = size ?? body?.length ?? 0;
  if (typeof said === "number") octal(124, 11, said);
  else put(header, 124, 12, said);
  octal(136, 11, 0);
  put(header, 156, 1, type);
  put(header, 157, 100, link);
  put(header, 257, 8, "ustar\x0000");
  put(header, 345, 155, prefix);
  put(header, 148, 8, "        ");
  octal(148, 6, header.reduce((sum, byte) => sum + byte, 0) + sumOff);
  header[154] = 0;
  return header;
}

/** Bytes one after another. */
export function joined(parts: readonly Uint8Array[]): Bytes {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** An entry as it stands in an archive. */
export function entryBytes(entry: Entry): Bytes {
  const body = entry.body ?? new Uint8Array();
  return joined([headerOf(entry), body, new Uint8Array((BLOCK - body.length % BLOCK) % BLOCK)]);
}

/** The end of an archive. */
export const END: Bytes = new Uint8Array(2 * BLOCK);

/** A whole archive. */
export function archive(entries: readonly Entry[], end: Bytes = END): Bytes {
  return joined([...entries.map(entryBytes), end]);
}

/** A line of a pax header: its length counts itself. */
export function paxLine(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return `${length}${rest}`;
}

/** A pax header for the entry after it. */
export function pax(text: string, type = "x"): Entry {
  return { name: "PaxHeaders/note", type, body: encoder.encode(text) };
}

/** A GNU header with a long name for the entry after it. */
export function longName(name: string | Bytes): Entry {
  return { name: "././@LongLink", type: "L", body: typeof name === "string" ? encoder.encode(name) : name };
}
