/** Each allocation refused in turn. */
import type { Check, Control } from "../check.ts";
import { answerOf, runChild } from "../child.ts";
import type { RefusedAnswer } from "../children/refused_allocations.ts";

/** Of each of three trainings up to 500: they have fewer, so every one. */
export const allocations: Check = {
  name: "allocations",
  promise: "Whichever allocation is refused, a typed error comes at most, and what is tried again gives the same bits.",
  unit: "refused allocations",
  sizes: { quick: 8, long: 500 },
  async run({ count, rng }, tally): Promise<void> {
    const args = [String(count), String(rng.u32())];
    const { tried, told, lost } = answerOf<RefusedAnswer>(await runChild("refused_allocations", args));
    tally.count(undefined, tried - lost.length);
    for (const loss of lost) tally.count(loss);
    tally.figures["told"] = told;
  },
  async control({ rng }): Promise<Control> {
    const planted = "a panic where an allocation is refused";
    const { lost } = answerOf<RefusedAnswer>(await runChild("refused_allocations", ["3", String(rng.u32()), "panic"]));
    return { planted, caught: lost.length > 0, said: lost[0] ?? "nothing lost" };
  },
};
