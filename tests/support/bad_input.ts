/** Command lines that must fail, and files that no task can use. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { type Command, runCommand } from "../../lib/cli/command.ts";
import type { Flags } from "../../lib/cli/flags.ts";
import type { SafeTensor } from "../../lib/checkpoint/safetensors.ts";
import { readTensors, startingCounters } from "../../lib/checkpoint/state.ts";
import { Device, saveCheckpoint } from "../../mod.ts";
import { buildModel, type ModelChoice } from "../../lib/recipe/build.ts";
import { keptStreams } from "../lib/cli/streams.ts";
import type { TempFolder } from "../temp_folder.ts";
import { fixture, small, writeFolder } from "./image_files.ts";
import { gzip, tarOf } from "./tar.ts";

/** Every file below a folder. */
function tree(path: string): string[] {
  let entries: Deno.DirEntry[];
  try {
    entries = [...Deno.readDirSync(path)];
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
  return entries.flatMap(({ name, isDirectory }) => isDirectory ? tree(join(path, name)) : join(path, name)).sort();
}

/** A command line, its exit status, and a part of the line that it says. */
export type Row = readonly [args: readonly string[], code: 1 | 2, message: string];

/** Runs each row, which must leave `folder`, `runs` and the caches as they are. */
export async function refused<F extends Flags>(
  folder: TempFolder,
  command: Command<F>,
  rows: readonly Row[],
): Promise<void> {
  const files = (): string[] => [...tree(folder.path), ...tree("runs")];
  const before = files();
  for (const [args, code, message] of rows) {
    const streams = keptStreams();
    const ended = await runCommand(args, command, { streams });
    const { err, out } = streams.text;
    assertEquals(ended, code, `${args.join(" ")}: ${err}`);
    assertMatch(err, /^error: [^\n]+\n$/);
    assertStringIncludes(err, message);
    assert(!/^\s+at /m.test(err), err);
    assert(!out.includes("error"), out);
    assertEquals(files(), before, args.join(" "));
    assertEquals(tree(".cache/data").filter((path) => path.endsWith(".partial")), []);
  }
}

/** Sets of image files that cannot be used, with what is wrong with them. */
export async function badSets(folder: TempFolder): Promise<[path: string, message: string][]> {
  const at = (name: string): string => join(folder.path, name);
  const empty = await writeFolder(at("empty"));
  await Deno.mkdir(join(empty, "val", "bird"));
  await Deno.mkdir(join(empty, "train", "bird"));
  const cut = (await fixture("baseline_420.jpg")).subarray(0, 600);
  await writeFolder(at("cut"), { ...small, "val/cat/x.jpg": cut, "val/cat/y.jpg": cut });
  await Deno.writeTextFile(at("page.tgz"), "<html>404 Not Found</html>\n".repeat(40));
  const archive = await gzip(await tarOf(small));
  await Deno.writeFile(at("half.tgz"), archive.subarray(0, archive.length >> 1));
  return [
    [empty, "Expected images in every class, found none in "],
    [at("cut"), "images of val cannot be read, more than 1 %; the first: val/cat/x.jpg: Truncated"],
    [at("page.tgz"), "page.tgz: A page of HTML or XML, no archive"],
    [at("half.tgz"), "half.tgz: Truncated: the compressed data ends early"],
  ];
}

/** A checkpoint that is right, and some that are not, with what is wrong with them. */
export async function checkpoints(
  folder: TempFolder,
): Promise<{ good: string; bad: [path: string, message: string][] }> {
  const config: ModelChoice = { model: { name: "mnistNet" }, classes: 2, seed: 0, dtype: "f32" };
  using device = new Device("cpu", { threads: 1 });
  using model = buildModel(config, device);
  const right = await readTensors({ model });
  const [name, { shape }] = [...right][0]!;
  const save = async (file: string, change: (tensors: Map<string, SafeTensor>) => void): Promise<string> => {
    const tensors = new Map(right);
    change(tensors);
    const path = join(folder.path, file);
    await saveCheckpoint(path, { state: { tensors, counters: startingCounters }, config: { ...config } });
    return path;
  };
  const one: SafeTensor = { dtype: "F32", shape: [1], data: new Float32Array(1) };
  const good = await save("good.safetensors", () => {});
  const damaged = join(folder.path, "damaged.safetensors");
  await Deno.writeFile(
    damaged,
    (await Deno.readFile(good)).map((byte, at, { length }) => at === length - 9 ? ~byte : byte),
  );
  await Deno.mkdir(join(folder.path, "run", "checkpoint"), { recursive: true });
  await Deno.copyFile(damaged, join(folder.path, "run", "checkpoint", "state.safetensors"));
  const half = join(folder.path, "half.safetensors");
  await Deno.writeFile(half, (await Deno.readFile(good)).subarray(0, 5000));
  return {
    good,
    bad: [
      [await save("missing.safetensors", (all) => all.delete(name)), `Expected "${name}", which it lacks`],
      [
        await save("extra.safetensors", (all) => all.set("model.more", one)),
        'Got "model.more", which nothing here has',
      ],
      [
        await save("shape.safetensors", (all) => all.set(name, one)),
        `Expected "${name}" as F32 [${shape.join(", ")}], got F32 [1]`,
      ],
      [damaged, "it is damaged"],
      [join(folder.path, "run"), "it is damaged"],
      [half, `Cannot read "${half}"`],
    ],
  };
}
