/** SIGKILL after each step of a training, and a resume that has to end with the same bits. */
import { join } from "@std/path";
import { checkpointIn } from "../../../lib/checkpoint/checkpoints.ts";
import { loadCheckpoint, saveCheckpoint } from "../../../lib/checkpoint/checkpoint.ts";
import type { Check, CheckContext, Control } from "../check.ts";
import { answerOf, lastLines, runChild } from "../child.ts";

/** Of the training in children/train_steps.ts: three epochs of 20. */
const STEPS = 60;

/** Where an epoch ends, and the steps beside it; the first and the last. */
const EDGES = [20, 19, 21, 40, 1, 60, 59];

interface Answer {
  readonly steps: number;
  readonly sum: string;
}

/** Trains without a stop. */
async function whole(folder: string): Promise<Answer> {
  return answerOf(await runChild("train_steps", [join(folder, "whole"), "whole"]));
}

/** Trains until it is killed after a step; the run's folder. */
async function killedAfter(step: number, folder: string): Promise<string> {
  const run = join(folder, `killed-${step}`);
  const ended = await runChild("train_steps", [run, "die", String(step)]);
  if (ended.signal !== "SIGKILL") throw new Error(`Step ${step}: it was not killed: ${lastLines(ended.err)}`);
  return run;
}

/** What is wrong with how a killed run ends; resumed with another number of threads, which may change no bit. */
async function resumed(run: string, wanted: Answer): Promise<string | undefined> {
  const answer = answerOf<Answer>(await runChild("train_steps", [run, "resume", "0", "2"]));
  if (answer.steps !== wanted.steps) return `it ended after ${answer.steps} steps, not ${wanted.steps}`;
  return answer.sum === wanted.sum ? undefined : `SHA-256 ${answer.sum}, of the whole run ${wanted.sum}`;
}

/** The steps to be killed after: edges first where there is room for a few alone. */
function chosen({ count, rng }: CheckContext): number[] {
  if (count >= STEPS) return Array.from({ length: STEPS }, (_, at) => at + 1);
  const others = Array.from({ length: STEPS }, () => rng.between(2, STEPS - 2));
  return [...new Set([...EDGES.slice(0, count - 1), ...others])].slice(0, count);
}

/** A step killed after, the draws of its dropout forgotten: the bug that resumes most often have. */
async function forgetDraws(run: string): Promise<void> {
  const path = checkpointIn(run);
  const { state, config } = await loadCheckpoint(path);
  const name = [...state.tensors.keys()].find((each) => each.includes("drop") && each.startsWith("model."));
  if (name === undefined) throw new Error(`Expected the counter of the dropout among ${[...state.tensors.keys()]}`);
  const counter = state.tensors.get(name)!;
  const data = (counter.data as Int32Array<ArrayBuffer>).slice();
  data[2]! -= 1;
  const tensors = new Map(state.tensors).set(name, { dtype: "I32", shape: counter.shape, data });
  await saveCheckpoint(path, { state: { ...state, tensors }, config });
}

/** A run killed after each of 60 steps. */
export const resume: Check = {
  name: "resume",
  promise: "A training killed after any step, at the edges of epochs too, ends with the bits of one that was not.",
  unit: "resumed runs",
  sizes: { quick: 3, long: STEPS },
  async run(context, tally): Promise<void> {
    const wanted = await whole(context.folder);
    const steps = chosen(context);
    for (const round of context.rounds(steps.length)) {
      const step = steps[round]!;
      const wrong = await resumed(await killedAfter(step, context.folder), wanted);
      tally.count(wrong && `killed after step ${step}: ${wrong}`);
    }
  },
  async control({ folder }): Promise<Control> {
    const planted = "a checkpoint that is one draw of the dropout behind";
    const wanted = await whole(folder);
    const run = await killedAfter(30, folder);
    await forgetDraws(run);
    const said = await resumed(run, wanted);
    return { planted, caught: said !== undefined, said: said ?? "the same bits" };
  },
};
