/** The same training again and again, with one, two and four threads. */
import { join } from "@std/path";
import type { Check, Control } from "../check.ts";
import { answerOf, runChild } from "../child.ts";

const THREADS = [1, 2, 4];

async function sumOf(folder: string, threads: number, seed: number): Promise<string> {
  const run = await Deno.makeTempDir({ dir: folder });
  const args = [join(run, "run"), "whole", "0", String(threads), String(seed)];
  return answerOf<{ sum: string }>(await runChild("train_steps", args)).sum;
}

/** Three of each. */
export const determinism: Check = {
  name: "determinism",
  promise: "The same seed gives the same bits, run for run and with any number of threads.",
  unit: "trainings",
  sizes: { quick: 1, long: 3 },
  async run(context, tally): Promise<void> {
    const wanted = await sumOf(context.folder, 1, 5);
    for (const _ of context.rounds()) {
      for (const threads of THREADS) {
        const sum = await sumOf(context.folder, threads, 5);
        tally.count(sum === wanted ? undefined : `${threads} threads: SHA-256 ${sum}, expected ${wanted}`);
      }
    }
  },
  async control({ folder }): Promise<Control> {
    const planted = "another seed";
    const [a, b] = [await sumOf(folder, 1, 5), await sumOf(folder, 1, 6)];
    return { planted, caught: a !== b, said: a === b ? "the same bits" : `${b}, expected ${a}` };
  },
};
