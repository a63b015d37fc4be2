/** The tasks on a data set of colour images, from arrays. */
import { assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { data, recipe, StateError, study } from "../../mod.ts";
import { evaluate, importWeights, train } from "../support/training.ts";
import { tempFolder } from "../temp_folder.ts";

const classes = ["red", "green", "blue"];

/** Images of a class's colour with some noise, of any size. */
function opener(names = classes, sizes: (number | null)[] = []): recipe.OpenData {
  return ({ size }, device) => {
    sizes.push(size);
    const side = size ?? 0;
    const set = (n: number, training: boolean): data.Dataset => {
      const images = new Uint8Array(n * side * side * 3);
      images.forEach((_, at) => {
        const image = Math.floor(at / (side * side * 3));
        images[at] = (at % 3 === image % names.length ? 150 : 40) + (Math.imul(at, 0x9e3779b1) >>> 26);
      });
      const labels = Array.from({ length: n }, (_, image) => image % names.length);
      return data.fromArrays({ images, labels, imageShape: [side, side, 3], classes: names }, { device, training });
    };
    return Promise.resolve({ train: set(24, true), valid: set(9, false) });
  };
}

/** The validation part of what an opener gives. */
function validOf(open: recipe.OpenData): recipe.OpenValid {
  return async (config, device) => {
    const { train, valid } = await open(config, device);
    train.dispose();
    return valid;
  };
}

Deno.test("train --resume: a folder of images that has changed is a change, by name, with 2", async () => {
  using folder = tempFolder();
  const root = join(folder.path, "set");
  const image = await Deno.readFile("tests/fixtures/images/grey.jpg");
  for (const place of ["train/a", "train/b", "val/a", "val/b"]) {
    await Deno.mkdir(join(root, place), { recursive: true });
    for (const name of ["1.jpg", "2.jpg", "3.jpg"]) await Deno.writeFile(join(root, place, name), image);
  }
  const open: recipe.OpenData = ({ data: { name }, size }, device) =>
    data.open(name, { size: size!, cache: join(folder.path, "cache"), device });
  const stop = new AbortController();
  const asked = {
    preset: "imagenette-128-5",
    arch: "mnistNet",
    sa: false,
    data: root,
    size: 28,
    bs: 2,
    epochs: 2,
  } as const;
  const listener = { batchEnd: (): void => stop.abort() };
  const { run } = await train({ ...asked, threads: 1, out: folder.path, open, signal: stop.signal, listener });
  await Deno.writeFile(join(root, "train", "a", "2.jpg"), await Deno.readFile("tests/fixtures/images/cmyk.jpg"));
  const message =
    /was started with source\.contents [0-9a-f]+\.\.\., now [0-9a-f]+\.\.\.; images were added, .* changed since/;
  const { message: told } = await assertRejects(() => train({ resume: run, open }), recipe.RecipeError);
  assertMatch(told, message);
  assertEquals((await train({ resume: run, open, force: true })).steps, 6);
});

Deno.test("tasks on images: train, resume, evaluate, shift, export and import take the classes and sizes of the data", async () => {
  using folder = tempFolder();
  const sizes: (number | null)[] = [];
  const open = opener(classes, sizes);
  const valid = validOf(open);
  const options = {
    preset: "imagenette-128-5",
    arch: "xresnet18",
    act: "relu",
    sa: false,
    data: "colours",
    size: 32,
    bs: 8,
    epochs: 1,
    threads: 2,
  } as const;
  const stop = new AbortController();
  const listener = { batchEnd: (): void => stop.abort() };
  const part = await train({ ...options, out: folder.path, open, signal: stop.signal, listener });
  assertEquals([part.steps, part.stopped], [1, true]);
  const { run, top1, loss, n } = await train({ resume: part.run, open, threads: 2 });
  assertEquals([run, n], [part.run, 9]);
  const config = JSON.parse(await Deno.readTextFile(join(run, "config.json")));
  assertEquals(config.classes, classes);
  assertEquals(config.imageShape, [32, 32, 3]);
  const again = await evaluate(run, { open: valid, threads: 2 });
  assertEquals([again.top1, again.loss], [top1, loss]);

  const moved = await study.shiftRuns([run], { open: valid, threads: 2, images: 1, shifts: 4 });
  assertEquals([moved.runs[0]!.n, moved.shifts, moved.images[0]?.class], [9, [-2, -1, 0, 1, 2], "red"]);
  assertEquals(sizes.at(-1), 36, "real pixels come into view: images are opened larger by the shifts");
  assertEquals([moved.kind, moved.size, moved.runs[0]!.map!.shifts], ["cropped", 32, [-2, -1, 0, 1, 2]]);
  const short = { threads: 2, images: 1, meanImages: 1, square: 0, shifts: 31 };
  const round = await study.shiftRuns([run], { ...short, open: valid, kind: "circular" });
  assertEquals([round.kind, round.shifts.length, sizes.at(-1)], ["circular", 32, 32], "those of the model's own size");
  const strange = validOf(opener(["red", "green", "pink", "lime"]));
  await assertRejects(
    () => study.shiftRuns([run], { ...short, open: strange }),
    StateError,
    "Expected data of 3 classes",
  );

  const weights = join(folder.path, "w.safetensors");
  await recipe.exportWeights(run, { out: weights });
  const checkpoint = join(folder.path, "i.safetensors");
  await importWeights(weights, { arch: "xresnet18", act: "relu", pool: "maxblur", out: checkpoint });
  await assertRejects(
    () => evaluate(checkpoint, { open: valid }),
    recipe.RecipeError,
    "Expected `data.name`, got none",
  );
  assertEquals((await evaluate(checkpoint, { open: valid, data: "colours", size: 32, bs: 64, threads: 2 })).loss, loss);
  const others = opener(["a", "b", "c", "d"]);
  await assertRejects(() => evaluate(run, { open: validOf(others) }), StateError, "Expected data of 3 classes");
  const renamed = validOf(opener(["red", "blue", "green"]));
  await assertRejects(() => evaluate(run, { open: renamed }), StateError, "Expected data with the class green");
  for (
    const [names, message] of [
      [["red", "green", "pink"], "with the class blue, as "],
      [["red", "lime", "pink"], 'with the classes "green", "blue", as '],
      [["red", "green"], 'got 2 without "blue": give others'],
      [
        ["red", "green", "pink", "lime"],
        'got 4 without "blue" and with "pink", "lime", which it does not know: give others',
      ],
    ] as const
  ) {
    const open = validOf(opener([...names]));
    await assertRejects(() => evaluate(run, { open }), StateError, message);
  }
  await assertRejects(() => train({ resume: run, open: others, epochs: 2, force: true }), StateError, "Cannot load");
  const message = await assertRejects(() => train({ ...options, out: folder.path, open, bs: 64 }), recipe.RecipeError);
  assertStringIncludes(message.message, "at most 24 images a step");
});
