/** `deno task data`. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { encodeHex } from "@std/encoding/hex";
import { fromFileUrl, join } from "@std/path";
import { runCommand } from "../../lib/cli/command.ts";
import { data } from "../../mod.ts";
import { dataCommand } from "../../tasks/data.ts";
import { keptStreams } from "../lib/cli/streams.ts";
import { copies, fixture, small, writeFolder } from "../support/image_files.ts";
import { gzip, tarOf } from "../support/tar.ts";
import { type TempFolder, tempFolder } from "../temp_folder.ts";

interface Ended {
  code: number;
  out: string;
  err: string;
}

/** Runs the command with its cache below `folder`. */
async function command(folder: TempFolder, ...args: string[]): Promise<Ended> {
  const streams = keptStreams();
  const out = ["--out", join(folder.path, "cache")];
  const code = await runCommand(["--size", "24", "--threads", "2", ...out, ...args], dataCommand, { streams });
  return { code, ...streams.text };
}

/** 122 images to train on in two classes, one of which is cut off, and one of each class to measure with. */
async function photos(folder: TempFolder): Promise<string> {
  const layout = {
    ...copies(120, "png_grey_1.png", "train/cat"),
    ...copies(1, "baseline_411.jpg", "train/dog"),
    ...copies(1, "baseline_420.jpg", "val/cat"),
    ...copies(1, "baseline_420.jpg", "val/dog"),
  };
  const cut = (await fixture("grey.jpg")).subarray(0, 300);
  return await writeFolder(join(folder.path, "photos"), { ...layout, "train/dog/broken.jpg": cut });
}

Deno.test("data: describes a folder: classes, counts, sizes, and files that cannot be read", async () => {
  using folder = tempFolder();
  const path = await photos(folder);
  const { code, out, err } = await command(folder, path);
  assertEquals([code, err], [0, ""]);
  const lines = out.trimEnd().split("\n");
  assertMatch(lines[0]!, /^source {4}.*\/photos · 0\.0 MB$/);
  assertEquals(lines.slice(1, 6), [
    "train     121 images · 23 x 19 to 64 x 64, median 23 x 19 pixels · 1 unreadable · 119 repeated",
    "val       2 images · 67 x 45 pixels · 0 unreadable · 1 repeated",
    "class    train    val",
    "cat        120      1",
    "dog          1      1",
  ]);
  assertMatch(lines[6]!, /^unreadable train\/dog\/broken\.jpg: Truncated/);
  assertMatch(lines[7]!, /^cache {5}.*\/cache\/train-24-[0-9a-f]{20}\.pixels · \d\.\d MB$/);
  assertMatch(lines[8]!, /^cache {5}.*\/cache\/val-24-[0-9a-f]{20}\.pixels · \d\.\d MB$/);
  assertMatch(lines[9]!, /^ready in {2}\d/);
  assertEquals(
    lines[10],
    `to use it --data ${path} --cache ${join(folder.path, "cache")} with train, evaluate and shift`,
  );
  assertEquals(lines.length, 11);
  const again = await command(folder, path);
  assertEquals([again.code, again.out.match(/ · was there$/gm)?.length], [0, 2]);
  const strict = await command(folder, path, "--strict");
  assertEquals(strict.code, 1);
  assertMatch(strict.err, /^error: train\/dog\/broken\.jpg: Truncated/);
});

Deno.test("data: with --json one object says all of an archive, and what is kept is what data.open takes", async () => {
  using folder = tempFolder();
  const path = join(folder.path, "set.tgz");
  const bytes = await gzip(await tarOf(small));
  await Deno.writeFile(path, bytes);
  const { code, out, err } = await command(folder, path, "--json");
  assertEquals(code, 0, err);
  assertEquals(out.trimEnd().split("\n").length, 1);
  const { seconds, train, valid, ...rest } = JSON.parse(out);
  assertEquals(rest, {
    name: path,
    source: path,
    kind: "archive",
    bytes: bytes.length,
    sha256: encodeHex(await crypto.subtle.digest("SHA-256", bytes)),
    md5: null,
    verified: null,
    classes: [{ folder: "cat", name: "cat" }, { folder: "dog", name: "dog" }],
    leftOut: [],
    leftOutCounts: {},
    shared: [],
    refused: null,
  });
  assert(seconds >= 0 && seconds < 60);
  assertEquals([train.images, train.counts, train.unreadable, train.reused], [6, [3, 3], [], false]);
  assertEquals([train.heights, train.widths], [[19, 45, 45], [23, 67, 67]]);
  assertEquals([valid.images, valid.counts, valid.heights], [4, [2, 2], [19, 45, 45]]);
  assertEquals((await Deno.stat(valid.cache)).size, valid.bytes);
  const { mtime } = await Deno.stat(train.cache);
  const opened = await data.open(path, { size: 24, cache: join(folder.path, "cache") });
  using disposed = new DisposableStack();
  assertEquals([disposed.use(opened.train).length, disposed.use(opened.valid).length], [6, 4]);
  assertEquals((await Deno.stat(train.cache)).mtime, mtime);
  assertEquals([...Deno.readDirSync(join(folder.path, "cache"))].length, 2);
});

