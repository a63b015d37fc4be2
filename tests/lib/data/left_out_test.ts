/** Nothing is left out of a data set without a word. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { data, DataError, Device } from "../../../mod.ts";
import { copies, fixture, type Layout, small, writeFolder } from "../../support/image_files.ts";
import { gzip, tarOf } from "../../support/tar.ts";
import { tempFolder } from "../../temp_folder.ts";

const gif = new TextEncoder().encode("GIF89a");

const untidy: Layout = {
  ...small,
  "README": gif,
  "train/cat/x.gif": gif,
  "train/cat/y.GIF": gif,
  "train/cat/notes.txt": gif,
  "train/dog/more/x.jpg": "grey.jpg",
  "val/dog/.DS_Store": gif,
};

const counts = { outside: 1, ending: 3, depth: 1, hidden: 1 };

Deno.test("left out: counted by reason and told, of a folder and an archive alike, when made and when there", async () => {
  using folder = tempFolder();
  using device = new Device("cpu", { threads: 1 });
  const cache = join(folder.path, "cache");
  const set = await writeFolder(join(folder.path, "set"), untidy);
  await Deno.writeFile(join(folder.path, "set.tgz"), await gzip(await tarOf(untidy)));
  for (const [path, below] of [[set, ""], [`${set}.tgz`, "set/"]] as const) {
    for (const time of ["first", "second"]) {
      const lines: string[] = [];
      const onWarning = (line: string): void => void lines.push(line);
      const { train, valid } = await data.open(path, { size: 24, device, cache, onWarning, onNote: onWarning });
      using disposed = new DisposableStack();
      assertEquals([disposed.use(train).length, disposed.use(valid).length], [6, 4], time);
      assertEquals(lines, [
        `left out of "${path}": 3 not called as an image (.gif 2, .txt 1); 1 not directly in a class folder; ` +
        `1 beside the parts; 1 hidden; the first: ${below}train/cat/notes.txt`,
      ]);
      assertEquals(train.source?.leftOut, counts);
    }
    const found = await data.describe(path, { size: 24, cache });
    assertEquals(found.leftOutCounts, counts);
    assertEquals(found.leftOut.find(({ reason }) => reason === "depth")?.path, `${below}train/dog/more/x.jpg`);
  }
  const options = { size: 24, device, cache, nested: true, onWarning: () => {} };
  using valid = await data.openPart(set, "train", options);
  assertEquals(valid.length, 7, "images of folders in a class's folder");
});

Deno.test("left out: what only lies beside a set is a note and no warning", async () => {
  using folder = tempFolder();
  using device = new Device("cpu", { threads: 1 });
  const set = await writeFolder(join(folder.path, "set"), { ...small, "README": gif, "noisy.csv": gif });
  const warnings: string[] = [];
  const notes: string[] = [];
  using _valid = await data.openValid(set, {
    ...{ size: 24, device, cache: join(folder.path, "cache") },
    onWarning: (line) => void warnings.push(line),
    onNote: (line) => void notes.push(line),
  });
  assertEquals([warnings, notes], [[], [`left out of "${set}": 2 beside the parts; the first: README`]]);
});

Deno.test("left out: a class whose name is no UTF-8 is kept, its bytes shown", async () => {
  using folder = tempFolder();
  const bytes = await tarOf({ "train/caf@/a.jpg": "grey.jpg", "val/caf@/b.jpg": "grey.jpg" });
  // Latin-1, and the header's sum with it: 0xE9 is 169 more than @.
  for (let at = 0; at + 512 <= bytes.length; at += 512) {
    const header = bytes.subarray(at, at + 512);
    const place = header.indexOf("@".charCodeAt(0));
    if (new TextDecoder().decode(header.subarray(257, 262)) !== "ustar" || place < 0 || place >= 100) continue;
    header[place] = 0xe9;
    const sum = parseInt(new TextDecoder().decode(header.subarray(148, 154)), 8) + 0xe9 - "@".charCodeAt(0);
    header.set(new TextEncoder().encode(sum.toString(8).padStart(6, "0")), 148);
  }
  const path = join(folder.path, "set.tar");
  await Deno.writeFile(path, bytes);
  const { classes } = await data.describe(path, { size: 24, cache: join(folder.path, "cache") });
  assertEquals(classes.map(({ folder }) => folder), ["caf\\xE9"]);
});

Deno.test("shared: the same image in training and validation is told and named", async () => {
  using folder = tempFolder();
  using device = new Device("cpu", { threads: 1 });
  const set = await writeFolder(join(folder.path, "set"), { ...small, "val/dog/again.png": "png_rgb.png" });
  const lines: string[] = [];
  const options = { size: 24, cache: join(folder.path, "cache") };
  const onWarning = (line: string): void => void lines.push(line);
  const { train, valid } = await data.open(set, { ...options, device, onWarning });
  train.dispose();
  valid.dispose();
  assertEquals(lines, [
    "1 image of val is trained on too, the first: val/dog/again.png, the same as train/cat/c.png",
  ]);
  const found = await data.describe(set, options);
  assertEquals(found.shared, [{ valid: "val/dog/again.png", train: "train/cat/c.png" }]);
});

Deno.test("classes: one without an image in a part, and one alone, are told", async () => {
  using folder = tempFolder();
  using device = new Device("cpu", { threads: 1 });
  const without = (...parts: string[]): Layout =>
    Object.fromEntries(Object.entries(small).filter(([path]) => !parts.some((part) => path.startsWith(part))));
  const told = async (name: string, layout: Layout): Promise<string[]> => {
    const lines: string[] = [];
    const set = await writeFolder(join(folder.path, name), layout);
    const options = { size: 24, device, cache: join(folder.path, "cache") };
    const { train, valid } = await data.open(set, { ...options, onWarning: (line) => void lines.push(line) });
    train.dispose();
    valid.dispose();
    return lines;
  };
  assertEquals(await told("partly", without("val/dog/")), ['the class "dog" has no image in val']);
  const lines = await told("alone", without("train/dog/", "val/dog/"));
  assertEquals(lines, [`"${join(folder.path, "alone")}" has a single class: there is nothing to tell apart`]);
});

Deno.test("damaged: an image that could be read all the same is counted and told, and refused by strict", async () => {
  using folder = tempFolder();
  using device = new Device("cpu", { threads: 1 });
  const set = await writeFolder(join(folder.path, "set"), { ...small, "train/cat/d.jpg": "damaged_cut_50.jpg" });
  const options = { size: 24, cache: join(folder.path, "cache") };
  const lines: string[] = [];
  const onWarning = (line: string): void => void lines.push(line);
  const { train, valid } = await data.open(set, { ...options, device, onWarning });
  assertEquals([train.length, valid.length, lines.length], [7, 4, 1]);
  train.dispose();
  valid.dispose();
  assertStringIncludes(lines[0]!, "1 of 7 images of train are damaged and were read as far as they go, the first: ");
  const { damaged } = (await data.describe(set, options)).train;
  assertEquals(damaged.map(({ path }) => path), ["train/cat/d.jpg"]);
  await assertRejects(
    () => data.open(set, { ...options, device, strict: true }),
    DataError,
    "train/cat/d.jpg: Damaged: ",
  );
});

Deno.test("maxUnreadable: a share, a percentage or a number; above it ten are named, and list names all", async () => {
  using folder = tempFolder();
  using device = new Device("cpu", { threads: 1 });
  const broken = Object.fromEntries(Array.from({ length: 12 }, (_, at) => [`train/a/z${10 + at}.jpg`, gif]));
  const layout = { ...copies(12, "grey.jpg", "train/a"), ...copies(1, "cmyk.jpg", "val/a"), ...broken };
  const set = await writeFolder(join(folder.path, "set"), layout);
  const options = { size: 24, device, cache: join(folder.path, "cache"), onWarning: () => {} };
  for (const maxUnreadable of [0.4, "49%", "11", 0]) {
    const error = await assertRejects(() => data.open(set, { ...options, maxUnreadable }), DataError);
    assertStringIncludes(error.message, "12 of 24 images of train cannot be read, more than ");
    assertStringIncludes(error.message, "train/a/z19.jpg: ");
    assertStringIncludes(
      error.message,
      "; and 2 more: `data.describe` with `list` names all, `maxUnreadable` allows more",
    );
  }
  const { refused, train } = await data.describe(set, { ...options, list: true });
  assertEquals([refused, train.unreadable.length], [
    "12 of 24 images of train cannot be read: `maxUnreadable` allows more",
    12,
  ]);
  for (const maxUnreadable of [0.5, "50%", "12", "100%"]) {
    using part = await data.openPart(set, "train", { ...options, maxUnreadable });
    assertEquals(part.length, 12);
  }
  for (const maxUnreadable of ["101%", "-1", "1.5", "", "many", "1e3"]) {
    await assertRejects(
      () => data.open(set, { ...options, maxUnreadable }),
      TypeError,
      `open(): Expected \`maxUnreadable\` as a number of images or a percentage in a text, say "10" or "2%", or as a share`,
    );
  }
});

Deno.test("split: images are set aside by their names, of folders and archives alike; parts by other names", async () => {
  using folder = tempFolder();
  using device = new Device("cpu", { threads: 1 });
  const layout = { ...copies(60, "grey.jpg", "cat"), ...copies(60, "cmyk.jpg", "dog") };
  const set = await writeFolder(join(folder.path, "set"), layout);
  await Deno.writeFile(`${set}.tgz`, await gzip(await tarOf(layout)));
  const options = { size: 24, device, cache: join(folder.path, "cache"), onWarning: () => {} };
  const error = await assertRejects(() => data.open(set, options), DataError);
  assertStringIncludes(error.message, "set a share of the images aside for validation by `split`, say 0.2");
  const parts: unknown[] = [];
  for (const path of [set, `${set}.tgz`]) {
    const { train, valid } = await data.open(path, { ...options, split: 0.2 });
    using alone = await data.openValid(path, { ...options, split: 0.2 });
    assertEquals([train.length + valid.length, alone.names], [120, valid.names]);
    assertEquals([...train.names!, ...valid.names!].sort(), Object.keys(layout).sort());
    parts.push([train.names, valid.names, train.source?.contents]);
    train.dispose();
    valid.dispose();
  }
  assertEquals(parts[0], parts[1]);
  const named = await writeFolder(join(folder.path, "named"), {
    ...copies(2, "grey.jpg", "train/a"),
    ...copies(3, "cmyk.jpg", "valid/a"),
    ...copies(4, "png_rgb.png", "test/a"),
  });
  const lengths = [];
  for (const part of ["train", "valid", "test"] as const) {
    using opened = await data.openPart(named, part, options);
    lengths.push(opened.length, opened.names?.[0]);
  }
  assertEquals(lengths, [2, "train/a/0.jpg", 3, "valid/a/0.jpg", 4, "test/a/0.png"]);
  await assertRejects(
    () => data.open(named, { ...options, split: 0.2 }),
    DataError,
    "Expected no `split` with a folder valid/: leave it out",
  );
  await assertRejects(
    () => data.open(set, { ...options, split: 1 }),
    RangeError,
    "Expected `split` above 0 to below 1",
  );
  await assertRejects(() => data.openPart(set, "all" as "test", options), TypeError, "Expected a part of train, valid");
});

Deno.test("names: control characters of files and classes are kept in data and never in messages", async () => {
  using folder = tempFolder();
  using device = new Device("cpu", { threads: 1 });
  const evil = "a\x1b[31m\u202e";
  const layout = {
    [`train/${evil}/1.jpg`]: "grey.jpg",
    [`val/${evil}/1.jpg`]: "cmyk.jpg",
    [`train/${evil}/2\n.gif`]: gif,
  };
  const set = await writeFolder(join(folder.path, "set"), layout);
  const lines: string[] = [];
  const options = {
    size: 24,
    device,
    cache: join(folder.path, "cache"),
    onWarning: (line: string) => void lines.push(line),
  };
  using train = await data.openPart(set, "train", options);
  assertEquals([train.classes, train.names], [[evil], [`train/${evil}/1.jpg`]]);
  assertStringIncludes(
    lines.find((line) => line.startsWith("left out"))!,
    "the first: train/a\\x1b[31m\\u{202e}/2\\x0a.gif",
  );
  await Deno.writeFile(join(set, "val", evil, "1.jpg"), gif);
  const error = await assertRejects(() => data.openValid(set, options), DataError);
  assertStringIncludes(error.message, "val/a\\x1b[31m\\u{202e}/1.jpg: ");
});

Deno.test("packed: what is no .tgz is called what it is", async () => {
  using folder = tempFolder();
  using device = new Device("cpu", { threads: 1 });
  const refused = async (start: Uint8Array<ArrayBuffer>, text: string): Promise<void> => {
    const path = join(folder.path, "set.tgz");
    const bytes = new Uint8Array(2000).fill(7);
    bytes.set(start);
    await Deno.writeFile(path, bytes);
    await assertRejects(
      () => data.open(path, { size: 24, device, cache: join(folder.path, "cache") }),
      DataError,
      text,
    );
  };
  await refused(new TextEncoder().encode("PK\x03\x04"), "set.tgz: A .zip archive, which is not read: unpack it");
  await refused(Uint8Array.of(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0), "A file compressed by xz");
  await refused(Uint8Array.of(0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c), "A .7z archive");
  await refused(new TextEncoder().encode("version https://git-lfs.github.com/spec/v1\n"), "A pointer of Git LFS");
  await refused(await fixture("grey.jpg"), "An image, no data set");
});
