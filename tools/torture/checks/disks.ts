/** Full disks under runs, caches and logs. */
import { join } from "@std/path";
import { type Check, type CheckContext, type Control, Skipped } from "../check.ts";
import { answerOf, runChild, works } from "../child.ts";
import type { DiskAnswer } from "../children/full_disk.ts";

/** Ways to a mount namespace: as root, and as somebody else. */
const NAMESPACES = [["unshare", "--mount"], ["unshare", "--user", "--map-root-user", "--mount"]];

/** Room for some checkpoints, and not for many. */
const SIZE = "2m";

async function namespace(): Promise<readonly string[]> {
  for (const words of NAMESPACES) {
    const mount = "mount -t tmpfs -o size=64k torture /mnt";
    if (await works(words[0]!, [...words.slice(1), "sh", "-c", mount])) return words;
  }
  throw new Skipped("neither root nor a user may mount a tmpfs in a namespace of its own here");
}

async function tried(context: CheckContext, part: string, rounds: number): Promise<DiskAnswer> {
  const disk = join(context.folder, `disk-${part}`);
  const other = join(context.folder, `other-${part}`);
  for (const path of [disk, other]) await Deno.mkdir(path);
  const mount = `mount -t tmpfs -o size=${SIZE} torture "${disk}" && exec "$@"`;
  const prefix = [...await namespace(), "sh", "-c", mount, "sh"];
  const seed = String(context.rng.u32());
  return answerOf(await runChild("full_disk", [disk, other, part, String(rounds), seed], { prefix }));
}

/** Each part as often as its disk is filled. */
export const disks: Check = {
  name: "disks",
  promise: "A full disk costs no checkpoint and ends no training; caches say so; what is printed is not the work.",
  unit: "full disks",
  sizes: { quick: 2, long: 20 },
  async run(context, tally): Promise<void> {
    for (const part of ["runs", "full", "caches", "logs"]) {
      const answer = await tried(context, part, context.count);
      tally.count(undefined, answer.tried - answer.lost.length);
      for (const loss of answer.lost) tally.count(`${part}: ${loss}`);
      tally.add(part, answer.tried);
    }
  },
  async control(context): Promise<Control> {
    const planted = "a save that writes over both checkpoints in place";
    const { lost } = await tried(context, "overwrite", 1);
    return { planted, caught: lost.length > 0, said: lost[0] ?? "a whole checkpoint" };
  },
};
