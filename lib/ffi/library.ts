/** Opens the native library, once an isolate, at the first call. */
import { SYMBOLS } from "./generated/symbols.ts";
import { errorOf, LibtrainError } from "./errors.ts";

/** The ABI version that these files speak. */
export const ABI_VERSION = 7;

/** Deno before this may move the buffers of nonblocking calls. */
const MINIMUM_DENO = [2, 9, 6] as const;

type Library = Deno.DynamicLibrary<typeof SYMBOLS>;

let library: Library | undefined;

/** The file names of the library by operating system. */
function fileName(): string {
  switch (Deno.build.os) {
    case "windows":
      return "libtrain.dll";
    case "darwin":
      return "liblibtrain.dylib";
    default:
      return "liblibtrain.so";
  }
}

/** Where the library is looked for: the folder cargo builds to, seen from this file. */
export function libraryPath(): URL {
  return new URL(`../../target/release/${fileName()}`, import.meta.url);
}

/** The exports of the library; opens it at the first call. */
export function symbols(): Library["symbols"] {
  library ??= open();
  return library.symbols;
}

function open(): Library {
  requireDeno(Deno.version.deno);
  const path = libraryPath();
  let opened: Library;
  try {
    opened = Deno.dlopen(path, SYMBOLS);
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new LibtrainError(
      `Cannot open the native library at ${path.pathname} (${reason}): run \`deno task build\``,
      { cause: error },
    );
  }
  const out = new Uint32Array(64);
  const status = opened.symbols.lt_abi_version(out, out.byteLength);
  requireAbi(status === 0 ? out[0]! : 0, path);
  return opened;
}

/** Throws where a library speaks another version of the ABI than these files. */
export function requireAbi(found: number, path: URL): void {
  if (found === ABI_VERSION) return;
  throw new LibtrainError(
    `Expected a native library of ABI version ${ABI_VERSION}, got ${found} at ${path.pathname}: run \`deno task build\``,
  );
}

/** Throws where Deno is too old. */
export function requireDeno(version: string): void {
  const parts = version.split(/[.+-]/).map(Number);
  for (const [index, wanted] of MINIMUM_DENO.entries()) {
    const part = parts[index] ?? 0;
    if (part > wanted) return;
    if (part < wanted) {
      throw new LibtrainError(
        `Expected Deno ${MINIMUM_DENO.join(".")} or newer, got ${version}: run \`deno upgrade\``,
      );
    }
  }
}

const decoder = new TextDecoder();

/** The text that the library wrote to `out` from a word on: [byte length, UTF-8 …]. */
export function textAt(out: Uint32Array, word: number): string {
  const bytes = new Uint8Array(out.buffer, out.byteOffset + 4 * (word + 1), out[word] ?? 0);
  return decoder.decode(bytes);
}

/** Throws the error of a status that is not 0. */
export function check(status: number, out: Uint32Array): void {
  if (status !== 0) throw errorOf(status, textAt(out, 0));
}
