/** Opening folders and archives of image files. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { encodeHex } from "@std/encoding/hex";
import { join } from "@std/path";
import { readHeader } from "../../../lib/data/cache_file.ts";
import { data, DataError, Device } from "../../../mod.ts";
import { readSamples, sameImage } from "../../support/batches.ts";
import { copies, fixture, middle, pixelsOf, small, writeFolder } from "../../support/image_files.ts";
import { gzip, tarOf } from "../../support/tar.ts";
import { tempFolder } from "../../temp_folder.ts";

/** The fixture of each image of a part, in the order of the data set. */
function fixturesOf(part: string): [string, string][] {
  return Object.entries(small).filter(([path]) => path.startsWith(part)) as [string, string][];
}

async function filesIn(folder: string): Promise<Map<string, Deno.FileInfo>> {
  const names = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
  return new Map(
    await Promise.all(
      names.map(async (name): Promise<[string, Deno.FileInfo]> => [name, await Deno.stat(join(folder, name))]),
    ),
  );
}

Deno.test("open: a folder's classes, files, labels, and the middle of every image as Pillow decodes it", async () => {
  using folder = tempFolder();
  using device = new Device("cpu", { threads: 1 });
  const path = await writeFolder(join(folder.path, "pets"));
  let compared = 0;
  // The shorter sides of the two kinds of images, so that nothing is resized.
  for (const size of [45, 19]) {
    const { train, valid } = await data.open(path, { size, device, cache: join(folder.path, "cache") });
    using disposed = new DisposableStack();
    for (const [set, part] of [[train, "train"], [valid, "val"]] as const) {
      disposed.use(set);
      const wanted = fixturesOf(part);
      assertEquals([set.length, set.imageShape, set.classes], [wanted.length, [size, size, 3], ["cat", "dog"]]);
      assertEquals(set.names, wanted.map(([path]) => path));
      const { contents, ...source } = set.source!;
      assertEquals([source, contents.length], [{ name: "pets", sha256: null, leftOut: {} }, 64]);
      for (const { index, label, image } of await readSamples(set.batches(3, { shuffle: false, crop: "centre" }))) {
        const [file, fixture] = wanted[index]!;
        assertEquals(label, file.split("/")[1] === "cat" ? 0 : 1);
        const pixels = await pixelsOf(fixture);
        if (Math.min(pixels.height, pixels.width) !== size) continue;
        assert(sameImage(image, middle(pixels)), `${file} at ${size} pixels`);
        compared++;
      }
    }
  }
  assertEquals(compared, 10, "each image at one of the sizes");
});

Deno.test("open: a .tgz and a .tar hold what their folder holds, and say their SHA-256", async () => {
  using folder = tempFolder();
  using device = new Device("cpu", { threads: 1 });
  const archive = await tarOf(small);
  const sources = new Map([["set", null], ["set.tar", archive], ["set.tgz", await gzip(archive)]]);
  await writeFolder(join(folder.path, "set"));
  const found: unknown[] = [];
  for (const [name, bytes] of sources) {
    const path = join(folder.path, name);
    if (bytes !== null) await Deno.writeFile(path, bytes);
    const { train, valid } = await data.open(path, { size: 24, device, cache: join(folder.path, "cache") });
    using disposed = new DisposableStack();
    const parts: unknown[] = [];
    for (const set of [disposed.use(train), disposed.use(valid)]) {
      const sha256 = bytes && encodeHex(await crypto.subtle.digest("SHA-256", bytes));
      const { contents, ...source } = set.source!;
      assertEquals(source, { name, sha256, leftOut: {} });
      // The same wherever they lie.
      parts.push([
        contents,
        set.classes,
        set.names,
        await readSamples(set.batches(2, { shuffle: false, crop: "centre" })),
      ]);
    }
    found.push(parts);
  }
  assertEquals(found[1], found[0]);
  assertEquals(found[2], found[0]);
});

