/** Runs that scripts train, opened as those of recipes. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import {
  data,
  Device,
  type FitResult,
  models,
  nn,
  optim,
  recipe,
  StateError,
  Trainer,
  type TrainerOptions,
} from "../../../mod.ts";
import { runCommand } from "../../../lib/cli/command.ts";
import { evaluateCommand } from "../../../tasks/evaluate.ts";
import { trainCommand } from "../../../tasks/train.ts";
import { keptStreams } from "../cli/streams.ts";
import { tempFolder } from "../../temp_folder.ts";
import { fingerprint } from "../train/tiny.ts";

const model = { name: "mnistNet", act: "relu", stem: [4, 4, 8], widths: [8, 16], reduction: 4 };
const { name: _, ...options } = model;

/** Copies a folder of files and folders. */
async function copyFolder(from: string, to: string): Promise<void> {
  await Deno.mkdir(to);
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    if (isDirectory) await copyFolder(join(from, name), join(to, name));
    else await Deno.copyFile(join(from, name), join(to, name));
  }
}

interface Script extends Partial<recipe.CreateRunOptions> {
  lr?: number;
  seed?: number;
  capture?: boolean;
  dtype?: "bf16";
  more?: Partial<TrainerOptions>;
  watch?(trainer: Trainer, run: recipe.ScriptRun): void;
}

/** What a script does: four steps an epoch, two epochs, the body frozen in the first. */
async function script(
  { lr = 4e-3, seed = 0, capture, dtype, more, watch, ...how }: Script,
): Promise<{ state: string; result: FitResult; folder: string; resumed: boolean }> {
  using device = new Device("cpu", { threads: 1 });
  const { train, valid } = await data.mnist({ limit: 64, device });
  using _train = train, _valid = valid;
  using network = models.mnistNet({ ...options, act: "relu", seed, device });
  using trainer = new Trainer(network, {
    optimizer: optim.ranger({ k: 3 }),
    schedule: optim.flatCos({ lr }),
    groups: [{ match: /^(?!head)/, frozen: true, lrScale: 0.5 }],
    ema: 0.9,
    capture,
    dtype,
    ...more,
  });
  trainer.on("epochBegin", ({ epoch }) => {
    if (epoch === 2) trainer.optimizer.configure({ match: /^(?!head)/, frozen: false });
  });
  const normalize = data.mnistStats;
  const batches = train.batches(16, { seed: 3, shift: 1, normalize });
  using run = await recipe.createRun(trainer, { model, batches, ...how });
  watch?.(trainer, run);
  const result = await trainer.fit(batches, {
    epochs: 2,
    valid: valid.batches(64, { normalize }),
    saveEvery: 0,
    ...run,
  });
  return { state: fingerprint(await trainer.state()), result, folder: run.folder, resumed: run.resume };
}

Deno.test("createRun(): a script's run predicts, is measured and exported as the script saw it", async () => {
  using folder = tempFolder();
  const { folder: run, result } = await script({ out: folder.path, data: { name: "mnist", limit: 64 } });
  assert(/-mnistNet$/.test(run), run);
  const config = JSON.parse(await Deno.readTextFile(join(run, "config.json")));
  assertEquals([config.script, config.model, config.optimizer.name, config.schedule.lr], [true, model, "ranger", 4e-3]);
  assertEquals([config.dtype, config.bs, config.ema, config.transforms.normalize.mean], ["f32", 16, 0.9, [0.1307]]);
  for (const ema of [false, true]) {
    using trained = await recipe.open(run, { ema, device: "cpu", threads: 1 });
    assertEquals([trained.classes.length, trained.size, trained.steps, trained.model.training], [10, 28, 8, false]);
    const { loss, n } = await trained.evaluate();
    assertEquals([loss, n], [ema ? result.lossEma : result.loss, 64]);
    const image = new URL("../../fixtures/images/grey.jpg", import.meta.url).pathname;
    const { predictions: [prediction] } = await trained.predict([image], { top: 10 });
    assertEquals(prediction!.guesses.length, 10);
  }
  const { file } = await recipe.exportWeights(run, { out: join(folder.path, "weights.safetensors") });
  assert((await Deno.stat(file)).size > 1000);
  const streams = keptStreams();
  assertEquals(await runCommand([run, "--json", "--threads", "1"], evaluateCommand, { streams }), 0, streams.text.err);
  assertEquals(JSON.parse(streams.text.out).loss, result.loss);
});

