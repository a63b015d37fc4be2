/** What is said of a data set. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { basename, join } from "@std/path";
import { data } from "../../../mod.ts";
import { fixture, small, writeFolder } from "../../support/image_files.ts";
import { gzip, tarOf } from "../../support/tar.ts";
import { tempFolder } from "../../temp_folder.ts";

Deno.test("describe: a folder's classes, counts, sizes, caches and files that cannot be read", async () => {
  using folder = tempFolder();
  const cut = (await fixture("grey.jpg")).subarray(0, 300);
  const path = await writeFolder(join(folder.path, "pets"), { ...small, "train/dog/broken.jpg": cut });
  const options = { size: 19, cache: join(folder.path, "cache"), maxUnreadable: 0.5 };
  const found = await data.describe(path, options);
  const { name, source, kind, sha256, md5, verified, classes, train, valid, seconds } = found;
  assertEquals([name, source, kind, sha256, md5, verified], [path, path, "folder", null, null, null]);
  assertEquals(classes, [{ folder: "cat", name: "cat" }, { folder: "dog", name: "dog" }]);
  assertEquals([train.images, train.counts, train.heights, train.widths], [6, [3, 3], [19, 45, 45], [23, 67, 67]]);
  assertEquals(train.unreadable.map(({ path }) => path), ["train/dog/broken.jpg"]);
  assert(train.unreadable[0]!.reason.startsWith("Truncated"), train.unreadable[0]!.reason);
  assertEquals([valid.images, valid.counts, valid.unreadable, valid.reused], [4, [2, 2], [], false]);
  assertEquals((await Deno.stat(valid.cache)).size, valid.bytes);
  assert(seconds >= 0 && found.bytes > 0);
  const again = await data.describe(path, options);
  assertEquals([again.train.reused, again.valid.reused, again.train.cache], [true, true, train.cache]);
  const kept = await data.describe(path, { ...options, keep: "source" });
  assert(basename(kept.train.cache).startsWith("train-source-"), kept.train.cache);
});

Deno.test("describe: an archive given for a name is checked, and found by that name from then on", async () => {
  using folder = tempFolder();
  const archive = join(folder.path, "woof.tgz");
  await Deno.writeFile(archive, await gzip(await tarOf(small)));
  const options = { size: 19, cache: join(folder.path, "cache") };
  const first = await data.describe("imagewoof2-160", { ...options, archive });
  assertEquals([first.kind, first.source, first.verified], ["archive", archive, null]);
  assertEquals([first.md5?.length, first.sha256?.length], [32, 64]);
  const { train: _, valid: __, seconds: ___, ...again } = await data.describe("imagewoof2-160", options);
  const { train: _t, valid: _v, seconds: _s, ...before } = first;
  assertEquals(again, before);
});

Deno.test("describe: options that do not fit are refused before anything is made", async () => {
  using folder = tempFolder();
  const cache = join(folder.path, "cache");
  const path = await writeFolder(join(folder.path, "pets"));
  const refused = async (name: string, options: data.DescribeOptions, text: string): Promise<void> => {
    await assertRejects(() => data.describe(name, { cache, ...options }), Error, text);
  };
  await refused(path, { size: 0 }, "describe(): Expected `size` as a whole number from 1 to 4096, got 0");
  await refused(path, { keep: "all" as "size" }, 'describe(): Expected `keep` as size or source, got "all"');
  await refused(path, { archive: path }, `describe(): Expected \`archive\` with one of imagenette2, imagenette2-320, `);
  await refused("imagenette2", { archive: path }, `Expected \`archive\` as a file, got "${path}", which is none`);
  assertEquals([...Deno.readDirSync(folder.path)].map(({ name }) => name), ["pets"]);
});
