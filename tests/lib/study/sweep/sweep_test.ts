import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { recipe, study } from "../../../../mod.ts";
import { tempFolder } from "../../../temp_folder.ts";
import { small, smallPlan } from "./plans.ts";

/** The journal's entries of one kind, by their cells. */
async function entriesOf(folder: string, event: string): Promise<string[]> {
  const lines = (await Deno.readTextFile(join(folder, "journal.jsonl"))).trimEnd().split("\n").slice(1);
  return lines.map((line) => JSON.parse(line)).filter((entry) => entry.event === event).map(({ hash }) => hash);
}

Deno.test("sweep: two processes' workers on one sweep run every cell once, and both tables are whole", async () => {
  using root = tempFolder();
  const folder = join(root.path, "small");
  const options = { folder, runs: 3 };
  const both = await Promise.all([
    study.sweep(smallPlan(), { ...options, jobs: 2 }),
    study.sweep(smallPlan(), options),
  ]);
  const claims = await entriesOf(folder, "claim");
  assertEquals([claims.length, new Set(claims).size], [6, 6]);
  assertEquals((await entriesOf(folder, "end")).length, 6);
  for (const { arms } of both) assertEquals(arms.map(({ summary }) => summary?.n), [3, 3]);
  assertEquals(both[0].arms.map(({ values }) => values), both[1].arms.map(({ values }) => values));

  // Again: nothing runs, and more seeds are an extension.
  await study.sweep(smallPlan(), options);
  assertEquals((await entriesOf(folder, "claim")).length, 6);
  const more = await study.sweep(smallPlan(), { ...options, runs: 4 });
  assertEquals((await entriesOf(folder, "claim")).length, 8);
  assertEquals(more.seeds, [0, 1, 2, 3]);
  // With fewer it is still the table of all: what was run is not left out of the mean.
  assertEquals((await study.sweep(smallPlan(), { ...options, runs: 2 })).arms[0]!.summary?.n, 4);
  assertEquals((await study.readSweep(folder)).arms[0]!.summary?.n, 4);
});

Deno.test("sweep: a run that is over is not repeated, wherever it was made", async () => {
  using root = tempFolder();
  const plan = smallPlan();
  const trained = await recipe.train({ ...plan.arms[0]!.recipe, seed: 0 }, { folder: join(root.path, "run") }).result;
  const first = join(root.path, "first");
  const begun: string[] = [];
  const onEvent = (event: study.WorkEvent): void => {
    if (event.type === "begin") begun.push(`${event.cell.arm} ${event.cell.seed}`);
  };
  const result = await study.sweep(plan, { folder: first, runs: 2, onEvent });
  assertEquals(begun, ["max 0", "entry 1", "max 1"]);
  assertEquals(result.arms[0]!.values[0], trained.top1);
  // Another sweep of the same baseline, and one on another machine, of which the committed results are at hand.
  const hard = study.define({
    ...small,
    name: "hard",
    arms: { entry: {}, hard: { loss: { labelSmoothing: 0 } } },
    primary: undefined,
  });
  begun.length = 0;
  await study.sweep(study.planOf(hard), { folder: join(root.path, "hard"), runs: 2, onEvent });
  assertEquals(begun, ["hard 0", "hard 1"]);
  using elsewhere = tempFolder();
  begun.length = 0;
  const again = { folder: join(elsewhere.path, "first"), runs: 2, results: [join(first, "results")], onEvent };
  assertEquals(
    (await study.previewSweep(plan, again)).cells.map(({ state }) => state),
    Array(4).fill("found elsewhere"),
  );
  const taken = await study.sweep(plan, again);
  assertEquals(begun, []);
  assertEquals(taken.arms.map(({ values }) => values), result.arms.map(({ values }) => values));
  // A result with another recipe than its hash says is refused by its name.
  const path = join(first, "results", "max_seed0.json");
  const record = JSON.parse(await Deno.readTextFile(path));
  await Deno.writeTextFile(path, JSON.stringify({ ...record, recipe: { ...record.recipe, bs: 8 } }));
  await assertRejects(() => study.readRecord(path), Error, "it was edited");
  await Deno.writeTextFile(path, JSON.stringify({ ...record, format: 2 }));
  await assertRejects(() => study.readRecord(path), Error, "of format 1, got format 2");
});

