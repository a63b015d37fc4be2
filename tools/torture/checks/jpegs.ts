/** A folder of mutated JPEGs. */
import type { Check, CheckContext, Control } from "../check.ts";
import { answerOf, runChild } from "../child.ts";
import type { JpegAnswer } from "../children/mutated_jpegs.ts";

async function reported({ folder, rng }: CheckContext, mutants: number, part: string): Promise<JpegAnswer> {
  return answerOf(await runChild("mutated_jpegs", [folder, String(mutants), String(rng.u32()), part]));
}

/** 1,000 of them. */
export const jpegs: Check = {
  name: "jpegs",
  promise:
    "Of a folder of damaged JPEGs exactly those that do not decode are listed, twice the same, and the limit holds.",
  unit: "mutated JPEGs",
  sizes: { quick: 100, long: 1000 },
  async run(context, tally): Promise<void> {
    const { tried, unreadable, lost } = await reported(context, context.count, "run");
    tally.count(undefined, tried - lost.length);
    for (const loss of lost) tally.count(loss);
    tally.figures["do not decode"] = unreadable;
  },
  async control(context): Promise<Control> {
    const planted = "one that does not decode is taken as if it did";
    const { lost } = await reported(context, 40, "control");
    return { planted, caught: lost.length > 0, said: lost[0] ?? "the lists agree" };
  },
};
