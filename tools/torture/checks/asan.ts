/** The tests of the ABI, and hostile files, under AddressSanitizer. */
import { join } from "@std/path";
import { type Check, type CheckContext, type Control, Skipped, type Tally } from "../check.ts";
import { type Ended, lastLines, root, runChild, runProgram } from "../child.ts";
import { cargoBuild, hostTarget, requireSanitizers } from "../sanitized.ts";

const FLAGS = ["-Zsanitizer=address", "-Zexternal-clangrt"];

/** A report of the sanitizer. */
const REPORT = /ERROR: AddressSanitizer: .*/;

/** The library built with it, and the environment that loads both. */
async function sanitized(): Promise<Record<string, string>> {
  const target = await requireSanitizers();
  const { out } = await runProgram("gcc", ["-print-file-name=libasan.so"]).catch((error) => {
    if (error instanceof Deno.errors.NotFound) throw new Skipped("gcc is not here, whose libasan.so is needed");
    throw error;
  });
  const runtime = out.trim();
  if (!runtime.startsWith("/")) throw new Skipped("gcc has no libasan.so");
  await cargoBuild(["build", "--release", "--package", "libtrain"], FLAGS, "asan");
  return {
    LD_PRELOAD: runtime,
    // Deno itself frees little at its end.
    ASAN_OPTIONS: "detect_leaks=0:allocator_may_return_null=1",
    LIBTRAIN_LIBRARY: join(root, "target", "asan", target, "release", "liblibtrain.so"),
  };
}

function judged({ code, signal, err, out }: Ended): string | undefined {
  const report = REPORT.exec(err + out)?.[0];
  if (report !== undefined) return report;
  return code === 0 && signal === null ? undefined : `${signal ?? `exit code ${code}`}: ${lastLines(err + out)}`;
}

/** The tests of lib/ffi, but for those of where the library is looked for. */
async function tests(env: Record<string, string>, tally: Tally): Promise<void> {
  const folder = join(root, "tests", "lib", "ffi");
  const files = [...Deno.readDirSync(folder)].map(({ name }) => name)
    .filter((name) => name.endsWith("_test.ts") && name !== "library_test.ts");
  const words = ["test", "-q", "-A", "--no-check", "--preload=./tests/support/library.ts"];
  const ended = await runProgram(Deno.execPath(), [...words, ...files.map((name) => join(folder, name))], { env });
  const passed = Number(/(\d+) passed/.exec(ended.out)?.[1] ?? 0);
  tally.count(judged(ended), Math.max(passed, 1));
  tally.figures["tests"] = passed;
}

/** Children of other checks, whose own limits of time and memory do not count here. */
async function children(env: Record<string, string>, context: CheckContext, tally: Tally): Promise<void> {
  const { folder, rng } = context;
  const wild = join(folder, "wild");
  const seed = (): string => String(rng.u32());
  const all: [string, string, string[], number][] = [
    ["wild calls", "wild_calls", ["100", "0", seed()], 100],
    ["hostile archives", "hostile_archives", [join(folder, "archives")], 40],
    ["mutated JPEGs", "mutated_jpegs", [join(folder, "jpegs"), "300", seed()], 300],
    ["mutated PNGs", "parse_fuzz", ["png", "20", seed()], 1],
    ["damaged caches", "damage", [join(folder, "damage"), "caches", "100", seed()], 100],
  ];
  for (const path of [wild, ...["archives", "jpegs", "damage"].map((name) => join(folder, name))]) {
    await Deno.mkdir(path);
  }
  for (const [what, script, args, count] of all) {
    const ended = await runChild(script, args, { env: { ...env, LIBTRAIN_THREADS: "1" }, cwd: wild });
    const wrong = judged(ended);
    tally.count(wrong && `${what}: ${wrong}`, count);
    tally.figures[what] = script === "parse_fuzz" && wrong === undefined ? JSON.parse(ended.out).tried : count;
  }
}

/** Once. */
export const asan: Check = {
  name: "asan",
  promise: "The library reads and writes no memory but its own and what it is given.",
  unit: "tests and inputs under AddressSanitizer",
  sizes: { quick: 1, long: 1 },
  async run(context, tally): Promise<void> {
    if (context.quick) throw new Skipped("its build takes minutes: the long run has it");
    context.note("building the library with AddressSanitizer");
    const env = await sanitized();
    await tests(env, tally);
    await children(env, context, tally);
    tally.figures["target"] = await hostTarget();
  },
  async control(): Promise<Control> {
    const planted = "a result buffer that is said to be longer than it is";
    const said = judged(await runChild("overrun", [], { env: await sanitized() }));
    return {
      planted,
      caught: said !== undefined && REPORT.test(said),
      said: said?.split(" on address")[0] ?? "no report",
    };
  },
};
