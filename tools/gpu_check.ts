/**
 * Checks and measures everything on a GPU, part by part, each in a process of its own; see docs/gpu.md.
 *
 *     deno run … tools/gpu_check.ts --out FOLDER [--part parity,network,…] [--device cuda] [--small] [--data ARCHIVE]
 *
 * @module
 */
import { fromFileUrl, join } from "@std/path";
import { type Command, messageOf, runCommand } from "../lib/cli/command.ts";
import { exitCodes } from "../lib/cli/exit_codes.ts";
import { UsageError } from "../lib/cli/flags.ts";
import { captured } from "./gpu_check/capture.ts";
import { kernels } from "./gpu_check/kernels.ts";
import { machine } from "./gpu_check/machine.ts";
import { memory } from "./gpu_check/memory.ts";
import { network } from "./gpu_check/network.ts";
import { parity } from "./gpu_check/parity.ts";
import { Checks, type Part, type PartContext, plans, rounded } from "./gpu_check/part.ts";
import { recipe } from "./gpu_check/recipe.ts";
import { MODES, step } from "./gpu_check/step.ts";

/** In the order in which they teach the most, should time run out. */
const parts = { parity, capture: captured, kernels, network, step, memory, recipe } as const satisfies Record<
  string,
  Part
>;

/** The most seconds that a part takes of those for all, so that one that hangs leaves time for the others. */
const CAPS: Readonly<Record<keyof typeof parts, number>> = {
  parity: 100,
  capture: 60,
  kernels: 60,
  network: 60,
  step: 400,
  memory: 90,
  recipe: 400,
};

type PartName = keyof typeof parts;

/** What a part came to, as its JSON file says it. */
interface PartResult {
  readonly part: string;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: readonly string[];
  readonly [name: string]: unknown;
}

/** Runs one part here, and writes its file. */
async function runPart(name: PartName, context: PartContext, out: string): Promise<PartResult> {
  const checks = new Checks(context.note);
  const start = performance.now();
  let found: Record<string, unknown> = {};
  let facts: Record<string, unknown> = {};
  try {
    facts = { ...await machine(context) };
    found = await parts[name](context, checks);
  } catch (error) {
    const stack = error instanceof Error ? error.stack ?? "" : "";
    checks.that("the part went through", false, `${messageOf(error)}\n${stack}`);
  }
  const passed = checks.all.length - checks.failed;
  const { device, small } = context;
  const result = {
    part: name,
    passed,
    failed: checks.failed,
    skipped: checks.skipped,
    kind: device,
    small,
    seconds: rounded((performance.now() - start) / 1000),
    machine: facts,
    checks: checks.all,
    ...found,
    ...plans(),
  };
  const plain = result.byPlainKernels.length;
  if (plain > 0) context.note(`${plain} lines of the plan are about what cuDNN does not compute: see byPlainKernels`);
  await writePart(out, result);
  return result;
}

async function writePart(out: string, result: PartResult): Promise<void> {
  await Deno.mkdir(out, { recursive: true });
  await Deno.writeTextFile(join(out, `${result.part}.json`), JSON.stringify(result, null, 1) + "\n");
}

/** Runs one part in a process of its own, which may crash or hang; what it left in its file is its result. */
async function runApart(
  name: PartName,
  { args, out, seconds }: { args: readonly string[]; out: string; seconds: number },
): Promise<PartResult> {
  const file = join(out, `${name}.json`);
  await Deno.remove(file).catch(() => {});
  const script = fromFileUrl(import.meta.url);
  const limit = ["--limit", `${Math.floor(seconds)}`];
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "--no-prompt", "--cached-only", ...permissions, script, ...args, "--part", name, ...limit],
    stdin: "null",
    stdout: "null",
    stderr: "inherit",
  }).spawn();
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    child.kill("SIGKILL");
  }, 1000 * seconds);
  const { code } = await child.status;
  clearTimeout(timer);
  const text = await Deno.readTextFile(file).catch(() => undefined);
  if (text !== undefined) return JSON.parse(text);
  const detail = late ? `It was not over after ${Math.floor(seconds)} s` : `Its process ended with status ${code}`;
  const result = {
    part: name,
    passed: 0,
    failed: 1,
    skipped: [],
    checks: [{ name: "the part went through", ok: false, detail }],
  };
  await writePart(out, result);
  return result;
}

/** What a part's process may do: run Python and nvidia-smi, and write its results and caches. */
const permissions = ["--allow-read", "--allow-write", "--allow-ffi", "--allow-env", "--allow-run", "--allow-sys"];

