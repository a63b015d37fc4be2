import { assert, assertEquals, assertMatch, assertNotEquals, assertStringIncludes } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { type Command, runCommand } from "../../lib/cli/command.ts";
import { Device, loadCheckpoint, study } from "../../mod.ts";
import { chooseDtype, dtypeFor, fasterDtype } from "../../lib/recipe/dtype.ts";
import { evaluateCommand } from "../../tasks/evaluate.ts";
import { predictCommand } from "../../tasks/predict.ts";
import { shiftCommand } from "../../tasks/shift.ts";
import { trainCommand } from "../../tasks/train.ts";
import { evaluate, predict, train, type TrainOptions, trainSeeds } from "../support/training.ts";
import { fingerprint } from "../lib/train/tiny.ts";
import { keptStreams } from "../lib/cli/streams.ts";
import { tempFolder } from "../temp_folder.ts";

/** Two epochs of four steps. */
const short: TrainOptions = { epochs: 2, limit: 128, bs: 32, threads: 1 };

// deno-lint-ignore no-explicit-any -- a command of any flags
async function command(args: string[], which: Command<any> = trainCommand): Promise<{
  code: number;
  out: string;
  err: string;
}> {
  const streams = keptStreams();
  const code = await runCommand(args, which, { streams });
  return { code, ...streams.text };
}

async function configOf(run: string): Promise<{ dtype: string }> {
  return JSON.parse(await Deno.readTextFile(join(run, "config.json")));
}

async function stateIn(run: string): Promise<string> {
  return fingerprint((await loadCheckpoint(join(run, "checkpoint", "state.safetensors"))).state);
}

Deno.test("train --dtype bf16: header, config and result say so; it is about as good as f32", async () => {
  using folder = tempFolder();
  const args = ["--epochs", "2", "--limit", "2048", "--bs", "32", "--threads", "2", "--out", folder.path];
  const { code, out, err } = await command([...args, "--dtype", "bf16"]);
  assertEquals(code, 0, err);
  assertMatch(out.split("\n")[0]!, /^libtrain \d.* · cpu \(.*\) · bf16 · mnistNet [\d,]+ parameters · seed 0$/);
  const [run] = [...Deno.readDirSync(folder.path)].map(({ name }) => join(folder.path, name));
  assertEquals((await configOf(run!)).dtype, "bf16");
  const result = JSON.parse(await Deno.readTextFile(join(run!, "result.json")));
  assertEquals(result.dtype, "bf16");
  const single = await train({ epochs: 2, limit: 2048, bs: 32, threads: 2, out: folder.path });
  assert(single.top1! > 0.7, `${single.top1}`);
  assert(Math.abs(result.top1 - single.top1!) < 0.02, `${result.top1} in bf16, ${single.top1} in f32`);
  assert(Math.abs(result.loss - single.loss!) < 0.02, `${result.loss} in bf16, ${single.loss} in f32`);
  assertNotEquals(result.trainLoss, single.trainLoss);
});

Deno.test("train --dtype bf16: stopped and gone on with, it ends with the same bits; f32 only by force", async () => {
  using folder = tempFolder();
  const options: TrainOptions = { ...short, dtype: "bf16", out: folder.path };
  const whole = await train(options);
  const stop = new AbortController();
  const listener = { batchEnd: ({ step }: { step: number }) => step === 5 ? stop.abort() : undefined };
  const { run } = await train({ ...options, signal: stop.signal, listener });
  const other = await command(["--resume", run, "--dtype", "f32"]);
  assertEquals(other.code, 2);
  assertStringIncludes(other.err, "was started with dtype bf16, now f32: pass --force to go on anyway");
  // Chosen once: nothing is tried again.
  const { code, out, err } = await command(["--resume", run, "--dtype", "auto"]);
  assertEquals(code, 0, err);
  assertStringIncludes(out, " · bf16 · ");
  assert(!err.includes("--dtype auto"), err);
  assertEquals(await stateIn(run), await stateIn(whole.run));
  // The state is of f32, so it fits a training in f32.
  const forced = await train({ resume: run, dtype: "f32", epochs: 3, force: true });
  assertEquals([forced.steps, (await configOf(run)).dtype], [12, "f32"]);
});

