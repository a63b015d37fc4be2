import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { Device, type FitResult, RunFolder } from "../../../mod.ts";
import { tempFolder } from "../../temp_folder.ts";
import { fingerprint, tinyData, tinyModel, tinyTrainer } from "../train/tiny.ts";

const time = new Date(2025, 0, 31, 9, 5, 7);

Deno.test("RunFolder: is named by time and preset; one of the same second gets a number", async () => {
  using folder = tempFolder();
  const root = join(folder.path, "deep", "runs");
  const create = async (): Promise<string> =>
    (await RunFolder.create({ root, name: "mnist", config: { lr: 0.1 }, time })).path;
  assertEquals(await create(), join(root, "20250131-090507-mnist"));
  assertEquals(await create(), join(root, "20250131-090507-mnist-2"));
  const config = await Deno.readTextFile(join(root, "20250131-090507-mnist", "config.json"));
  assertEquals(JSON.parse(config), { lr: 0.1 });
});

/** A training of two epochs of two steps; with `stop`, one that ends after the third step. */
async function fitted(root: string, stop = false): Promise<{ result: FitResult; path: string; same: boolean }> {
  using device = new Device("cpu", { threads: 1 });
  using set = tinyData(device, 16, { training: true });
  using model = tinyModel(device);
  using trainer = tinyTrainer(model);
  const controller = new AbortController();
  trainer.on("batchEnd", ({ step }) => stop && step === 3 ? controller.abort() : undefined);
  const runFolder = await RunFolder.create({ root, name: "tiny", config: {}, facts: { seed: 7, commit: null }, time });
  const result = await trainer.fit(set.batches(8), {
    epochs: 2,
    valid: set.batches(16, { shuffle: false }),
    signal: controller.signal,
    runFolder,
  });
  const same = fingerprint((await runFolder.load())!) === fingerprint(await trainer.state());
  return { result, path: runFolder.path, same };
}

async function lines(path: string): Promise<string[]> {
  return (await Deno.readTextFile(path)).trimEnd().split("\n");
}

Deno.test("RunFolder: a training leaves metrics, events, its last state and the result with the facts", async () => {
  using folder = tempFolder();
  const { result, path, same } = await fitted(folder.path);
  assertEquals([...Deno.readDirSync(path)].map(({ name }) => name).sort(), [
    "checkpoint",
    "config.json",
    "events.jsonl",
    "metrics.csv",
    "result.json",
    "steps.csv",
  ]);
  assertEquals(same, true, "the checkpoint is the trainer's state");
  const [head, ...rows] = (await lines(join(path, "metrics.csv"))).map((line) => line.split(","));
  assertEquals(head, [
    "epoch",
    "trainLoss",
    "trainTop1",
    "loss",
    "top1",
    "top5",
    "lossEma",
    "top1Ema",
    "top5Ema",
    "lr",
    "trainSeconds",
    "imagesPerSecond",
  ]);
  assertEquals(rows.map(([epoch]) => epoch), ["1", "2"]);
  assertEquals(rows[1]!.slice(1, 6), [result.trainLoss, result.trainTop1, result.loss, result.top1, ""].map(String));
  assertEquals(JSON.parse(await Deno.readTextFile(join(path, "result.json"))), { ...result, seed: 7, commit: null });
  const events = (await lines(join(path, "events.jsonl"))).map((line) => JSON.parse(line));
  assertEquals(events.map(({ event }) => event), ["fitBegin", "epochEnd", "epochEnd", "fitEnd"]);
  for (const event of events) assertMatch(event.time, /^\d{4}-\d\d-\d\dT/);
});

Deno.test("RunFolder: a stopped training has its state there, and no result", async () => {
  using folder = tempFolder();
  const { path, same } = await fitted(folder.path, true);
  assertEquals(same, true);
  const events = (await lines(join(path, "events.jsonl"))).map((line) => JSON.parse(line).event);
  assertEquals(events, ["fitBegin", "epochEnd", "stopped"]);
  assertEquals([...Deno.readDirSync(path)].some(({ name }) => name === "result.json"), false);
});

Deno.test("RunFolder: where a folder cannot be made whole, nothing of it stays", async () => {
  using folder = tempFolder();
  const path = join(folder.path, "run");
  // A folder in the way, as good as a full disk.
  await Deno.mkdir(join(path, "config.json.partial", "x"), { recursive: true });
  await assertRejects(() => RunFolder.createAt(path, { config: {} }), Error, `Cannot make the run's folder "${path}"`);
  assertEquals([...Deno.readDirSync(folder.path)], []);
});

Deno.test("RunFolder: a folder that holds something else is left alone", async () => {
  using folder = tempFolder();
  const notes = join(folder.path, "notes.txt");
  await Deno.writeTextFile(notes, "mine");
  // What would make it fail after that, and so remove what it has made.
  await Deno.mkdir(join(folder.path, "config.json.partial", "x"), { recursive: true });
  const create = (): Promise<RunFolder> => RunFolder.createAt(folder.path, { config: {} });
  await assertRejects(create, Error, 'it holds "notes.txt" already');
  assertEquals(await Deno.readTextFile(notes), "mine");
  const run = await RunFolder.create({ root: folder.path, name: "tiny", config: {}, time });
  await assertRejects(() => RunFolder.createAt(run.path, { config: {} }), Error, "already");
});
