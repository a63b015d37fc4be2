import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { join } from "@std/path";
import { data, Device, loadCheckpoint, nn, optim, recipe, saveCheckpoint, type Tensor, tensor } from "../../../mod.ts";
import { tempFolder } from "../../temp_folder.ts";
import { fingerprint } from "../train/tiny.ts";

const short: recipe.RecipeChanges = { epochs: 2, bs: 32, data: { limit: 128 }, threads: 1 };

async function stateIn(folder: string): Promise<string> {
  return fingerprint((await loadCheckpoint(join(folder, "checkpoint", "state.safetensors"))).state);
}

Deno.test("train() tells its events in order, typed, and its result", async () => {
  using folder = tempFolder();
  const training = recipe.train(recipe.preset("mnist", short), { out: folder.path });
  const types: string[] = [];
  let ready: recipe.Ready | undefined;
  let losses = 0;
  for await (const event of training) {
    types.push(event.type);
    if (event.type === "ready") ready = event;
    if (event.type === "losses") losses += event.losses.length;
  }
  const result = await training.result;
  assertEquals([ready?.train, ready?.valid, ready?.from, ready?.folder], [128, 128, null, result.folder]);
  assertEquals([result.steps, result.stopped, losses], [8, false, 8]);
  assertEquals(types.slice(0, 3), ["ready", "fitBegin", "epochBegin"]);
  assertEquals(types.filter((type) => type === "batchEnd").length, 8);
  assertEquals(types.slice(-2), ["epochEnd", "fitEnd"]);
});

Deno.test("train() stops after the very step at which a loop over its events aborts, and resume() goes on to the same bits", async () => {
  using folder = tempFolder();
  const mine = recipe.preset("mnist", { ...short, ema: 0.9 });
  const whole = await recipe.train(mine, { out: folder.path }).result;
  for (const step of [1, 4, 7]) {
    const stop = new AbortController();
    const training = recipe.train(mine, { out: folder.path, signal: stop.signal });
    for await (const event of training) if (event.type === "batchEnd" && event.step === step) stop.abort();
    const part = await training.result;
    assertEquals([part.steps, part.stopped], [step, true]);
    const rest = await recipe.resume(part.folder).result;
    assertEquals([rest.steps, rest.top1, rest.lossEma], [8, whole.top1, whole.lossEma]);
    assertEquals(await stateIn(part.folder), await stateIn(whole.folder));
  }
});

Deno.test("train(): a loop that is left does not stop it; one that begins late hears the rest", async () => {
  using folder = tempFolder();
  const training = recipe.train(recipe.preset("mnist", short), { out: folder.path });
  for await (const event of training) if (event.type === "ready") break;
  const rest: string[] = [];
  for await (const event of training) rest.push(event.type);
  assert(!rest.includes("ready") && rest.at(-1) === "fitEnd", rest.join());
  assertEquals((await training.result).steps, 8);
  const none: string[] = [];
  for await (const event of training) none.push(event.type);
  assertEquals(none, []);
});

Deno.test("train(): what fails rejects the result, and is thrown by a loop", async () => {
  using folder = tempFolder();
  const mine = recipe.preset("mnist", short);
  const open = (): Promise<never> => Promise.reject(new Error("no data today"));
  await assertRejects(() => recipe.train(mine, { out: folder.path, open }).result, Error, "no data today");
  await assertRejects(
    async () => {
      for await (const event of recipe.train(mine, { out: folder.path, open })) void event;
    },
    Error,
    "no data today",
  );
  const stop = AbortSignal.abort(new Error("not at all"));
  const early = recipe.train(mine, { out: folder.path, open: () => Promise.reject(stop.reason), signal: stop });
  await assertRejects(() => early.result, Error, "not at all");
  assertEquals([...Deno.readDirSync(folder.path)], []);
});

