/** What became of runs, as their folders tell it. */
import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { join } from "@std/path";
import { recipe, RunFolder, study } from "../../../../mod.ts";
import { lockFolder, lockState } from "../../../../lib/run/run_lock.ts";
import { eventsIn, metricsIn, stepsIn } from "../../../../lib/run/run_logs.ts";
import { bytesBelow } from "../../../../lib/study/runs/bytes.ts";
import { train } from "../../../support/training.ts";
import { tempFolder } from "../../../temp_folder.ts";

const short = { epochs: 2, limit: 64, bs: 32, threads: 1 };

Deno.test("readRun: one that is over tells what its result does, and one that goes on is running", async () => {
  using folder = tempFolder();
  const { run, top1, loss, trainSeconds } = await train({ ...short, out: folder.path, seed: 3 });
  const found = await study.readRun(run);
  assertEquals(
    [
      found.state,
      found.why,
      found.epochs,
      found.planned,
      found.seed,
      found.preset,
      found.data,
      found.model,
      found.size,
    ],
    ["over", null, 2, 2, 3, "mnist", "mnist", "mnistNet", 28],
  );
  assertEquals([found.top1, found.loss, found.seconds], [top1, loss, trainSeconds]);
  assertEquals(found.metrics.rows.map(({ epoch }) => epoch), [1, 2]);
  assertEquals(found.bytes, await bytesBelow(run));
  assert(Date.parse(found.begun!) <= Date.parse(found.last!));
  {
    using _held = await lockFolder(run);
    assertEquals((await study.readRun(run)).state, "running");
    assertEquals(await lockState(run), "held");
  }
  assertEquals([(await study.readRun(run)).state, await lockState(run)], ["over", "free"]);
});

Deno.test("readRun: who stopped, diverged, failed or was killed is told, with what it came to until then", async () => {
  using folder = tempFolder();
  const stop = new AbortController();
  const { run: stopped } = await train({
    ...short,
    out: folder.path,
    signal: stop.signal,
    listener: { epochEnd: () => stop.abort() },
  });
  const first = await study.readRun(stopped);
  assertEquals([first.state, first.epochs, first.planned], ["stopped", 1, 2]);
  assertMatch(first.why!, /^by a signal, after step \d+$/);
  assertEquals(first.top1, first.metrics.rows[0]!["top1"]);
  // It goes on to its end: what it was before counts no more.
  await recipe.resume(stopped, {}).result;
  assertEquals((await study.readRun(stopped)).state, "over");

  const diverged = join(folder.path, "diverged");
  const mine = recipe.preset(
    "mnist",
    { ...short, limit: undefined, bs: 8, data: { limit: 128 }, schedule: { lr: 3e4 } } as recipe.RecipeChanges,
  );
  const error = await assertRejects(() => recipe.train(mine, { folder: diverged }).result);
  const second = await study.readRun(diverged);
  assertEquals([second.state, second.epochs, second.top1], ["diverged", 0, null]);
  assertMatch(second.why!, /was not finite in epoch 1, step \d+$/);
  assertEquals((await eventsIn(diverged)).at(-1)?.["message"], (error as Error).message);

  const killed = await RunFolder.createAt(join(folder.path, "killed"), { config: { epochs: 3, preset: "mnist" } });
  assertEquals((await study.readRun(killed.path)).why, "it ended before its first step");
  await killed.event("fitBegin", { epochs: 3, step: 0 });
  await killed.metrics({ epoch: 1, top1: 0.5, loss: NaN, trainSeconds: 2, imagesPerSecond: 100 });
  const third = await study.readRun(killed.path);
  assertEquals([third.state, third.epochs, third.top1, third.loss], ["broken", 1, 0.5, null]);
  assertEquals([third.seconds, third.imagesPerSecond], [2, 100]);
  assertEquals(third.why, "its process ended without a word, say killed");
  await killed.event("failed", { message: "no memory" });
  assertEquals((await study.readRun(killed.path)).why, "no memory");
});

Deno.test("readRun: damaged files are told, and no run is refused", async () => {
  using folder = tempFolder();
  const { path } = await RunFolder.createAt(join(folder.path, "run"), { config: { epochs: 1 } });
  await Deno.writeTextFile(join(path, "result.json"), '{"epochs": 1');
  assertStringIncludes((await study.readRun(path)).why!, "result.json");
  await Deno.writeTextFile(join(path, "config.json"), "[]");
  const found = await study.readRun(path);
  assertEquals([found.state, found.config, found.preset], ["broken", null, null]);
  assertStringIncludes(found.why!, "config.json");
  await assertRejects(() => study.readRun(folder.path), recipe.RunNotFoundError, "give a run's folder");
});

Deno.test("run logs: numbers by column, gaps where there are none, and no line that was not written to its end", async () => {
  using folder = tempFolder();
  const write = (name: string, text: string): Promise<void> => Deno.writeTextFile(join(folder.path, name), text);
  assertEquals(await metricsIn(folder.path), { columns: [], rows: [] });
  assertEquals(await eventsIn(folder.path), []);
  await write("metrics.csv", "epoch,loss,top1\n1,0.5,\n2,NaN,0.25\n3,0.1");
  assertEquals(await metricsIn(folder.path), {
    columns: ["epoch", "loss", "top1"],
    rows: [{ epoch: 1, loss: 0.5, top1: null }, { epoch: 2, loss: null, top1: 0.25 }],
  });
  await write("steps.csv", "step,lr\n1,1e-3\n");
  assertAlmostEquals((await stepsIn(folder.path)).rows[0]!["lr"]!, 1e-3);
  await write(
    "events.jsonl",
    '{"event":"a","time":"2026-01-01T00:00:00Z","step":2}\nnot json\n[1]\n{"event":"b","time":"x"}\n{"ev',
  );
  assertEquals(await eventsIn(folder.path), [
    { event: "a", time: "2026-01-01T00:00:00Z", step: 2 },
    { event: "b", time: null },
  ]);
});
