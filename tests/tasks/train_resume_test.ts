import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { runCommand } from "../../lib/cli/command.ts";
import { loadCheckpoint, saveCheckpoint, writeSafetensors } from "../../mod.ts";
import { evaluateCommand } from "../../tasks/evaluate.ts";
import { exportCommand } from "../../tasks/export.ts";
import { trainCommand } from "../../tasks/train.ts";
import { evaluate, train, type TrainOptions } from "../support/training.ts";
import { fingerprint } from "../lib/train/tiny.ts";
import { keptStreams } from "../lib/cli/streams.ts";
import { tempFolder } from "../temp_folder.ts";

/** Two epochs of four steps. */
const short: TrainOptions = { epochs: 2, limit: 128, bs: 32, threads: 1 };

async function stateIn(run: string): Promise<string> {
  return fingerprint((await loadCheckpoint(join(run, "checkpoint", "state.safetensors"))).state);
}

/** A run that was stopped after a step. */
async function stopped(out: string, step: number, options: TrainOptions = short): Promise<string> {
  const stop = new AbortController();
  const listener = { batchEnd: (event: { step: number }) => event.step === step ? stop.abort() : undefined };
  const { run, steps } = await train({ ...options, out, signal: stop.signal, listener });
  assertEquals(steps, step);
  return run;
}

async function command(args: string[]): Promise<{ code: number; out: string; err: string }> {
  const streams = keptStreams();
  const code = await runCommand(args, trainCommand, { streams });
  return { code, ...streams.text };
}

Deno.test("train --resume: ends with the bits of the run that was not stopped, in an epoch and at its edge", async () => {
  using folder = tempFolder();
  const whole = await train({ ...short, out: folder.path, ema: 0.9 });
  for (const step of [2, 4]) {
    const run = await stopped(folder.path, step, { ...short, ema: 0.9 });
    const { code, out } = await command(["--resume", run, "--json", "--threads", "2"]);
    assertEquals(code, 0);
    const result = JSON.parse(out);
    assertEquals([result.top1, result.lossEma, result.run], [whole.top1, whole.lossEma, run]);
    assertEquals(await stateIn(run), await stateIn(whole.run));
    const csv = (run: string): Promise<string> => Deno.readTextFile(join(run, "steps.csv"));
    assertEquals(await csv(run), await csv(whole.run));
  }
});

Deno.test("train --resume: says where it goes on, and a run that is over is left alone", async () => {
  using folder = tempFolder();
  const run = await stopped(folder.path, 5);
  const first = await command(["--resume", run]);
  assertEquals(first.code, 0, first.err);
  assertStringIncludes(first.out, "resumed   after 1 of 2 epochs, step 5");
  const before = await stateIn(run);
  const again = await command(["--resume", run, "--json"]);
  assertEquals([again.code, JSON.parse(again.out).steps, await stateIn(run)], [0, 8, before]);
  assertStringIncludes(again.err, "is over already");
});

Deno.test("train --resume: a changed configuration is refused by name with 2, and --force goes on", async () => {
  using folder = tempFolder();
  const run = await stopped(folder.path, 3);
  const before = await stateIn(run);
  for (
    const [args, change] of [
      [["--lr", "0.01"], "lr 0.008, now 0.01"],
      [["--bs", "16", "--wd", "0"], "wd 0.01, now 0, and bs 32, now 16"],
      [["--limit", "64"], "limit 128, now 64"],
      [["--act", "relu"], "act mish, now relu"],
      [["--preset", "imagenette-128-5"], "preset mnist, now imagenette-128-5"],
    ] as const
  ) {
    const { code, err } = await command(["--resume", run, ...args]);
    const parts = change.split(", and ");
    assertEquals(code, 2, err);
    assertStringIncludes(err, `error: Run "${run}" was started with `);
    for (const part of parts) assertStringIncludes(err, part);
    assertStringIncludes(err, ": pass --force to go on anyway");
  }
  assertEquals(await stateIn(run), before, "nothing was written");
  const forced = await command(["--resume", run, "--lr", "0.01", "--bs", "16", "--epochs", "3", "--force", "--json"]);
  assertEquals(forced.code, 0, forced.err);
  const result = JSON.parse(forced.out);
  assertEquals([result.steps, result.epochs], [24, 3]);
  assertEquals(JSON.parse(await Deno.readTextFile(join(run, "config.json"))).schedule.lr, 0.01);
});