Deno.test("train(): a failure that nobody listens to ends the process", async () => {
  using folder = tempFolder();
  const script = join(folder.path, "nobody.ts");
  await Deno.writeTextFile(
    script,
    `import { recipe } from "${new URL("../../../mod.ts", import.meta.url)}";
    recipe.train(recipe.preset("mnist"), { open: () => Promise.reject(new Error("nobody hears")) });`,
  );
  const { code: status, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "--no-prompt", "-P=train", script],
    env: { NO_COLOR: "1" },
  }).output();
  assertEquals(status, 1);
  assert(new TextDecoder().decode(stderr).includes("nobody hears"));
});

Deno.test("train(): a failure after its loop was left ends the process too", async () => {
  using folder = tempFolder();
  const script = join(folder.path, "left.ts");
  await Deno.writeTextFile(
    script,
    `import { recipe } from "${new URL("../../../mod.ts", import.meta.url)}";
    recipe.register({ losses: { failing: () => () => { throw new Error("nobody hears"); } } });
    const made = recipe.preset("mnist", { loss: { name: "failing" }, data: { limit: 64 } });
    const training = recipe.train(made, { out: ${JSON.stringify(folder.path)} });
    for await (const event of training) if (event.type === "ready") break;`,
  );
  const { code: status, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "--no-prompt", "-P=test", script],
    env: { NO_COLOR: "1" },
  }).output();
  const said = new TextDecoder().decode(stderr);
  assert(status === 1 && said.includes("nobody hears"), said);
});

Deno.test("train(): events asked for all at once come in order, and leaving answers who still waits", async () => {
  using folder = tempFolder();
  const training = recipe.train(recipe.preset("mnist", short), { out: folder.path });
  const events = training[Symbol.asyncIterator]();
  const first = await Promise.all([events.next(), events.next(), events.next()]);
  assertEquals(first.map(({ value }) => value?.type), ["ready", "fitBegin", "epochBegin"]);
  const waiting = [events.next(), events.next(), events.next()];
  await events.return!();
  await Promise.all(waiting);
  assertEquals((await events.next()).done, true);
  assertEquals((await training.result).steps, 8);
});

Deno.test("resume(): a result is of the state that is saved, and no other is told", async () => {
  using folder = tempFolder();
  const mine = recipe.preset("mnist", { ...short, epochs: 1 });
  const { folder: run, loss } = await recipe.train(mine, { out: folder.path }).result;
  const warnings: string[] = [];
  const kept = recipe.resume(run, { changes: { schedule: { lr: 1 } }, force: true });
  for await (const event of kept) if (event.type === "warning") warnings.push(event.message);
  assertEquals([(await kept.result).loss, warnings.length], [loss, 1]);
  assert(warnings[0]!.includes("keeps the settings that it was trained with: schedule.lr 0.008, now 1"), warnings[0]);
  const stop = new AbortController();
  const more = recipe.resume(run, { changes: { epochs: 2 }, force: true, signal: stop.signal });
  for await (const event of more) if (event.type === "batchEnd") stop.abort();
  assertEquals((await more.result).steps, 5);
  assertEquals([...Deno.readDirSync(run)].some(({ name }) => name === "result.json"), false);
  await Deno.writeTextFile(join(run, "result.json"), JSON.stringify({ epochs: 99, steps: 4, top1: 1 }));
  const rest = await recipe.resume(run).result;
  assertEquals([rest.steps, rest.epochs], [8, 2]);
});

Deno.test("resume() names every setting that is not as it was, by its path", async () => {
  using folder = tempFolder();
  const stop = new AbortController();
  const mine = recipe.preset("mnist", short);
  const training = recipe.train(mine, { out: folder.path, signal: stop.signal });
  for await (const event of training) if (event.type === "batchEnd") stop.abort();
  const { folder: run } = await training.result;
  const error = await assertRejects(
    () => recipe.resume(run, { changes: { schedule: { lr: 0.01 }, bs: 16 } }).result,
    recipe.ChangedSettingsError,
    `Run "${run}" was started with schedule.lr 0.008, now 0.01, and bs 32, now 16: pass \`force\` to go on anyway`,
  );
  assertEquals(error.changes.map(({ path }) => path).sort(), ["bs", "schedule.lr"]);
  await assertRejects(() => recipe.resume(folder.path).result, recipe.RunNotFoundError, "Cannot find a run in ");
});

