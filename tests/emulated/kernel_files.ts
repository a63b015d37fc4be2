/** The CUDA kernel files of the library, and each of them as g++ compiles it for the emulated driver. */
import { join } from "@std/path";

/** A kernel file. */
export interface KernelFile {
  /** As NVRTC knows it: "blur_pool/kernel.cu". */
  readonly name: string;
  /** In the repository. */
  readonly path: string;
  readonly text: string;
  /** What every kernel file begins with, and its path; empty for the files of the driver's own tests. */
  readonly common: { readonly path: string; readonly text: string };
}

/** All kernel files: those of the ops, the library's own, and those of the driver's tests. */
export async function kernelFiles(root: string): Promise<KernelFile[]> {
  const shared = "core-rs/src/cuda/kernels";
  const common = { path: `${shared}/common.cuh`, text: await textOf(join(root, shared, "common.cuh")) ?? "" };
  const found: KernelFile[] = [];
  const add = async (name: string, path: string, before = common): Promise<void> => {
    const text = await textOf(join(root, path));
    if (text !== undefined) found.push({ name: `${name}/kernel.cu`, path, text, common: before });
  };
  for (const op of await names(join(root, "core-rs/src/ops"))) await add(op, `core-rs/src/ops/${op}/kernel.cu`);
  for (const file of await names(join(root, shared))) {
    if (file.endsWith(".cu")) await add(file.slice(0, -3), `${shared}/${file}`);
  }
  const own = "tests/emulated/kernels";
  for (const file of await names(join(root, own))) {
    await add(file.slice(0, -3), `${own}/${file}`, { path: "", text: "" });
  }
  return found;
}

/** A kernel file as C++, with everything behind it that makes its kernels known. */
export async function kernelSource(file: KernelFile, preprocess: (text: string) => Promise<string>): Promise<string> {
  const { name, path, text, common } = file;
  const kernels = kernelsOf(await preprocess(`${common.text}\n${text}`));
  if (kernels.length === 0) throw new Error(`${path}: no kernel in it`);
  const bytes = new TextEncoder().encode(text);
  const exports = kernels.map(({ name: kernel, threads }) => `SHIM_EXPORT("${name}", ${kernel}, ${threads})`);
  const known = `static const bool exported_file = (shim::add(shim::File{"${name}", ${bytes.length}, ` +
    `${hash(bytes)}u}), true);`;
  // A namespace for each file, as they may have functions of one name.
  return [
    `namespace kernels_of_${name.replaceAll(/\W/g, "_")} {`,
    `#line 1 "${common.path}"\n${dynamicShared(common.text)}`,
    `#line 1 "${path}"\n${dynamicShared(text)}`,
    `#line 1 "exports of ${path}"`,
    ...exports,
    known,
    "}\n",
  ].join("\n");
}

/** Names and launch bounds of the kernels of a text whose macros are expanded. */
function kernelsOf(text: string): { name: string; threads: string }[] {
  const bounds = String.raw`(?:__launch_bounds__\s*\(([^(),]*)(?:,[^()]*)?\)\s*)?`;
  const heads = text.matchAll(new RegExp(String.raw`__global__\s+${bounds}void\s+${bounds}(\w+)\s*\(`, "g"));
  const found = [...heads].map(([, before, after, name = ""]) => ({ name, threads: before ?? after ?? "1024" }));
  const named = text.split("__global__").length - 1;
  if (found.length !== named) {
    throw new Error(`Expected ${named} kernels as "__global__ void NAME(", got ${found.length}`);
  }
  return found;
}

/** Dynamic shared memory is one place for all kernels: `extern __shared__ float x[]` becomes a pointer to it. */
function dynamicShared(text: string): string {
  const declared =
    /extern\s+__shared__\s+(?:(?:__align__|alignas)\s*\(\s*\d+\s*\)\s*)?([\w:]+(?:\s+\w+)*?)\s+(\w+)\s*\[\s*\]/g;
  return text.replaceAll(declared, "$1 *const $2 = reinterpret_cast<$1 *>(shim::dynamic_shared)");
}

/** FNV-1a, as driver/nvrtc.cpp has it. */
function hash(bytes: Uint8Array): number {
  let value = 0x811c9dc5;
  for (const byte of bytes) value = Math.imul(value ^ byte, 0x01000193);
  return value >>> 0;
}

async function textOf(path: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return undefined;
    throw error;
  }
}

/** Of a folder's entries, sorted; none where there is no such folder. */
async function names(folder: string): Promise<string[]> {
  try {
    return (await Array.fromAsync(Deno.readDir(folder), ({ name }) => name)).sort();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}
