/** SIGKILL while a data set is prepared. */
import { join } from "@std/path";
import { partialSuffix } from "../../../lib/io/atomic_file.ts";
import type { Check, CheckContext, Control } from "../check.ts";
import { answerOf, kill, lastLines, runChild } from "../child.ts";
import { filesIn, sameBytes, writeSet } from "../files.ts";

/** Milliseconds after it begins within which a child is killed: some preparations long. */
const LONGEST = 600;

/** Of a class, to train on. */
const IMAGES = 200;

type Files = Awaited<ReturnType<typeof filesIn>>;

/** The set, and the caches as they should be. */
interface Made {
  readonly set: string;
  readonly reference: string;
  readonly wanted: Files;
}

async function make(folder: string): Promise<Made> {
  const set = await writeSet(join(folder, "set"), IMAGES);
  const reference = join(folder, "reference");
  answerOf(await runChild("prepare_loop", [set, reference]));
  return { set, reference, wanted: await filesIn(reference) };
}

async function killed({ rng }: CheckContext, args: readonly string[]): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const wait = rng.below(LONGEST * 10) / 10;
  const ended = await runChild("prepare_loop", args, {
    onOut: (_, child): void => void (timer ??= setTimeout(() => kill(child, "SIGKILL"), wait)),
  });
  if (ended.signal !== "SIGKILL") throw new Error(`The child ended before it was killed: ${lastLines(ended.err)}`);
}

/** What is wrong with a folder of caches: what has a cache's name must be the whole cache. */
async function torn(cache: string, wanted: Files): Promise<string | undefined> {
  for (const [name, bytes] of await filesIn(cache)) {
    if (name.endsWith(partialSuffix)) continue;
    const whole = wanted.get(name);
    if (whole === undefined) return `a file of an unknown name: ${name}`;
    if (!sameBytes(bytes, whole)) return `${name} has ${bytes.length} bytes that are not the cache's ${whole.length}`;
  }
  return undefined;
}

/** What is wrong once the next preparation has ended: the caches are there, and nothing else. */
async function unhealed(cache: string, { set, wanted }: Made): Promise<string | undefined> {
  answerOf(await runChild("prepare_loop", [set, cache]));
  const names = [...(await filesIn(cache)).keys()];
  const expected = [...wanted.keys()];
  if (String(names) !== String(expected)) return `the next preparation left ${names}, expected ${expected}`;
  return await torn(cache, wanted);
}

/** 200 SIGKILLs at random times of a loop that prepares and forgets. */
export const killPrepare: Check = {
  name: "kill-prepare",
  promise: "A process killed while it prepares a data set leaves no half cache under a cache's name.",
  unit: "SIGKILLs",
  sizes: { quick: 8, long: 200 },
  async run(context, tally): Promise<void> {
    const made = await make(context.folder);
    const cache = join(context.folder, "cache");
    for (const round of context.rounds()) {
      await killed(context, [made.set, cache, "library"]);
      const partials = [...(await filesIn(cache)).keys()].filter((name) => name.endsWith(partialSuffix));
      tally.add("killed in the midst of a write", partials.length > 0 ? 1 : 0);
      // Every tenth time the next one also has to come through.
      const heal = round % 10 === 0;
      tally.count(await torn(cache, made.wanted) ?? (heal ? await unhealed(cache, made) : undefined));
    }
  },
  async control(context): Promise<Control> {
    const planted = "a preparation that writes under the cache's own name";
    const made = await make(context.folder);
    for (let round = 0; round < 60; round++) {
      const cache = join(context.folder, `cache-${round}`);
      await killed(context, [made.set, cache, "in place", made.reference]);
      const said = await torn(cache, made.wanted);
      if (said !== undefined) return { planted, caught: true, said };
    }
    return { planted, caught: false, said: "60 SIGKILLs left whole files" };
  },
};
