/** Listing, tagging and removing runs. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { recipe, RunFolder, RunFolderError, study } from "../../../../mod.ts";
import { lockFolder } from "../../../../lib/run/run_lock.ts";
import { link } from "../../../support/links.ts";
import { trainSeeds } from "../../../support/training.ts";
import { tempFolder } from "../../../temp_folder.ts";

/** A run that never began. */
async function make(path: string, config: Readonly<Record<string, unknown>> = {}): Promise<string> {
  return (await RunFolder.createAt(path, { config: { epochs: 1, ...config } })).path;
}

function isThere(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch {
    return false;
  }
}

Deno.test("listRuns: runs at any depth, by words, state and tag; links lead nowhere", async () => {
  using folder = tempFolder();
  using elsewhere = tempFolder();
  await make(join(elsewhere.path, "run"));
  const a = await make(join(folder.path, "runs/a"), { preset: "mnist", model: { name: "mnistNet" }, seed: 1 });
  const b = await make(join(folder.path, "runs/sweep/cells/b"), { data: { name: "photos/dogs.tgz" } });
  await link(elsewhere.path, join(folder.path, "runs/link"));
  await Deno.mkdir(join(folder.path, "runs/.removing-x"));
  await Deno.rename(await make(join(folder.path, "runs/c")), join(folder.path, "runs/.removing-x/c"));
  await Deno.writeTextFile(join(folder.path, "runs/notes.txt"), "none of ours");
  const list = async (options?: study.ListRunsOptions): Promise<string[]> =>
    (await study.listRuns(join(folder.path, "runs"), options)).map(({ folder }) => folder);
  assertEquals(await list(), [a, b]);
  assertEquals([await list({ find: "MNIST  seed-1" }), await list({ find: "dogs.tgz" })], [[a], [b]]);
  assertEquals([await list({ find: "mnist dogs.tgz" }), await list({ state: "over" })], [[], []]);
  await study.tagRun(b, { add: ["good", "old"] });
  assertEquals([await list({ tag: "good" }), await list({ tag: "goo" }), await list({ find: "goo" })], [[b], [], [b]]);
  await assertRejects(() => study.listRuns(join(folder.path, "none")), recipe.RunNotFoundError, "Cannot find ");
});

Deno.test("tagRun: tags are sorted and once each, and a wrong one changes nothing", async () => {
  using folder = tempFolder();
  const run = await make(join(folder.path, "run"));
  assertEquals(await study.tagRun(run, { add: ["v2", "best", "best"] }), ["best", "v2"]);
  assertEquals(await study.tagRun(run, { add: ["übung"], remove: ["v2", "none"] }), ["best", "übung"]);
  assertEquals((await study.readRun(run)).tags, ["best", "übung"]);
  for (const tag of ["", "two words", "a/b", "-x", "a".repeat(41), "a\n"]) {
    await assertRejects(() => study.tagRun(run, { add: ["fine", tag] }), RangeError, "Expected a tag");
  }
  assertEquals((await study.readRun(run)).tags, ["best", "übung"]);
  assertEquals(await study.tagRun(run, { remove: ["best", "übung"] }), []);
  assertEquals(isThere(join(run, "tags.json")), false);
  await Deno.writeTextFile(join(run, "tags.json"), '{"tags": "best"}');
  await assertRejects(() => study.tagRun(run, { add: ["a"] }), RunFolderError, 'Expected "tags" in ');
  await assertRejects(() => study.tagRun(folder.path, { add: ["a"] }), recipe.RunNotFoundError);
  assertEquals([...Deno.readDirSync(run)].filter(({ name }) => name.includes("partial")), []);
});

Deno.test("removeRuns: what a process trains in stays, with everything that was given beside it", async () => {
  using folder = tempFolder();
  const root = folder.path;
  const [a, b] = [await make(join(root, "a")), await make(join(root, "b"))];
  {
    using _held = await lockFolder(b);
    await assertRejects(() => study.removeRuns([a, b], { root }), RunFolderError, `a process trains in "${b}"`);
    assert(isThere(a) && isThere(b));
  }
  const { bytes } = await study.readRun(a);
  assertEquals(await study.removableRuns([a, b, a], { root }), [
    { folder: a, runs: [a], bytes, usedBy: [] },
    { folder: b, runs: [b], bytes, usedBy: [] },
  ]);
  assertEquals(await study.removeRuns([a], { root }), [{ folder: a, runs: [a], bytes, usedBy: [] }]);
  assertEquals([...Deno.readDirSync(root)].map(({ name }) => name), ["b"]);
});

Deno.test("removeRuns: nothing outside the folder of runs, nothing through a link, nothing that is no run", async () => {
  using folder = tempFolder();
  const root = join(folder.path, "runs");
  const run = await make(join(root, "run"));
  const outside = await make(join(folder.path, "outside"));
  await link(outside, join(root, "link"));
  await link(folder.path, join(root, "up"));
  const refused: [string, string][] = [
    [outside, "it lies elsewhere"],
    [join(root, "..", "outside"), "it lies elsewhere"],
    [root, "it is the folder of all runs"],
    [join(root, "."), "it is the folder of all runs"],
    [`${root}-other`, "it lies elsewhere"],
    [join(root, "link"), "is a link"],
    [join(root, "up", "outside"), "is a link"],
  ];
  for (const [path, why] of refused) {
    await assertRejects(() => study.removeRuns([run, path], { root }), RunFolderError, why);
  }
  await Deno.mkdir(join(root, "photos"));
  for (const path of [join(root, "photos"), join(root, "none"), join(run, "config.json")]) {
    await assertRejects(() => study.removeRuns([path], { root }), recipe.RunNotFoundError);
  }
  // A link within a run goes, and what it leads to stays.
  await link(outside, join(run, "data"));
  const [gone] = await study.removeRuns([run], { root });
  assertEquals([gone?.folder, isThere(run), isThere(join(outside, "config.json"))], [run, false, true]);
});

Deno.test("removeRuns: the folder of several seeds goes as a whole", async () => {
  using folder = tempFolder();
  const { run } = await trainSeeds(2, { epochs: 1, limit: 64, bs: 32, threads: 1, out: folder.path });
  const [removable] = await study.removableRuns([run, join(run, "seed-0")], { root: folder.path });
  assertEquals(removable?.runs, [join(run, "seed-0"), join(run, "seed-1")]);
  const gone = await study.removeRuns([run, join(run, "seed-0")], { root: folder.path });
  assertEquals([gone.length, [...Deno.readDirSync(folder.path)].length], [1, 0]);
});
