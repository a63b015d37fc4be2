/** Decoding image files into the cache: what a caller is told, and how it can be ended. */
import { assert, assertEquals, assertRejects, assertStrictEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { prepare } from "../../../lib/data/prepare.ts";
import { data, DataError, Device } from "../../../mod.ts";
import { copies, fixture, writeFolder } from "../../support/image_files.ts";
import { tarOf } from "../../support/tar.ts";
import { tempFolder } from "../../temp_folder.ts";

/** What is in a folder. */
function namesIn(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => name);
}

/** An archive that takes some tenths of a second to decode. */
async function slowArchive(folder: string): Promise<string> {
  const path = join(folder, "set.tar");
  await Deno.writeFile(path, await tarOf(copies(3000, "progressive_444.jpg")));
  return path;
}

Deno.test("prepare: progress is told while it goes on", async () => {
  using folder = tempFolder();
  const path = await slowArchive(folder.path);
  const states: data.PrepareProgress[] = [];
  const { size } = await Deno.stat(path);
  using device = new Device("cpu", { threads: 1 });
  using valid = await data.openValid(path, {
    size: 45,
    device,
    cache: join(folder.path, "cache"),
    onProgress: (state) => states.push(state),
  });
  assertEquals(valid.length, 3000);
  const decoding = states.filter(({ phase }) => phase === "decoding");
  assert(decoding.length > 2, `told ${decoding.length} times of decoding`);
  for (const [at, { bytes, expectedBytes, decoded, unreadable }] of decoding.entries()) {
    const before = decoding[at - 1];
    assert(bytes >= (before?.bytes ?? 0) && bytes <= size && decoded >= (before?.decoded ?? 0) && decoded <= 3000);
    assertEquals([expectedBytes, unreadable], [size, 0]);
  }
  assert(decoding.at(-1)!.decoded > decoding[0]!.decoded);
});

Deno.test("prepare: a signal ends it with its reason, and nothing stays in the cache", async () => {
  using folder = tempFolder();
  const path = await slowArchive(folder.path);
  using device = new Device("cpu", { threads: 1 });
  const cache = join(folder.path, "cache");
  const stop = new AbortController();
  const reason = new Error("enough");
  let unfinished = 0;
  const onProgress = ({ decoded }: data.PrepareProgress): void => {
    if (decoded === 0 || stop.signal.aborted) return;
    unfinished = namesIn(cache).length;
    stop.abort(reason);
  };
  const options = { size: 45, device, cache, signal: stop.signal, onProgress };
  assertStrictEquals(await assertRejects(() => data.openValid(path, options)), reason);
  assertEquals([unfinished, namesIn(cache)], [1, []], "a file was begun, and is gone");
  assertStrictEquals(await assertRejects(() => data.openValid(path, options)), reason, "at once the second time");
  assertEquals(device.stats().handles, 0);
});

Deno.test("prepare: a signal that comes before its work begins ends it too", async () => {
  using folder = tempFolder();
  const path = await slowArchive(folder.path);
  const stop = new AbortController();
  const cache = join(folder.path, "cache");
  const prepared = prepare(path, { trainSize: null, validSize: 45 }, { cache, signal: stop.signal });
  stop.abort(new Error("enough"));
  await assertRejects(() => prepared, Error, "enough");
  assertEquals(namesIn(folder.path).includes("cache") ? namesIn(cache) : [], []);
});

/** A set of which one image in 121 is cut off. */
async function nearlyWhole(folder: string): Promise<string> {
  const cut = (await fixture("small_16x17.jpg")).subarray(0, 400);
  const layout = { ...copies(120, "png_grey_1.png", "train/a"), ...copies(1, "png_grey_1.png") };
  return await writeFolder(join(folder, "set"), { ...layout, "train/a/broken.jpg": cut });
}

Deno.test("prepare: up to 1 % of images that cannot be read are left out, with a warning", async () => {
  using folder = tempFolder();
  using device = new Device("cpu", { threads: 1 });
  const path = await nearlyWhole(folder.path);
  const options = { size: 19, device, cache: join(folder.path, "cache") };
  // The second time from the cache.
  for (const time of ["first", "second"]) {
    const warnings: string[] = [];
    const { train, valid } = await data.open(path, { ...options, onWarning: (line) => void warnings.push(line) });
    using disposed = new DisposableStack();
    assertEquals([disposed.use(train).length, disposed.use(valid).length], [120, 1]);
    assertEquals(train.names!.includes("train/a/broken.jpg"), false);
    assertEquals(warnings.length, 3, time);
    assertStringIncludes(warnings[1]!, "has a single class");
    assertStringIncludes(warnings[2]!, "1 image of val is trained on too, the first: val/a/");
    const start = "1 of 121 images of train cannot be read and are left out, the first: train/a/broken.jpg: Truncated";
    assertEquals(warnings[0]!.slice(0, start.length), start);
  }
});

Deno.test("prepare: strict refuses a single one, and so does a smaller share, in the cache too", async () => {
  using folder = tempFolder();
  using device = new Device("cpu", { threads: 1 });
  const path = await nearlyWhole(folder.path);
  const options = { size: 19, device, cache: join(folder.path, "cache") };
  const refused = async (): Promise<void> => {
    await assertRejects(
      () => data.open(path, { ...options, strict: true }),
      DataError,
      "train/a/broken.jpg: Truncated",
    );
    await assertRejects(
      () => data.open(path, { ...options, maxUnreadable: 0.001 }),
      DataError,
      " images of train cannot be read, more than 0.1 %; the first: train/a/broken.jpg: Truncated",
    );
  };
  await refused();
  assertEquals(namesIn(options.cache), []);
  const { train, valid } = await data.open(path, options);
  train.dispose();
  valid.dispose();
  await refused();
  assertEquals(namesIn(options.cache).length, 2);
});
