/** Runs that a script trains, which commands open as they open those of recipes. */
import type { DtypeName } from "../ffi/codes.ts";
import { StateError } from "../ffi/errors.ts";
import type { State } from "../checkpoint/state.ts";
import type { Batches } from "../data/dataset.ts";
import { codeVersion } from "../run/code_version.ts";
import { RunFolder, type RunRecord } from "../run/run_folder.ts";
import { lockFolder } from "../run/run_lock.ts";
import { configOf, isRun, loadRun } from "../run/saved_run.ts";
import type { Device } from "../tensor/device.ts";
import { randn } from "../tensor/create.ts";
import { noGrad } from "../tensor/graph.ts";
import { kindOf, requireOptions } from "../tensor/ops/checks.ts";
import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { inEvaluation } from "../train/evaluate.ts";
import { logitsOf } from "../train/precision.ts";
import { Trainer } from "../train/trainer.ts";
import type { Module, Parameter } from "../nn/module.ts";
import { buildModel, type ModelChoice } from "./build.ts";
import { checkModel } from "./check.ts";
import { differences } from "./differences.ts";
import { masterDtype } from "./dtype.ts";
import { ChangedSettingsError, RecipeError } from "./errors.ts";
import { cpuFacts } from "./machine.ts";
import type { ComputeDtype, DataRecipe, Named } from "./recipe.ts";

/** What a script's run is of, and where it is kept. */
export interface CreateRunOptions {
  /** The network: the name under which it is registered, with the options that it was made with. */
  model: Named;
  /** The batches that it is trained on: its classes, the images' size and their normalisation are theirs. */
  batches: Batches;
  /** Which data these are, for commands that measure: a registered set's name, a folder or an archive; by default not told. */
  data?: Pick<DataRecipe, "name"> & Partial<DataRecipe>;
  /** The run's folder itself; by default one below `out`, named by time and `name`. */
  folder?: string;
  /** Where the folder is made; by default `runs`. */
  out?: string;
  /** The last part of the folder's name; by default the network's name. */
  name?: string;
  /** Goes on with the run of `folder`, where there is one already; by default that is refused. */
  resume?: boolean;
  /** Goes on although settings, data, code or instruction set are others than before. */
  force?: boolean;
  /** Told what a reader should know: a damaged checkpoint, what could not be written. */
  onWarning?(message: string): void;
}

/**
 * A run's folder that a script trains into, with what `fit()` is given of it: `trainer.fit(batches, { epochs, ...run })`. It
 * holds the folder, so that no other process trains there, until it is disposed.
 */
export class ScriptRun implements Disposable {
  /** Where the run is kept. */
  readonly runFolder: RunFolder;
  /** Whether a state was found there, which the trainer has now: `fit()` then goes on with that training and begins none. */
  readonly resume: boolean;
  /** Whether to go on although epochs or batches are others. */
  readonly force: boolean;
  readonly #lock: Disposable;

  /** @internal {@linkcode createRun} makes it. */
  constructor(runFolder: RunFolder, how: { resume: boolean; force: boolean; lock: Disposable }) {
    this.runFolder = runFolder;
    this.resume = how.resume;
    this.force = how.force;
    this.#lock = how.lock;
  }

  /** The folder's path. */
  get folder(): string {
    return this.runFolder.path;
  }

  /** Lets other processes train there. */
  dispose(): void {
    this.#lock[Symbol.dispose]();
  }

  /** For `using`: {@linkcode dispose}. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Its path. */
  toString(): string {
    return `ScriptRun(${this.folder})`;
  }

  /** What the console shows. */
  [Symbol.for("Deno.customInspect")](): string {
    return this.toString();
  }
}

