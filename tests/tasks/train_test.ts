import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { runCommand } from "../../lib/cli/command.ts";
import { Device, loadCheckpoint, recipe } from "../../mod.ts";
import { evaluateCommand } from "../../tasks/evaluate.ts";
import { evaluate, train, type TrainOptions } from "../support/training.ts";
import { trainCommand } from "../../tasks/train.ts";
import { fingerprint } from "../lib/train/tiny.ts";
import { keptStreams } from "../lib/cli/streams.ts";
import { tempFolder } from "../temp_folder.ts";

const root = fromFileUrl(new URL("../..", import.meta.url));

/** A training of a few steps. */
const short: TrainOptions = { epochs: 1, limit: 256, bs: 64, threads: 1 };

async function json(path: string): Promise<Record<string, unknown>> {
  return JSON.parse(await Deno.readTextFile(path));
}

Deno.test("train and evaluate: a run's folder is enough to measure it again, alike", async () => {
  using folder = tempFolder();
  const result = await train({ ...short, out: folder.path, seed: 3 });
  assert(result.run.startsWith(folder.path));
  const { top1, top5, loss, n } = result;
  assertEquals([result.epochs, result.steps, n, result.stopped], [1, 4, 256, false]);
  assertEquals(await evaluate(result.run, { threads: 1 }), {
    top1: top1!,
    top5: top5!,
    loss: loss!,
    metrics: {},
    n: n!,
  });
  const file = join(result.run, "checkpoint", "state.safetensors");
  assertEquals((await evaluate(file, { threads: 2, bs: 256 })).top1, top1);

  const kept = await json(join(result.run, "result.json"));
  for (const name of ["top1", "top5", "loss", "n", "epochs", "trainSeconds", "imagesPerSecond", "seed", "device"]) {
    assertEquals(typeof kept[name], name === "device" ? "string" : "number", name);
  }
  assertEquals([kept["seed"], kept["device"], kept["dtype"], kept["top1"]], [3, "cpu", "f32", top1]);
  assert("commit" in kept && "dirty" in kept && typeof kept["cpu"] === "string");
});

Deno.test("train: config.json alone rebuilds model and trainer of the saved state", async () => {
  using folder = tempFolder();
  const { run } = await train({ ...short, out: folder.path });
  const config = await json(join(run, "config.json")) as unknown as recipe.RunConfig;
  using device = new Device("cpu", { threads: 1 });
  using model = recipe.buildModel(config, device);
  using trainer = recipe.buildTrainer(config, model);
  const { state, config: inside } = await loadCheckpoint(join(run, "checkpoint", "state.safetensors"));
  const { sessions, rows, logs, ...settings } = inside;
  assertEquals(settings, await json(join(run, "config.json")));
  assertEquals([(sessions as unknown[]).length, rows], [1, { metrics: 1, steps: 4 }]);
  assertEquals(Object.keys(logs as object), ["metrics.csv", "steps.csv", "events.jsonl"]);
  trainer.load(state);
  assertEquals([trainer.counters.step, trainer.optimizer.steps], [4, 4]);
});

Deno.test("train: f64 trains to about the same loss as f32", async () => {
  using folder = tempFolder();
  const options = { ...short, limit: 16, bs: 8, out: folder.path };
  const [single, double] = [await train(options), await train({ ...options, dtype: "f64" })];
  assert(Math.abs(single.trainLoss! - double.trainLoss!) < 1e-4, `${single.trainLoss} and ${double.trainLoss}`);
});

Deno.test("train: nothing is written where the options do not fit", async () => {
  using folder = tempFolder();
  await assertRejects(
    () => train({ ...short, limit: 10, out: folder.path }),
    recipe.RecipeError,
    "Expected at most 10 images a step",
  );
  assertEquals([...Deno.readDirSync(folder.path)], []);
});

