/** Sweeps' folders beside other commands: what a process is at stays, and whose runs they are is told. */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { basename, join } from "@std/path";
import { RunFolderError, study } from "../../../../mod.ts";
import { hashOf, identityOf } from "../../../../lib/study/sweep/identity.ts";
import { tryLock } from "../../../../lib/study/sweep/lock.ts";
import { tempFolder } from "../../../temp_folder.ts";
import { sharedSweeps, smallPlan } from "./plans.ts";

/** Why a folder may not be removed; undefined where it may. */
async function refusal(folder: string, root: string): Promise<string | undefined> {
  return await study.removableRuns([folder], { root }).then(() => undefined, (error) => {
    assert(error instanceof RunFolderError, `${error}`);
    return error.message;
  });
}

Deno.test("removeRuns: a sweep at work stays, between two of its runs too; one that has ended goes", async () => {
  using root = tempFolder();
  const folder = join(root.path, "small");
  const told: Promise<string | undefined>[] = [];
  await study.sweep(smallPlan(), {
    folder,
    runs: 1,
    onReady: () => void told.push(refusal(folder, root.path)),
    onEvent: ({ type }) => (type === "begin" || type === "over") && void told.push(refusal(folder, root.path)),
  });
  const refused = await Promise.all(told);
  assertEquals(refused.length, 5);
  // What was asked as the last run ended may find the sweep itself over by the time it looks.
  for (const message of refused.slice(0, -1)) {
    assertMatch(
      message ?? "none",
      /^Cannot remove ".*small": a process (trains (in|entry|max)|has (entry|max), seed 0 under way|wrote into its journal \d)/,
    );
  }
  assertEquals(await refusal(folder, root.path), undefined);
  const [gone] = await study.removeRuns([folder], { root: root.path });
  assertEquals([gone!.runs.length, gone!.usedBy], [2, []]);
});

Deno.test("removeRuns: a sweep that waits for another one's run stays, and a killed one goes after a minute", async () => {
  using root = tempFolder();
  const folder = join(root.path, "small");
  await study.sweep(smallPlan(), { folder, runs: 1 });
  const journal = join(folder, "journal.jsonl");
  const line = (seconds: number): string =>
    `${
      JSON.stringify({ time: new Date(Date.now() - 1000 * seconds).toISOString(), by: "1-x", event: "end", hash: "a" })
    }\n`;
  const [, max] = await study.sweepRuns(folder);
  const config = await Deno.readTextFile(join(max!.run!, "config.json"));
  await Deno.remove(join(folder, "results.json"));
  const before = await Deno.readTextFile(journal);
  await Deno.writeTextFile(journal, before.replaceAll(/"time":"[^"]*"/g, '"time":"2025-01-31T12:00:00.000Z"'));
  assertEquals(await refusal(folder, root.path), undefined);
  await Deno.writeTextFile(journal, line(5), { append: true });
  assertMatch(
    (await refusal(folder, root.path))!,
    /a process wrote into its journal [5-9] s ago: stop the sweep first; of/,
  );
  await Deno.writeTextFile(journal, line(100), { append: true });
  assertEquals(await refusal(folder, root.path), undefined);
  await Deno.remove(join(folder, "results", "max_seed0.json"));
  const hash = hashOf(identityOf(JSON.parse(config)));
  {
    using _claim = await tryLock(join(root.path, ".claims", `${hash}.lock`));
    assertMatch((await refusal(folder, root.path))!, /a process has max, seed 0 under way, here or in another sweep/);
  }
  assertEquals(await refusal(folder, root.path), undefined);
  // Whoever wants a damaged sweep gone must not have to mend it first.
  await Deno.writeTextFile(journal, '{"libtrain": "sweep", "format": 1, "definition": {"arms": null}}\n');
  assertEquals(await refusal(folder, root.path), undefined);
});

Deno.test("removableRuns: sweeps that have no other weights of a run are named", async () => {
  using root = tempFolder();
  const [first, second] = await sharedSweeps(root.path);
  const [whole] = await study.removableRuns([first], { root: root.path });
  assertEquals(whole!.usedBy, [{ sweep: second, runs: ["entry, seed 0"] }]);
  const [run] = await study.sweepRuns(first);
  const [cell] = await study.removableRuns([run!.run!], { root: root.path });
  assertEquals(cell!.usedBy, [
    { sweep: first, runs: ["entry, seed 0"] },
    { sweep: second, runs: ["entry, seed 0"] },
  ]);
  assertEquals((await study.removableRuns([second], { root: root.path }))[0]!.usedBy, []);
  assertEquals(basename(run!.run!).length, 16);
  await assertRejects(() => study.removableRuns([join(first, "results")], { root: root.path }));
});