Deno.test("open: the second time nothing is written, another size makes other files", async () => {
  using folder = tempFolder();
  using device = new Device("cpu", { threads: 1 });
  const path = await writeFolder(join(folder.path, "set"));
  const cache = join(folder.path, "cache");
  const open = async (size: number, keep?: "source"): Promise<Map<string, Deno.FileInfo>> => {
    const { train, valid } = await data.open(path, { size, keep, device, cache });
    train.dispose();
    valid.dispose();
    return await filesIn(cache);
  };
  const first = await open(20);
  assertEquals([...first.keys()].map((name) => name.split("-").slice(0, 2)), [["train", "20"], ["val", "20"]]);
  const again = await open(20);
  assertEquals([...again.keys()], [...first.keys()]);
  for (const [name, { ino, mtime }] of first) {
    assertEquals([again.get(name)!.ino, again.get(name)!.mtime], [ino, mtime], name);
  }
  const other = await open(24);
  assertEquals([other.size, [...first.keys()].every((name) => other.has(name))], [4, true]);
  const source = await open(24, "source");
  assertEquals([...source.keys()].filter((name) => !other.has(name)).map((name) => name.split("-")[1]), ["source"]);
});

Deno.test("open: a changed file of a folder makes another cache", async () => {
  using folder = tempFolder();
  using device = new Device("cpu", { threads: 1 });
  const path = await writeFolder(join(folder.path, "set"));
  const options = { size: 45, device, cache: join(folder.path, "cache") };
  const first = async (): Promise<Float32Array> => {
    using valid = await data.openValid(path, options);
    return (await readSamples(valid.batches(1)))[0]!.image;
  };
  assert(sameImage(await first(), middle(await pixelsOf("baseline_422.jpg"))));
  await writeFolder(path, { "val/cat/x.jpg": "grey.jpg" });
  assert(sameImage(await first(), middle(await pixelsOf("grey.jpg"))));
});

Deno.test("open: limit takes images evenly spread over the classes", async () => {
  using folder = tempFolder();
  using device = new Device("cpu", { threads: 1 });
  const layout = Object.assign(
    {},
    ...["a", "b", "c"].flatMap((name) => [
      copies(4, "png_grey_1.png", `train/${name}`),
      copies(2, "png_grey_2.png", `val/${name}`),
    ]),
  );
  const path = await writeFolder(join(folder.path, "set"), layout);
  const open = async (limit: number): Promise<[number[], readonly string[], number[], number]> => {
    const options = { size: 19, limit, device, cache: join(folder.path, "cache") };
    const { train, valid } = await data.open(path, options);
    using disposed = new DisposableStack();
    const [images, others] = [
      await readSamples(disposed.use(train).batches(1, { shuffle: false })),
      await readSamples(disposed.use(valid).batches(1)),
    ];
    return [images.map(({ label }) => label), train.names!, others.map(({ label }) => label), train.classes.length];
  };
  assertEquals(await open(3), [[0, 1, 2], ["train/a/0.png", "train/b/0.png", "train/c/0.png"], [0, 1, 2], 3]);
  const [labels, names, others, classes] = await open(6);
  assertEquals(labels, [0, 0, 1, 1, 2, 2]);
  assertEquals(names, ["a", "b", "c"].flatMap((name) => [`train/${name}/0.png`, `train/${name}/2.png`]));
  assertEquals([others, classes], [[0, 0, 1, 1, 2, 2], 3], "all that there are");
});

Deno.test("openValid: takes val/ alone, and numbers its classes as those of train/ where that is there", async () => {
  using folder = tempFolder();
  using device = new Device("cpu", { threads: 1 });
  const options = { size: 19, device, cache: join(folder.path, "cache") };
  const alone = await writeFolder(join(folder.path, "alone"), { "val/dog/x.png": "png_rgb.png" });
  using valid = await data.openValid(alone, options);
  assertEquals([valid.classes, valid.length, valid.names], [["dog"], 1, ["val/dog/x.png"]]);
  assertEquals([...Deno.readDirSync(options.cache)].map(({ name }) => name.split("-")[0]), ["val"]);
  await assertRejects(() => data.open(alone, options), DataError, "Expected train/<class>/<image>.jpg");
  const both = await writeFolder(join(folder.path, "both"), {
    "train/cat/a.png": "png_rgb.png",
    "train/dog/a.png": "png_rgb.png",
    "val/dog/x.png": "png_rgb.png",
  });
  using other = await data.openValid(both, options);
  assertEquals([other.classes, (await readSamples(other.batches(1)))[0]!.label], [["cat", "dog"], 1]);
});