Deno.test("train: shows header, data, a row an epoch, the result and what to do next", async () => {
  using folder = tempFolder();
  const streams = keptStreams();
  const args = ["--epochs", "1", "--limit", "256", "--threads", "1", "--out", folder.path];
  assertEquals(await runCommand(args, trainCommand, { streams }), 0);
  const lines = streams.text.out.trimEnd().split("\n");
  const [run] = [...Deno.readDirSync(folder.path)].map(({ name }) => join(folder.path, name));
  assert(
    /^libtrain \d.* · cpu \(.*, 1 thread\) · f32 · mnistNet [\d,]+ parameters · seed 0$/.test(lines[0]!),
    lines[0],
  );
  assertEquals(lines[1], "data      mnist · 256 train · 256 val");
  assert(/^epoch +train loss +val loss +top-1 +img\/s +time$/.test(lines[3]!), lines[3]);
  assert(/^1 +\d\.\d{4} +\d\.\d{4} +\d+\.\d\d % .* s$/.test(lines[4]!), lines[4]);
  assert(/^top-1 +\d+\.\d\d % after the last epoch · \d+ of 256 wrong · /.test(lines[5]!), lines[5]);
  assertStringIncludes(streams.text.out, `next      deno task evaluate ${run}`);
});

Deno.test("train: on a terminal there is a bar with loss, top-1, rate and time left", async () => {
  using folder = tempFolder();
  const streams = keptStreams({ terminal: true, columns: 200 });
  const args = ["--epochs", "1", "--limit", "2048", "--threads", "1", "--out", folder.path];
  assertEquals(await runCommand(args, trainCommand, { streams }), 0);
  const drawn = streams.text.err.split("\r\x1b[K");
  const bar = /^epoch 1\/1 ▕[█▏▎▍▌▋▊▉ ]{29}▏ \d+ % · loss \d\.\d{3} · top-1 \d+\.\d % · [\d,.]+ img\/s · .* left$/;
  assert(drawn.some((text) => bar.test(text)), drawn.at(-2));
});

Deno.test("evaluate: a table for people, one object for programs, errors that say what to do", async () => {
  using folder = tempFolder();
  const { run, top1, n } = await train({ ...short, out: folder.path });
  const plain = keptStreams();
  assertEquals(await runCommand([run], evaluateCommand, { streams: plain }), 0);
  assertStringIncludes(plain.text.out, `top-1 ${(100 * top1!).toFixed(2)} %`);
  const streams = keptStreams();
  assertEquals(await runCommand([run, "--json"], evaluateCommand, { streams }), 0);
  const answer = JSON.parse(streams.text.out);
  assertEquals(answer.metrics, {});
  assertEquals([Object.keys(answer), answer.top1, answer.n], [
    ["top1", "top5", "loss", "metrics", "n", "part"],
    top1,
    n,
  ]);
  assertEquals(await runCommand([], evaluateCommand, { streams: keptStreams() }), 2);
  const missing = keptStreams();
  assertEquals(await runCommand([join(folder.path, "none")], evaluateCommand, { streams: missing }), 2);
  assertStringIncludes(missing.text.err, "Cannot find ");
  assertEquals(await runCommand([join(run, "config.json", "none")], evaluateCommand, { streams: missing }), 2);
});

interface Ended {
  code: number;
  out: string;
  err: string;
}

/** Runs the task as `deno task train` does; `onText` sees stderr so far, at each piece. */
async function runTask(
  args: string[],
  onText?: (err: string, child: Deno.ChildProcess) => void,
  begun?: (child: Deno.ChildProcess) => void,
): Promise<Ended> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "--no-prompt", "-P=train", "tasks/train.ts", ...args],
    cwd: root,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  begun?.(child);
  let err = "";
  const reading = (async (): Promise<void> => {
    for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) {
      err += text;
      onText?.(err, child);
    }
  })();
  const [out, , { code }] = await Promise.all([new Response(child.stdout).text(), reading, child.status]);
  return { code, out, err };
}

Deno.test("deno task train: a wrong flag, and a folder that it may not write, end with 2", async () => {
  const flag = await runTask(["--epoch", "3"]);
  assertEquals([flag.code, flag.out], [2, ""]);
  assertStringIncludes(flag.err, "Unknown flag --epoch: did you mean --epochs?");
  const out = await runTask(["--out", "/somewhere/else"]);
  assertEquals([out.code, out.out], [2, ""]);
  assertStringIncludes(out.err, '--allow-write="/somewhere/else,runs,.cache" tasks/train.ts --out /somewhere/else');
  const resume = await runTask(["--resume", "/"]);
  assertEquals([resume.code, resume.out], [2, ""]);
  assertStringIncludes(resume.err, '--allow-write="/,runs,.cache" tasks/train.ts --resume /');
  const none = await runTask(["--resume", "/somewhere/else"]);
  assertEquals([none.code, none.out], [2, ""]);
  assertStringIncludes(none.err, 'Cannot find a run in "/somewhere/else"');
});