Deno.test("createRun(): killed after any step, the script goes on in its folder to the same bits", async () => {
  using folder = tempFolder();
  const copies = join(folder.path, "killed");
  await Deno.mkdir(copies);
  const path = join(folder.path, "run");
  const whole = await script({
    folder: path,
    watch: (trainer) => void trainer.on("batchEnd", ({ step }) => copyFolder(path, join(copies, `${step}`))),
  });
  assertEquals(whole.resumed, false);
  assertEquals((await script({ out: folder.path, capture: false })).state, whole.state, "eager");
  for await (const { name } of Deno.readDir(copies)) {
    // Other initial weights, except where nothing was saved yet: all that counts is in the folder.
    const rest = await script({ folder: join(copies, name), resume: true, seed: name === "1" ? 0 : 99 });
    assertEquals([rest.state, rest.resumed], [whole.state, name !== "1"], name);
  }
  // Over already: nothing is trained, and it is only measured again.
  const again = await script({ folder: path, resume: true, seed: 99 });
  assertEquals([again.state, again.result.top1, again.result.steps], [whole.state, whole.result.top1, 8]);
});

Deno.test("createRun(): a network that is not what its name and options stand for is refused before there is a folder", async () => {
  using folder = tempFolder();
  const out = join(folder.path, "runs");
  const refused = async (other: recipe.Named, kind: typeof StateError | typeof recipe.SettingError): Promise<string> =>
    (await assertRejects(() => script({ out, model: other }), kind)).message;
  assertEquals(
    await refused({ ...model, pool: "max" }, StateError),
    'createRun(): Expected `model` as what the trainer\'s model was made of, got "mnistNet" with options that give other ' +
      "answers with the same weights: give the name and the options that it was made with, or register a network of your own",
  );
  assert((await refused({ ...model, act: "mish" }, StateError)).includes("other answers"));
  assertEquals(
    (await refused({ ...model, widths: [8, 24] }, StateError)).startsWith(
      'createRun(): Expected `model` as what the trainer\'s model was made of, got "mnistNet", which has ',
    ),
    true,
  );
  assert(
    (await refused({ name: "tiny_none" }, recipe.SettingError)).endsWith(
      "recipe.register() adds a network of your own",
    ),
  );
  assert(
    (await refused({ ...model, acts: "relu" }, recipe.SettingError)).includes(
      "got `model.acts`: it may be act that is meant",
    ),
  );
  await assertRejects(() => script({ out, resume: true }), TypeError, "Expected `folder` with `resume`");
  await assertRejects(() => Deno.stat(out), Deno.errors.NotFound);
});