Deno.test("train --resume: forced to a network that the state does not fit, the run stays as it was", async () => {
  using folder = tempFolder();
  const whole = await train({ ...short, out: folder.path });
  const run = await stopped(folder.path, 3);
  const config = await Deno.readTextFile(join(run, "config.json"));
  const { code, err } = await command(["--resume", run, "--arch", "xresnet18", "--pool", "max", "--force"]);
  assertEquals(code, 1, err);
  assertStringIncludes(err, "error: Cannot load this state: ");
  assertEquals(await Deno.readTextFile(join(run, "config.json")), config);
  assertEquals((await command(["--resume", run])).code, 0);
  assertEquals(await stateIn(run), await stateIn(whole.run));
});

Deno.test("train --resume: a run tells of all who trained it, and of changed code for good", async () => {
  using folder = tempFolder();
  const run = await stopped(folder.path, 3);
  const path = join(run, "checkpoint", "state.safetensors");
  const { state, config } = await loadCheckpoint(path);
  const [first, ...others] = config["sessions"] as Record<string, unknown>[];
  assertEquals([first!["fromStep"], first!["threads"], first!["commit"]], [0, 1, config["commit"]]);
  assertEquals(others, []);
  await saveCheckpoint(path, { state, config: { ...config, sessions: [{ ...first, dirty: true }] } });
  const { code, err } = await command(["--resume", run, "--threads", "2"]);
  assertEquals(code, 0, err);
  const { dirty, sessions, threads } = JSON.parse(await Deno.readTextFile(join(run, "result.json")));
  assertEquals([dirty, threads], [true, 2]);
  assertEquals(sessions, [{ ...first, dirty: true }, { ...first, threads: 2, fromStep: 3 }]);
});

Deno.test("train --resume: a configuration or a result that is none is told, naming the file and what to do", async () => {
  using folder = tempFolder();
  const { run } = await train({ ...short, out: folder.path, epochs: 1 });
  const refused = async (name: string, text: string, ...parts: string[]): Promise<void> => {
    const path = join(run, name);
    const before = await Deno.readTextFile(path);
    await Deno.writeTextFile(path, text);
    const { code, err } = await command(["--resume", run]);
    assertEquals(code, 1, err);
    for (const part of [path, ...parts]) assertStringIncludes(err, part);
    assertMatch(err, /^error: Expected [^\n]+\n$/);
    await Deno.writeTextFile(path, before);
  };
  await refused("result.json", "{}", 'Expected "epochs" in ', "as a JSON number, got none: remove it");
  await refused("result.json", "3", "Expected a JSON object in ", "got 3: remove it");
  // Before a state is saved there is no other copy of the configuration.
  await Deno.remove(join(run, "result.json"));
  await Deno.remove(join(run, "checkpoint"), { recursive: true });
  await refused("config.json", "null", "got null: restore it, or begin a new run");
  await refused("config.json", '{"seed": 0', "Expected JSON in ", ": restore it");
});

Deno.test("train --resume: other code and other kernels are changes too", async () => {
  using folder = tempFolder();
  const run = await stopped(folder.path, 3);
  const path = join(run, "checkpoint", "state.safetensors");
  const { state, config } = await loadCheckpoint(path);
  await Deno.remove(join(run, "config.json"));
  for (const [field, value] of [["isa", "Z80"], ["commit", "0".repeat(40)], ["imageShape", [8, 8, 1]]]) {
    await saveCheckpoint(path, { state, config: { ...config, [field as string]: value } });
    const { code, err } = await command(["--resume", run]);
    assertEquals(code, 2);
    assertMatch(err, new RegExp(`^error: Run ".*" was started with ${field} .*, now .*: pass --force`, "m"));
  }
});

