/** Folders and archives that cannot be used: what is wrong is named, and nothing stays. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { data, DataError, Device } from "../../../mod.ts";
import { filesOf, fixture, type Layout, small, writeFolder } from "../../support/image_files.ts";
import { gzip, tar, type TarEntry, tarOf } from "../../support/tar.ts";
import { tempFolder } from "../../temp_folder.ts";

/** Files of the cache folder. */
function namesIn(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => name);
}

/** Opens what `make` has written, which must fail with all of `wanted` in its message and leave nothing behind. */
async function refused(
  make: (folder: string) => Promise<string>,
  wanted: readonly string[],
  options: Partial<data.OpenOptions> = {},
): Promise<void> {
  using folder = tempFolder();
  using device = new Device("cpu", { threads: 1 });
  const path = await make(folder.path);
  const cache = join(folder.path, "cache");
  const error = await assertRejects(() => data.open(path, { size: 24, device, cache, ...options }), DataError);
  for (const part of wanted) assertStringIncludes(error.message, part);
  assert(!error.message.includes("\n"), error.message);
  assertEquals(namesIn(cache), []);
  const { handles, storages, bytes } = device.stats();
  assertEquals([handles, storages, bytes], [0, 0, 0]);
}

/** Writes the small layout with files added, or replaced, or left out where there are no bytes. */
async function changed(
  folder: string,
  files: Record<string, string | Uint8Array<ArrayBuffer> | null>,
): Promise<string> {
  const layout = Object.fromEntries(
    Object.entries({ ...small, ...files }).filter((entry): entry is [string, Layout[string]] => entry[1] !== null),
  );
  return await writeFolder(join(folder, "set"), layout);
}

Deno.test("data.open: a class folder without images is named", async () => {
  await refused(async (folder) => {
    const path = await changed(folder, {});
    await Deno.mkdir(join(path, "train", "bird"));
    return path;
  }, ["Expected images in every class, found none in train/bird"]);
});

Deno.test("data.open: no train/, no val/, and neither", async () => {
  const without = (...parts: string[]) => (folder: string): Promise<string> =>
    changed(
      folder,
      Object.fromEntries(
        Object.keys(small).filter((path) => parts.includes(path.split("/")[0]!)).map(
          (path) => [path, null],
        ),
      ),
    );
  await refused(without("train"), [
    "/set: Expected train/<class>/<image>.jpg (or .jpeg, .png, .webp), found no such folder",
  ]);
  await refused(without("val"), ["/set: Expected val/<class>/<image>.jpg"]);
  await refused(async (folder) => {
    await Deno.mkdir(join(folder, "set"));
    return join(folder, "set");
  }, ["/set: Expected train/<class>/<image>.jpg"]);
});

Deno.test("data.open: a class of val/ that train/ lacks is named", async () => {
  await refused(
    (folder) => changed(folder, { "val/bird/x.jpg": "grey.jpg" }),
    ["Expected the classes of val in train too, did not find bird"],
  );
});

Deno.test("data.open: a class of which every JPEG is cut off is named, with the first file and why", async () => {
  const cut = (await fixture("baseline_420.jpg")).subarray(0, 600);
  const files = { "val/cat/x.jpg": cut, "val/cat/y.jpg": cut };
  await refused((folder) => changed(folder, files), [
    "2 of 4 images of val cannot be read, more than 1 %; the first: val/cat/x.jpg: Truncated",
  ]);
  await refused((folder) => changed(folder, files), [
    "No image of val/cat can be read, the first as: x.jpg: Truncated",
  ], { maxUnreadable: 0.5 });
});

Deno.test("data.open: bytes that are no image, whatever their name, are named", async () => {
  const text = new TextEncoder().encode("<html>404 Not Found</html>");
  await refused((folder) => changed(folder, { "train/dog/c.jpg": text }), [
    "1 of 6 images of train cannot be read",
    "train/dog/c.jpg: Neither a JPEG nor a PNG",
  ]);
  await refused((folder) => changed(folder, { "train/dog/c.jpg": new Uint8Array(0) }), ["train/dog/c.jpg: "], {
    strict: true,
  });
});

/** Writes an archive. */
function archive(name: string, bytes: () => Promise<Uint8Array<ArrayBuffer>>): (folder: string) => Promise<string> {
  return async (folder) => {
    await Deno.writeFile(join(folder, name), await bytes());
    return join(folder, name);
  };
}

/** The small layout with entries before it. */
async function entriesAfter(...before: TarEntry[]): Promise<Uint8Array<ArrayBuffer>> {
  return tar([...before, ...(await filesOf(small)).map(([name, bytes]): TarEntry => [`set/${name}`, bytes])]);
}

