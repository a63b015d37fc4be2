import { kindOf, requireOptions, requireOptionsOf } from "../tensor/ops/checks.ts";
import { FileError, writeFileAtomic } from "../io/atomic_file.ts";
import { openRegularFile } from "../io/regular_file.ts";
import { foreignFile } from "./foreign_files.ts";
import { requirePath } from "./paths.ts";
import {
  type Header,
  type HeaderEntry,
  maxHeaderBytes,
  parseHeader,
  parseHeaderLength,
  type SafeDtype,
  safeDtypeBytes,
  SafetensorsError,
} from "./safetensors_header.ts";

export { type SafeDtype, SafetensorsError } from "./safetensors_header.ts";

/** The typed array of each dtype; BF16 stays as its 16 bits, for JavaScript has no such number. */
export interface SafeArrays {
  /** 64-bit floating point. */
  F64: Float64Array<ArrayBuffer>;
  /** 64-bit integers. */
  I64: BigInt64Array<ArrayBuffer>;
  /** 32-bit floating point. */
  F32: Float32Array<ArrayBuffer>;
  /** 32-bit integers. */
  I32: Int32Array<ArrayBuffer>;
  /** The upper 16 bits of an F32. */
  BF16: Uint16Array<ArrayBuffer>;
  /** Bytes. */
  U8: Uint8Array<ArrayBuffer>;
}

const arrayOf: { readonly [D in SafeDtype]: new (length: number) => SafeArrays[D] } = {
  F64: Float64Array,
  I64: BigInt64Array,
  F32: Float32Array,
  I32: Int32Array,
  BF16: Uint16Array,
  U8: Uint8Array,
};

/** One named tensor's content: `switch (tensor.dtype)` tells TypeScript the type of `data`. */
export type SafeTensor = {
  [D in SafeDtype]: { readonly dtype: D; readonly shape: readonly number[]; readonly data: SafeArrays[D] };
}[SafeDtype];

/** The content of a safetensors file. */
export interface SafetensorsFile {
  /** The tensors by name. */
  readonly tensors: ReadonlyMap<string, SafeTensor>;
  /** Free text by name. */
  readonly metadata: Readonly<Record<string, string>>;
}

async function readExactly(file: Deno.FsFile, into: Uint8Array, path: string): Promise<void> {
  for (let at = 0; at < into.length;) {
    const read = await file.read(into.subarray(at));
    if (read === null) {
      throw new SafetensorsError(
        `Cannot read "${path}": expected ${into.length - at} more bytes, the file ended: is it being written?`,
      );
    }
    at += read;
  }
}

/** An array of its own for a tensor: aligned whatever its offset, and not kept alive by the file's other tensors. */
function allocate(entry: HeaderEntry): SafeTensor {
  const { dtype, shape, begin, end } = entry;
  return { dtype, shape, data: new arrayOf[dtype]((end - begin) / safeDtypeBytes[dtype]) } as SafeTensor;
}

/** Bytes at the beginning and the end of a file by which it is told from others. */
const tellingBytes = 65_536;

/** A file that is there, open. */
async function opened(path: string): Promise<Deno.FsFile> {
  try {
    return await openRegularFile(path);
  } catch (error) {
    if (error instanceof FileError) {
      throw new SafetensorsError(`${error.message}: give the path of a .safetensors file`, { cause: error });
    }
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      throw new SafetensorsError(`Cannot find "${path}": give the path of a .safetensors file`, { cause: error });
    }
    throw error;
  }
}

/** Says what a file is that cannot be read, where its bytes tell. */
async function requireSafetensors(file: Deno.FsFile, size: number, path: string): Promise<void> {
  const part = async (from: number): Promise<Uint8Array> => {
    const bytes = new Uint8Array(Math.min(tellingBytes, size - from));
    await file.seek(from, Deno.SeekMode.Start);
    await readExactly(file, bytes, path);
    return bytes;
  };
  const foreign = foreignFile(path, { first: await part(0), last: await part(Math.max(0, size - tellingBytes)) });
  if (foreign === undefined) return;
  throw new SafetensorsError(
    `Cannot read "${path}": Expected a safetensors file, got ${foreign.what}. ${foreign.cure}`,
  );
}

