/**
 * Builds the emulated driver: one library with the functions of libcuda, libcudnn, libcublasLt and libnvrtc, and with
 * every kernel file compiled by g++. `deno task emulated` prints its folder, which goes in front of LD_LIBRARY_PATH.
 */
import { fromFileUrl, join } from "@std/path";
import { kernelFiles, kernelSource } from "./kernel_files.ts";

const root = fromFileUrl(new URL("../..", import.meta.url));
const here = join(root, "tests", "emulated");
const cache = join(root, ".cache", "emulated");

const FLAGS = ["-std=c++17", "-O2", "-ffp-contract=off", "-fPIC", "-fvisibility=hidden", "-Wall"];
const KERNEL_FLAGS = ["-Wno-unknown-pragmas", "-Wno-unused-function", "-Wno-unused-variable"];

/** The names under which the libraries are asked for. */
const NAMES = ["cuda", "cudnn", "cublasLt", "nvrtc"].flatMap((library) => {
  const version = { cuda: 1, cudnn: 9, cublasLt: 13, nvrtc: 13 }[library];
  return [`lib${library}.so`, `lib${library}.so.${version}`];
});

/** Thrown where there is no g++. */
export class NoCompiler extends Error {
  override readonly name = "NoCompiler";
}

/** Builds what is not in the cache yet; the folder of the library. */
export async function buildEmulator(): Promise<string> {
  const version = await run("g++", ["--version"]);
  const headers = await headerTexts();
  const sources = [...await driverSources(), ...await kernelSources()];
  await Deno.mkdir(join(cache, "objects"), { recursive: true });
  const objects: string[] = [];
  const waiting = sources.entries();
  const worker = async (): Promise<void> => {
    for (const [index, source] of waiting) objects[index] = await compile(source, version + headers);
  };
  await Promise.all([worker(), worker()]);
  return await link(objects);
}

interface Source {
  readonly name: string;
  readonly text: string;
  readonly flags: readonly string[];
}

async function driverSources(): Promise<Source[]> {
  const found: Source[] = [];
  for (const folder of ["driver", "shim"]) {
    for await (const { name } of Deno.readDir(join(here, folder))) {
      if (!name.endsWith(".cpp")) continue;
      const text = await Deno.readTextFile(join(here, folder, name));
      found.push({
        name: `${folder}/${name}`,
        text: `#line 1 "${folder}/${name}"\n${text}`,
        flags: ["-Wextra", "-iquote", join(here, folder)],
      });
    }
  }
  return found.sort((a, b) => a.name < b.name ? -1 : 1);
}

async function kernelSources(): Promise<Source[]> {
  const shim = ["-iquote", join(here, "shim"), "-include", join(here, "shim", "cuda_shim.h")];
  const preprocess = (text: string): Promise<string> => run("g++", ["-E", "-P", "-x", "c++", "-"], text);
  const found: Source[] = [];
  for (const file of await kernelFiles(root)) {
    const text = await kernelSource(file, preprocess);
    found.push({ name: file.name, text, flags: [...KERNEL_FLAGS, ...shim] });
  }
  return found;
}

async function headerTexts(): Promise<string> {
  const texts: string[] = [];
  for (const folder of ["driver", "shim"]) {
    for await (const { name } of Deno.readDir(join(here, folder))) {
      if (name.endsWith(".h")) texts.push(`${folder}/${name}\n${await Deno.readTextFile(join(here, folder, name))}`);
    }
  }
  return texts.sort().join("");
}

/** The object of a source, which the cache knows by everything that goes into it. */
async function compile({ name, text, flags }: Source, environment: string): Promise<string> {
  const all = [...FLAGS, ...flags];
  const object = join(cache, "objects", `${await sha256([environment, all.join(" "), text].join("\0"))}.o`);
  if (await exists(object)) return object;
  const temporary = `${object}.${Deno.pid}`;
  await run("g++", [...all, "-x", "c++", "-c", "-", "-o", temporary], text, name);
  await Deno.rename(temporary, object);
  return object;
}

async function link(objects: readonly string[]): Promise<string> {
  const folder = join(cache, (await sha256(objects.join("\0"))).slice(0, 16));
  if (await exists(folder)) return folder;
  const temporary = `${folder}.${Deno.pid}`;
  await Deno.mkdir(temporary, { recursive: true });
  const [first = "", ...others] = NAMES.map((name) => join(temporary, name));
  await run("g++", ["-shared", "-Wl,-z,nodelete", ...objects, "-o", first]);
  // Links of one file, which the loader opens once, whatever name it is asked for.
  for (const other of others) await Deno.link(first, other);
  try {
    await Deno.rename(temporary, folder);
  } catch (error) {
    // Another process was faster.
    if (!await exists(folder)) throw error;
    await Deno.remove(temporary, { recursive: true });
  }
  return folder;
}

async function run(program: string, args: readonly string[], input = "", what = program): Promise<string> {
  let child: Deno.ChildProcess;
  try {
    const command = new Deno.Command(program, { args: [...args], stdin: "piped", stdout: "piped", stderr: "piped" });
    child = command.spawn();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) throw new NoCompiler(`${program} is not installed`);
    throw error;
  }
  const writer = child.stdin.getWriter();
  const written = writer.write(new TextEncoder().encode(input)).then(() => writer.close()).catch(() => {});
  const [{ success, stdout, stderr }] = await Promise.all([child.output(), written]);
  const messages = new TextDecoder().decode(stderr).trim();
  if (!success) throw new Error(`${program} failed on ${what}:\n${messages}`);
  if (messages !== "") console.error(`${what}:\n${messages}`);
  return new TextDecoder().decode(stdout);
}

async function sha256(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return new Uint8Array(digest).toHex();
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

if (import.meta.main) {
  try {
    console.log(await buildEmulator());
  } catch (error) {
    if (!(error instanceof NoCompiler)) throw error;
    console.error(`The emulated driver cannot be built: ${error.message}`);
    Deno.exit(1);
  }
}