Deno.test("data.open: an archive that is cut off is named, compressed or not", async () => {
  const whole = await tarOf(small);
  const packed = await gzip(whole);
  for (const share of [0.2, 0.5, 0.9]) {
    const cut = (bytes: Uint8Array<ArrayBuffer>) => () => Promise.resolve(bytes.slice(0, share * bytes.length));
    await refused(archive("set.tgz", cut(packed)), ["/set.tgz: Truncated: the compressed data ends early"]);
    await refused(archive("set.tar", cut(whole)), ["/set.tar: Truncated: the archive ends "]);
  }
});

Deno.test("data.open: a file that is no archive is named", async () => {
  const page = new TextEncoder().encode("<html>404 Not Found</html>\n".repeat(100));
  const wanted = "/set.tgz: Neither a folder, a .tgz nor a .tar of a data set";
  await refused(archive("set.tgz", () => Promise.resolve(page)), ["/set.tgz: A page of HTML or XML, no archive"]);
  await refused(archive("set.tgz", () => gzip(page)), [wanted]);
  await refused(archive("set.tgz", () => Promise.resolve(new Uint8Array(0))), ["/set.tgz: ", "it has no entries"]);
  await refused(archive("photo.jpg", () => fixture("grey.jpg")), ["/photo.jpg: An image, no data set"]);
});

Deno.test("data.open: paths that leave the archive are refused by name", async () => {
  const image = await fixture("grey.jpg");
  for (
    const [path, wanted] of [
      ["../val/cat/a.jpg", 'Expected paths inside the archive, got "../val/cat/a.jpg"'],
      ["set/val/../../../etc/a.jpg", 'Expected paths inside the archive, got "set/val/../../../etc/a.jpg"'],
      ["/val/cat/a.jpg", 'Expected paths inside the archive, got the absolute "/val/cat/a.jpg"'],
    ] as const
  ) {
    await refused(archive("set.tgz", async () => await gzip(await entriesAfter([path, image]))), [
      `/set.tgz: ${wanted}`,
    ]);
  }
});

Deno.test("data.open: two data sets in one archive are refused, naming both", async () => {
  const other: TarEntry = ["other/val/cat/a.jpg", await fixture("grey.jpg")];
  await refused(archive("set.tar", () => entriesAfter(other)), [
    '/set.tar: Expected one data set, got two: in "other" and in "set"',
  ]);
});

Deno.test("data.open: an archive larger than maxBytes is refused, compressed or not", async () => {
  const whole = await tarOf(small);
  const wanted = ["Expected at most 20000 bytes once decompressed"];
  assert(whole.length > 20_000);
  await refused(archive("set.tar", () => Promise.resolve(whole)), wanted, { maxBytes: 20_000 });
  await refused(archive("set.tgz", () => gzip(whole)), wanted, { maxBytes: 20_000 });
});

Deno.test("data.open: a few bytes that unpack to millions are refused", async () => {
  const bomb: TarEntry = ["set/notes.txt", new Uint8Array(8 << 20)];
  await refused(archive("set.tgz", async () => await gzip(await entriesAfter(bomb))), [
    "/set.tgz: Expected at most 200 bytes out for each byte in",
  ]);
});

Deno.test("data.open: a damaged cache is not trusted, but made again", async () => {
  using folder = tempFolder();
  using device = new Device("cpu", { threads: 1 });
  const path = await changed(folder.path, {});
  const options = { size: 24, device, cache: join(folder.path, "cache") };
  const open = async (): Promise<string[]> => {
    using valid = await data.openValid(path, options);
    return [...valid.names!];
  };
  const names = await open();
  const [name, ...others] = namesIn(options.cache);
  assertEquals(others, []);
  const file = join(options.cache, name!);
  const whole = await Deno.readFile(file);
  // A number of its preamble, its sum, and the last byte of what follows the pixels; and its end cut off.
  const flipped = (at: number): Uint8Array => whole.map((byte, place) => place === at ? byte ^ 1 : byte);
  for (const damaged of [flipped(9), flipped(32), flipped(100), flipped(whole.length - 1), whole.subarray(0, 5000)]) {
    await Deno.writeFile(file, damaged);
    assertEquals(await open(), names);
    assertEquals(namesIn(options.cache), [name!]);
    const again = await Deno.readFile(file);
    assert(again.length === whole.length && again.every((byte, at) => byte === whole[at]), "the same bytes again");
  }
  await device.synchronize();
  assertEquals(device.stats().handles, 0);
});
