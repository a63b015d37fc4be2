/** Archives that mean harm. */
import type { Check, Control, Tally } from "../check.ts";
import { answerOf, runChild } from "../child.ts";
import type { HostileAnswer } from "../children/hostile_archives.ts";

/** Counts what a child that met hostile files answers. */
export function countHostile(answer: HostileAnswer, tally: Tally): void {
  tally.count(undefined, answer.tried - answer.lost.length);
  for (const loss of answer.lost) tally.count(loss);
  tally.add("refused", answer.refused);
  tally.most("most MiB", answer.mib);
  tally.most("most seconds of processor", answer.seconds);
}

/** Forty of them, each once: they are always the same. */
export const archives: Check = {
  name: "archives",
  promise:
    "An archive that means harm writes nothing outside, makes no link, and takes at most 64 MiB and 1 s of processor.",
  unit: "archives",
  sizes: { quick: 40, long: 40 },
  async run({ folder }, tally): Promise<void> {
    countHostile(answerOf(await runChild("hostile_archives", [folder])), tally);
  },
  async control({ folder }): Promise<Control> {
    const planted = "a reader that unpacks, and goes where names lead";
    const { lost } = answerOf<HostileAnswer>(await runChild("hostile_archives", [folder, "control"]));
    return { planted, caught: lost.length > 0, said: lost[0] ?? "nothing outside" };
  },
};