Deno.test("deno task train: killed at some time, it goes on to the same bits", async () => {
  using folder = tempFolder();
  const size = ["--limit", "512", "--epochs", "3", "--threads", "1", "--seed", "2"];
  const whole = await train({ limit: 512, epochs: 3, threads: 1, seed: 2, out: folder.path });
  const killed = await runTask([...size, "--json", "--save-every", "0", "--out", folder.path], (err, child) => {
    // After the first epoch's row, while the second saves at every step.
    if (/^1 +\d/m.test(err)) child.kill("SIGKILL");
  });
  assertEquals([killed.code, killed.out], [137, ""]);
  const runs = (): string[] => [...Deno.readDirSync(folder.path)].map(({ name }) => join(folder.path, name));
  const run = runs().find((path) => path !== whole.run)!;
  const ended = await runTask(["--resume", run, "--json"]);
  assertEquals(ended.code, 0, ended.err);
  const file = (path: string): Promise<Uint8Array<ArrayBuffer>> =>
    loadCheckpoint(join(path, "checkpoint", "state.safetensors"))
      .then(({ state }) => new TextEncoder().encode(fingerprint(state)));
  assertEquals(await file(run), await file(whole.run));
  assertEquals(await Deno.readTextFile(join(run, "steps.csv")), await Deno.readTextFile(join(whole.run, "steps.csv")));
});

for (const [name, code] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
  Deno.test(`deno task train: ${name} ends with ${code}, one object on stdout and a state to go on from`, async () => {
    using folder = tempFolder();
    let sent = false;
    const args = ["--json", "--limit", "512", "--epochs", "500", "--threads", "1", "--out", folder.path];
    const ended = await runTask(args, (err, child) => {
      // After the first epoch's row.
      if (sent || !/^1 +\d/m.test(err)) return;
      sent = true;
      child.kill(name);
    });
    assertEquals(ended.code, code, ended.err);
    const result = JSON.parse(ended.out);
    assertEquals([result.stopped, result.top1], [true, null]);
    assert(result.steps >= 8 && result.steps < 4000, `${result.steps} steps`);
    const { state, config } = await loadCheckpoint(join(result.run, "checkpoint", "state.safetensors"));
    assertEquals([state.counters.step, config["preset"]], [result.steps, "mnist"]);
    assertEquals((await evaluate(result.run, { threads: 1 })).n, 512);
  });
}

Deno.test("deno task train: SIGINT while the data are made ready ends with 130, and no run is there", async () => {
  using folder = tempFolder();
  const archive = join(folder.path, "large.tar");
  const out = join(folder.path, "runs");
  {
    // A hole: it takes no room on the disk, but long to read.
    using file = await Deno.open(archive, { write: true, create: true });
    await file.truncate(2 ** 36);
  }
  const args = ["--preset", "imagenette-128-5", "--data", archive, "--out", out];
  const ended = await runTask([...args, "--json"], undefined, (child) => {
    // Nothing is told before: by then it is at work.
    setTimeout(() => child.kill("SIGINT"), 3000);
  });
  assertEquals([ended.code, JSON.parse(ended.out)], [130, { stopped: true, run: null, exitCode: 130 }], ended.err);
  assertStringIncludes(ended.err, "Stopped before the training began");
  await assertRejects(() => Deno.stat(out), Deno.errors.NotFound);
});

Deno.test("deno task train: a second signal ends it at once, in the middle of a step", async () => {
  using folder = tempFolder();
  let first = 0;
  // In f64 a step of so many images takes many seconds.
  const size = ["--dtype", "f64", "--bs", "2048", "--limit", "2048"];
  const ended = await runTask(["--json", ...size, "--threads", "1", "--out", folder.path], (err, child) => {
    if (first > 0 || !err.includes("train loss")) return;
    first = performance.now() + 1000;
    // By then the first step is under way.
    setTimeout(() => child.kill("SIGINT"), 1000);
    setTimeout(() => child.kill("SIGINT"), 1600);
  });
  assert(performance.now() - first < 5000, "it does not wait for the step");
  assertEquals([ended.code, JSON.parse(ended.out)], [130, { stopped: true, exitCode: 130 }]);
  assertStringIncludes(ended.err, "SIGINT: stopping after this step");
});