Deno.test("sweep: a stopped run goes on with the bits that it would have had, and a claim of nobody holds nobody up", async () => {
  using root = tempFolder();
  const plan = smallPlan({ changes: { epochs: 2, data: { limit: 512 } } });
  const whole = await study.sweep(plan, { folder: join(root.path, "a", "whole"), runs: 1 });
  const folder = join(root.path, "b", "stopped");
  const stop = new AbortController();
  const onEvent = (event: study.WorkEvent): void => {
    if (event.type === "progress" && event.epoch === 2) stop.abort();
  };
  const part = await study.sweep(plan, { folder, runs: 1, signal: stop.signal, onEvent });
  assertEquals([part.stopped, part.arms[0]!.missing, part.arms[1]!.missing], [true, [0], [0]]);
  const resumed: boolean[] = [];
  const rest = await study.sweep(plan, {
    folder,
    runs: 1,
    onEvent: (event) => event.type === "begin" && resumed.push(event.resumed),
  });
  assertEquals(resumed, [true, false]);
  assertEquals(rest.stopped, false);
  for (const at of [0, 1]) {
    assertEquals(
      rest.arms[at]!.runs[0]!.epochs.map(({ loss }) => loss),
      whole.arms[at]!.runs[0]!.epochs.map(({ loss }) => loss),
    );
  }
});

Deno.test("sweep: another sweep under the same name is refused by what changed, and a folder of another version too", async () => {
  using root = tempFolder();
  const folder = join(root.path, "small");
  await study.sweep(smallPlan(), { folder, runs: 1 });
  await assertRejects(
    () => study.sweep(smallPlan({ changes: { epochs: 3 } }), { folder, runs: 1 }),
    study.SweepError,
    "was begun with epochs of all arms 1, now 3: give the sweep another name",
  );
  const other = study.define({ ...small, arms: { ...small.arms, avg: { model: { pool: "avg" } } } });
  await assertRejects(() => study.sweep(study.planOf(other), { folder, runs: 1 }), study.SweepError, "with avg added");
  const path = join(folder, "journal.jsonl");
  const text = await Deno.readTextFile(path);
  await Deno.writeTextFile(path, text.replace('"format":1', '"format":7'));
  await assertRejects(() => study.sweep(smallPlan(), { folder, runs: 1 }), study.SweepError, "got format 7");
  const full = join(root.path, "full");
  await Deno.mkdir(full);
  await Deno.writeTextFile(join(full, "notes.txt"), "mine");
  await assertRejects(
    () => study.sweep(smallPlan(), { folder: full, runs: 1 }),
    study.SweepError,
    'it holds "notes.txt"',
  );
  assertEquals([...Deno.readDirSync(full)].map(({ name }) => name), ["notes.txt"]);
});

Deno.test("sweep: a run that diverged is told, is in no mean and no pair, and is not run again", async () => {
  using root = tempFolder();
  const folder = join(root.path, "wild");
  const wild = study.define({
    ...small,
    name: "wild",
    arms: { entry: {}, wild: { schedule: { lr: 1e30 }, optimizer: { name: "sgd" } } },
    primary: { arm: "wild", against: "entry" },
  });
  const result = await study.sweep(study.planOf(wild), { folder, runs: 2 });
  const [entry, other] = result.arms;
  assertEquals([entry!.summary?.n, other!.summary, other!.diverged.map(({ seed }) => seed)], [2, null, [0, 1]]);
  assertEquals(
    result.comparisons[0]!.words,
    "not decided: no seed is over in both; 2 of 2 runs of wild diverged and are in no pair",
  );
  const page = await Deno.readTextFile(join(folder, "results.md"));
  assertStringIncludes(page, "| wild | 0 of 2: 2 diverged |");
  assertStringIncludes(page, "wild, seed 0, diverged in epoch 1, step ");
  assertStringIncludes(await Deno.readTextFile(join(folder, "results.csv")), "wild,1,diverged,,,,,,");
  await study.sweep(study.planOf(wild), { folder, runs: 2 });
  assertEquals((await entriesOf(folder, "claim")).length, 4);
});

Deno.test("sweep: a run whose last step makes it diverge has diverged like the others, in the list of runs too", async () => {
  using root = tempFolder();
  const folder = join(root.path, "wild");
  // One step an epoch: what it leaves is measured, and no other step follows.
  const plan = study.gridOf({ lr: [0.001, 1e20] }, {
    changes: { epochs: 1, bs: 32, data: { limit: 32 }, threads: 1 },
    name: "wild",
  });
  const failed: string[] = [];
  const { arms: [, wild] } = await study.sweep(plan, {
    folder,
    runs: 2,
    onEvent: (event) => event.type === "failed" && failed.push(event.message),
  });
  assertEquals(failed, []);
  const where = "the loss of the images to measure with";
  assertEquals(wild!.diverged, [0, 1].map((seed) => ({ seed, epoch: 1, step: 1, where })));
  const run = join(folder, "cells", wild!.runs[0]!.hash);
  assertEquals((await study.readRun(run)).state, "diverged");
});

