/** Bits flipped and ends cut off, in every kind of file that the library trusts. */
import { join } from "@std/path";
import type { Check, CheckContext, Control } from "../check.ts";
import { answerOf, runChild } from "../child.ts";
import type { DamageAnswer } from "../children/damage.ts";

async function damaged(context: CheckContext, kind: string, tries: number): Promise<DamageAnswer & { count: number }> {
  const folder = join(context.folder, kind);
  await Deno.mkdir(folder);
  return answerOf(await runChild("damage", [folder, kind, String(tries), String(context.rng.u32())]));
}

/** 2,000 of each kind. */
export const damage: Check = {
  name: "damage",
  promise:
    "A flipped bit or a missing end of a file is told or changes nothing: never other weights or pixels in silence.",
  unit: "damaged files",
  sizes: { quick: 40, long: 2000 },
  async run(context, tally): Promise<void> {
    for (const kind of ["checkpoints", "configurations", "caches", "archives"]) {
      const { tried, detected, harmless, lost, count } = await damaged(context, kind, context.count);
      tally.count(undefined, tried - count);
      for (let at = 0; at < count; at++) tally.count(`${kind}: ${lost[at] ?? "and more"}`);
      tally.add(`${kind}, detected`, detected);
      tally.add(`${kind}, harmless`, harmless);
    }
  },
  async control(context): Promise<Control> {
    const planted = "a reader of checkpoints that looks at no sum";
    const { count, lost } = await damaged(context, "unsummed", 40);
    return { planted, caught: count > 0, said: lost[0] ?? "all told" };
  },
};
