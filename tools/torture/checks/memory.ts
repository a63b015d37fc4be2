/** Memory limited by a control group, by the size of the data segment, and by LIBTRAIN_MEMORY. */
import { join } from "@std/path";
import { type Check, type CheckContext, type Control, Skipped } from "../check.ts";
import { answerOf, root, runProgram } from "../child.ts";
import type { Limited, Ran, Unable } from "../../../tests/support/limited.ts";
import type { Told } from "../../../tests/support/memory_cases.ts";

const MIB = 2 ** 20;

/** Limits and what is done under them: too much at once, forgotten in a loop, kept in JavaScript. */
const CASES: readonly (readonly [limit: Limited["limit"], script: string, from: number, to: number])[] = [
  ["control group", "large", 400, 900],
  ["control group", "forget", 400, 900],
  ["control group", "read", 400, 900],
  ["data segment", "large", 1800, 2600],
];

function script(path: string, ...args: string[]): string[] {
  return [Deno.execPath(), "run", "-q", "-A", join(root, path), ...args];
}

async function limited(options: Limited): Promise<Ran | Unable> {
  const [program = "", ...args] = script("tests/support/limited.ts", JSON.stringify(options));
  return answerOf(await runProgram(program, args));
}

/** What is wrong with how it ended: it must tell an OutOfMemoryError, and compute afterwards. */
function judged({ code, signal, out, err }: Ran): string | undefined {
  if (code !== 0 || signal !== null) return `${signal ?? `exit code ${code}`}: ${err.trim().split("\n").at(-1) ?? ""}`;
  const { error, after } = JSON.parse(out) as Told;
  if (error?.name !== "OutOfMemoryError") return `told ${error?.name ?? "nothing"}`;
  return after === 1000 ? undefined : `computed ${after} afterwards, expected 1000`;
}

/** A training that is too large for the group, and one that is not, after it. */
async function trained({ folder, rng }: CheckContext, at: number): Promise<string | undefined> {
  const flags = ["--limit", "8192", "--epochs", "1", "--threads", "1", "--device", "cpu", "--json"];
  const out = ["--out", join(folder, `runs-${at}`)];
  const bytes = rng.between(330, 400) * MIB;
  const run = async (...more: string[]): Promise<Ran | Unable> =>
    await limited({ limit: "control group", bytes, command: script("tasks/train.ts", ...flags, ...out, ...more) });
  const failed = await run("--bs", "4096");
  if ("unable" in failed) throw new Skipped(failed.unable);
  if (failed.signal !== null || failed.code !== 1) return `batch 4,096: ${failed.signal ?? `exit code ${failed.code}`}`;
  if (!/--bs below 4096/.test(failed.err + failed.out)) return `batch 4,096: ${failed.err.trim()}`;
  const done = await run("--bs", "64", "--limit", "512");
  return "unable" in done || done.code === 0 ? undefined : `batch 64: exit code ${done.code}: ${done.err.trim()}`;
}

/** Ten limits for each case. */
export const memory: Check = {
  name: "memory",
  promise: "Beyond the memory that there is comes a typed error, never a SIGKILL, and a smaller batch works after it.",
  unit: "limited processes",
  sizes: { quick: 1, long: 10 },
  async run(context, tally): Promise<void> {
    for (const [limit, name, from, to] of CASES) {
      for (const _ of context.rounds()) {
        const bytes = context.rng.between(from, to) * MIB;
        const ran = await limited({ limit, bytes, command: script("tests/support/memory_cases.ts", name) });
        if ("unable" in ran) {
          tally.skip(`${limit}, ${name}`, ran.unable);
          break;
        }
        const wrong = judged(ran);
        tally.count(wrong && `${limit} of ${bytes / MIB} MiB, ${name}: ${wrong}`);
      }
    }
    for (const at of context.rounds()) tally.count(await trained(context, at));
  },
  async control({ folder }): Promise<Control> {
    const planted = "a script that keeps arrays without a budget";
    const path = join(folder, "greedy.ts");
    await Deno.writeTextFile(path, "const kept = [];\nwhile (true) kept.push(new Uint8Array(1 << 22).fill(1));\n");
    const bytes = 300 * MIB;
    const ran = await limited({ limit: "control group", bytes, command: [Deno.execPath(), "run", "-q", path] });
    if ("unable" in ran) return await withoutGroup(path, planted);
    const said = judged(ran);
    return { planted, caught: said !== undefined, said: said ?? "it ended well" };
  },
};

/** Where no control group can be made, the data segment is limited. */
async function withoutGroup(path: string, planted: string): Promise<Control> {
  const ran = await limited({
    limit: "data segment",
    bytes: 1800 * MIB,
    command: [Deno.execPath(), "run", "-q", path],
  });
  if ("unable" in ran) throw new Skipped(ran.unable);
  const said = judged(ran);
  return { planted, caught: said !== undefined, said: said ?? "it ended well" };
}