Deno.test("train --dtype auto: tries once, says what it chose, and keeps it, for all of --runs too", async () => {
  using folder = tempFolder();
  const args = ["--epochs", "1", "--limit", "64", "--bs", "32", "--threads", "1", "--out", folder.path];
  const { code, err, out } = await command([...args, "--dtype", "auto", "--json"]);
  assertEquals(code, 0, err);
  const [, chosen] = /^--dtype auto takes (f32|bf16): the same work takes \d/m.exec(err)!;
  assertEquals((await configOf(JSON.parse(out).run)).dtype, chosen);
  let tried = 0;
  const listener = { dtypeChosen: (): void => void tried++ };
  const runs = await trainSeeds(2, { ...short, epochs: 1, dtype: "auto", out: folder.path, listener });
  const dtypes = await Promise.all(runs.results.map(async ({ folder }) => (await configOf(folder)).dtype));
  assertEquals([tried, new Set(dtypes).size, dtypes.includes("auto")], [1, 1, false]);
  const again = await trainSeeds(undefined, { resume: runs.run, dtype: "auto", listener });
  assertEquals([tried, again.top1], [1, runs.top1]);
});

Deno.test("chooseDtype: takes bf16 only where it is clearly faster", async () => {
  assertEquals([fasterDtype(2, 1), fasterDtype(1, 0.97), fasterDtype(1, 2)], ["bf16", "f32", "f32"]);
  using device = new Device("cpu", { threads: 1 });
  const probe = await chooseDtype(device);
  assert(probe.f32 > 0 && probe.bf16 > 0);
  assertEquals(probe.dtype, fasterDtype(probe.f32, probe.bf16));
  assertEquals(device.stats().handles, 0);
});

Deno.test("evaluate, predict, shift: compute as the run did, or in what --dtype says", async () => {
  using folder = tempFolder();
  const { run, loss } = await train({ ...short, dtype: "bf16", out: folder.path });
  const own = await evaluate(run, { threads: 1 });
  const single = await evaluate(run, { threads: 1, dtype: "f32" });
  assertEquals(own.loss, loss);
  assertNotEquals(single.loss, loss);
  assert(Math.abs(single.loss - loss!) < 0.02, `${single.loss} and ${loss}`);
  const shown = await command([run, "--dtype", "f32", "--json", "--threads", "1"], evaluateCommand);
  assertEquals(JSON.parse(shown.out).loss, single.loss);

  const image = fromFileUrl(new URL("../fixtures/images/grey.jpg", import.meta.url));
  const [low] = await predict(run, [image], { threads: 1 });
  const [exact] = await predict(run, [image], { threads: 1, dtype: "f32" });
  const [first, other] = [low!.guesses[0]!, exact!.guesses.find(({ label }) => label === low!.guesses[0]!.label)!];
  assertNotEquals(first.probability, other.probability);
  assert(Math.abs(first.probability - other.probability) < 0.02);

  const settings = { threads: 1, images: 1, shifts: 2, limit: 8, out: join(folder.path, "shift.svg") };
  const moved = await study.shiftRuns([run], settings);
  const movedExact = await study.shiftRuns([run], { ...settings, dtype: "f32" });
  assertNotEquals(moved.runs[0]!.curves, movedExact.runs[0]!.curves);
});

Deno.test("--dtype: bad values, and one that the weights do not have, end with 2 and one clear line", async () => {
  using folder = tempFolder();
  const bad = [
    [trainCommand, ["--dtype", "fp16"], "Expected --dtype to be one of f32, bf16, f64, auto, got"],
    [evaluateCommand, ["x", "--dtype", "auto"], "Expected --dtype to be one of f32, bf16, got"],
    [predictCommand, ["x", "y", "--dtype", "f64"], "Expected --dtype to be one of f32, bf16, got"],
    [shiftCommand, ["x", "--dtype", "16"], "Expected --dtype to be one of f32, bf16, got"],
  ] as const;
  for (const [which, args, message] of bad) {
    const { code, err } = await command([...args], which);
    assertEquals(code, 2);
    assertStringIncludes(err, message);
  }
  const { run } = await train({ ...short, epochs: 1, limit: 16, bs: 8, dtype: "f64", out: folder.path });
  const { code, err } = await command([run, "--dtype", "bf16"], evaluateCommand);
  assertEquals(code, 2);
  assertMatch(err, /^error: Expected no --dtype for ".*", whose weights are f64, got bf16: leave it out$/m);
  assertEquals(dtypeFor("run", "f64", undefined), "f64");
});