Deno.test("data: --keep source keeps training images as they are", async () => {
  using folder = tempFolder();
  const path = await writeFolder(join(folder.path, "set"));
  const { code, out } = await command(folder, path, "--keep", "source", "--json");
  const { train, valid } = JSON.parse(out);
  assertEquals(code, 0);
  assert(train.cache.includes("/train-source-") && valid.cache.includes("/val-24-"));
});

Deno.test("data: WordNet's numbers are shown as words", async () => {
  using folder = tempFolder();
  const classes = ["n01440764", "n03394916"].map((name) => [`train/${name}/a.png`, `val/${name}/a.png`]).flat();
  const layout = Object.fromEntries(classes.map((path) => [path, "png_rgb.png"]));
  const { code, out } = await command(folder, await writeFolder(join(folder.path, "set"), layout));
  assertEquals(code, 0);
  assertMatch(out, /^tench +1 +1\nFrench horn +1 +1$/m);
});

Deno.test("data: an archive given for a name is found by that name from then on", async () => {
  using folder = tempFolder();
  const path = join(folder.path, "woof.tgz");
  await Deno.writeFile(path, await gzip(await tarOf(small)));
  const first = await command(folder, "imagewoof2-160", "--archive", path);
  assertEquals(first.code, 0, first.err);
  assertMatch(first.out, /^md5 {7}[0-9a-f]{32} · no known sum to check it with$/m);
  const second = await command(folder, "imagewoof2-160", "--json");
  const { name, source, md5, verified, train } = JSON.parse(second.out);
  assertEquals([second.code, name, source, verified, train.reused], [0, "imagewoof2-160", path, null, true]);
  assertEquals(md5, /md5 +(\w+)/.exec(first.out)![1]);
});

Deno.test("data: wrong command lines give 2, data that cannot be used 1, one line each, and nothing stays", async () => {
  using folder = tempFolder();
  const none = join(folder.path, "none");
  const [wrong, text] = [join(folder.path, "wrong.tgz"), join(folder.path, "page.tgz")];
  await Deno.writeFile(wrong, await gzip(await tarOf(small)));
  await Deno.writeTextFile(text, "<html>404 Not Found</html>\n".repeat(40));
  const empty = await writeFolder(join(folder.path, "empty"));
  await Deno.mkdir(join(empty, "val", "bird"));
  for (
    const [args, code, message] of [
      [[], 2, "Expected a data set's name or path, got none"],
      [[none], 2, `Cannot find "${none}": give a folder with train/ and val/`],
      [[empty, "--archives", wrong], 2, "Unknown flag --archives: did you mean --archive?"],
      [[empty, "more"], 2, "Expected at most one word besides flags"],
      [[empty, "--size", "4"], 2, "Expected --size to be a whole number from 8 to 1024"],
      [[empty, "--keep", "all"], 2, "Expected --keep to be one of size, source"],
      [["imagenet", "--archive", wrong], 2, "Expected --archive with one of imagenette2, imagenette2-320"],
      [["imagenette2", "--archive", none], 2, `Expected --archive as a file, got "${none}", which is none`],
      [["imagenette2", "--archive", empty], 2, `Expected --archive as a file, got "${empty}", which is none`],
      [
        ["imagenette2-160", "--archive", wrong],
        1,
        "to have the MD5 e793b78cc4c9e9a4ccc0c1155377a412 of imagenette2-160",
      ],
      [["imagewoof2-320"], 1, "Data set imagewoof2-320 is not on this machine: run `deno task data imagewoof2-320`"],
      [[text], 1, "page.tgz: A page of HTML or XML, no archive"],
      [[empty], 1, "Expected images in every class, found none in val/bird"],
    ] as [string[], number, string][]
  ) {
    const ended = await command(folder, ...args);
    assertEquals([ended.code, ended.out], [code, ""], `${args}: ${ended.err}`);
    assertStringIncludes(ended.err, message);
    assertMatch(ended.err, /^error: .+\n$/);
  }
  assertEquals([...Deno.readDirSync(folder.path)].map(({ name }) => name).sort(), [
    "cache",
    "empty",
    "page.tgz",
    "wrong.tgz",
  ]);
  assertEquals([...Deno.readDirSync(join(folder.path, "cache"))], []);
});

