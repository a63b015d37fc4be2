/** A training under Valgrind. */
import { join } from "@std/path";
import { type Check, type Control, Skipped } from "../check.ts";
import { type Ended, lastLines, root, runChild, works } from "../child.ts";

/** Deno compiles code while it runs, which Valgrind has to be told. */
const VALGRIND = [
  "valgrind",
  "--smc-check=all-non-file",
  "--leak-check=full",
  "--show-leak-kinds=definite",
  "--num-callers=20",
];

/** Valgrind knows no AVX-512; one thread, as it runs threads in turns anyway. */
const ENV = { LIBTRAIN_ISA: "avx2", LIBTRAIN_THREADS: "1" };

/** Milliseconds; every instruction is emulated. */
const PATIENCE = 3_600_000;

/** How a frame of the library is told: by its file, or where lines are known by its functions. */
const OWN = /liblibtrain\.so|\blibtrain::|\blt_\w/;

/** Reports whose stack names the library: Deno itself has some of its own. */
export function reports(text: string): string[] {
  const blocks = text.replaceAll(/^==\d+== ?(Warning: .*\n)?/gm, "").split(/\n\s*\n/);
  return blocks.filter((block) =>
    OWN.test(block) && /^(Invalid|Conditional|Use of|Source and|.* definitely lost)/m.test(block)
  );
}

function judged({ signal, err }: Ended): string | undefined {
  if (signal !== null) return `ended by ${signal}`;
  if (!/ERROR SUMMARY/.test(err)) return `no summary: ${lastLines(err)}`;
  return reports(err)[0]?.split("\n").slice(0, 3).join(" / ");
}

/** Twenty steps. */
export const valgrind: Check = {
  name: "valgrind",
  promise: "A training reads nothing that was not written, and loses no memory for good.",
  unit: "steps under Valgrind",
  sizes: { quick: 1, long: 20 },
  async run({ quick, count }, tally): Promise<void> {
    if (quick) throw new Skipped("it takes minutes: the long run has it");
    if (!await works("valgrind", ["--version"])) throw new Skipped("valgrind is not here");
    const ended = await runChild("many_steps", [String(count)], { prefix: VALGRIND, env: ENV, patience: PATIENCE });
    const wrong = judged(ended) ?? (ended.code === 0 ? undefined : `exit code ${ended.code}`);
    tally.count(wrong, count);
  },
  async control(): Promise<Control> {
    const planted = "a result buffer that is said to be longer than it is";
    const library = join(root, "target", "release", "liblibtrain.so");
    const env = { ...ENV, LIBTRAIN_LIBRARY: library };
    const said = judged(await runChild("overrun", [], { prefix: VALGRIND, env, patience: PATIENCE }));
    return { planted, caught: said?.startsWith("Invalid") === true, said: said ?? "no report" };
  },
};
