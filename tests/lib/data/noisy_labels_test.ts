/** Training on labels with a share of wrong ones, by the table that comes with a data set. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { runCommand } from "../../../lib/cli/command.ts";
import { data, DataError, Device, recipe } from "../../../mod.ts";
import { trainCommand } from "../../../tasks/train.ts";
import { type Layout, small, writeFolder } from "../../support/image_files.ts";
import { gzip, tarOf } from "../../support/tar.ts";
import { tempFolder } from "../../temp_folder.ts";
import { keptStreams } from "../cli/streams.ts";

const first = "path,noisy_labels_0,noisy_labels_5,noisy_labels_50,is_valid";

/** The table of {@linkcode small}: at 50 the images a and b are of the other class, at 5 only a cat. */
function rows(): string[] {
  const other = { cat: "dog", dog: "cat" };
  return Object.keys(small).map((path) => {
    const [part, name, file] = path.split("/") as [string, "cat" | "dog", string];
    const few = path === "train/cat/a.jpg" ? "dog" : name;
    return [path, name, few, /^[ab]/.test(file) ? other[name] : name, part === "val" ? "True" : "False"].join(",");
  });
}

function withTable(text = [first, ...rows(), ""].join("\n")): Layout {
  return { "noisy_imagenette.csv": new TextEncoder().encode(text), ...small };
}

/** The labels of both parts, in order. */
async function labelsOf(path: string, options: Partial<data.OpenOptions> & { cache: string }): Promise<number[][]> {
  using device = new Device("cpu", { threads: 1 });
  const { train, valid } = await data.open(path, { size: 16, device, onWarning: () => {}, ...options });
  using sets = new DisposableStack();
  const all: number[][] = [];
  for (const set of [sets.use(train), sets.use(valid)]) {
    const labels: number[] = [];
    for await (const batch of set.batches(1, { shuffle: false })) {
      labels.push(...await batch.labels.data() as Int32Array);
    }
    all.push(labels);
  }
  return all;
}

Deno.test("noise: training takes the labels of the level, from a folder and from an archive; validation its own", async () => {
  using folder = tempFolder();
  const cache = join(folder.path, "cache");
  const pets = await writeFolder(join(folder.path, "pets"), withTable());
  const archives = [join(folder.path, "set.tgz"), join(folder.path, "set.tar")] as const;
  const tar = await tarOf(withTable([first, ...rows()].join("\r\n")));
  await Deno.writeFile(archives[0], await gzip(tar));
  await Deno.writeFile(archives[1], tar);
  const valid = [0, 0, 1, 1];
  for (const path of [pets, ...archives]) {
    assertEquals(await labelsOf(path, { cache }), [[0, 0, 0, 1, 1, 1], valid], path);
    const pixels = (): string[] =>
      [...Deno.readDirSync(cache)].flatMap(({ name }) => /\.pixels$/.test(name) ? name : []);
    const before = pixels();
    assertEquals(await labelsOf(path, { cache, noise: 0 }), [[0, 0, 0, 1, 1, 1], valid]);
    assertEquals(await labelsOf(path, { cache, noise: 5 }), [[1, 0, 0, 1, 1, 1], valid]);
    assertEquals(await labelsOf(path, { cache, noise: 50 }), [[1, 1, 0, 0, 0, 1], valid]);
    assertEquals(await labelsOf(path, { cache, noise: 50, limit: 3 }), [[1, 0, 0], [0, 0, 1]]);
    assertEquals(pixels(), before, "the pixels are the same");
  }
});

Deno.test("noise: without a table, with another level, and where one measures, it says what to do", async () => {
  using folder = tempFolder();
  const cache = join(folder.path, "cache");
  const bare = await writeFolder(join(folder.path, "bare"));
  const archive = join(folder.path, "bare.tgz");
  await Deno.writeFile(archive, await gzip(await tarOf(small)));
  for (const path of [bare, archive]) {
    const wanted =
      `Expected noisy_….csv beside train/ in "${path}", which says the labels of \`noise\` 5, found none: leave`;
    await assertRejects(() => labelsOf(path, { cache, noise: 5 }), DataError, wanted);
  }
  const pets = await writeFolder(join(folder.path, "pets"), withTable());
  const levels = 'Expected `noise` as one of 0, 5, 50, as "noisy_imagenette.csv" has, got 7';
  await assertRejects(() => labelsOf(pets, { cache, noise: 7 }), DataError, levels);
  for (const noise of [-1, 101, 2.5, "5" as unknown as number]) {
    await assertRejects(() => labelsOf(pets, { cache, noise }), Error, "Expected `noise` as a whole number from 0");
  }
  await assertRejects(
    () => data.openPart(pets, "train", { size: 16, cache, noise: 5 }),
    TypeError,
    "openPart(): Expected no `noise`, got 5",
  );
});

