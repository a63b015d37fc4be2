/** Logs of a run that were changed, and logs that cannot be written. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { runCommand } from "../../lib/cli/command.ts";
import { loadCheckpoint, recipe } from "../../mod.ts";
import { trainCommand } from "../../tasks/train.ts";
import { keptStreams } from "../lib/cli/streams.ts";
import { train } from "../support/training.ts";
import { tempFolder } from "../temp_folder.ts";

const short = { limit: 128, bs: 32, epochs: 2, threads: 1 } as const;

/** A run that was stopped after some steps. */
async function stopped(out: string, steps: number): Promise<string> {
  const stop = new AbortController();
  const listener = { batchEnd: ({ step }: { step: number }): void => step === steps ? stop.abort() : undefined };
  return (await train({ ...short, out, signal: stop.signal, listener })).run;
}

async function resumed(run: string, ...more: string[]): Promise<{ code: number; err: string }> {
  const streams = keptStreams();
  const code = await runCommand(["--resume", run, ...more], trainCommand, { streams });
  return { code, err: streams.text.err };
}

async function tensorsOf(run: string): Promise<Map<string, string>> {
  const { state } = await loadCheckpoint(join(run, "checkpoint", "state.safetensors"));
  return new Map([...state.tensors].map(([name, { data }]) => [name, data.join()]));
}

async function lines(path: string): Promise<string[]> {
  return (await Deno.readTextFile(path)).split("\n").slice(0, -1);
}

Deno.test("a log that was changed, cut or lost is named at resume, and the training goes on to the same bits", async () => {
  using folder = tempFolder();
  const whole = await tensorsOf((await train({ ...short, out: folder.path })).run);
  const write = (path: string, text: readonly string[]): Promise<void> =>
    Deno.writeTextFile(path, text.map((line) => `${line}\n`).join(""));
  const cases: readonly [string, (path: string) => Promise<void>, string][] = [
    ["steps.csv", async (path) => await write(path, (await lines(path)).toSpliced(3, 1)), "line 4 differs"],
    ["steps.csv", async (path) => await write(path, (await lines(path)).with(5, "5,2,0,0,0")), "line 6 differs"],
    ["steps.csv", async (path) => await write(path, (await lines(path)).slice(0, 4)), "it ends after line 4 of 7"],
    ["metrics.csv", async (path) => await write(path, (await lines(path)).with(1, "1,0,1,0,1")), "line 2 differs"],
    ["metrics.csv", async (path) => await Deno.remove(path), "it is gone"],
    ["events.jsonl", async (path) => await write(path, (await lines(path)).slice(1)), "line 1 differs"],
    ["events.jsonl", async (path) => await Deno.truncate(path, 10), "it ends after line 0 of 3"],
  ];
  for (const [file, damage, change] of cases) {
    const run = await stopped(folder.path, 6);
    await damage(join(run, file));
    const { code, err } = await resumed(run);
    assertEquals(code, 0, err);
    assertStringIncludes(
      err,
      `warning: "${join(run, file)}" is not as it was when the state was saved: ${change}. The training goes on`,
    );
    assertEquals(err.split("is not as it was").length, 2, err);
    const events = (await lines(join(run, "events.jsonl"))).map((line) => JSON.parse(line));
    assertEquals(events.filter(({ event }) => event === "logChanged").map(({ file, change }) => [file, change]), [[
      file,
      change,
    ]]);
    assertEquals(await tensorsOf(run), whole);
    // A log has its first line whatever was lost.
    assertMatch((await lines(join(run, "steps.csv")))[0]!, /^step,epoch/);
    assertMatch((await lines(join(run, "metrics.csv")))[0]!, /^epoch,trainLoss/);
  }
});

Deno.test("lines that a killed process wrote after its last state are no change, nor is a second resume", async () => {
  using folder = tempFolder();
  const run = await stopped(folder.path, 3);
  await Deno.writeTextFile(join(run, "steps.csv"), "4,1,0.1,0.2,0.3\n5,1", { append: true });
  await Deno.writeTextFile(join(run, "events.jsonl"), '{"event":"later"}\n{"eve', { append: true });
  const stop = new AbortController();
  const warnings: string[] = [];
  const listener = {
    batchEnd: ({ step }: { step: number }): void => step === 6 ? stop.abort() : undefined,
    warning: ({ message }: { message: string }): void => void warnings.push(message),
  };
  await train({ resume: run, signal: stop.signal, listener });
  const { code, err } = await resumed(run);
  assertEquals([code, warnings, err.includes("is not as it was")], [0, [], false], err);
  assertEquals((await lines(join(run, "steps.csv"))).length, 9);
});

Deno.test("logs that cannot be written end no training: told once, tried again, and the state is saved meanwhile", async () => {
  using folder = tempFolder();
  const warnings: string[] = [];
  const steps: number[] = [];
  let run = "";
  const mine = recipe.preset("mnist", { data: { limit: 128 }, bs: 32, epochs: 3, threads: 1 });
  const training = recipe.train(mine, { out: folder.path });
  for await (const event of training) {
    if (event.type === "warning") warnings.push(event.message);
    if (event.type === "ready") {
      run = event.folder;
      // A folder in the way, as good as a full disk.
      await Deno.remove(join(run, "steps.csv"));
      await Deno.mkdir(join(run, "steps.csv"));
    }
    if (event.type !== "epochEnd") continue;
    steps.push((await loadCheckpoint(join(run, "checkpoint", "state.safetensors"))).state.counters.step);
    if (event.epoch === 2) await Deno.remove(join(run, "steps.csv"));
  }
  const result = await training.result;
  assertEquals([result.epochs, result.stopped, steps], [3, false, [4, 8, 12]]);
  assertEquals(warnings.length, 1, warnings.join("\n"));
  assertMatch(warnings[0]!, /^Cannot write ".*steps\.csv": .* The training goes on, and writes it later$/);
  assertEquals(
    (await lines(join(run, "steps.csv"))).map((line) => Number(line.split(",")[0])),
    Array.from({ length: 12 }, (_, at) => at + 1),
  );
});

Deno.test("one flipped bit of config.json is told, before a state is saved and after", async () => {
  using folder = tempFolder();
  const run = await stopped(folder.path, 3);
  const path = join(run, "config.json");
  const bytes = await Deno.readFile(path);
  const text = new TextDecoder().decode(bytes);
  const places = [text.indexOf('"threads"') + 2, text.indexOf("0.008") + 4, text.indexOf('"seed": 0') + 8, 0, 2];
  for (const at of places) {
    for (const bit of [0, 1, 4]) {
      await Deno.writeFile(path, bytes.with(at, bytes[at]! ^ (1 << bit)));
      const { code, err } = await resumed(run, "--lr", "0.5");
      // The change of lr is refused in any case, so that the run stays: what is told is what counts.
      assertEquals(code, 2);
      const named = err.includes("in config.json, which is only a copy") || err.includes("with lr 0.008, now 0.5");
      assert(named, err);
    }
  }
  await Deno.remove(join(run, "checkpoint", "state.safetensors"));
  for (const at of places) {
    await Deno.writeFile(path, bytes.with(at, bytes[at]! ^ 1));
    const { code, err } = await resumed(run);
    assert(code === 1 || code === 2, err);
    assertStringIncludes(err, `"${path}"`);
  }
  await Deno.writeFile(path, bytes);
  assertEquals((await resumed(run)).code, 0);
});
