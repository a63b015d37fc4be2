/** Opens the native library, once an isolate, at the first call. */
import { resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { SYMBOLS } from "./generated/symbols.ts";
import { type ElfSize, elfSize } from "./elf.ts";
import { LibtrainError } from "./errors.ts";
import { shown } from "./shown.ts";

/** The ABI version that these files speak. */
export const ABI_VERSION = 11;

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

/** The environment variable that gives the library's path. */
const VARIABLE = "LIBTRAIN_LIBRARY";

/** What the variable says; asks whether it may be read first, as reading it would prompt on a terminal. */
function fromEnvironment(): string | undefined {
  const { state } = Deno.permissions.querySync({ name: "env", variable: VARIABLE });
  return state === "granted" ? Deno.env.get(VARIABLE) || undefined : undefined;
}

/**
 * Where the library is looked for: the path in `LIBTRAIN_LIBRARY`, else the folder that cargo builds to, seen from `module`.
 * Throws where neither is there: a module that was bundled or loaded over a network has no such folder.
 */
export function libraryPath(module: string = import.meta.url): URL {
  if (typeof module !== "string") {
    throw new TypeError(`libraryPath(): Expected \`module\` as the URL of a module, got ${shown(module)}`);
  }
  const given = fromEnvironment();
  if (given !== undefined) return given.startsWith("file:") ? new URL(given) : pathToFileURL(resolve(given));
  if (!module.startsWith("file:")) {
    throw new LibtrainError(
      `Expected the native library's path in ${VARIABLE}, as these modules are no files (${module}): ` +
        `run \`deno task build\` in libtrain's folder and set it to target/release/${fileName()} there`,
    );
  }
  return new URL(`../../target/release/${fileName()}`, module);
}

/** The exports of the library; opens it at the first call. */
export function symbols(): Library["symbols"] {
  library ??= open();
  return library.symbols;
}

function open(): Library {
  requireDeno(Deno.version.deno);
  const path = libraryPath();
  requireWhole(path);
  let opened: Library;
  try {
    opened = Deno.dlopen(path, SYMBOLS);
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new LibtrainError(
      `Cannot open the native library at ${fileURLToPath(path)} (${reason}): ${cure()}`,
      { cause: error },
    );
  }
  const out = new Uint32Array(64);
  const status = opened.symbols.lt_abi_version(out, out.byteLength);
  requireAbi(status === 0 ? out[0]! : 0, path);
  return opened;
}

/** What to do about a library that is not there or not the right one. */
function cure(): string {
  return fromEnvironment() === undefined
    ? `run \`deno task build\`, or set ${VARIABLE} to the path of ${fileName()}`
    : `${VARIABLE} names it; run \`deno task build\` in libtrain's folder and set it to target/release/${fileName()} there`;
}

/** Throws for a library that is cut off: the system would map it, and end the process without a word where it has no bytes. */
function requireWhole(path: URL): void {
  if (Deno.permissions.querySync({ name: "read", path }).state !== "granted") return;
  let size: ElfSize | undefined;
  try {
    size = elfSize(path);
  } catch (error) {
    // Opening it says more.
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.PermissionDenied) return;
    throw error;
  }
  if (size === undefined || size.bytes >= size.wanted) return;
  throw new LibtrainError(
    `Expected the native library at ${
      fileURLToPath(path)
    } to have ${size.wanted} bytes, got ${size.bytes}: it is cut off: ${cure()}`,
  );
}

/** Throws where a library speaks another version of the ABI than these files. */
export function requireAbi(found: number, path: URL): void {
  if (found === ABI_VERSION) return;
  throw new LibtrainError(
    `Expected a native library of ABI version ${ABI_VERSION}, got ${found} at ${fileURLToPath(path)}: ` +
      cure(),
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