Deno.test("noise: a table that does not go with the images is refused by its line", async () => {
  using folder = tempFolder();
  const cache = join(folder.path, "cache");
  const [one, ...rest] = rows() as [string, ...string[]];
  const file = '"noisy_imagenette.csv"';
  for (
    const [at, [text, wanted]] of ([
      [["a,b", ...rows()], `Expected the first line of ${file} to call path, noisy_labels_… and is_valid, got "a,b"`],
      [[], `Expected the first line of ${file}`],
      [[first, one.replace(",cat,", ",cat,extra,"), ...rest], `Expected 5 fields in line 2 of ${file}, got 6`],
      [
        [first, one.replace("dog,dog", "cow,dog"), ...rest],
        `Expected a class in line 2 of ${file}, one of cat, dog, got "cow"`,
      ],
      [
        [first, one.replace("False", "no"), ...rest],
        `Expected is_valid as True or False in line 2 of ${file}, got "no"`,
      ],
      [[first, one, one, ...rest], `Expected one row for each image, got line 3 of ${file} again`],
      [
        [first, ...rest],
        `Expected a row in ${file} for each image to train on, found none for 1 of 6: train/cat/a.jpg`,
      ],
      [
        [first, ...rows(), one.replace("a.jpg", "z.jpg")],
        `Expected rows of images that are there in ${file}, got 1 of others: train/cat/z.jpg`,
      ],
    ] as [string[], string][]).entries()
  ) {
    const path = await writeFolder(join(folder.path, `${at}`), withTable(text.join("\n")));
    await assertRejects(() => labelsOf(path, { cache, noise: 5 }), DataError, wanted);
  }
});

Deno.test("noise: an image that cannot be read may have a row", async () => {
  using folder = tempFolder();
  const bytes = new TextEncoder().encode("no image");
  const table = [first, ...rows(), "train/cat/z.jpg,cat,cat,cat,False"].join("\n");
  const path = await writeFolder(join(folder.path, "set"), { ...withTable(table), "train/cat/z.jpg": bytes });
  const [train] = await labelsOf(path, { cache: join(folder.path, "cache"), noise: 5, maxUnreadable: 0.5 });
  assertEquals(train, [1, 0, 0, 1, 1, 1]);
});

Deno.test("train --noise: is a setting that the run keeps, for image files alone", async () => {
  using folder = tempFolder();
  const pets = await writeFolder(join(folder.path, "pets"), withTable());
  const own = ["--cache", join(folder.path, "cache"), "--threads", "1", "--out", folder.path, "--json"];
  const network = ["--preset", "imagenette-128-5", "--arch", "mnistNet", "--no-sa", "--size", "24", "--bs", "2"];
  const train = async (...args: string[]): Promise<{ code: number; out: string; err: string }> => {
    const streams = keptStreams();
    return { code: await runCommand([...args, ...own], trainCommand, { streams }), ...streams.text };
  };
  const done = await train(...network, "--epochs", "1", "--data", pets, "--noise", "50");
  assertEquals(done.code, 0, done.err);
  const { data: kept, source } = JSON.parse(await Deno.readTextFile(join(JSON.parse(done.out).run, "config.json")));
  assertEquals(kept.noise, 50);
  const clean = await train(...network, "--epochs", "1", "--data", pets);
  const other = JSON.parse(await Deno.readTextFile(join(JSON.parse(clean.out).run, "config.json")));
  assert(source.contents !== other.source.contents, "labels are part of what a run is trained on");
  const wrong = await train("--noise", "5");
  assertEquals(wrong.code, 2);
  assertStringIncludes(wrong.err, "Expected settings that mnist has, limit, keep");
  const level = await train(...network, "--epochs", "1", "--data", pets, "--noise", "7");
  assertEquals(level.code, 1);
  assertStringIncludes(level.err, "Expected --noise as one of 0, 5, 50");
  assertEquals(recipe.settings().find(({ path }) => path === "data.noise")?.flag, "noise");
});
