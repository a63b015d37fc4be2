/** From names and paths to the files of a data set. */
import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { data, DataError } from "../../../mod.ts";
import { tempFolder } from "../../temp_folder.ts";

/** MD5 of "abc", from RFC 1321. */
const md5 = "900150983cd24fb0d6963f7d28e17f72";

Deno.test("findArchive: a path that is there is taken as it is", async () => {
  using folder = tempFolder();
  const cache = join(folder.path, "cache");
  const archive = join(folder.path, "imagenette2-160");
  await Deno.writeTextFile(archive, "");
  for (const path of [archive, folder.path]) assertEquals(await data.findArchive(path, { cache }), path);
  assertEquals([...Deno.readDirSync(folder.path)].length, 1, "no cache is made");
});

Deno.test("findArchive: a path wins over a name", async () => {
  using folder = tempFolder();
  const set = data.knownSet("imagewoof2-160")!;
  await Deno.writeTextFile(join(folder.path, "x.tgz"), "abc");
  const cache = join(folder.path, "cache");
  await data.importArchive(set, join(folder.path, "x.tgz"), { cache });
  const before = Deno.cwd();
  Deno.chdir(folder.path);
  try {
    assertEquals(await data.findArchive("imagewoof2-160", { cache }), join(folder.path, "x.tgz"));
    await Deno.mkdir("imagewoof2-160");
    assertEquals(await data.findArchive("imagewoof2-160", { cache }), "imagewoof2-160");
  } finally {
    Deno.chdir(before);
  }
});

Deno.test("findArchive: what is neither a path nor a name says which names there are", async () => {
  using folder = tempFolder();
  await assertRejects(
    () => data.findArchive("imagenet", { cache: folder.path }),
    Deno.errors.NotFound,
    'Cannot find "imagenet": give a folder with train/ and val/, an archive of one, or imagenette2, imagenette2-320, ' +
      "imagenette2-160, imagewoof2, imagewoof2-320, imagewoof2-160",
  );
  const below = join(folder.path, "file", "set");
  await Deno.writeTextFile(join(folder.path, "file"), "");
  await assertRejects(() => data.findArchive(below), Deno.errors.NotFound, `Cannot find "${below}"`);
});

Deno.test("findArchive: a name whose archive is not here, and may not be downloaded, is a typed error that says what to do", async () => {
  using folder = tempFolder();
  const error = await assertRejects(
    () => data.findArchive("imagenette2-320", { cache: folder.path }),
    data.DataNotFoundError,
    "Data set imagenette2-320 is not on this machine, and this script may not reach s3.amazonaws.com, which has it: " +
      "allow that, or, with the archive at hand, open it by its path or give it to importArchive()",
  );
  assertEquals([error.set, error.why, error instanceof DataError], ["imagenette2-320", "missing", true]);
  assertEquals([...Deno.readDirSync(folder.path)], []);
});

Deno.test("findArchive: an archive in the cache folder is taken for its name", async () => {
  using folder = tempFolder();
  const own = join(folder.path, "imagenette2.tgz");
  await Deno.writeTextFile(own, "");
  assertEquals(await data.findArchive("imagenette2", { cache: folder.path }), own);
  await assertRejects(() => data.findArchive("imagenette2-160", { cache: folder.path }), DataError);
});

Deno.test("findArchive: a note that is cut off or says something else is told, with what to do", async () => {
  using folder = tempFolder();
  const cache = join(folder.path, "cache");
  await Deno.writeTextFile(join(folder.path, "x.tgz"), "abc");
  const set = data.knownSet("imagewoof2-160")!;
  await data.importArchive(set, join(folder.path, "x.tgz"), { cache });
  assertEquals([...Deno.readDirSync(cache)].map(({ name }) => name), ["imagewoof2-160.json"]);
  for (const text of ['{"archi', "null", "[]", '{"archive": 3}', ""]) {
    await Deno.writeTextFile(join(cache, "imagewoof2-160.json"), text);
    const error = await assertRejects(
      () => data.findArchive("imagewoof2-160", { cache }),
      data.DataNotFoundError,
      'imagewoof2-160.json" to say where the archive of imagewoof2-160 is, as {"archive": "…"}, got other text: remove it',
    );
    assertEquals([error.set, error.why], ["imagewoof2-160", "unreadableNote"]);
  }
});

Deno.test("importArchive: an archive with another MD5 than the known one is refused, and nothing is noted", async () => {
  using folder = tempFolder();
  const cache = join(folder.path, "cache");
  const archive = join(folder.path, "wrong.tgz");
  await Deno.writeTextFile(archive, "abc");
  for (const set of data.knownSets.filter(({ md5 }) => md5 !== null)) {
    await assertRejects(
      () => data.importArchive(set, archive, { cache }),
      DataError,
      `Expected "${archive}" to have the MD5 ${set.md5} of ${set.name}, got ${md5}: give the official archive, or ` +
        `open this one by its path`,
    );
  }
  assertEquals([...Deno.readDirSync(folder.path)].map(({ name }) => name), ["wrong.tgz"]);
});

Deno.test("importArchive: an archive of a set without a known MD5 is found by its name from then on", async () => {
  using folder = tempFolder();
  const cache = join(folder.path, "cache");
  const archive = join(folder.path, "woof.tgz");
  await Deno.writeTextFile(archive, "abc");
  const set = data.knownSet("imagewoof2-160")!;
  assertEquals([set.md5, await data.importArchive(set, archive, { cache })], [null, md5]);
  assertEquals(await data.findArchive(set.name, { cache }), archive);
  // Of no other set, and no longer once it is gone.
  await assertRejects(() => data.findArchive("imagewoof2", { cache }), DataError);
  await Deno.remove(archive);
  await assertRejects(() => data.findArchive(set.name, { cache }), DataError, "is not on this machine");
});

Deno.test("importArchive: a path relative to the working folder is found from any other", async () => {
  using folder = tempFolder();
  const cache = join(folder.path, "cache");
  await Deno.writeTextFile(join(folder.path, "woof.tgz"), "abc");
  const set = data.knownSet("imagewoof2")!;
  const before = Deno.cwd();
  Deno.chdir(folder.path);
  try {
    await data.importArchive(set, "woof.tgz", { cache });
  } finally {
    Deno.chdir(before);
  }
  assertEquals(await data.findArchive("imagewoof2", { cache }), join(folder.path, "woof.tgz"));
});

Deno.test("importArchive: a signal ends it, and nothing is noted", async () => {
  using folder = tempFolder();
  const cache = join(folder.path, "cache");
  await Deno.writeTextFile(join(folder.path, "woof.tgz"), "abc");
  const signal = AbortSignal.abort(new Error("enough"));
  const set = data.knownSet("imagewoof2")!;
  await assertRejects(() => data.importArchive(set, join(folder.path, "woof.tgz"), { cache, signal }), Error, "enough");
  assertEquals([...Deno.readDirSync(folder.path)].length, 1);
});