Deno.test("data: --out where it may not write is refused with the command that may", async () => {
  using folder = tempFolder();
  const streams = keptStreams();
  const path = await writeFolder(join(folder.path, "set"));
  assertEquals(await runCommand([path, "--out", "/elsewhere"], dataCommand, { streams }), 2);
  assertMatch(streams.text.err, /^error: Cannot write to "\/elsewhere": `deno task data` may write below runs and/);
  assertStringIncludes(streams.text.err, '--allow-write="/elsewhere,runs,.cache" tasks/data.ts ');
});

Deno.test("deno task data: has the permissions that it needs, and its answer alone on stdout", async () => {
  using folder = tempFolder();
  const path = await writeFolder(join(folder.path, "set"));
  const ended = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "--no-prompt", "-P=data", "tasks/data.ts", path, "--json", "--out", join(folder.path, "cache")],
    cwd: fromFileUrl(new URL("../..", import.meta.url)),
    stdin: "null",
  }).output();
  const [out, err] = [ended.stdout, ended.stderr].map((bytes) => new TextDecoder().decode(bytes));
  assertEquals(ended.code, 0, err);
  assertEquals(JSON.parse(out!).valid.counts, [2, 2]);
});

Deno.test("data: --list names all that is left out, unreadable or in both parts, and ends with 1 above the limit", async () => {
  using folder = tempFolder();
  const text = new TextEncoder().encode("none");
  const broken = Object.fromEntries(Array.from({ length: 12 }, (_, at) => [`train/cat/z${10 + at}.jpg`, text]));
  const others = { "train/cat/a.gif": text, "train/cat/\x1b[2Jb.gif": text, "val/cat/c.png": "png_rgb.png" };
  const path = await writeFolder(join(folder.path, "set"), { ...small, ...broken, ...others });
  const refused = await command(folder, path);
  assertEquals([refused.code, refused.out], [1, ""]);
  assertStringIncludes(refused.err, "12 of 18 images of train cannot be read, more than 1 %; the first: ");
  assertStringIncludes(
    refused.err,
    "; and 2 more: `deno task data` with --list names all, --max-unreadable allows more",
  );
  const listed = await command(folder, path, "--list");
  assertEquals([listed.code, listed.out.match(/^unreadable train\/cat\/z/gm)?.length], [1, 12]);
  assertStringIncludes(listed.out, "left out  2 not called as an image (.gif 2)\n");
  assertStringIncludes(listed.out, "left out train/cat/\\x1b[2Jb.gif: ending\n");
  assertStringIncludes(listed.out, "in both val/cat/c.png: the same as train/cat/c.png\n");
  assertEquals(listed.err, "error: 12 of 18 images of train cannot be read: --max-unreadable allows more\n");
  const allowed = await command(folder, path, "--max-unreadable", "12");
  assertEquals([allowed.code, allowed.out.match(/^unreadable train\/cat\/z/gm)?.length], [0, 10]);
  assertStringIncludes(allowed.out, "unreadable and 2 more: --list names all\n");
  const json = await command(folder, path, "--max-unreadable", "70%", "--json");
  const { train, leftOut, leftOutCounts, shared } = JSON.parse(json.out);
  assertEquals([json.code, train.unreadable.length, leftOutCounts], [0, 12, { ending: 2 }]);
  assertEquals(leftOut[0], { path: "train/cat/\x1b[2Jb.gif", reason: "ending" });
  assertEquals(shared, [{ valid: "val/cat/c.png", train: "train/cat/c.png" }]);
  const wrong = await command(folder, path, "--max-unreadable", "lots");
  assertEquals(wrong.code, 2);
  assertStringIncludes(
    wrong.err,
    'Expected --max-unreadable as a number of images or a percentage in a text, say "10" or "2%", or as a share',
  );
});

Deno.test("data: a folder without val/ names --split, which sets images aside", async () => {
  using folder = tempFolder();
  const path = await writeFolder(join(folder.path, "set"), {
    ...copies(40, "grey.jpg", "cat"),
    ...copies(40, "cmyk.jpg", "dog"),
    "dog/deep/x.jpg": "grey.jpg",
  });
  const refused = await command(folder, path);
  assertEquals(refused.code, 1);
  assertStringIncludes(refused.err, "set a share of the images aside for validation by --split, say 0.2");
  const { code, out } = await command(folder, path, "--split", "0.2", "--nested", "--json");
  const { train, valid, classes } = JSON.parse(out);
  assertEquals([code, train.images + valid.images, classes.length], [0, 81, 2]);
  const named = await writeFolder(join(folder.path, "named"));
  const twice = await command(folder, named, "--split", "0.2");
  assertEquals(twice.code, 1);
  assertStringIncludes(twice.err, "Expected no --split with a folder val/: leave it out");
});