/**
 * Makes a run's folder for a trainer of a script's own, or goes on with the one that is there: {@linkcode open},
 * `deno task predict`, `evaluate`, `shift` and `export` take it as they take a recipe's run.
 *
 * What is kept beside the training is what the network was made of, so that its weights can be used without the script: a
 * network of one's own is registered first, here and where the run is opened. The network that the name and options stand for
 * is built once and tried with the trainer's weights on one image.
 *
 * Rejects with a SettingError for a name that is not registered, with a StateError where the named network is not the
 * trainer's, with a RunFolderError where the folder is taken, and, where it goes on, with a ChangedSettingsError where
 * settings, data, code or instruction set are others than before.
 *
 * @example
 * ```ts
 * import { data, models, optim, recipe, Trainer } from "@libtrain/libtrain";
 *
 * const { train, valid } = await data.mnist({ limit: 128 });
 * using model = models.mnistNet({ act: "relu", seed: 0 });
 * using trainer = new Trainer(model, { optimizer: optim.adamw(), schedule: optim.cosine({ lr: 1e-3 }) });
 * const batches = train.batches(32, { seed: 0 });
 * using run = await recipe.createRun(trainer, { model: { name: "mnistNet", act: "relu" }, batches, data: { name: "mnist" } });
 * await trainer.fit(batches, { epochs: 1, valid: valid.batches(64), ...run });
 * using trained = await recipe.open(run.folder);
 * console.log(trained.classes.length); // 10
 * ```
 */
export async function createRun(trainer: Trainer, options: CreateRunOptions): Promise<ScriptRun> {
  if (!(trainer instanceof Trainer)) throw new TypeError(`createRun(): Expected a Trainer, got ${kindOf(trainer)}`);
  requireOptions("createRun", options, 'createRun(trainer, { model: { name: "mnistNet" }, batches })');
  const { batches, folder, resume = false, force = false } = options;
  requireClasses(batches);
  checkModel(options.model);
  const { device, dtype } = firstOf(trainer);
  const config = await configFor(trainer, { device: device.kind, dtype }, options);
  await requireTwin(config, trainer.model, device);
  if (resume && folder === undefined) {
    throw new TypeError("createRun(): Expected `folder` with `resume`, got none: give the run's folder");
  }
  if (resume && await isRun(folder!)) return await reopened(trainer, { config, folder: folder!, force, options });
  const record = await recordOf(config, device, options);
  const runFolder = folder === undefined
    ? await RunFolder.create({ root: options.out, name: options.name ?? config.model.name, ...record })
    : await RunFolder.createAt(folder, record);
  return new ScriptRun(runFolder, { resume: false, force, lock: await lockFolder(runFolder.path) });
}

/** What is kept of a script's run. */
interface ScriptConfig extends ModelChoice {
  readonly script: true;
  readonly [more: string]: unknown;
}

/** Predictions and measurements are of classes. */
function requireClasses(batches: Partial<Batches> | undefined): void {
  const classes = batches?.dataset?.classes;
  if (classes === undefined || batches?.config === undefined) {
    throw new TypeError(
      `createRun(): Expected \`batches\` as a data set gives them, say train.batches(32), got ${
        Array.isArray(batches) ? "an array" : batches === undefined ? "none" : "others"
      }: data.fromArrays() makes a data set of arrays, and RunFolder.create() keeps other trainings`,
    );
  }
  if (classes.length > 0) return;
  throw new TypeError(
    "createRun(): Expected batches of images with classes, got some without: RunFolder.create() keeps other trainings",
  );
}

async function configFor(
  trainer: Trainer,
  own: { device: Device["kind"]; dtype: DtypeName },
  { model, batches, data }: CreateRunOptions,
): Promise<ScriptConfig> {
  const { classes, imageShape, length, names, source = null, targets = "classes" } = batches.dataset;
  const { dataset: _, dtype: images, batchSize: bs, seed, shuffle: _shuffle, dropLast: _last, ...transforms } =
    batches.config;
  const { dtype, ...trained } = trainer.config;
  const { commit } = await codeVersion();
  return {
    script: true,
    ...(data === undefined ? {} : { data: { limit: null, keep: null, ...data } }),
    // Images in arrays have one size.
    size: names === undefined ? null : imageShape[0],
    model,
    ...trained,
    transforms,
    bs,
    seed,
    dtype: (dtype ?? (own.dtype === "f64" ? "f64" : images)) as ComputeDtype,
    device: own.device,
    classes,
    ...(targets === "classes" ? {} : { targets }),
    imageShape,
    samples: { train: length },
    source,
    isa: cpuFacts().isa,
    commit,
  };
}

async function recordOf(config: ScriptConfig, device: Device, { onWarning }: CreateRunOptions): Promise<RunRecord> {
  const { model: cpu, isa } = cpuFacts();
  const session = { ...await codeVersion(), cpu, isa, threads: device.stats().chunksByThread.length };
  const { seed, dtype } = config;
  return { config, facts: { seed, device: device.kind, dtype, ...session }, session, onWarning };
}

