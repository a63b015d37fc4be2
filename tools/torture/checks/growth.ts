/** Memory over many steps. */
import type { Check, Control } from "../check.ts";
import { answerOf, runChild } from "../child.ts";
import type { GrowthAnswer } from "../children/many_steps.ts";

/** MiB after the 200th step. */
const MOST = 16;

function judged({ mib, handles: [before, after] }: GrowthAnswer): string | undefined {
  if (mib > MOST) return `resident memory grew by ${mib} MiB`;
  return after > before ? `live tensors grew from ${before} to ${after}` : undefined;
}

/** 2,000 steps. */
export const growth: Check = {
  name: "growth",
  promise: "Resident memory grows by at most 16 MiB over 2,000 steps, after the first 200.",
  unit: "steps",
  sizes: { quick: 400, long: 2000 },
  async run({ count }, tally): Promise<void> {
    const answer = answerOf<GrowthAnswer>(await runChild("many_steps", [String(count)]));
    tally.count(judged(answer), answer.steps);
    tally.figures["MiB grown"] = answer.mib;
  },
  async control(): Promise<Control> {
    const planted = "64 KiB that each step forgets";
    const said = judged(answerOf<GrowthAnswer>(await runChild("many_steps", ["600", "leak"])));
    return { planted, caught: said !== undefined, said: said ?? "no growth" };
  },
};