const flags = {
  part: { kind: "string", default: Object.keys(parts).join(","), placeholder: "names", help: "Parts, by commas" },
  out: { kind: "string", placeholder: "folder", help: "Where each part's JSON goes" },
  device: { kind: "choice", choices: ["cuda", "cpu"], default: "cuda", help: "What to check; the CPU is a rehearsal" },
  small: { kind: "boolean", help: "A narrow network and few small images: a rehearsal" },
  data: { kind: "string", placeholder: "path", help: "The data set's archive, for recipe" },
  python: { kind: "string", default: "python3", placeholder: "program", help: "Python with PyTorch, for step" },
  torch: { kind: "boolean", default: true, help: "Leave PyTorch out" },
  configs: { kind: "string", placeholder: "names", help: "What step measures, such as bf16:32,f32:32 (default: all)" },
  ops: { kind: "string", placeholder: "names", help: "Ops that parity compares (default: all)" },
  dtypes: { kind: "string", placeholder: "names", help: "Of bf16, f32 and tf32, by commas (default: all)" },
  modes: { kind: "string", default: MODES.join(","), placeholder: "names", help: "PyTorch's ways to run a step" },
  limit: { kind: "integer", default: 550, min: 5, help: "Seconds that all parts may take" },
  cap: { kind: "integer", min: 5, help: "Seconds that each part may take (default: its own)" },
} as const;

/** The parts that were asked for, in their order. */
function chosen(text: string): PartName[] {
  const names = text.split(",");
  const strange = names.find((name) => !Object.hasOwn(parts, name));
  if (strange !== undefined) {
    throw new UsageError(`Expected --part as names of ${Object.keys(parts).join(", ")}, got "${strange}"`);
  }
  return (Object.keys(parts) as PartName[]).filter((name) => names.includes(name));
}

/** The command line. */
export const gpuCheckCommand: Command<typeof flags> = {
  name: "tools/gpu_check",
  about: "Checks and measures the CUDA backend on this machine, and writes a JSON file a part.",
  flags,
  async run({ flags, report }): Promise<number> {
    const { out = "", device, small, data, python, torch, configs, ops, dtypes, modes, limit, cap } = flags;
    if (out === "") throw new UsageError("Expected --out, got none: name the folder that the JSON files go to");
    const names = chosen(flags.part);
    const end = performance.now() + 1000 * limit;
    const [only] = names;
    if (names.length === 1 && only !== undefined) {
      const context: PartContext = {
        device: device as "cpu" | "cuda",
        small,
        data: data ?? null,
        python: torch ? python : null,
        configs: configs?.split(",") ?? null,
        ops: ops?.split(",") ?? null,
        dtypes: dtypes?.split(",") ?? null,
        modes: modes.split(","),
        deadline: end,
        note: (line) => report.note(line),
      };
      const { passed, failed, skipped } = await runPart(only, context, out);
      report.line(`${only}: ${passed} passed, ${failed} failed, ${skipped.length} skipped`);
      return failed > 0 ? exitCodes.failed : exitCodes.done;
    }
    const results: PartResult[] = [];
    const args = [
      ...["--out", out, "--device", device, "--python", python],
      ...(small ? ["--small"] : []),
      ...(torch ? [] : ["--no-torch"]),
      ...(data === undefined ? [] : ["--data", data]),
      ...(configs === undefined ? [] : ["--configs", configs]),
      ...(ops === undefined ? [] : ["--ops", ops]),
      ...(dtypes === undefined ? [] : ["--dtypes", dtypes]),
      ...["--modes", modes],
    ];
    for (const name of names) {
      report.note(`--- ${name}`);
      const seconds = Math.max(1, Math.min(cap ?? CAPS[name], (end - performance.now()) / 1000));
      const result = await runApart(name, { args, out, seconds });
      results.push(result);
      report.note(`--- ${name}: ${result.passed} passed, ${result.failed} failed, ${result.skipped.length} skipped`);
    }
    const sum = (of: (result: PartResult) => number): number => results.reduce((sum, each) => sum + of(each), 0);
    const failed = sum((result) => result.failed);
    report.line(
      `${sum(({ passed }) => passed)} passed, ${failed} failed, ${sum(({ skipped }) => skipped.length)} skipped` +
        (failed > 0 ? `: ${results.filter(({ failed }) => failed > 0).map(({ part }) => part).join(", ")}` : ""),
    );
    return failed > 0 ? exitCodes.failed : exitCodes.done;
  },
};

if (import.meta.main) Deno.exit(await runCommand(Deno.args, gpuCheckCommand));