Deno.test("open(): a trained model predicts as it was trained, normalisation and bytes included", async () => {
  using folder = tempFolder();
  const stats = { mean: [0.1307], std: [0.3081] };
  const mine = recipe.preset("mnist", { ...short, transforms: { normalize: stats } });
  const { folder: run, top1, loss } = await recipe.train(mine, { out: folder.path }).result;
  await using trained = await recipe.open(run, { device: "cpu", threads: 1 });
  assertEquals([trained.classes.length, trained.size, trained.model.training], [10, 28, false]);
  const measured = await trained.evaluate();
  assertEquals([measured.top1, measured.loss], [top1, loss]);
  const path = "tests/fixtures/images/grey.jpg";
  const { predictions: [byPath, byBytes] } = await trained.predict([path, await Deno.readFile(path)], { top: 10 });
  assertEquals(byBytes!.guesses, byPath!.guesses);
  assertEquals([byPath!.image, byBytes!.image], [path, "1"]);
  // The same by hand.
  using pixels = await data.decodeImage(await Deno.readFile(path), { size: 28, device: trained.device });
  const [height = 0, width = 0] = pixels.shape;
  const bytes = await pixels.data();
  const middle = Float32Array.from({ length: 784 }, (_, at) => {
    const [row, column] = [Math.floor(at / 28) + ((height - 28) >> 1), at % 28 + ((width - 28) >> 1)];
    return (bytes[(row * width + column) * 3]! / 255 - 0.1307) / 0.3081;
  });
  using image = tensor(middle, [1, 28, 28, 1], { device: trained.device });
  using logits = trained.model.forward(image);
  const values = [...await logits.data()];
  const largest = values.indexOf(Math.max(...values));
  assertEquals(byPath!.guesses[0]!.label, largest);
  const sum = values.reduce((total, value) => total + Math.exp(value - values[largest]!), 0);
  assert(Math.abs(byPath!.guesses[0]!.probability - 1 / sum) < 1e-5);
});

Deno.test("open(): takes a device of the caller's, folds norms there to predict, and leaves it", async () => {
  using folder = tempFolder();
  const { folder: run } = await recipe.train(recipe.preset("mnist", { ...short, epochs: 1 }), { out: folder.path })
    .result;
  using device = new Device("cpu", { threads: 1 });
  {
    using trained = await recipe.open(run, { device });
    assertEquals(trained.device, device);
    const before = device.stats().handles;
    device.queue.profile(true);
    await trained.predict(["tests/fixtures/images/grey.jpg", "tests/fixtures/images/grey.jpg"]);
    const ops = device.queue.timed().map(({ op }) => op);
    device.queue.profile(false);
    const norms = [...trained.model.modules()].filter(([, module]) => module instanceof nn.BatchNorm2d).length;
    // Folded once, as long as it is open.
    assertEquals(["sqrt", "conv2d_bias_act"].map((op) => ops.filter((each) => each === op).length), [norms, 2 * norms]);
    assertEquals(device.stats().handles, before + 2 * norms);
  }
  assertEquals(device.stats().handles, 0);
});

/** A linear layer over all pixels. */
class Flat extends nn.Module {
  readonly fc: nn.Linear;

  constructor({ classes, inChannels, seed, device, dtype }: recipe.ModelContext) {
    super();
    this.fc = new nn.Linear(28 * 28 * inChannels, classes, { init: new nn.UniformInit({ seed }), device, dtype });
  }

  override forward(x: Tensor): Tensor {
    return this.fc.forward(x.reshape([x.shape[0]!, -1]));
  }
}

