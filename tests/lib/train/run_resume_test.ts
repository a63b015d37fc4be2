import { assert, assertAlmostEquals, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { Device, type FitOptions, type FitResult, RunFolder, StateError, type Trainer } from "../../../mod.ts";
import { tempFolder } from "../../temp_folder.ts";
import { fingerprint, tinyData, tinyModel, tinyTrainer } from "./tiny.ts";

/** Copies a folder of files and folders. */
async function copyFolder(from: string, to: string): Promise<void> {
  await Deno.mkdir(to);
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    if (isDirectory) await copyFolder(join(from, name), join(to, name));
    else await Deno.copyFile(join(from, name), join(to, name));
  }
}

async function rows(path: string): Promise<string[]> {
  return (await Deno.readTextFile(path)).trimEnd().split("\n").slice(1);
}

interface Ended {
  readonly result: FitResult;
  readonly state: string;
}

/** Trains two epochs of four steps in a run's folder, from the state in it, if any. */
async function run(
  folder: { path: string } | { root: string },
  options: Partial<FitOptions> & { seed?: number; bs?: number; watch?(trainer: Trainer, path: string): void } = {},
): Promise<Ended> {
  const { seed = 0, bs = 8, watch, ...fit } = options;
  using device = new Device("cpu", { threads: 1 });
  using set = tinyData(device, 32, { training: true });
  using model = tinyModel(device, { seed });
  using trainer = tinyTrainer(model, { ema: 0.9 });
  const record = { config: { seed: 0 } };
  const { folder: runFolder, found } = "path" in folder
    ? await RunFolder.open(folder.path, record)
    : { folder: await RunFolder.create({ root: folder.root, name: "tiny", ...record }), found: undefined };
  if (found !== undefined) trainer.load(found.state);
  watch?.(trainer, runFolder.path);
  const valid = set.batches(32, { shuffle: false });
  const batches = set.batches(bs, { seed: 3, shift: 1 });
  const result = await trainer.fit(batches, { epochs: 2, valid, runFolder, saveEvery: 0, ...fit });
  return { result, state: fingerprint(await trainer.state()) };
}

/** A result without times, which no two trainings share. */
function timeless(result: FitResult): FitResult {
  return { ...result, trainSeconds: 0, imagesPerSecond: 0 };
}

Deno.test("resume: killed at any step, it leaves a folder from which it ends with the same bits, losses and metrics", async () => {
  using folder = tempFolder();
  const copies = join(folder.path, "killed");
  await Deno.mkdir(copies);
  const whole = await run({ root: join(folder.path, "whole") }, {
    watch: (trainer, path) => {
      trainer.on("batchEnd", ({ step }) => copyFolder(path, join(copies, `${step}`)));
      // At the epoch's edge too: measured, but not saved.
      trainer.on("evaluateEnd", ({ epoch }) => copyFolder(path, join(copies, `edge ${epoch}`)));
    },
  });
  const [name] = [...Deno.readDirSync(join(folder.path, "whole"))].map(({ name }) => name);
  const wholePath = join(folder.path, "whole", name!);
  assertEquals((await rows(join(wholePath, "steps.csv"))).length, 8);
  for await (const { name } of Deno.readDir(copies)) {
    const path = join(copies, name);
    // The model begins with other weights, except where nothing was saved yet: all that counts is in the folder.
    const rest = await run({ path }, { seed: name === "1" ? 0 : 99 });
    assertEquals(rest.state, whole.state, name);
    assertEquals(timeless(rest.result), timeless(whole.result), name);
    assertEquals(await rows(join(path, "steps.csv")), await rows(join(wholePath, "steps.csv")), name);
    const metrics = async (path: string): Promise<string[][]> =>
      (await rows(join(path, "metrics.csv"))).map((row) => row.split(","));
    const values = async (path: string): Promise<string[]> =>
      (await metrics(path)).map((row) => row.slice(0, -2).join());
    assertEquals(await values(path), await values(wholePath), name);
    // Times are those of whole epochs, however many processes did them: all 32 images, and together the whole.
    const times = (await metrics(path)).map((row) => row.slice(-2).map(Number) as [number, number]);
    for (const [seconds, rate] of times) assertAlmostEquals(seconds * rate, 32, 1e-6, name);
    assertAlmostEquals(times.reduce((sum, [seconds]) => sum + seconds, 0), rest.result.trainSeconds, 1e-9, name);
  }
});

Deno.test("resume: steps.csv has the loss of every step, whose mean is the epoch's", async () => {
  using folder = tempFolder();
  let means: number[] = [];
  let told = 0;
  const { result } = await run({ root: folder.path }, {
    saveEvery: 600,
    watch: (trainer) => {
      trainer.on("losses", (losses) => void (told += losses.length));
      trainer.on("epochEnd", ({ trainLoss }) => void means.push(trainLoss));
    },
  });
  const [name] = [...Deno.readDirSync(folder.path)].map(({ name }) => name);
  const steps = (await rows(join(folder.path, name!, "steps.csv"))).map((row) => row.split(",").map(Number));
  assertEquals(steps.map(([step, epoch]) => [step, epoch]), [1, 2, 3, 4, 5, 6, 7, 8].map((at) => [at, at > 4 ? 2 : 1]));
  means = means.map((mean) => Number(mean.toFixed(6)));
  const mean = (part: number[][]): number => part.reduce((sum, row) => sum + row[3]!, 0) / part.length;
  assertEquals([mean(steps.slice(0, 4)), mean(steps.slice(4))].map((value) => Number(value.toFixed(6))), means);
  assertEquals([told, result.steps], [8, 8]);
});