async function reopened(
  trainer: Trainer,
  { config, folder, force, options }: {
    config: ScriptConfig;
    folder: string;
    force: boolean;
    options: CreateRunOptions;
  },
): Promise<ScriptRun> {
  using held = new DisposableStack();
  const lock = held.use(await lockFolder(folder));
  const saved = await loadRun(folder);
  const { found } = saved;
  if (found !== undefined) {
    const before = configOf(found);
    if (before["script"] !== true) {
      throw new RecipeError(`Cannot go on with run "${folder}": a recipe made it: recipe.resume() goes on with it`);
    }
    const changed = differences(before, config);
    if (changed.length > 0 && !force) throw new ChangedSettingsError(folder, changed);
    if (found.damage !== undefined) {
      options.onWarning?.(`${found.damage}. Going on from the one before it, "${found.path}"`);
    }
  }
  const record = await recordOf(config, firstOf(trainer).device, options);
  const { folder: runFolder } = await RunFolder.open(folder, record, saved);
  const state: State | undefined = found?.state;
  if (state !== undefined) trainer.load(state);
  // Only now: a state that does not fit must leave the configuration that it was saved with. The checkpoint comes first, as
  // what it holds counts.
  if (state !== undefined && differences(configOf(found!), config).length > 0) await runFolder.save(state);
  await runFolder.configure();
  await runFolder.removeResult();
  held.move();
  return new ScriptRun(runFolder, { resume: state !== undefined, force, lock });
}

/** A parameter of the trainer's model, which says where and in what dtype it is. */
function firstOf({ model }: Trainer): Parameter {
  return model.namedParameters().values().next().value!;
}

/**
 * Refuses a name and options that stand for another network than the trainer's: weights saved under them would be of no use,
 * or give other answers.
 */
async function requireTwin(config: ScriptConfig, model: Module, device: Device): Promise<void> {
  const { model: { name }, imageShape, dtype } = config;
  using twin = buildModel(config, device);
  const [own, named] = [model.state(), twin.state()];
  const other = [...new Set([...own.keys(), ...named.keys()])].find((path) =>
    shapeOf(own, path) !== shapeOf(named, path)
  );
  const cure = "give the name and the options that it was made with, or register a network of your own";
  if (other !== undefined) {
    throw new StateError(
      `createRun(): Expected \`model\` as what the trainer's model was made of, got "${name}", which has "${other}" as ` +
        `${shapeOf(named, other)} and not as ${shapeOf(own, other)}: ${cure}`,
    );
  }
  for (const [path, value] of named) scope(() => noGrad(() => void value.assign(own.get(path)!)));
  using _moved = moved([model, twin]);
  const answers: string[] = [];
  for (const each of [model, twin]) {
    using logits = await inEvaluation(each, () =>
      Promise.resolve(scope(() => {
        const image = randn([1, ...imageShape!], { seed: 1, device, dtype: masterDtype(dtype) });
        return noGrad(() => logitsOf(each, image, dtype)).detachFromScope();
      })));
    answers.push(String(await logits.data()));
  }
  if (answers[0] === answers[1]) return;
  throw new StateError(
    `createRun(): Expected \`model\` as what the trainer's model was made of, got "${name}" with options that give other ` +
      `answers with the same weights: ${cure}`,
  );
}

/**
 * Adds a little to what scales and shifts, until it is disposed: a branch that begins with the scale 0 would hide what is in it.
 */
function moved(models: readonly Module[]): Disposable {
  const parameters = models.flatMap((model) => [...model.namedParameters().values()]).filter(({ rank }) => rank < 2);
  const before = parameters.map((parameter) =>
    scope(() => noGrad(() => parameter.clone())).detachFromScope().claimed()
  );
  const write = (values: (at: number) => Tensor): void =>
    parameters.forEach((parameter, at) => scope(() => noGrad(() => void parameter.assign(values(at)))));
  write((at) => before[at]!.add(0.1));
  return {
    [Symbol.dispose]: (): void => {
      write((at) => before[at]!);
      for (const value of before) value.dispose();
    },
  };
}

function shapeOf(state: ReturnType<Module["state"]>, path: string): string {
  const found = state.get(path);
  return found === undefined ? "none" : `${found.dtype} [${found.shape.join(", ")}]`;
}