Deno.test("open: two calls at once for the same cache both get it", async () => {
  using folder = tempFolder();
  using device = new Device("cpu", { threads: 1 });
  const path = await writeFolder(join(folder.path, "set"), copies(200, "png_rgb.png"));
  const options = { size: 16, device, cache: join(folder.path, "cache") };
  const [first, second] = await Promise.all([data.openValid(path, options), data.openValid(path, options)]);
  using disposed = new DisposableStack();
  assertEquals([disposed.use(first).length, disposed.use(second).length], [200, 200]);
  assertEquals([...Deno.readDirSync(options.cache)].length, 1, "and nothing unfinished stays");
});

Deno.test("open: a disposed set leaves nothing on the device", async () => {
  using folder = tempFolder();
  using device = new Device("cpu", { threads: 1 });
  const path = await writeFolder(join(folder.path, "set"));
  for (const limit of [undefined, 2]) {
    const { train, valid } = await data.open(path, { size: 19, limit, device, cache: join(folder.path, "cache") });
    await readSamples(train.batches(2));
    // Mapped pixels, table and labels of both.
    assertEquals(device.stats().handles, 6);
    train.dispose();
    train.dispose();
    valid.dispose();
    await device.synchronize();
    const { handles, storages, bytes } = device.stats();
    assertEquals([handles, storages, bytes], [0, 0, 0]);
  }
});

Deno.test("open: options out of range are refused before anything is read", async () => {
  using folder = tempFolder();
  const cache = join(folder.path, "cache");
  for (
    const [options, error, message] of [
      [{ size: 0 }, RangeError, "Expected `size` as a whole number from 1 to 4096, got 0"],
      [{ size: 8.5 }, RangeError, "got 8.5"],
      [{ size: 8, limit: 0 }, RangeError, "Expected `limit` as a whole number from 1, got 0"],
      [{ size: 8, maxUnreadable: 1.5 }, RangeError, "Expected `maxUnreadable` from 0 to 1, got 1.5"],
      [{ size: 8, keep: "all" as "size" }, TypeError, 'Expected `keep` as size or source, got "all"'],
    ] as const
  ) {
    await assertRejects(() => data.open("nowhere", { ...options, cache }), error, message);
  }
  assertEquals([...Deno.readDirSync(folder.path)], []);
});

Deno.test("open: what fails once a cache is mapped leaves nothing on the device", async () => {
  using folder = tempFolder();
  using device = new Device("cpu", { threads: 1 });
  const cut = (await fixture("grey.jpg")).subarray(0, 300);
  const path = await writeFolder(join(folder.path, "pets"), { ...small, "train/dog/broken.jpg": cut });
  const options = { size: 19, device, cache: join(folder.path, "cache"), maxUnreadable: 0.5 };
  const before = device.stats().handles;
  const onWarning = (line: string): void => {
    throw new Error(line);
  };
  await assertRejects(() => data.open(path, { ...options, onWarning }), Error, "1 of 7 images of train cannot be read");
  assertEquals(device.stats().handles, before);
  const lines: string[] = [];
  const sets = await data.open(path, { ...options, limit: 3, onWarning: (line) => lines.push(line) });
  for (const set of [sets.train, sets.valid]) set.dispose();
  assertEquals([lines.length, device.stats().handles], [1, before]);
});

Deno.test("open: a cache whose header is no JSON is refused by its name, and nothing of it stays on the device", async () => {
  using folder = tempFolder();
  using device = new Device("cpu", { threads: 1 });
  const cache = join(folder.path, "cache");
  const { train } = await data.describe(await writeFolder(join(folder.path, "pets")), { size: 19, cache });
  const bytes = await Deno.readFile(train.cache);
  const text = new TextDecoder("latin1").decode(bytes);
  bytes[text.indexOf('{"')] = "x".charCodeAt(0);
  const broken = join(folder.path, "broken.pixels");
  await Deno.writeFile(broken, bytes);
  const before = device.stats().handles;
  await assertRejects(() => readHeader(broken, device), DataError, broken);
  assertEquals(device.stats().handles, before);
});
