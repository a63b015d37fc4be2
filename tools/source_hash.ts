import { encodeHex } from "@std/encoding/hex";
import { join } from "@std/path";

const sourceNames = /\.(rs|cu|toml|h)$/;

/** Paths below `folder` of the files that decide what the native library is, sorted. */
async function sourceFiles(folder: string): Promise<string[]> {
  const found: string[] = [];
  for await (const entry of Deno.readDir(folder)) {
    const path = join(folder, entry.name);
    if (entry.isDirectory && entry.name !== "target") found.push(...await sourceFiles(path));
    if (entry.isFile && sourceNames.test(entry.name)) found.push(path);
  }
  return found.sort();
}

async function bytesOrNothing(path: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return await Deno.readFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return new Uint8Array();
    throw error;
  }
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return encodeHex(await crypto.subtle.digest("SHA-256", bytes));
}

/**
 * One hash of everything that the native library is built from: the crate's sources, the workspace's manifests, and
 * `extra`, say the compiler's version. Names count, so that a moved file is a change; times do not.
 */
export async function sourceHash(root: string, extra: readonly string[]): Promise<string> {
  const files = [
    ...await sourceFiles(join(root, "core-rs")),
    ...["Cargo.toml", "Cargo.lock", ".cargo/config.toml", "rust-toolchain.toml"].map((name) => join(root, name)),
  ];
  const lines = await Promise.all(files.map(async (path) => {
    return `${path.slice(root.length)} ${await sha256(await bytesOrNothing(path))}`;
  }));
  return await sha256(new TextEncoder().encode([...lines, ...extra].join("\n")));
}
