/** Libraries that are not there, or not the right ones. */
import { join } from "@std/path";
import { type Check, type CheckContext, type Control, Skipped, type Tally } from "../check.ts";
import { type Ended, root, runProgram, runTask, works } from "../child.ts";

/** A shared object that has the ABI's version, and it is another one. */
const OTHER_ABI = `#include <stdint.h>
int lt_abi_version(uint32_t *out, uint32_t bytes) { if (bytes >= 4) out[0] = 1; return 0; }
`;

/** Compiles C to a shared object that has every export's name. */
async function otherAbi(folder: string): Promise<string> {
  const header = await Deno.readTextFile(join(root, "core-rs", "include", "libtrain.h"));
  const names = [...header.matchAll(/\b(lt_\w+)\(/g)].map(([, name]) => name!);
  const others = [...new Set(names)].filter((name) => name !== "lt_abi_version");
  const source = join(folder, "other.c");
  const library = join(folder, "other.so");
  await Deno.writeTextFile(source, OTHER_ABI + others.map((name) => `int ${name}(void) { return 1; }\n`).join(""));
  const { code, err } = await runProgram("gcc", ["-shared", "-fPIC", "-o", library, source]);
  if (code !== 0) throw new Error(`gcc: ${err}`);
  return library;
}

/** What is wrong with how a command ended: one line with cause and cure, exit code 1, and no word of a panic. */
function judged({ code, signal, out, err }: Ended, parts: readonly RegExp[]): string | undefined {
  if (signal !== null) return `ended by ${signal}`;
  if (code !== 1) return `exit code ${code}`;
  if (out !== "") return `stdout: ${out}`;
  const lines = err.trim().split("\n");
  if (lines.length !== 1) return `${lines.length} lines: ${lines[0]}`;
  if (/panic|RUST_BACKTRACE|\bat \w+ \(/.test(err)) return `a word of a panic: ${err.trim()}`;
  const missing = parts.find((part) => !part.test(err));
  return missing === undefined ? undefined : `it lacks ${missing}: ${err.trim()}`;
}

async function ended(library: string, args: readonly string[] = []): Promise<Ended> {
  // The task's permissions name the usual library; another one is a supervisor's own choice.
  const words = [
    "run",
    "-q",
    "--no-prompt",
    "-A",
    "tasks/train.ts",
    "--limit",
    "32",
    "--bs",
    "16",
    "--epochs",
    "1",
    ...args,
  ];
  return await runProgram(Deno.execPath(), words, { env: { LIBTRAIN_LIBRARY: library } });
}

async function tryAll({ folder }: CheckContext, tally: Tally): Promise<void> {
  const out = ["--out", join(folder, "runs")];
  const whole = join(root, "target", "release", "liblibtrain.so");
  const cut = join(folder, "cut.so");
  const bytes = await Deno.readFile(whole);
  await Deno.writeFile(cut, bytes.subarray(0, bytes.length >> 1));
  const text = join(folder, "text.so");
  await Deno.writeTextFile(text, "no library\n");
  const none = join(folder, "none.so");
  const cases: [string, string, readonly RegExp[]][] = [
    ["a library that is not there", none, [/Cannot open the native library/, /deno task build/]],
    ["a library that is cut off", cut, [/cut off/, /deno task build/]],
    ["a file that is no library", text, [/Cannot open the native library/, /deno task build/]],
  ];
  if (await works("gcc", ["--version"])) {
    cases.push(["a library of another ABI", await otherAbi(folder), [/ABI version/, /deno task build/]]);
  } else tally.skip("a library of another ABI", "gcc is not here");
  for (const [what, library, parts] of cases) {
    const wrong = judged(await ended(library, out), parts);
    tally.count(wrong && `${what}: ${wrong}`);
  }
  // Where there is a driver, CUDA is there, and that is no error.
  const cuda = await runTask("train", ["--device", "cuda", "--limit", "32", "--bs", "16", "--epochs", "1", ...out]);
  if (cuda.code === 0) return tally.skip("no CUDA driver", "there is one here");
  const wrong = judged(cuda, [/CUDA was asked for/, /--device cpu/]);
  tally.count(wrong && `no CUDA driver: ${wrong}`);
}

/** Each once. */
export const libraries: Check = {
  name: "libraries",
  promise:
    "A native library or driver that is missing, cut off or another is one line that says what to do, exit code 1.",
  unit: "libraries",
  sizes: { quick: 5, long: 5 },
  async run(context, tally): Promise<void> {
    if (Deno.build.os !== "linux") throw new Skipped("the library is no ELF file");
    await tryAll(context, tally);
  },
  async control({ folder }): Promise<Control> {
    const planted = "a script that lets the error through as it is";
    const script = join(folder, "script.ts");
    await Deno.writeTextFile(script, `throw new Error("Cannot open the native library: deno task build");\n`);
    const said = judged(await runProgram(Deno.execPath(), ["run", "-q", script]), [/deno task build/]);
    return { planted, caught: said !== undefined, said: said ?? "one line" };
  },
};
