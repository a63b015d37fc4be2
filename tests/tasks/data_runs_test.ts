/** Runs on image files: parts, splits, and data that were touched, moved or changed. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { type Command, runCommand } from "../../lib/cli/command.ts";
import type { Flags } from "../../lib/cli/flags.ts";
import { evaluateCommand } from "../../tasks/evaluate.ts";
import { trainCommand } from "../../tasks/train.ts";
import { recipe } from "../../mod.ts";
import { keptStreams } from "../lib/cli/streams.ts";
import { copies, fixture, writeFolder } from "../support/image_files.ts";
import { gzip, tarOf } from "../support/tar.ts";
import { type TempFolder, tempFolder } from "../temp_folder.ts";

interface Ended {
  code: number;
  err: string;
  result: Record<string, unknown>;
}

async function run<F extends Flags>(folder: TempFolder, command: Command<F>, ...args: string[]): Promise<Ended> {
  const streams = keptStreams();
  const cache = join(folder.path, "cache");
  const code = await runCommand([...args, "--json", "--cache", cache, "--threads", "1"], command, { streams });
  return { code, err: streams.text.err, result: JSON.parse(streams.text.out) };
}

const network = ["--preset", "imagenette-128-5", "--arch", "mnistNet", "--no-sa", "--size", "24", "--bs", "4"];

Deno.test("train: what is left out is told and in the run's files; --part measures other parts", async () => {
  using folder = tempFolder();
  const set = await writeFolder(join(folder.path, "set"), {
    ...copies(4, "grey.jpg", "train/a"),
    ...copies(4, "cmyk.jpg", "train/b"),
    ...copies(1, "baseline_420.jpg", "valid/a"),
    ...copies(1, "baseline_422.jpg", "valid/b"),
    ...copies(2, "png_rgb.png", "test/a"),
    ...copies(3, "png_grey_1.png", "test/b"),
    "train/a/x.gif": "grey.jpg",
    "README.jpg": "grey.jpg",
  });
  const out = ["--data", set, "--epochs", "1", "--out", folder.path];
  const { code, err, result } = await run(folder, trainCommand, ...network, ...out);
  assertEquals(code, 0, err);
  assertStringIncludes(err, `warning: left out of "${set}": 1 not called as an image (.gif 1); 1 beside the parts`);
  const config = JSON.parse(await Deno.readTextFile(join(String(result.run), "config.json")));
  assertEquals(config.source.leftOut, { ending: 1, outside: 1 });
  const n = async (...part: string[]): Promise<unknown> => {
    const { code, err, result: { n, part: told } } = await run(folder, evaluateCommand, String(result.run), ...part);
    assertEquals(code, 0, err);
    return [n, told];
  };
  assertEquals(await n(), [2, "valid"]);
  assertEquals(await n("--part", "test"), [5, "test"]);
  assertEquals(await n("--part", "train"), [8, "train"]);
  await Deno.remove(join(set, "test"), { recursive: true });
  const none = await run(folder, evaluateCommand, String(result.run), "--part", "test");
  assertEquals(none.code, 1);
  assertStringIncludes(none.err, "Expected test/<class>/<image>.jpg");
});

Deno.test("evaluate: data with other classes are refused by their names", async () => {
  using folder = tempFolder();
  const set = async (name: string, ...classes: string[]): Promise<string> =>
    await writeFolder(
      join(folder.path, name),
      Object.fromEntries(
        ["train", "val"].flatMap((part) => classes.map((each) => [`${part}/${each}/1.jpg`, "grey.jpg"])),
      ),
    );
  const own = [
    "--data",
    await set("own", "caf\u00e9", "dog", "owl"),
    "--epochs",
    "1",
    "--out",
    folder.path,
    "--bs",
    "2",
  ];
  const { code, err, result } = await run(folder, trainCommand, ...network, ...own);
  assertEquals(code, 0, err);
  const told = async (data: string): Promise<string> => {
    const ended = await run(folder, evaluateCommand, String(result.run), "--data", data);
    assertEquals(ended.code, 1);
    return ended.err;
  };
  assertStringIncludes(await told(await set("lacks", "caf\u00e9", "owl")), 'without "dog": give others');
  assertStringIncludes(
    await told(await set("form", "cafe\u0301", "dog", "owl")),
    "(accents are written in another way: rename the folders): give others",
  );
});

Deno.test("resume: data that were touched, moved or packed go on; others are told as such", async () => {
  using folder = tempFolder();
  const layout = { ...copies(8, "grey.jpg", "a"), ...copies(8, "cmyk.jpg", "b"), ...copies(8, "png_rgb.png", "c") };
  const set = await writeFolder(join(folder.path, "set"), layout);
  const cache = join(folder.path, "cache");
  const changes = {
    ...{ data: { name: set, split: 0.4 }, model: { name: "mnistNet", sa: false } },
    ...{ size: 24, bs: 2, epochs: 3, threads: 1 },
  };
  /** Goes on for one batch. */
  const step = async (begin: (signal: AbortSignal) => recipe.Training<recipe.TrainResult>): Promise<string> => {
    const stop = new AbortController();
    const training = begin(stop.signal);
    for await (const { type } of training) if (type === "batchEnd") stop.abort();
    return (await training.result).folder;
  };
  const mine = recipe.preset("imagenette-128-5", changes);
  const path = await step((signal) => recipe.train(mine, { out: folder.path, cache, signal }));
  const goOn = (name?: string): Promise<string> =>
    step((signal) => recipe.resume(path, { cache, signal, changes: { data: { name } } }));
  await Deno.utime(join(set, "a", "0.jpg"), 1, 1);
  await goOn();
  const moved = join(folder.path, "moved");
  await Deno.rename(set, moved);
  await goOn(moved);
  const packed = join(folder.path, "set.tgz");
  await Deno.writeFile(packed, await gzip(await tarOf(layout)));
  await goOn(packed);
  await Deno.writeFile(join(moved, "a", "0.jpg"), await fixture("progressive_444.jpg"));
  const { message } = await assertRejects(() => goOn(moved), recipe.ChangedSettingsError);
  assertStringIncludes(message, "source.contents ");
  assertStringIncludes(message, "; images were added, removed or changed since, as their contents say: pass `force`");
});