Deno.test("sweep: nothing is written where an arm cannot be trained, and the arm is named", async () => {
  using root = tempFolder();
  const folder = join(root.path, "odd");
  const odd = study.define({ ...small, arms: { entry: {}, max: {}, odd: { bs: 4000 } } });
  const error = await assertRejects(
    () => study.sweep(study.planOf(odd), { folder }),
    recipe.SettingError,
    'Arm "odd": ',
  );
  assertEquals((error as recipe.SettingError).path, "bs");
  const model = study.define({ ...small, arms: { entry: {}, max: {}, odd: { model: { stem: [0] } } } });
  await assertRejects(() => study.sweep(study.planOf(model), { folder }), Error, "stem");
  assertEquals([...Deno.readDirSync(root.path)], []);
});

Deno.test("sweep: a record stands by itself: recipe, code, machine, epochs and every answer", async () => {
  using root = tempFolder();
  const folder = join(root.path, "small");
  await study.sweep(smallPlan(), { folder, runs: 1 });
  const record = (await study.readRecord(join(folder, "results", "entry_seed0.json")))!;
  assertEquals([record.status, record.seed, record.arm, record.epochs.length], ["done", 0, "entry", 1]);
  assertEquals(record.correct, Math.round(record.top1! * 128));
  const right = study.rightAnswers(record.answers!);
  assertEquals([right.length, right.filter(Boolean).length], [128, record.correct]);
  assert(record.machine.isa !== null && record.code.commit !== undefined);
  const run = join(folder, "cells", record.hash);
  using trained = await recipe.open(run, { device: "cpu", threads: 1 });
  assertEquals((await trained.evaluate()).top1, record.top1, "its weights are kept");
  assertEquals([...Deno.readDirSync(join(run, "checkpoint"))].map(({ name }) => name).sort(), [
    "config.sha256",
    "state.safetensors",
  ]);
});

Deno.test("sweep: a run that was over before it was written down is counted as its own, and slimmed", async () => {
  using root = tempFolder();
  const folder = join(root.path, "one");
  const plan = study.gridOf({ bs: [32] }, { changes: { epochs: 1, data: { limit: 64 }, threads: 1 }, name: "one" });
  const stop = new AbortController();
  // The signal comes when the last epoch is measured: the run ends, and its answers are not asked any more.
  const onEvent = (event: study.WorkEvent): void => {
    if (event.type === "epoch") stop.abort();
  };
  const first = await study.sweep(plan, { folder, runs: 1, signal: stop.signal, onEvent });
  assertEquals([first.stopped, first.arms[0]!.missing], [true, [0]]);
  const [cell] = [...Deno.readDirSync(join(folder, "cells"))].map(({ name }) => join(folder, "cells", name));
  const bytes = (): number => Deno.statSync(join(cell!, "checkpoint", "state.safetensors")).size;
  const whole = bytes();
  assertEquals((await study.readRun(cell!)).state, "over");
  assertEquals((await study.previewSweep(plan, { folder, runs: 1 })).cells.map(({ state }) => state), ["over"]);
  const ready: number[][] = [];
  const rest = await study.sweep(plan, {
    folder,
    runs: 1,
    onReady: ({ over, taken, open }) => void ready.push([over, taken, open]),
  });
  assertEquals([ready, rest.arms[0]!.summary?.n], [[[1, 0, 0]], 1]);
  assert(bytes() < whole / 2, `${bytes()} of ${whole}`);
  const record = await study.readRecord(join(folder, "results", "bs=32_seed0.json"));
  assertEquals(record!.answers!.total, 64);
});

Deno.test("sweep: a run that was slimmed and lost its results begins anew, with a word", async () => {
  using root = tempFolder();
  const folder = join(root.path, "one");
  const plan = study.gridOf({ bs: [32] }, { changes: { epochs: 1, data: { limit: 64 }, threads: 1 }, name: "one" });
  const { arms: [before] } = await study.sweep(plan, { folder, runs: 1 });
  const { hash } = before!.runs[0]!;
  await Deno.remove(join(folder, "results", "bs=32_seed0.json"));
  await Deno.remove(join(folder, "cells", hash, "result.json"));
  const notes: string[] = [];
  const { arms: [after] } = await study.sweep(plan, {
    folder,
    runs: 1,
    onEvent: (event) => event.type === "note" && notes.push(event.message),
  });
  assertEquals(after!.values, before!.values);
  assertEquals(notes.length, 1);
  assertStringIncludes(notes[0]!, "bs=32, seed 0, begins anew: ");
  assertStringIncludes(notes[0]!, "is gone, and of its state the weights alone were kept");
});