Deno.test("train --resume: the checkpoint counts, and config.json is a copy of it", async () => {
  using folder = tempFolder();
  const whole = await train({ ...short, out: folder.path });
  const run = await stopped(folder.path, 3);
  const path = join(run, "config.json");
  const copy = await Deno.readTextFile(path);
  const config = JSON.parse(copy);
  // An edit would change the training without a word.
  const edits = [
    [{ ...config, schedule: { ...config.schedule, lr: 0.01 } }, "lr 0.008, now 0.01"],
    [{ ...config, schedule: { ...config.schedule, start: 0.5 } }, "start 0.75, now 0.5"],
    [{ ...config, schedule: { ...config.schedule, name: "cosine" } }, "schedule flatCos, now cosine"],
    [{ ...config, optimizer: { ...config.optimizer, mom: 0.9 } }, "mom 0.95, now 0.9"],
    [{ ...config, optimizer: { ...config.optimizer, wd: 0 } }, "wd 0.01, now 0"],
    [{ ...config, optimizer: { ...config.optimizer, eps: 1e-8 } }, "eps 0.000001, now 1e-8"],
    [{ ...config, loss: { name: "crossEntropy", labelSmoothing: 0 } }, "label-smoothing 0.1, now 0"],
    [{ ...config, model: { ...config.model, act: "relu" } }, "act mish, now relu"],
    [{ ...config, model: { ...config.model, pool: "max" } }, "pool maxblur, now max"],
    // One bit of a key.
    [JSON.parse(copy.replace('"labelSmoothing"', '"labelSmoothinf"')), "label-smoothing 0.1, now not set"],
  ] as const;
  for (const [edited, change] of edits) {
    await Deno.writeTextFile(path, JSON.stringify(edited));
    const { code, err } = await command(["--resume", run]);
    assertEquals(code, 2, err);
    assertStringIncludes(err, `error: Run "${run}" was started with ${change}`);
    assertStringIncludes(err, "in config.json, which is only a copy");
  }
  // One that is cut off, or gone, is written again.
  await Deno.writeTextFile(path, copy.slice(0, copy.length >> 1));
  const { code, err } = await command(["--resume", run]);
  assertEquals(code, 0, err);
  assertStringIncludes(err, `warning: config.json of run "${run}" is written again from its checkpoint`);
  assertEquals(await Deno.readTextFile(path), copy);
  assertEquals(await stateIn(run), await stateIn(whole.run));
});

Deno.test("train --resume --force: what was changed is the checkpoint's from then on", async () => {
  using folder = tempFolder();
  const run = await stopped(folder.path, 3);
  const stop = new AbortController();
  const listener = { batchEnd: () => stop.abort() };
  await train({ resume: run, lr: 0.01, force: true, signal: stop.signal, listener });
  const { config } = await loadCheckpoint(join(run, "checkpoint", "state.safetensors"));
  assertEquals((config["schedule"] as { lr: number }).lr, 0.01);
  assertEquals((await command(["--resume", run])).code, 0);
});

Deno.test("train --resume: a damaged checkpoint is told, and the one before it goes on, to the same bits", async () => {
  using folder = tempFolder();
  const whole = await train({ ...short, out: folder.path });
  const run = await stopped(folder.path, 6);
  const path = join(run, "checkpoint", "state.safetensors");
  const bytes = await Deno.readFile(path);
  bytes[bytes.length >> 1]! ^= 16;
  await Deno.writeFile(path, bytes);
  const measured = keptStreams();
  assertEquals(await runCommand([run, "--threads", "1"], evaluateCommand, { streams: measured }), 0);
  assertStringIncludes(measured.text.err, "it is damaged");
  const exported = keptStreams();
  const args = [run, "--out", join(folder.path, "w.safetensors")];
  assertEquals(await runCommand(args, exportCommand, { streams: exported }), 0, exported.text.err);
  assertStringIncludes(exported.text.err, "it is damaged");
  const { code, err, out } = await command(["--resume", run]);
  assertEquals(code, 0, err);
  assertStringIncludes(err, `warning: Expected "${path}" to have the content that was saved`);
  assertStringIncludes(err, "previous.safetensors");
  assertStringIncludes(out, "resumed   after 1 of 2 epochs, step 4");
  assertEquals(await stateIn(run), await stateIn(whole.run));
});

Deno.test("train --resume: a run that is still under way is not gone on with", async () => {
  using folder = tempFolder();
  let second: Promise<{ code: number; err: string }> | undefined;
  const listener = {
    ready: ({ folder }: { folder: string }): void => void (second ??= command(["--resume", folder])),
  };
  const { run } = await train({ ...short, out: folder.path, listener });
  const { code, err } = await second!;
  assertEquals(code, 1);
  assertStringIncludes(err, `Cannot write into "${run}": another process trains there`);
  assertEquals((await train({ resume: run })).steps, 8);
});

Deno.test("train --resume: killed before anything was saved, it begins anew", async () => {
  using folder = tempFolder();
  const whole = await train({ ...short, out: folder.path });
  const run = await stopped(folder.path, 1);
  await Deno.remove(join(run, "checkpoint"), { recursive: true });
  const { code, err } = await command(["--resume", run]);
  assertEquals(code, 0, err);
  assertStringIncludes(err, "No state was saved yet");
  assertEquals(await stateIn(run), await stateIn(whole.run));
});

