/** Workers that come and go in the midst of calls. */
import type { Check, Control } from "../check.ts";
import { answerOf, runChild } from "../child.ts";
import type { WorkersAnswer } from "../children/workers.ts";

/** Four at a time, for five minutes. */
export const workers: Check = {
  name: "workers",
  promise: "Workers that are ended in the midst of calls leave neither threads nor memory, and no wrong answer.",
  unit: "calls",
  sizes: { quick: 5, long: 300 },
  timed: true,
  async run({ count, rng }, tally): Promise<void> {
    const { calls, ended, lost, mib } = answerOf<WorkersAnswer>(
      await runChild("workers", [String(count), String(rng.u32())]),
    );
    tally.count(undefined, calls - lost.length);
    for (const loss of lost) tally.count(loss);
    tally.figures["Workers ended"] = ended;
    tally.figures["MiB that stay"] = mib;
    tally.figures["seconds"] = count;
  },
  async control({ rng }): Promise<Control> {
    const planted = "16 MiB that stay of each Worker";
    const { lost } = answerOf<WorkersAnswer>(await runChild("workers", ["8", String(rng.u32()), "leak"]));
    const said = lost.find((loss) => loss.includes("MiB stay"));
    return { planted, caught: said !== undefined, said: said ?? "nothing stays" };
  },
};