Deno.test("register(): network, optimizer, schedule, loss, data, transform and preset of a script's own make a run", async () => {
  using folder = tempFolder();
  const seen: unknown[] = [];
  recipe.register({
    models: { testFlat: (options) => (seen.push(Object.keys(options).sort()), new Flat(options)) },
    optimizers: { testSgd: { build: ({ speed }: { speed: number }) => optim.sgd({ mom: speed }), options: ["speed"] } },
    schedules: { testHalf: ({ lr }: { lr: number }) => optim.constant({ lr: lr / 2 }) },
    losses: { testTwice: () => (output, { labels }) => nn.crossEntropyLoss()(output, { labels }).mul(2) },
    dataSets: { testDigits: ({ shade }, { device, limit }) => (seen.push(shade), data.mnist({ device, limit })) },
    transforms: { testDim: ({ by }: { by: number }) => ({ images, labels }) => ({ images: images.mul(by), labels }) },
    presets: {
      testMine: {
        data: { name: "testDigits", limit: 64, shade: "dark" },
        model: { name: "testFlat", extra: [1, 2] },
        optimizer: { name: "testSgd", speed: 0.5 },
        schedule: { name: "testHalf", lr: 0.2 },
        loss: { name: "testTwice" },
        transforms: { testDim: { by: 0.5 } },
        epochs: 1,
        bs: 32,
      },
    },
  });
  const mine = recipe.preset("testMine", { threads: 1 });
  const training = recipe.train(mine, { out: folder.path });
  const rates: number[] = [];
  let first: number | undefined;
  for await (const event of training) {
    if (event.type === "batchEnd") rates.push(event.lr);
    if (event.type === "losses") first ??= event.losses[0]!.loss;
  }
  const { folder: run } = await training.result;
  assertEquals(rates, [0.1, 0.1]);
  // Twice ln(10), about which the first loss of a linear layer is.
  assert(Math.abs(first! - 2 * Math.log(10)) < 0.6, `${first}`);
  const options = ["classes", "device", "dtype", "extra", "inChannels", "seed"];
  assertEquals(seen, ["dark", options]);
  const config = JSON.parse(await Deno.readTextFile(join(run, "config.json")));
  assertEquals([config.model, config.transforms], [{ name: "testFlat", extra: [1, 2] }, { testDim: { by: 0.5 } }]);
  using trained = await recipe.open(run);
  assertEquals((await trained.evaluate()).n, 64);
  assertThrows(
    () => recipe.preset("testMine", { optimizer: { slow: 1 } }),
    recipe.SettingError,
    "Expected settings that testSgd has, speed, got `optimizer.slow`",
  );
});

Deno.test("open(), resume(): a name that is not registered here is told with the run", async () => {
  using folder = tempFolder();
  const stop = new AbortController();
  const training = recipe.train(recipe.preset("mnist", short), { out: folder.path, signal: stop.signal });
  for await (const event of training) if (event.type === "batchEnd") stop.abort();
  const { folder: run } = await training.result;
  const path = join(run, "checkpoint", "state.safetensors");
  const { state, config } = await loadCheckpoint(path);
  await Deno.remove(join(run, "config.json"));
  const names = [
    ["model", { model: { name: "elsewhere" } }],
    ["optimizer", { optimizer: { name: "elsewhere" } }],
    ["schedule", { schedule: { name: "elsewhere", lr: 1 } }],
    ["loss", { loss: { name: "elsewhere" } }],
    ["transform", { transforms: { elsewhere: {} } }],
  ] as const;
  for (const [kind, change] of names) {
    await saveCheckpoint(path, { state, config: { ...config, ...change } });
    const message =
      `Run "${run}" uses the ${kind} "elsewhere", which is not registered here: register it before opening the run`;
    await assertRejects(() => recipe.resume(run).result, recipe.NotRegisteredHereError, message);
    if (kind === "model") await assertRejects(() => recipe.open(run), recipe.NotRegisteredHereError, message);
  }
});
