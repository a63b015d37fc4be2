import { assert, assertAlmostEquals, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { runCommand } from "../../lib/cli/command.ts";
import { recipe } from "../../mod.ts";
import { trainCommand } from "../../tasks/train.ts";
import { type TrainOptions, trainSeeds } from "../support/training.ts";
import { lockFolder } from "../../lib/run/run_lock.ts";
import { keptStreams } from "../lib/cli/streams.ts";
import { tempFolder } from "../temp_folder.ts";

const short: TrainOptions = { epochs: 1, limit: 128, bs: 32, threads: 1 };

Deno.test("spread: mean and standard deviation, of the entry's five runs too", () => {
  const { mean, standardDeviation } = recipe.spread([0.876688, 0.872611, 0.86828, 0.874904, 0.879236]);
  assertAlmostEquals(mean!, 0.8743438, 1e-9);
  assertAlmostEquals(standardDeviation!, 0.00416878, 1e-7);
  assertEquals(recipe.spread([0.5]), { mean: 0.5, standardDeviation: null });
  assertEquals(recipe.spread([]), { mean: null, standardDeviation: null });
});

Deno.test("train --runs: one object with every seed's value; runs that are over are not repeated", async () => {
  using folder = tempFolder();
  const whole = await trainSeeds(3, { ...short, seed: 5, out: folder.path });
  assertEquals([whole.seeds, whole.results.map(({ seed }) => seed), whole.stopped], [[5, 6, 7], [5, 6, 7], false]);
  assertEquals(whole.top1, whole.results.map(({ top1 }) => top1!));
  assert(new Set(whole.results.map(({ trainLoss }) => trainLoss)).size === 3, "seeds differ");

  // Stopped in the second run: the first is kept, the second goes on, the third begins.
  const stop = new AbortController();
  let steps = 0;
  const listener = { batchEnd: () => ++steps === 6 ? stop.abort() : undefined };
  const part = await trainSeeds(3, { ...short, seed: 5, out: folder.path, signal: stop.signal, listener });
  assertEquals([part.results.length, part.stopped, part.top1], [2, true, whole.top1.slice(0, 1)]);
  const streams = keptStreams();
  assertEquals(await runCommand(["--resume", part.run, "--json"], trainCommand, { streams }), 0, streams.text.err);
  const rest = JSON.parse(streams.text.out);
  assertEquals([rest.top1, rest.mean, rest.standardDeviation, rest.seeds], [
    [...whole.top1],
    whole.mean,
    whole.standardDeviation,
    [5, 6, 7],
  ]);
  assertEquals(rest.results[0].trainSeconds, part.results[0]!.trainSeconds, "the first was not trained again");
  assertEquals(JSON.parse(await Deno.readTextFile(join(part.run, "result.json"))).top1, rest.top1);
  const other = keptStreams();
  assertEquals(await runCommand(["--resume", part.run, "--lr", "1"], trainCommand, { streams: other }), 2);
  assertStringIncludes(other.text.err, "was started with lr 0.008, now 1: pass --force");
});

Deno.test("train --runs: seeds that there are not are refused before the first run", async () => {
  using folder = tempFolder();
  const streams = keptStreams();
  const args = ["--runs", "2", "--seed", `${2 ** 32 - 1}`, "--limit", "64", "--bs", "32", "--out", folder.path];
  assertEquals(await runCommand(args, trainCommand, { streams }), 2);
  assertStringIncludes(streams.text.err, "Expected seeds up to 4294967295, got 4294967296");
  assertEquals([...Deno.readDirSync(folder.path)], []);
});

Deno.test("train --runs: stopped while the next run's data are made ready, it tells of those that are over", async () => {
  using folder = tempFolder();
  const stop = new AbortController();
  let opened = 0;
  const open: recipe.OpenData = (config, device, watch) => {
    if (++opened === 2) stop.abort();
    watch?.signal?.throwIfAborted();
    return recipe.openData(config, device, watch);
  };
  const part = await trainSeeds(2, { ...short, out: folder.path, open, signal: stop.signal });
  assertEquals([part.results.length, part.stopped, part.top1.length], [1, true, 1]);
  const rest = await trainSeeds(undefined, { resume: part.run });
  assertEquals([rest.stopped, rest.top1.length, rest.top1[0]], [false, 2, part.top1[0]]);
});

Deno.test("train --runs: runs that are under way are not gone on with", async () => {
  using folder = tempFolder();
  const { run } = await trainSeeds(1, { ...short, limit: 64, out: folder.path });
  const again = (): Promise<unknown> => trainSeeds(undefined, { resume: run });
  {
    using _held = await lockFolder(run);
    await assertRejects(again, Error, `Cannot write into "${run}": another process trains there`);
  }
  await again();
});

Deno.test("train --runs: a table for people", async () => {
  using folder = tempFolder();
  const streams = keptStreams();
  const args = ["--runs", "2", "--epochs", "1", "--limit", "64", "--bs", "32", "--threads", "1", "--out", folder.path];
  assertEquals(await runCommand(args, trainCommand, { streams }), 0, streams.text.err);
  const [seeds, first, second, mean] = streams.text.out.trimEnd().split("\n").slice(-5);
  assert(/^seed +top-1$/.test(seeds!), seeds);
  assert(/^0 +\d+\.\d\d %$/.test(first!) && /^1 +\d+\.\d\d %$/.test(second!));
  assert(/^top-1 +\d+\.\d\d % ± \d+\.\d\d % over 2 runs$/.test(mean!), mean);
});