/**
 * Reads a safetensors file. Everything is checked against the file's size before anything is allocated, so a damaged or
 * hostile file gives a {@linkcode SafetensorsError} that names the file and the tensor, and never much memory; a file of
 * another kind is called what it is.
 */
export async function readSafetensors(path: string): Promise<SafetensorsFile> {
  requirePath("readSafetensors", path);
  using file = await opened(path);
  const { size } = await file.stat();
  let header: Header;
  try {
    const first = new Uint8Array(Math.min(8, size));
    await readExactly(file, first, path);
    const headerBytes = new Uint8Array(parseHeaderLength(first, size, path));
    await readExactly(file, headerBytes, path);
    header = parseHeader(headerBytes, size - 8 - headerBytes.length, path);
  } catch (error) {
    if (error instanceof SafetensorsError) await requireSafetensors(file, size, path);
    throw error;
  }
  const tensors = new Map<string, SafeTensor>();
  for (const entry of header.entries) {
    const tensor = allocate(entry);
    await readExactly(file, new Uint8Array(tensor.data.buffer), path);
    tensors.set(entry.name, tensor);
  }
  return { tensors, metadata: header.metadata };
}

function checkTensor(name: string, tensor: SafeTensor): void {
  if (name === "__metadata__") throw new SafetensorsError(`Expected a tensor's name, got "${name}": rename the tensor`);
  const elements = tensor.shape.reduce((product, size) => product * size, 1);
  if (!(tensor.data instanceof arrayOf[tensor.dtype]) || tensor.data.length !== elements) {
    const wanted = `${arrayOf[tensor.dtype].name} of ${elements}`;
    const got = `${tensor.data.constructor.name} of ${tensor.data.length}`;
    throw new SafetensorsError(`Expected ${wanted} for tensor "${name}" [${tensor.shape.join(", ")}], got ${got}`);
  }
}

function bytesOf(data: SafeTensor["data"]): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** The file as pieces to write one after the other; the tensors' bytes are not copied. */
function encode(file: SafetensorsFile): Uint8Array[] {
  const tensors = [...file.tensors];
  for (const [name, tensor] of tensors) checkTensor(name, tensor);
  // Wide numbers first, as the reference writer does: every tensor is then aligned in the file.
  tensors.sort(([a, x], [b, y]) => safeDtypeBytes[y.dtype] - safeDtypeBytes[x.dtype] || (a < b ? -1 : 1));
  const header: [string, unknown][] = [];
  if (Object.keys(file.metadata).length > 0) header.push(["__metadata__", file.metadata]);
  let at = 0;
  for (const [name, { dtype, shape, data }] of tensors) {
    header.push([name, { dtype, shape, data_offsets: [at, at + data.byteLength] }]);
    at += data.byteLength;
  }
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(header)));
  const length = Math.ceil(json.length / 8) * 8;
  if (length > maxHeaderBytes) {
    throw new SafetensorsError(
      `Expected a header of at most ${maxHeaderBytes} bytes, got ${length}: store fewer tensors`,
    );
  }
  const head = new Uint8Array(8 + length).fill(0x20);
  new DataView(head.buffer).setBigUint64(0, BigInt(length), true);
  head.set(json, 8);
  return [head, ...tensors.map(([, tensor]) => bytesOf(tensor.data))];
}

/**
 * Writes a safetensors file atomically: whatever happens, the path holds the old file or the new one. The arrays are
 * not copied, so leave them alone until the promise settles. Equal content gives equal bytes.
 */
export async function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, SafeTensor>,
  options: { metadata?: Readonly<Record<string, string>> } = {},
): Promise<void> {
  requirePath("writeSafetensors", path);
  if (!(tensors instanceof Map)) {
    throw new TypeError(`writeSafetensors(): Expected \`tensors\` as a Map of tensors by name, got ${kindOf(tensors)}`);
  }
  requireOptionsOf("writeSafetensors", options, {
    example: 'writeSafetensors(path, tensors, { metadata: { format: "pt" } })',
    known: ["metadata"],
  });
  const { metadata = {} } = options;
  requireOptions("writeSafetensors", metadata, '{ metadata: { format: "pt" } }');
  await writeFileAtomic(path, encode({ tensors, metadata }));
}
