/** Fuzzed readers: of images, archives, weights and recipes, and sequences of calls. */
import { join } from "@std/path";
import { type Check, type CheckContext, type Control, Skipped, type Tally } from "../check.ts";
import { answerOf, lastLines, root, runChild, runProgram } from "../child.ts";
import type { FuzzAnswer } from "../children/parse_fuzz.ts";
import { seedsOf } from "../corpus.ts";
import { cargoBuild, hostTarget, requireSanitizers } from "../sanitized.ts";

/** What a reader is fuzzed for. */
interface Target {
  readonly name: string;
  readonly what: string;
  /** In Rust, by libFuzzer; else in TypeScript. */
  readonly native: boolean;
  /** Bytes of an input, at most. */
  readonly most: number;
}

const targets: readonly Target[] = [
  { name: "jpeg", what: "JPEG file", native: true, most: 1 << 14 },
  { name: "png", what: "PNG file", native: true, most: 1 << 14 },
  { name: "webp", what: "WebP file", native: true, most: 1 << 14 },
  { name: "tar", what: "archive", native: true, most: 1 << 14 },
  { name: "abi", what: "sequence of calls", native: true, most: 1 << 10 },
  { name: "safetensors", what: "safetensors file", native: false, most: 1 << 12 },
  { name: "recipe", what: "recipe", native: false, most: 1 << 14 },
];

/** Coverage as libFuzzer reads it, with every comparison; and AddressSanitizer. */
const FLAGS = [
  "--cfg fuzzing",
  "-Cpasses=sancov-module",
  "-Cllvm-args=-sanitizer-coverage-level=4",
  "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
  "-Cllvm-args=-sanitizer-coverage-pc-table",
  "-Cllvm-args=-sanitizer-coverage-trace-compares",
  "-Zsanitizer=address",
];

/** Seconds within which the planted bug has to be found. */
const CONTROL = { quick: 20, long: 120 };

/** A target's binary, copied to a folder, as the next build puts another one in its place. */
async function built({ name }: Target, planted: boolean, folder: string): Promise<string> {
  await requireSanitizers();
  const features = planted ? ["--features", "planted"] : [];
  await cargoBuild(
    ["build", "--release", "--manifest-path", "fuzz/Cargo.toml", "--bin", name, ...features],
    FLAGS,
    "fuzz",
  );
  const binary = join(folder, name);
  await Deno.copyFile(join(root, "target", "fuzz", await hostTarget(), "release", name), binary);
  return binary;
}

/** What libFuzzer came to. */
interface Fuzzed {
  readonly executed: number;
  readonly crash: string | undefined;
}

/** Runs libFuzzer on a copy of the corpus. */
async function fuzzed(target: Target, context: CheckContext, planted: boolean, seconds: number): Promise<Fuzzed> {
  const binary = await built(target, planted, context.folder);
  const [corpus, found] = [join(context.folder, "corpus"), join(context.folder, "found")];
  for (const folder of [corpus, found]) await Deno.mkdir(folder, { recursive: true });
  for (const [at, bytes] of (await seedsOf(target.name)).entries()) await Deno.writeFile(join(corpus, `${at}`), bytes);
  const { code, signal, err } = await runProgram(binary, [
    corpus,
    `-max_total_time=${Math.ceil(seconds)}`,
    `-seed=${context.rng.between(1, 2 ** 31 - 1)}`,
    `-max_len=${target.most}`,
    `-artifact_prefix=${found}/`,
    "-timeout=60",
    "-rss_limit_mb=4096",
    "-print_final_stats=1",
  ], { env: { ASAN_OPTIONS: "detect_leaks=0:allocator_may_return_null=1" }, patience: 1000 * seconds + 600_000 });
  const executed = Number(/stat::number_of_executed_units:\s*(\d+)/.exec(err)?.[1] ?? 0);
  if (code === 0 && signal === null) return { executed, crash: undefined };
  const [artifact] = [...Deno.readDirSync(found)].map(({ name }) => name);
  const input = artifact === undefined ? "" : (await Deno.readFile(join(found, artifact))).slice(0, 400).toHex();
  const summary = /^SUMMARY: .*$/m.exec(err)?.[0] ?? /panicked at .*/.exec(err)?.[0] ?? lastLines(err);
  return { executed: Math.max(executed, 1), crash: `${summary}; input ${input}` };
}

async function byMutation({ name }: Target, { rng }: CheckContext, part: string, seconds: number): Promise<FuzzAnswer> {
  return answerOf(await runChild("parse_fuzz", [name, String(seconds), String(rng.u32()), part]));
}

async function runTarget(target: Target, context: CheckContext, tally: Tally): Promise<void> {
  const { quick, count } = context;
  if (target.native && !quick) {
    const { executed, crash } = await fuzzed(target, context, false, count);
    tally.count(crash, executed);
    tally.figures["by"] = "libFuzzer with AddressSanitizer";
  } else if (target.name === "abi") throw new Skipped("its build takes minutes: the long run has it");
  else {
    const { tried, kinds, lost } = await byMutation(target, context, "run", count);
    tally.count(undefined, tried - lost.length);
    for (const loss of lost) tally.count(loss);
    tally.figures["kinds of answers"] = kinds;
    tally.figures["by"] = "mutation of a kept corpus";
  }
  tally.figures["seconds"] = count;
}

async function controlTarget(target: Target, context: CheckContext): Promise<Control> {
  const { quick } = context;
  const seconds = quick ? CONTROL.quick : CONTROL.long;
  if (target.native && !quick) {
    const planted = "a read behind the end of some inputs";
    const { crash } = await fuzzed(target, context, true, seconds);
    return { planted, caught: crash?.includes("AddressSanitizer") === true, said: crash ?? "no crash" };
  }
  const planted = target.native ? "a panic in one of the calls" : "a case that the reader forgets";
  const { lost } = await byMutation(target, context, "control", seconds);
  return { planted, caught: lost.length > 0, said: lost[0] ?? "nothing found" };
}

/** Ten minutes each in the long run; `--minutes` gives them others. */
export const fuzz: readonly Check[] = targets.map((target): Check => ({
  name: `fuzz-${target.name}`,
  promise: `No ${target.what}, however broken, crashes the process or gives anything but a typed error.`,
  unit: "inputs",
  sizes: { quick: 3, long: 600 },
  timed: true,
  beside: true,
  run: (context, tally) => runTarget(target, context, tally),
  control: (context) => controlTarget(target, context),
}));
