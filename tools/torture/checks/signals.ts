/** SIGTERM and SIGINT at random times, to a process among others and to one that is PID 1. */
import { join } from "@std/path";
import { loadCheckpoint } from "../../../lib/checkpoint/checkpoint.ts";
import { checkpointIn } from "../../../lib/checkpoint/checkpoints.ts";
import { messageOf } from "../../../lib/cli/command.ts";
import type { Check, CheckContext, Control, Tally } from "../check.ts";
import { type ChildOptions, type Ended, kill, lastLines, runProgram, runTask, works } from "../child.ts";

const CODES = { SIGTERM: 143, SIGINT: 130 } as const;
type Name = keyof typeof CODES;

/** Milliseconds after its first step within which a training gets its signal: some epochs long. */
const LONGEST = 800;

/** A namespace of its own, in which the program is PID 1. */
const PID_ONE = ["unshare", "--fork", "--pid", "--mount-proc", "--kill-child=SIGKILL"];

/** The program below `unshare`, seen from here. */
async function onlyChildOf(pid: number): Promise<number> {
  const { out } = await runProgram("cat", [`/proc/${pid}/task/${pid}/children`]);
  return Number(out.trim());
}

/** A training that gets a signal at a random time after its first epoch's row. */
async function signalled({ rng }: CheckContext, out: string, name: Name, first: boolean): Promise<Ended> {
  let sent = false;
  const wait = rng.below(LONGEST);
  const send = async (child: Deno.ChildProcess): Promise<void> => {
    if (!first) return kill(child, name);
    const pid = await onlyChildOf(child.pid);
    if (pid > 0) Deno.kill(pid, name);
  };
  const options: ChildOptions = {
    prefix: first ? PID_ONE : [],
    onErr: (text, child): void => {
      if (sent || !/^1 +\d/m.test(text)) return;
      sent = true;
      setTimeout(() => void send(child), wait);
    },
  };
  const size = ["--json", "--limit", "256", "--bs", "32", "--epochs", "2000", "--threads", "1", "--seed", "1"];
  return await runTask("train", [...size, "--out", out], options);
}

/** What is wrong with how it ended: its code, one JSON object, and a checkpoint of the very step that it names. */
async function judged({ code, signal, out, err }: Ended, name: Name): Promise<string | undefined> {
  if (signal !== null) return `ended by ${signal}`;
  if (code !== CODES[name]) return `exit code ${code}, expected ${CODES[name]}: ${lastLines(err)}`;
  try {
    const { stopped, run, steps } = JSON.parse(out);
    const { state } = await loadCheckpoint(checkpointIn(run));
    if (stopped !== true) return `it does not say that it was stopped: ${out}`;
    return state.counters.step === steps ? undefined : `step ${state.counters.step} is saved, ${steps} were done`;
  } catch (error) {
    return messageOf(error);
  }
}

async function all(context: CheckContext, tally: Tally, first: boolean): Promise<void> {
  for (const name of ["SIGTERM", "SIGINT"] as const) {
    for (const round of context.rounds()) {
      const out = join(context.folder, `${name}-${first}-${round}`);
      const wrong = await judged(await signalled(context, out, name, first), name);
      tally.count(wrong && `${name}${first ? " as PID 1" : ""}: ${wrong}`);
      tally.add(`${name}${first ? " as PID 1" : ""}`);
      await Deno.remove(out, { recursive: true });
    }
  }
}

/** 100 of each signal, twice. */
export const signals: Check = {
  name: "signals",
  promise:
    "SIGTERM and SIGINT end a training after the step under way with its state saved, 143 and 130; as PID 1 too.",
  unit: "signals",
  sizes: { quick: 2, long: 100 },
  async run(context, tally): Promise<void> {
    await all(context, tally, false);
    if (await works(PID_ONE[0]!, [...PID_ONE.slice(1), "true"])) await all(context, tally, true);
    else tally.skip("as PID 1", "`unshare --pid` is not permitted here");
  },
  async control(context): Promise<Control> {
    const planted = "a process that is killed where it should stop";
    const out = join(context.folder, "killed");
    const ended = await runTask("train", [
      "--json",
      "--limit",
      "256",
      "--epochs",
      "2000",
      "--threads",
      "1",
      "--out",
      out,
    ], {
      onErr: (text, child): void => /^1 +\d/m.test(text) ? kill(child, "SIGKILL") : undefined,
    });
    const said = await judged(ended, "SIGTERM");
    return { planted, caught: said !== undefined, said: said ?? "it ended well" };
  },
};
