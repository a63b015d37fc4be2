/**
 * `deno task gpu:pack`: everything that a bare machine with a GPU needs beside the repository's own files, in folders small
 * enough to travel one by one, and the command lines to run there. See docs/gpu.md.
 *
 * @module
 */
import { encodeHex } from "@std/encoding/hex";
import { basename, fromFileUrl, join } from "@std/path";
import { type Command, runCommand } from "../lib/cli/command.ts";
import { exitCodes } from "../lib/cli/exit_codes.ts";
import { UsageError } from "../lib/cli/flags.ts";
import { libraryPath } from "../lib/ffi/library.ts";
import { codeVersion } from "../lib/run/code_version.ts";

const root = fromFileUrl(new URL("..", import.meta.url));

/** The most that a part may hold, bytes: the repository's files travel beside each. */
const LARGEST = 45e6;

/** The packages that the check imports; of all others, which it loads none of, only the descriptions travel. */
const PACKAGES = ["deno-std"];

/** What was packed. */
export interface Packed {
  readonly folder: string;
  /** Bytes of each part, `part1` first. */
  readonly parts: readonly number[];
  /** The commands to run there, one call each, with what to carry. */
  readonly calls: readonly PackedCall[];
}

/** One call of the machine. */
export interface PackedCall {
  readonly carry: readonly string[];
  readonly command: string;
}

/** What to pack. */
export interface PackOptions {
  /** The folder that it goes to; it is made anew. By default `.cache/gpu`. */
  readonly folder?: string;
  /** The data set's archive; left out where it is null. */
  readonly data: string | null;
  /** How hard xz tries, 0 to 9; by default 6. */
  readonly effort?: number;
  /** The folder of compiled kernels to take along; without it they are compiled there, which takes a minute. */
  readonly kernels?: string;
}

/** Runs a program; throws what it said where it failed. */
async function run(program: string, args: readonly string[], stdout?: string): Promise<void> {
  const command = new Deno.Command(program, { args: [...args], cwd: root, stdout: "piped", stderr: "piped" });
  const child = command.spawn();
  const written = stdout === undefined
    ? child.stdout.cancel()
    : child.stdout.pipeTo((await Deno.open(stdout, { write: true, create: true, truncate: true })).writable);
  const [said, { code }] = await Promise.all([new Response(child.stderr).text(), child.status, written]);
  if (code !== 0) throw new Error(`${program} ended with ${code}: ${said.trim()}`);
}

async function sha256(path: string): Promise<string> {
  return encodeHex(await crypto.subtle.digest("SHA-256", await Deno.readFile(path)));
}

/** What of node_modules travels, as arguments of tar: Deno reads the description of each package before it runs. */
async function packageArguments(): Promise<string[]> {
  const excluded: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(join(root, "node_modules/.deno"))) {
    // A folder is called by package and version, a scope's slash written as a plus: `@scope+name@1.2.3`.
    const called = /^(.+)@/.exec(name)?.[1]?.replace("+", "/");
    if (!isDirectory || called === undefined || PACKAGES.includes(called)) continue;
    const folder = `node_modules/.deno/${name}/node_modules/${called}`;
    for await (const file of Deno.readDir(join(root, folder))) {
      if (file.name !== "package.json") excluded.push(`--exclude=${folder}/${file.name}`);
    }
  }
  return [...excluded, "-czf", "-", "node_modules"];
}

/** The library without its debug information. */
async function packLibrary(target: string): Promise<void> {
  try {
    await run("strip", ["-o", target, fromFileUrl(libraryPath())]);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    await Deno.copyFile(libraryPath(), target);
  }
}

/** Splits the archive over folders `part2`, `part3`, …; gives their number. */
async function packData(folder: string, path: string): Promise<number> {
  const { size } = await Deno.stat(path);
  const count = Math.ceil(size / LARGEST);
  using file = await Deno.open(path);
  for (let at = 0; at < count; at++) {
    const part = join(folder, `part${at + 2}`);
    await Deno.mkdir(part);
    const bytes = new Uint8Array(Math.min(LARGEST, size - at * LARGEST));
    for (let got = 0; got < bytes.length;) got += await file.read(bytes.subarray(got)) ?? bytes.length;
    await Deno.writeFile(join(part, `data.${String(at).padStart(2, "0")}`), bytes);
  }
  return count;
}

/** Bytes of the files of a folder. */
async function bytesOf(folder: string): Promise<number> {
  let bytes = 0;
  for await (const { name } of Deno.readDir(folder)) bytes += (await Deno.stat(join(folder, name))).size;
  return bytes;
}