Deno.test("resume: a training that is over is only measured again", async () => {
  using folder = tempFolder();
  const whole = await run({ root: folder.path });
  const path = join(folder.path, [...Deno.readDirSync(folder.path)][0]!.name);
  await Deno.remove(join(path, "result.json"));
  const again = await run({ path }, { resume: true });
  assertEquals(again.state, whole.state);
  assertEquals(timeless(again.result), timeless(whole.result));
  assertEquals(JSON.parse(await Deno.readTextFile(join(path, "result.json"))).top1Ema, whole.result.top1Ema);
});

Deno.test("resume: other batches are refused, and forced they go on at the same sample", async () => {
  using folder = tempFolder();
  const stop = new AbortController();
  await run({ root: folder.path }, {
    signal: stop.signal,
    watch: (trainer) => void trainer.on("batchEnd", ({ step }) => step === 6 ? stop.abort() : undefined),
  });
  const path = join(folder.path, [...Deno.readDirSync(folder.path)][0]!.name);
  const other = { bs: 4, epochs: 3 };
  await assertRejects(() => run({ path }, other), StateError, "Expected batchSize 8");
  const { result } = await run({ path }, { ...other, force: true });
  assertEquals([result.steps, result.epochs], [24, 3]);
});

Deno.test("resume: forced to larger batches, steps count anew, and rows of both counts are kept", async () => {
  using folder = tempFolder();
  const stopAt = (last: number): Partial<FitOptions> & { watch(trainer: Trainer): void } => {
    const stop = new AbortController();
    const watch = (trainer: Trainer): void =>
      void trainer.on("batchEnd", ({ step }) => step === last ? stop.abort() : undefined);
    return { signal: stop.signal, watch };
  };
  await run({ root: folder.path }, { bs: 4, ...stopAt(12) });
  const path = join(folder.path, [...Deno.readDirSync(folder.path)][0]!.name);
  const steps = async (): Promise<number[]> => (await rows(join(path, "steps.csv"))).map((row) => parseInt(row));
  const first = Array.from({ length: 12 }, (_, at) => at + 1);
  // Half an epoch of 8 batches is that of 4: the next step is the seventh. It is killed before it saves any.
  const killed = new Error("killed");
  const kill = (trainer: Trainer): void =>
    void trainer.on("batchEnd", ({ step }) => {
      if (step === 8) throw killed;
    });
  await assertRejects(() => run({ path }, { bs: 8, force: true, saveEvery: 600, watch: kill }), Error, "killed");
  await run({ path }, { bs: 8, force: true, ...stopAt(7) });
  assertEquals(await steps(), [...first, 7]);
  const { result } = await run({ path }, { bs: 8 });
  assertEquals([result.steps, await steps()], [8, [...first, 7, 8]]);
});

Deno.test("RunFolder: on a full disk training goes on, warns, and saves once there is room", async () => {
  using folder = tempFolder();
  using device = new Device("cpu", { threads: 1 });
  using set = tinyData(device, 32, { training: true });
  using model = tinyModel(device);
  using trainer = tinyTrainer(model);
  const warnings: string[] = [];
  const record = { config: {}, onWarning: (message: string) => void warnings.push(message) };
  const runFolder = await RunFolder.create({ root: folder.path, name: "tiny", ...record });
  const partial = join(runFolder.path, "checkpoint", "next.safetensors.partial");
  // A folder in the way, as good as a full disk.
  await Deno.mkdir(join(partial, "x"), { recursive: true });
  const stop = trainer.on("epochEnd", async ({ epoch }) => {
    if (epoch === 1) assertEquals(await runFolder.load() === undefined, true);
    if (epoch === 2) await Deno.remove(partial, { recursive: true });
  });
  const options = { epochs: 3, runFolder };
  await trainer.fit(set.batches(8), options);
  assertEquals(warnings.length, 2);
  assertStringIncludes(warnings[0]!, "Cannot write ");
  assertStringIncludes(warnings[0]!, "The training goes on, and saves again later");
  assertEquals((await runFolder.load())?.counters.epoch, 3);
  const events = (await Deno.readTextFile(join(runFolder.path, "events.jsonl"))).split("\n");
  assertEquals(events.filter((line) => line.includes("saveFailed")).length, 2);

  stop();
  // Where it is still full at the end, that is an error: nothing comes after it.
  await Deno.mkdir(join(partial, "x"), { recursive: true });
  await assertRejects(() => trainer.fit(set.batches(8), options), Error, "Cannot write ");
  assert(warnings.length > 2);
});
