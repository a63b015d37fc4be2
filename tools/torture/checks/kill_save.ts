/** SIGKILL while checkpoints are saved. */
import { join } from "@std/path";
import { checkpointIn, Checkpoints } from "../../../lib/checkpoint/checkpoints.ts";
import { partialSuffix } from "../../../lib/io/atomic_file.ts";
import { messageOf } from "../../../lib/cli/command.ts";
import type { Check, CheckContext, Control } from "../check.ts";
import { kill, lastLines, runChild } from "../child.ts";

/** Milliseconds after its first save within which a child is killed: some saves long. */
const LONGEST = 200;

/** Kills a child that saves at a random time; the number of the last save that it told of. */
async function killed({ rng }: CheckContext, folder: string, how: string, from: number): Promise<number> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const wait = rng.below(LONGEST * 10) / 10;
  const ended = await runChild("save_loop", [folder, how, String(from)], {
    onOut: (_, child): void => void (timer ??= setTimeout(() => kill(child, "SIGKILL"), wait)),
  });
  if (ended.signal !== "SIGKILL") throw new Error(`The child ended before it was killed: ${lastLines(ended.err)}`);
  return Number(ended.out.trim().split("\n").at(-1));
}

/** What is wrong with what a killed child left: it must be whole, and the last save that was told or the one after it. */
async function judged(folder: string, told: number): Promise<string | undefined> {
  try {
    const found = await new Checkpoints(folder).load();
    if (found === undefined) return "no checkpoint is there";
    const { counters: { step }, tensors } = found.state;
    if (found.damage !== undefined) return `the newest is damaged: ${found.damage}`;
    if (step !== told && step !== told + 1) return `it is of save ${step}, told were ${told}`;
    for (const [name, { data }] of tensors) {
      if (!(data as Float32Array).every((value) => value === step)) return `${name} is not of save ${step}`;
    }
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

/** What killed writers left beside the checkpoints, once the next one has begun. */
async function leftovers(folder: string): Promise<string[]> {
  await new Checkpoints(folder).prepare();
  const names = [...Deno.readDirSync(join(checkpointIn(folder), ".."))].map(({ name }) => name);
  return names.filter((name) => name.endsWith(partialSuffix));
}

/** 200 SIGKILLs at random times of a loop that does nothing but save. */
export const killSave: Check = {
  name: "kill-save",
  promise: "A process killed while it saves leaves the checkpoint from before or the new one, whole.",
  unit: "SIGKILLs",
  sizes: { quick: 8, long: 200 },
  async run(context, tally): Promise<void> {
    const { folder } = context;
    let next = 1;
    for (const _ of context.rounds()) {
      const told = await killed(context, folder, "library", next);
      const wrong = await judged(folder, told);
      const left = await leftovers(folder);
      tally.count(wrong ?? (left.length > 0 ? `left behind: ${left}` : undefined));
      next = told + 2;
    }
  },
  async control(context): Promise<Control> {
    const planted = "a save that writes over the file in place";
    for (let round = 0; round < 60; round++) {
      const folder = join(context.folder, String(round));
      await Deno.mkdir(folder);
      const said = await judged(folder, await killed(context, folder, "in place", 1));
      if (said !== undefined) return { planted, caught: true, said };
    }
    return { planted, caught: false, said: "60 SIGKILLs left whole files" };
  },
};