/** The calls: all checks without the data set first, then the step; the data come along part by part. */
function callsOf(parts: number): PackedCall[] {
  const folder = ".cache/gpu";
  const check = (names: string): string =>
    `set -o pipefail; bash tools/gpu_check.sh --part ${names} --out "$OUT" 2>&1 | tee "$OUT/check.log"`;
  const first = "parity,capture,kernels,network,step --dtypes bf16,f32 --configs bf16:32 --modes graph";
  const second = "memory,capture,kernels --dtypes f32,tf32";
  const works = [first, ...(parts > 1 ? [second] : [])];
  const calls: PackedCall[] = Array.from({ length: parts }, (_, at) => ({
    carry: [`${folder}/part${at + 1}`],
    command: at === parts - 1 && parts > 1
      ? check("recipe")
      : works[at] === undefined
      ? `ls -l ${folder}`
      : check(works[at]),
  }));
  return parts > 1 ? calls : [...calls, { carry: [`${folder}/part1`], command: check(second) }];
}

/** Packs. */
export async function pack(options: PackOptions): Promise<Packed> {
  const { folder = join(root, ".cache/gpu"), data, effort = 6, kernels } = options;
  await Deno.remove(folder, { recursive: true }).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
  const first = join(folder, "part1");
  await Deno.mkdir(first, { recursive: true });
  // The usual effort saves a tenth of the bytes and takes ten times as long.
  await run("xz", [`-${effort}`, "-T0", "-k", "-c", Deno.execPath()], join(first, "deno.xz"));
  await packLibrary(join(first, basename(fromFileUrl(libraryPath()))));
  await run("tar", await packageArguments(), join(first, "node_modules.tgz"));
  if (kernels !== undefined) await run("tar", ["-C", kernels, "-czf", "-", "."], join(first, "kernels.tgz"));
  const count = data === null ? 0 : await packData(folder, data);
  const facts = {
    ...await codeVersion(),
    deno: Deno.version.deno,
    data: data === null ? null : { name: basename(data), sha256: await sha256(data), parts: count },
  };
  await Deno.writeTextFile(join(first, "pack.json"), JSON.stringify(facts, null, 1) + "\n");
  const parts = await Promise.all(
    Array.from({ length: count + 1 }, (_, at) => bytesOf(join(folder, `part${at + 1}`))),
  );
  const large = parts.findIndex((bytes) => bytes > LARGEST);
  if (large >= 0) {
    throw new Error(`Expected parts of at most ${LARGEST} bytes, got ${parts[large]} in part${large + 1}`);
  }
  return { folder, parts, calls: callsOf(parts.length) };
}

const flags = {
  data: {
    kind: "string",
    placeholder: "path",
    help: "The data set's archive (default: LIBTRAIN_IMAGENETTE, or ../shared/data/imagenette2-224.tgz where it is)",
  },
  out: { kind: "string", placeholder: "folder", help: "Where the parts go (default .cache/gpu)" },
  kernels: { kind: "string", placeholder: "folder", help: "Compiled kernels to take along (see docs/gpu.md)" },
  effort: { kind: "integer", min: 0, max: 9, default: 6, help: "How hard xz tries; part1 has room from 2 on" },
} as const;

/** The archive to pack: the one that is named, or the usual one where it is. */
async function archive(named: string | undefined): Promise<string | null> {
  const path = named ?? (Deno.env.get("LIBTRAIN_IMAGENETTE") || join(root, "../shared/data/imagenette2-224.tgz"));
  try {
    if ((await Deno.stat(path)).isFile) return path;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  if (named !== undefined) throw new UsageError(`Expected --data as an archive, got "${named}"`);
  return null;
}

/** The command line. */
export const gpuPackCommand: Command<typeof flags> = {
  name: "deno task gpu:pack",
  about:
    "Packs what a bare machine with a GPU needs to check and measure the CUDA backend, and prints what to run there.",
  flags,
  async run({ flags, report }): Promise<number> {
    const data = await archive(flags.data);
    if (data === null) {
      report.note("No archive of Imagenette is here: the recipe's runs are left out (--data names one)");
    }
    const packed = await pack({ folder: flags.out, data, effort: flags.effort, kernels: flags.kernels });
    packed.parts.forEach((bytes, at) => report.line(`part${at + 1}  ${(bytes / 1e6).toFixed(1)} MB`));
    for (const [at, { carry, command }] of packed.calls.entries()) {
      report.line(`\ncall ${at + 1}, carrying ${carry.join(" ")}:\n${command}`);
    }
    report.line("\nThen: copy the JSON files of $OUT to benchmarks/results/gpu/ and commit them.");
    report.result({ ...packed });
    return exitCodes.done;
  },
};

if (import.meta.main) Deno.exit(await runCommand(Deno.args, gpuPackCommand));
