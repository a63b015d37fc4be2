import { LibtrainError } from "../ffi/errors.ts";

/** A kind of number in a safetensors file that libtrain reads and writes. */
export type SafeDtype = "F64" | "I64" | "F32" | "I32" | "BF16" | "U8";

/** Bytes of one number of each kind. */
export const safeDtypeBytes: Readonly<Record<SafeDtype, number>> = { F64: 8, I64: 8, F32: 4, I32: 4, BF16: 2, U8: 1 };

/** One tensor's row in the header; offsets count from the end of the header. */
export interface HeaderEntry {
  readonly name: string;
  readonly dtype: SafeDtype;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

/** The header of a safetensors file, its entries in the order of their data. */
export interface Header {
  readonly metadata: Readonly<Record<string, string>>;
  readonly entries: readonly HeaderEntry[];
}

/** A file that is not valid safetensors, or holds what libtrain does not read. */
export class SafetensorsError extends LibtrainError {
  /** Tells this error from others, in logs too. */
  override name = "SafetensorsError";
}

/** The format's own limit: a reader must never be made to allocate more for a header. */
export const maxHeaderBytes = 100_000_000;

function refuse(file: string, what: string): never {
  throw new SafetensorsError(
    `Cannot read "${file}" as safetensors: ${what}. It may be damaged: use an earlier checkpoint`,
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** A value of the header for an error message: never long, and nothing to recurse into. */
function brief(value: unknown): string {
  if (Array.isArray(value)) {
    return value.every((each) => typeof each === "number") ? `[${value.join(", ").slice(0, 60)}]` : "an array";
  }
  return typeof value === "object" && value !== null ? "an object" : `${JSON.stringify(value)}`.slice(0, 60);
}

/**
 * The keys in a valid JSON text, which `JSON.parse` does not tell: of two equal ones it keeps the last without a word.
 * A colon outside of strings stands after every key and nowhere else.
 */
function countKeys(json: string): number {
  let keys = 0;
  let inString = false;
  for (let at = 0; at < json.length; at++) {
    const char = json[at];
    if (char === '"') inString = !inString;
    else if (inString && char === "\\") at += 1;
    else if (!inString && char === ":") keys += 1;
  }
  return keys;
}

function parseMetadata(value: unknown, file: string): Record<string, string> {
  if (value === undefined) return {};
  if (!isRecord(value)) refuse(file, "expected `__metadata__` to be an object of strings, got something else");
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== "string") {
      refuse(file, `expected metadata "${key}" to be a string, got ${brief(text)}`);
    }
  }
  return value as Record<string, string>;
}

/** Bytes of a tensor, undefined when the product leaves the whole numbers that JavaScript counts exactly. */
function byteLength(shape: readonly number[], dtype: SafeDtype): number | undefined {
  let product = safeDtypeBytes[dtype];
  for (const size of shape) {
    product *= size;
    if (!Number.isSafeInteger(product)) return undefined;
  }
  return product;
}

function parseEntry(name: string, value: unknown, file: string): HeaderEntry {
  const tensor = `tensor "${name}"`;
  if (!isRecord(value)) refuse(file, `expected ${tensor} to be an object, got ${brief(value)}`);
  const { dtype, shape, data_offsets: offsets, ...rest } = value;
  if (Object.keys(rest).length > 0) refuse(file, `${tensor} has an unknown field "${Object.keys(rest)[0]}"`);
  if (typeof dtype !== "string" || !Object.hasOwn(safeDtypeBytes, dtype)) {
    const known = Object.keys(safeDtypeBytes).join(", ");
    throw new SafetensorsError(
      `Cannot read ${tensor} of "${file}": expected one of the dtypes ${known}, got ${brief(dtype)}: ` +
        `convert the tensor before loading it`,
    );
  }
  if (!Array.isArray(shape) || !shape.every(isCount)) {
    refuse(file, `expected the shape of ${tensor} to be an array of sizes, got ${brief(shape)}`);
  }
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount)) {
    refuse(file, `expected the offsets of ${tensor} to be [begin, end], got ${brief(offsets)}`);
  }
  const [begin, end] = offsets as [number, number];
  const wanted = byteLength(shape, dtype as SafeDtype);
  if (wanted === undefined) refuse(file, `the shape [${shape.join(", ")}] of ${tensor} is too large`);
  if (end - begin !== wanted) {
    refuse(file, `${tensor} of ${dtype} [${shape.join(", ")}] needs ${wanted} bytes, its offsets span ${end - begin}`);
  }
  return { name, dtype: dtype as SafeDtype, shape, begin, end };
}

/**
 * Reads the header's length from a file's first eight bytes, before anything is allocated for it.
 * `fileBytes` is the size of the whole file.
 */
export function parseHeaderLength(first: Uint8Array, fileBytes: number, file: string): number {
  if (first.length < 8) {
    refuse(file, `expected at least 8 bytes, got ${first.length}${first.length === 0 ? ", for it is empty" : ""}`);
  }
  const length = new DataView(first.buffer, first.byteOffset, 8).getBigUint64(0, true);
  if (length > BigInt(maxHeaderBytes)) {
    refuse(file, `expected a header of at most ${maxHeaderBytes} bytes, its length says ${length}`);
  }
  const left = fileBytes - 8;
  if (Number(length) > left) refuse(file, `the header needs ${length} bytes, the file has ${left} left`);
  return Number(length);
}

/** Parses and checks a header; `dataBytes` is what the file holds after it. The tensors must fill that exactly. */
export function parseHeader(bytes: Uint8Array, dataBytes: number, file: string): Header {
  let text: string;
  let json: unknown;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    json = JSON.parse(text);
  } catch (error) {
    refuse(file, `its header is not JSON (${(error as Error).message})`);
  }
  if (!text.startsWith("{") || !isRecord(json)) refuse(file, "expected the header to be a JSON object");
  const { __metadata__: metadata, ...tensors } = json;
  const entries = Object.entries(tensors).map(([name, value]) => parseEntry(name, value, file));
  entries.sort((a, b) => a.begin - b.begin || a.end - b.end);
  let at = 0;
  for (const { name, begin, end } of entries) {
    if (begin !== at) {
      const how = begin < at ? "overlaps the tensor before it" : "leaves a hole before it";
      refuse(file, `tensor "${name}" ${how} (expected it to begin at ${at}, got ${begin})`);
    }
    at = end;
  }
  if (at !== dataBytes) refuse(file, `its tensors need ${at} bytes of data, the file has ${dataBytes}`);
  const strings = parseMetadata(metadata, file);
  const keys = 4 * entries.length + (metadata === undefined ? 0 : 1 + Object.keys(strings).length);
  if (countKeys(text) !== keys) refuse(file, "its header names something twice");
  return { metadata: strings, entries };
}