Deno.test("createRun(): what is not as it was is refused, a folder that is taken too, and one process trains at a time", async () => {
  using folder = tempFolder();
  const path = join(folder.path, "run");
  const handles: recipe.ScriptRun[] = [];
  const { state } = await script({ folder: path, watch: (_, run) => void handles.push(run) });
  const resumed = { folder: path, resume: true } as const;
  await assertRejects(
    () => script({ ...resumed, lr: 1e-2 }),
    recipe.ChangedSettingsError,
    `Run "${path}" was started with schedule.lr 0.004, now 0.01: pass \`force\` to go on anyway`,
  );
  const others: [Partial<TrainerOptions>, string][] = [
    [{ labelSmoothing: 0.1 }, "labelSmoothing 0, now 0.1"],
    [{ loss: (output) => output.mean() }, "labelSmoothing 0, now null"],
    [{ groups: [{ match: /^(?!head)/, frozen: true }] }, "groups ["],
    [{ transformBatch: data.mixup({ alpha: 1 }), seed: 7 }, "now 7"],
  ];
  for (const [more, message] of others) {
    await assertRejects(() => script({ ...resumed, more }), recipe.ChangedSettingsError, message);
  }
  await assertRejects(() => script({ folder: path }), Error, "it holds ");
  assertEquals((await script({ ...resumed, lr: 1e-2, force: true })).state, state);
  await assertRejects(
    () => recipe.resume(path).result,
    recipe.RecipeError,
    `Cannot go on with run "${path}": a script made it: run that script again`,
  );
  const streams = keptStreams();
  assertEquals(await runCommand(["--resume", path], trainCommand, { streams }), 2);
  const held = script({
    ...resumed,
    lr: 1e-2,
    watch: (trainer) =>
      void trainer.on("fitBegin", async () => {
        await assertRejects(() => script({ ...resumed, lr: 1e-2 }), Error, "another process trains there");
      }),
  });
  assertEquals((await held).state, state);
  const { folder: made } = await recipe.train(
    recipe.preset("mnist", { data: { limit: 64 }, epochs: 1, bs: 32, threads: 1, device: "cpu" }),
    { out: folder.path },
  ).result;
  await assertRejects(() => script({ folder: made, resume: true }), recipe.RecipeError, "a recipe made it");
});

Deno.test("createRun(): bf16, and a network of one's own that is registered", async () => {
  using folder = tempFolder();
  const { folder: run, result } = await script({ out: folder.path, dtype: "bf16", data: { name: "mnist", limit: 64 } });
  using trained = await recipe.open(run, { device: "cpu", threads: 1 });
  assertEquals([trained.dtype, (await trained.evaluate()).loss], ["bf16", result.loss]);

  class Flat extends nn.Module {
    readonly head: nn.Linear;
    constructor({ classes, device }: recipe.ModelContext) {
      super();
      this.head = new nn.Linear(28 * 28, classes, { device });
    }
    override forward(x: Parameters<nn.Linear["forward"]>[0]): ReturnType<nn.Linear["forward"]> {
      return this.head.forward(x.reshape([x.shape[0]!, -1]));
    }
  }
  recipe.register({ models: { flatForScript: (options) => new Flat(options) } });
  using device = new Device("cpu", { threads: 1 });
  const { train, valid } = await data.mnist({ limit: 64, device });
  using _train = train, _valid = valid;
  using network = new Flat({ classes: 10, inChannels: 1, seed: 0, device, dtype: "f32" });
  using trainer = new Trainer(network, { optimizer: optim.sgd(), schedule: optim.cosine({ lr: 0.1 }) });
  const batches = train.batches(32);
  using own = await recipe.createRun(trainer, {
    model: { name: "flatForScript" },
    batches,
    out: folder.path,
    name: "flat",
  });
  await trainer.fit(batches, { epochs: 1, ...own });
  assert(own.folder.endsWith("-flat"), own.folder);
  using opened = await recipe.open(own.folder, { device: "cpu", threads: 1 });
  await assertRejects(() => opened.evaluate(), recipe.SettingError, "did not say which data it is of");
  assertEquals((await opened.evaluate({ data: "mnist" })).n > 0, true);
});

Deno.test("createRun names what is no trainer and no batches", async () => {
  const createRun = recipe.createRun as (...args: unknown[]) => Promise<unknown>;
  await assertRejects(() => createRun(3, {}), TypeError, "createRun(): Expected a Trainer, got 3");
  using device = new Device("cpu", { threads: 1 });
  using model = models.mnistNet({ seed: 0, device });
  using trainer = new Trainer(model, { optimizer: optim.sgd(), schedule: optim.constant({ lr: 1e-3 }) });
  await assertRejects(() => createRun(trainer), TypeError, "createRun(): Expected options, got undefined");
  const options = { model: { name: "mnistNet" } };
  await assertRejects(() => createRun(trainer, options), TypeError, "Expected `batches` as a data set gives them");
});
