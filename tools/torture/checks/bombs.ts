/** Small files that ask for much. */
import type { Check, Control } from "../check.ts";
import { answerOf, runChild } from "../child.ts";
import type { BombAnswer } from "../children/bombs.ts";
import { countHostile } from "./archives.ts";

/** Twelve of them, each once: they are always the same. */
export const bombs: Check = {
  name: "bombs",
  promise: "A small file that asks for much takes at most 64 MiB beside pixels that it gives, and 1 s of processor.",
  unit: "bombs",
  sizes: { quick: 12, long: 12 },
  async run({ folder }, tally): Promise<void> {
    let bombs = 1;
    for (let at = 0; at < bombs; at++) {
      const answer = answerOf<BombAnswer>(await runChild("bombs", [folder, String(at)]));
      bombs = answer.bombs;
      countHostile(answer, tally);
    }
  },
  async control({ folder }): Promise<Control> {
    const planted = "a decoder that makes room for what a header says";
    const { lost } = answerOf<BombAnswer>(await runChild("bombs", [folder, "control"]));
    return { planted, caught: lost.length > 0, said: lost[0] ?? "within the limits" };
  },
};