Deno.test("train: what cannot be used ends with 2 and one clear line, and nothing is written", async () => {
  using folder = tempFolder();
  const out = ["--out", folder.path];
  const none = join(folder.path, "none");
  for (
    const [args, message] of [
      [["--resume", none], `Cannot find a run in "${none}"`],
      [["--resume", folder.path, "--runs", "2"], `Cannot find runs in "${folder.path}"`],
      [["--resume", none, ...out], "Expected --resume or --out, got both"],
      [["--force", ...out], "Expected --force with --resume"],
      [["--data", none, ...out], `Cannot find "${none}"`],
      [["--size", "64", ...out], "mnist has images of 28 x 28 only, got --size 64"],
      [["--data", folder.path, "--size", "64", ...out], `Expected --preset with --data "${folder.path}"`],
      [["--bs", "129", "--limit", "128", ...out], "Expected at most 128 images a step"],
      [["--bs", "60001", ...out], "Expected at most 60000 images a step"],
      [["--opt", "sgd", "--sqrmom", "0.9", ...out], "settings that sgd has"],
      [["--arch", "resnet50", ...out], "Expected --arch to be one of"],
      [["--ema", "1", ...out], "Expected --ema to be a number from 0 to 0.999999"],
    ] as [string[], string][]
  ) {
    const { code, err } = await command(args);
    assertEquals(code, 2, `${args}: ${err}`);
    assertStringIncludes(err, message);
    assertEquals(err.trimEnd().split("\n").length, 1, err);
  }
  assertEquals([...Deno.readDirSync(folder.path)], []);
});

Deno.test("train: a loss that is not finite ends with 1, and the last good state is kept", async () => {
  using folder = tempFolder();
  const args = ["--limit", "128", "--bs", "32", "--threads", "1", "--out", folder.path];
  const { code, err } = await command([...args, "--lr", "1e30", "--epochs", "3"]);
  assertEquals(code, 1, err);
  assertMatch(err, /error: Cannot go on after epoch \d, step \d+: .* is not finite, as first of all/);
  assert(![...Deno.readDirSync(folder.path)].some(({ name }) => name === "result.json"));
});

Deno.test("evaluate: --ema measures the averaged weights; --data measures elsewhere; a folder without a checkpoint is 2", async () => {
  using folder = tempFolder();
  const { run, lossEma, loss, top1 } = await train({ ...short, out: folder.path, ema: 0.9 });
  assertEquals((await evaluate(run, { threads: 1, ema: true })).loss, lossEma);
  const other = await evaluate(run, { threads: 1, data: "mnist" });
  assertEquals([other.n, (await evaluate(run, { threads: 1 })).loss], [10_000, loss]);
  assert(other.top1 !== top1);
  const streams = keptStreams();
  assertEquals(await runCommand([folder.path], evaluateCommand, { streams }), 2);
  assertStringIncludes(streams.text.err, "Cannot find a checkpoint in ");
});

Deno.test("train --resume: a run of an earlier version is refused in one line, before its first checkpoint too", async () => {
  using folder = tempFolder();
  const run = join(folder.path, "old");
  await Deno.mkdir(join(run, "checkpoint"), { recursive: true });
  // As config.json was before recipes.
  const config = {
    preset: "mnist",
    data: { path: "mnist", size: null, limit: null },
    model: { name: "mnistNet", options: { act: "mish", pool: "maxblur", classes: 10, inChannels: 1 } },
    optimizer: { name: "ranger", mom: 0.95, sqrMom: 0.99, eps: 1e-6, wd: 1e-2 },
    schedule: { name: "flatCos", lr: 8e-3, start: 0.75 },
    labelSmoothing: 0.1,
    augmentation: { shift: 2, flip: 0 },
    epochs: 3,
    bs: 64,
    seed: 0,
  };
  await Deno.writeTextFile(join(run, "config.json"), JSON.stringify(config));
  const first = await command(["--resume", run]);
  assertEquals(first.code, 2, first.err);
  assertMatch(first.err, /^error: Cannot go on with run ".*": Expected .*: it was made by another version.*\n$/);
  const path = join(run, "checkpoint", "state.safetensors");
  await writeSafetensors(path, new Map(), { metadata: { format: "libtrain-state-2" } });
  const saved = await command(["--resume", run]);
  assertEquals(saved.code, 1, saved.err);
  assertMatch(
    saved.err,
    /^error: Expected ".*" to be a checkpoint of format libtrain-state-3, got libtrain-state-2: .*\n$/,
  );
});
