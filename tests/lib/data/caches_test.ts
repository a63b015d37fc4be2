/** Listing and removing pixel caches. */
import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { basename, join } from "@std/path";
import { runCommand } from "../../../lib/cli/command.ts";
import { data, Device } from "../../../mod.ts";
import { dataCommand } from "../../../tasks/data.ts";
import { small, writeFolder } from "../../support/image_files.ts";
import { gzip, tarOf } from "../../support/tar.ts";
import { type TempFolder, tempFolder } from "../../temp_folder.ts";
import { keptStreams } from "../cli/streams.ts";

/** A cache folder with the caches of a folder `pets` and of an archive `set.tgz`. */
async function prepared(folder: TempFolder): Promise<string> {
  const cache = join(folder.path, "cache");
  const archive = join(folder.path, "set.tgz");
  await Deno.writeFile(archive, await gzip(await tarOf(small)));
  await data.describe(await writeFolder(join(folder.path, "pets")), { cache, size: 24 });
  await data.describe(archive, { cache, size: 16, keep: "source" });
  await Deno.writeTextFile(join(cache, "set.tgz"), "no cache");
  return cache;
}

const brief = ({ dataSet, part, size, images }: data.PixelCache): unknown[] => [dataSet, part, size, images];

Deno.test("caches: what they are of, their sizes and when they were used, which looking does not change", async () => {
  using folder = tempFolder();
  const cache = await prepared(folder);
  const found = await data.caches({ cache });
  assertEquals(found.map(brief), [
    ["pets", "train", 24, 6],
    ["pets", "val", 24, 4],
    ["set.tgz", "train", 0, 6],
    ["set.tgz", "val", 16, 4],
  ]);
  for (const { path, bytes, state, lastUsed } of found) {
    assertEquals([(await Deno.stat(path)).size, state], [bytes, "whole"]);
    assert(Math.abs(lastUsed!.getTime() - Date.now()) < 3_600_000);
  }
  const [{ path }] = found as [data.PixelCache];
  const long = new Date("2020-02-02T02:02:02Z");
  await Deno.utime(path, long, long);
  for (let times = 2; times > 0; times--) {
    assertEquals((await data.caches({ cache, name: basename(path) })).map(({ lastUsed }) => lastUsed), [long]);
  }
  assertEquals(await data.caches({ cache: join(folder.path, "none") }), []);
});

Deno.test("caches: of one data set, by its name or path; one that is not there says which are", async () => {
  using folder = tempFolder();
  const cache = await prepared(folder);
  for (const name of ["set", "set.tgz", join(folder.path, "set.tgz")]) {
    assertEquals((await data.caches({ cache, name })).map(({ dataSet }) => dataSet), ["set.tgz", "set.tgz"]);
  }
  await assertRejects(
    () => data.clearCaches({ cache, name: "cars" }),
    Deno.errors.NotFound,
    `Cannot find pixel caches of "cars" in "${cache}": there are those of pets, set.tgz`,
  );
  await assertRejects(
    () => data.caches({ cache, folder: "x" } as data.CachesOptions),
    TypeError,
    "it is called cache here",
  );
});

Deno.test("clearCaches: removes one data set's or all, and nothing else; an open one keeps its pixels", async () => {
  using folder = tempFolder();
  const cache = await prepared(folder);
  using device = new Device("cpu", { threads: 1 });
  const { train, valid } = await data.open(join(folder.path, "pets"), { cache, size: 24, device });
  using sets = new DisposableStack();
  for (const set of [train, valid]) sets.use(set);
  const of = await data.caches({ cache, name: "pets" });
  const { removed, kept, freedBytes } = await data.clearCaches({ cache, name: "pets" });
  assertEquals([removed.map(brief), kept], [of.map(brief), []]);
  assertEquals(freedBytes, of.reduce((sum, { bytes }) => sum + bytes, 0));
  let images = 0;
  for await (const batch of train.batches(2)) images += batch.labels.shape[0]!;
  assertEquals(images, 6);
  assertEquals((await data.clearCaches({ cache })).removed.length, 2);
  assertEquals([...Deno.readDirSync(cache)].map(({ name }) => name), ["set.tgz"]);
  assertEquals(await data.clearCaches({ cache }), { removed: [], kept: [], freedBytes: 0 });
});

Deno.test("clearCaches: what a process is writing stays, what one has left goes; a strange file counts as a cache", async () => {
  using folder = tempFolder();
  const [writing, left, strange] = ["train-8-aa.pixels.1-0.partial", "val-8-aa.pixels.1-0.partial", "val-8-bb.pixels"]
    .map((name) => join(folder.path, name)) as [string, string, string];
  for (const path of [writing, left, strange]) await Deno.writeTextFile(path, "LTPIXELS");
  using held = await Deno.open(writing, { read: true, write: true });
  assert(await held.tryLock(true));
  const cleared = await data.clearCaches({ cache: folder.path });
  assertEquals(cleared.kept.map(({ path, state }) => [path, state]), [[writing, "unfinished"]]);
  assertEquals(cleared.removed.map(({ path, dataSet }) => [path, dataSet]), [[left, null], [strange, null]]);
  const streams = keptStreams();
  assertEquals(await runCommand(["--clear", "--out", folder.path], dataCommand, { streams }), 1);
  assertStringIncludes(streams.text.out, `kept      ${writing} · unfinished · 0.0 MB`);
  assertStringIncludes(streams.text.err, "error: 1 pixel cache · 0.0 MB stay, as a process is writing them");
});

Deno.test("data --caches and --clear: lines for people, one object with --json", async () => {
  using folder = tempFolder();
  const cache = await prepared(folder);
  const command = async (...args: string[]): Promise<{ code: number; out: string; err: string }> => {
    const streams = keptStreams();
    const code = await runCommand([...args, "--out", cache], dataCommand, { streams });
    return { code, ...streams.text };
  };
  const listed = await command("--caches");
  assertEquals([listed.code, listed.err], [0, ""]);
  const lines = listed.out.trimEnd().split("\n");
  assertMatch(
    lines[0]!,
    /^cache {5}.*\/train-24-\w+\.pixels · pets · train at 24 · \d\.\d MB · last used \d{4}-\d\d-\d\d$/,
  );
  assertMatch(lines[2]!, / · set\.tgz · train at the size of the files · /);
  assertMatch(lines[4]!, /^in all {4}4 pixel caches · \d\.\d MB$/);
  const json = JSON.parse((await command("--caches", "set", "--json")).out);
  assertEquals([json.folder, json.caches.length, json.caches[1].dataSet], [cache, 2, "set.tgz"]);
  const wrong = await command("--clear", "cars");
  assertEquals([wrong.code, wrong.out], [2, ""]);
  assertStringIncludes(wrong.err, "error: Cannot find pixel caches of ");
  assertEquals((await command("--caches", "--clear")).code, 2);
  const cleared = JSON.parse((await command("--clear", "set", "--json")).out);
  assertEquals([cleared.removed.length, cleared.kept, cleared.freedBytes], [2, [], json.bytes]);
  assertMatch((await command("--clear")).out, /^removed .*\nremoved .*\nfreed {5}2 pixel caches · \d\.\d MB\n$/);
  assertEquals((await command("--caches")).out, "in all    0 pixel caches · 0.0 MB\n");
});
