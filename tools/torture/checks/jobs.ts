/** Jobs that are killed and stopped at random moments until they are done: their bits, and their events. */
import { join } from "@std/path";
import { loadCheckpoint } from "../../../lib/checkpoint/checkpoint.ts";
import { checkpointIn } from "../../../lib/checkpoint/checkpoints.ts";
import { messageOf } from "../../../lib/cli/command.ts";
import type { serve } from "../../../mod.ts";
import type { Check, CheckContext, Control, Tally } from "../check.ts";
import { type Ended, kill, lastLines, runTask } from "../child.ts";
import { stateSum } from "../state_sum.ts";

/** How a job's process ends by each, where it does not come to its end before. */
const CODES = { SIGKILL: 137, SIGTERM: 143, SIGINT: 130 } as const;
const NAMES = Object.keys(CODES) as (keyof typeof CODES)[];

/** Milliseconds after an event within which the signal comes. */
const LONGEST = 500;

/** Three epochs of sixteen steps: a second, beside the time that a process takes to begin. */
const RECIPE = { epochs: 3, bs: 32, data: { limit: 512 }, threads: 1 };

async function written(folder: string, name: string): Promise<{ spec: string; output: string }> {
  const output = join(folder, name);
  const spec = join(folder, `${name}.json`);
  const job = { name, preset: "mnist", recipe: RECIPE, saveEvery: 0.2, output, artefacts: ["model"] };
  await Deno.writeTextFile(spec, JSON.stringify(job));
  return { spec, output };
}

async function sumOf(output: string): Promise<string> {
  return await stateSum((await loadCheckpoint(checkpointIn(join(output, "run")))).state);
}

/** The whole lines of a text as events; the last one of a process that was killed may be a part. */
function eventsOf(text: string): serve.JobEvent[] {
  return text.split("\n").slice(0, -1).map((line) => JSON.parse(line));
}

/** An attempt that gets a signal some time after one of its events. */
async function disturbed({ rng }: CheckContext, spec: string, name: keyof typeof CODES): Promise<Ended> {
  const [lines, wait] = [rng.between(1, 6), rng.below(LONGEST)];
  let sent = false;
  return await runTask("job", [spec], {
    onOut: (text, child): void => {
      if (sent || text.split("\n").length <= lines) return;
      sent = true;
      setTimeout(() => kill(child, name), wait);
    },
  });
}

/** What is wrong with a job that is done: `told` is what all its processes have told, in their order. */
async function judged(output: string, told: string, wanted: string): Promise<string | undefined> {
  try {
    const events = eventsOf(await Deno.readTextFile(join(output, "events.ndjson")));
    const gap = events.findIndex(({ n }, at) => n !== at + 1);
    if (gap >= 0) return `event ${gap + 1} has the number ${events[gap]!.n}`;
    const heard = eventsOf(told);
    const twice = heard.findIndex(({ n }, at) => at > 0 && n <= heard[at - 1]!.n);
    if (twice >= 0) return `event ${heard[twice]!.n} was told after ${heard[twice - 1]!.n}`;
    const other = heard.find((event) => JSON.stringify(event) !== JSON.stringify(events[event.n - 1]));
    if (other !== undefined) return `event ${other.n} was told, and is another one in the file`;
    if (events.at(-1)?.type !== "done") return `its last event is ${events.at(-1)?.type}`;
    const sum = await sumOf(output);
    return sum === wanted ? undefined : `SHA-256 ${sum}, of an undisturbed job ${wanted}`;
  } catch (error) {
    return messageOf(error);
  }
}

/** The whole lines of what a process told. */
function wholeLines(text: string): string {
  return text.slice(0, text.lastIndexOf("\n") + 1);
}

/** Runs a job to its end without a stop. */
async function whole(folder: string, name: string): Promise<{ output: string; out: string }> {
  const { spec, output } = await written(folder, name);
  const { code, out, err } = await runTask("job", [spec]);
  if (code !== 0) throw new Error(`The undisturbed job ended with ${code}: ${lastLines(err)}`);
  return { output, out };
}

/** Disturbs jobs until there were as many signals as wanted, each job to its end. */
async function all(context: CheckContext, tally: Tally): Promise<void> {
  const wanted = await sumOf((await whole(context.folder, "whole")).output);
  let signals = 0;
  for (let count = 0; signals < context.count; count++) {
    const { spec, output } = await written(context.folder, `job-${count}`);
    let told = "";
    const wrong: string[] = [];
    for (let attempts = 0; attempts < 6; attempts++) {
      const name = context.rng.pick(NAMES);
      const ended = await disturbed(context, spec, name);
      told += wholeLines(ended.out);
      if (ended.code === 0) break;
      signals++;
      tally.add(name);
      tally.count(undefined);
      if (ended.code !== CODES[name]) wrong.push(`${name}: exit code ${ended.code}: ${lastLines(ended.err)}`);
    }
    const last = await runTask("job", [spec]);
    told += wholeLines(last.out);
    if (last.code !== 0) wrong.push(`exit code ${last.code} at the end: ${lastLines(last.err)}`);
    const found = await judged(output, told, wanted);
    for (const each of [...wrong, ...(found === undefined ? [] : [found])]) tally.count(`job ${count}: ${each}`, 0);
    await Deno.remove(output, { recursive: true });
  }
}

/** Signals to jobs that are run until they are done. */
export const jobs: Check = {
  name: "jobs",
  promise:
    "A job that is killed or stopped at any moment, again and again, ends with the same bits and every event once.",
  unit: "signals",
  sizes: { quick: 3, long: 100 },
  run: all,
  async control({ folder }): Promise<Control> {
    const planted = "a line of events that a killed process left half written, and that nobody cut off";
    const { output, out } = await whole(folder, "planted");
    const path = join(output, "events.ndjson");
    const lines = (await Deno.readTextFile(path)).split("\n");
    await Deno.writeTextFile(
      path,
      [...lines.slice(0, 3), lines[3]!.slice(0, 20) + lines[3]!, ...lines.slice(4)].join("\n"),
    );
    const said = await judged(output, out, await sumOf(output));
    return { planted, caught: said !== undefined, said: said ?? "nothing" };
  },
};
