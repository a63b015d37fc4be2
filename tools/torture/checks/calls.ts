/** Wild calls of every export. */
import { messageOf } from "../../../lib/cli/command.ts";
import type { Check, CheckContext, Control } from "../check.ts";
import { answerOf, runChild } from "../child.ts";
import type { WildAnswer } from "../children/wild_calls.ts";

/** Milliseconds after which all calls of all exports count as hung. */
const PATIENCE = 3_600_000;

/** Cheap calls after which the compiler has made the call direct, where nothing checks a number any more. */
const HEAT = { quick: 3_000, long: 300_000 };

async function called(context: CheckContext, part: string): Promise<WildAnswer> {
  const { folder, count, quick, rng } = context;
  const heat = quick ? HEAT.quick : HEAT.long;
  const args = [String(count), String(heat), String(rng.u32()), part];
  // What is made of wild sizes must not be the machine's memory.
  const env = { LIBTRAIN_MEMORY: "1G", LIBTRAIN_THREADS: "1" };
  const ended = await runChild("wild_calls", args, { cwd: folder, env, patience: PATIENCE });
  if (ended.code !== 0 || ended.hung) {
    const lines = ended.err.trim().split("\n");
    const at = lines.findLast((line) => /^\w+$/.test(line)) ?? "the start";
    const why = lines.find((line) => /error|panicked/.test(line)) ?? "";
    throw new Error(`at ${at}: ${ended.signal ?? `exit code ${ended.code}`} ${why}`.trim());
  }
  return answerOf(ended);
}

/** 10,000 of each, half of them once the call is hot. */
export const calls: Check = {
  name: "calls",
  promise: "No arguments of any export end the process: a typed error each time, at cold calls and at hot ones.",
  unit: "wild calls",
  sizes: { quick: 100, long: 10_000 },
  async run(context, tally): Promise<void> {
    try {
      const { exports, tried, lost } = await called(context, "run");
      tally.count(undefined, tried - lost.length);
      for (const loss of lost) tally.count(loss);
      tally.figures["exports"] = exports;
    } catch (error) {
      tally.count(messageOf(error));
    }
  },
  async control(context): Promise<Control> {
    const planted = "an export that panics, and one that believes a wrong length";
    const { lost } = await called(context, "panic");
    const [said] = lost;
    if (said === undefined) return { planted, caught: false, said: "the panic was not told" };
    try {
      await called(context, "overrun");
      return { planted, caught: false, said: "the wrong length was not told" };
    } catch (error) {
      return { planted, caught: true, said: `${said.split(" for ")[0]}; ${messageOf(error)}` };
    }
  },
};
