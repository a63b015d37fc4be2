/** Training a recipe into a run's folder, or going on with a run. */
import { join } from "node:path";
import type { CheckpointInfo } from "../checkpoint/checkpoints.ts";
import type { State } from "../checkpoint/state.ts";
import type { Batches, Dataset } from "../data/dataset.ts";
import type { Splits } from "../data/mnist.ts";
import { dataSetRegistry } from "../data/registry.ts";
import { StateError } from "../ffi/errors.ts";
import { readJson } from "../io/json_file.ts";
import { codeVersion } from "../run/code_version.ts";
import { RunFolder, type RunRecord } from "../run/run_folder.ts";
import { lockFolder } from "../run/run_lock.ts";
import { isRun, loadRun, type SavedRun } from "../run/saved_run.ts";
import { Device } from "../tensor/device.ts";
import type { FitResult } from "../train/events.ts";
import { stepsOf } from "../train/start.ts";
import type { Trainer } from "../train/trainer.ts";
import {
  buildModel,
  buildTrainer,
  requireBuildable,
  requireFit,
  requireImages,
  requireRates,
  trainBatches,
  validBatches,
} from "./build.ts";
import { change } from "./change.ts";
import { checkRecipe } from "./check.ts";
import { checkData, type OpenData, openData } from "./data.ts";
import { differences } from "./differences.ts";
import { chooseDtype } from "./dtype.ts";
import {
  ChangedSettingsError,
  changeList,
  NotRegisteredHereError,
  RecipeError,
  RunNotFoundError,
  type SettingChange,
  SettingError,
} from "./errors.ts";
import { type Emit, type Ready, trainerEvents } from "./events.ts";
import { takeWeights, weightsSum } from "./fine_tuning.ts";
import { requireClassTargets } from "./fits.ts";
import { cpuFacts } from "./machine.ts";
import { adviseTraining, withModelAdvice } from "./memory_advice.ts";
import type { ComputeDtype, Recipe, RecipeChanges, RunConfig } from "./recipe.ts";
import { recipeOf, savedConfig } from "./saved_config.ts";

/** Where a training keeps what it makes, and what stops it. */
export interface RunOptions {
  /** Where pixel caches and downloads are kept; by default `.cache/data`. */
  cache?: string;
  /** Seconds after which the state is saved in the middle of an epoch; by default 600. */
  saveEvery?: number;
  /**
   * Stops the training after the step under way, with everything saved: `result` then says that it was stopped. Before the
   * first step it rejects with the signal's reason.
   */
  signal?: AbortSignal;
  /** Opens the data; by default by its name or path. */
  open?: OpenData;
}

/** How to train a recipe. */
export interface TrainOptions extends RunOptions {
  /** Where the data are on this machine: takes the place of the recipe's `data.name`. */
  data?: string;
  /** Where the run's folder is made; by default `runs`. */
  out?: string;
  /** The run's folder itself, which is made; by default one below `out` named by time and preset. */
  folder?: string;
}

/** How to go on with a run. */
export interface ResumeOptions extends RunOptions {
  /** Settings to change; refused without `force` where they change a bit. */
  changes?: RecipeChanges;
  /** Goes on although settings, data, code or instruction set are others than before. */
  force?: boolean;
}

/** What a training came to, and where it is kept. */
export interface TrainResult extends FitResult {
  /** The run's folder. */
  readonly folder: string;
  /** What weights, order and augmentation followed from. */
  readonly seed: number;
}

/** A run to go on with. */
interface Resumed {
  readonly saved: SavedRun;
  readonly config: RunConfig;
  readonly force: boolean;
  /** Whether its files must say something else from here on. */
  changed: boolean;
}

/** Trains a recipe into a new folder. */
export async function trainRecipe(recipe: Recipe, options: TrainOptions, emit: Emit): Promise<TrainResult> {
  checkRecipe(recipe);
  const { data: name, folder, signal } = options;
  if (folder === "") {
    throw new TypeError("train(): Expected `folder` as a path, got an empty text: leave it out for a new one");
  }
  signal?.throwIfAborted();
  return await trainOn(name === undefined ? recipe : change(recipe, { data: { name } }), undefined, options, emit);
}

/** Goes on with the run of a folder. `keepFinished` gives the result of one that is over although settings are others. */
export async function resumeRun(
  folder: string,
  options: ResumeOptions,
  emit: Emit,
  { keepFinished = false }: { keepFinished?: boolean } = {},
): Promise<TrainResult> {
  const { changes = {}, signal } = options;
  const force = options.force === true;
  signal?.throwIfAborted();
  if (!await isRun(folder)) {
    throw new RunNotFoundError(folder, `Cannot find a run in "${folder}": give a run's folder`);
  }
  // Before anything in the folder is read or written.
  using _held = await lockFolder(folder);
  const saved = await loadRun(folder);
  const { config, copy } = await savedConfig(folder, saved.found, { force });
  const device = changes.device === "auto" ? undefined : changes.device;
  // Chosen once: a trial that comes out otherwise would go on with other numbers.
  const dtype = changes.dtype === "auto" ? undefined : changes.dtype;
  const before = recipeOf(config);
  const recipe = change(before, { ...changes, device, dtype });
  const finished = await finishedResult(folder, config, saved.found, recipe.epochs);
  // Data that lie elsewhere may be the same: their contents say so, once they are open.
  const { contents } = config.source ?? {};
  const moved = contents === undefined ? recipe : { ...recipe, data: { ...recipe.data, name: before.data.name } };
  const changed = requireSame(folder, before, moved, force || keepFinished && finished !== undefined);
  if (finished !== undefined) {
    await emit({ type: "note", message: `Run "${folder}" is over already: nothing is left to do` });
    if (changed.length > 0) {
      const message = `Run "${folder}" keeps the settings that it was trained with: ${changeList(changed)}`;
      await emit({ type: "warning", message });
    }
    return finished;
  }
  if (options.open === undefined && config.source === null && !dataSetRegistry.has(config.data.name)) {
    throw new NotRegisteredHereError(folder, "data set", config.data.name);
  }
  const damage = saved.found?.damage;
  if (damage !== undefined) await emit({ type: "warning", message: damageText(damage, saved.found!.path) });
  if (copy === "lost") {
    await emit({ type: "warning", message: `config.json of run "${folder}" is written again from its checkpoint` });
  }
  return await trainOn(recipe, { saved, config, force, changed: false }, options, emit);
}

/** What is said where the newest checkpoint is damaged. */
export function damageText(damage: string, path: string): string {
  return `${damage}. Going on from the one before it, "${path}"`;
}

/** Refuses to go on where something is not as it was; gives what is not. */
function requireSame(folder: string, before: object, now: object, force: boolean): SettingChange[] {
  const changed = differences(before, now);
  if (changed.length > 0 && !force) throw new ChangedSettingsError(folder, changed);
  return changed;
}

/** The result of a run that is over; undefined where it is not, or where the file is not of the state that is saved. */
async function finishedResult(
  folder: string,
  { seed }: RunConfig,
  found: CheckpointInfo | undefined,
  epochs: number,
): Promise<TrainResult | undefined> {
  const options = { kinds: { epochs: "number" }, advice: "remove it, and the run is measured again" } as const;
  const result = await readJson(join(folder, "result.json"), options) as unknown as FitResult | undefined;
  if (result === undefined || result.epochs < epochs || result.steps !== found?.state.counters.step) return undefined;
  // Beside these the file tells of the machine and the code.
  const own = Object.fromEntries(fitFields.map((name) => [name, result[name] ?? null]));
  return { ...own as unknown as FitResult, folder, seed };
}

/** What a training comes to, in the file's order. */
const fitFields = [
  "top1",
  "top5",
  "loss",
  "metrics",
  "top1Ema",
  "top5Ema",
  "lossEma",
  "metricsEma",
  "n",
  "epochs",
  "steps",
  "trainLoss",
  "trainTop1",
  "trainMetrics",
  "trainSeconds",
  "imagesPerSecond",
  "stopped",
] as const satisfies readonly (keyof FitResult)[];

/** A recipe with the dtype that `auto` comes to on a device. */
export async function withDtype(
  recipe: Recipe,
  device: Device,
  emit: Emit,
): Promise<Recipe & { readonly dtype: ComputeDtype }> {
  if (recipe.dtype !== "auto") return { ...recipe, dtype: recipe.dtype };
  const choice = await chooseDtype(device);
  await emit({ type: "dtypeChosen", ...choice });
  return { ...recipe, dtype: choice.dtype };
}

async function trainOn(
  recipe: Recipe,
  resumed: Resumed | undefined,
  options: TrainOptions & ResumeOptions,
  emit: Emit,
): Promise<TrainResult> {
  // What can be told before images are decoded, which may take long.
  requireBuildable(recipe);
  if (options.open === undefined) await checkData(recipe).catch((error) => toldOfMoved(error, resumed));
  requireImages(recipe.bs, recipe.data.limit ?? Infinity);
  // Where a state was saved, its weights count, and the file need not be there any more.
  const begun = resumed?.saved.found !== undefined;
  const weightsSha256 = begun ? resumed.config.weightsSha256 : await weightsSum(recipe);
  using device = new Device(recipe.device, { threads: recipe.threads ?? undefined });
  const chosen = await withDtype(recipe, device, emit);
  const sets = await (options.open ?? openData)(chosen, device, {
    cache: options.cache,
    signal: options.signal,
    onWarning: (message) => void emit({ type: "warning", message }),
    onNote: (message) => void emit({ type: "note", message }),
    onProgress: (state) => void emit({ type: "preparing", ...state }),
    onDownload: (state) => void emit({ type: "downloading", ...state }),
  });
  using train = sets.train;
  using valid = sets.valid;
  requireSplits(recipe.data.name, sets, device);
  const { targets = "classes" } = train;
  requireClassTargets(recipe.data.name, targets);
  const { model: cpu, isa } = cpuFacts();
  const version = await codeVersion();
  const { classes, imageShape, source = null } = train;
  const samples = { train: train.length, valid: valid.length };
  const kind = targets === "classes" ? {} : { targets };
  const facts = { ...kind, device: device.kind, classes, imageShape, source, samples, isa, commit: version.commit };
  const config: RunConfig = { ...chosen, ...facts, ...(weightsSha256 === undefined ? {} : { weightsSha256 }) };
  if (resumed !== undefined) {
    requireSame(resumed.saved.path, resumed.config, config, resumed.force);
    resumed.changed = differences(resumed.config, config, { all: true }).length > 0;
  }
  using model = withModelAdvice(() => buildModel(config, device));
  if (!begun) await takeWeights(recipe, model);
  const batches = { train: trainBatches(config, train), valid: validBatches(config, valid) };
  await requireFit(config, model, { device, targets });
  requireRates(config, stepsOf(batches.train.length, config.accumulate) * config.epochs);
  using trainer = withModelAdvice(() => buildTrainer(config, model));
  // Nothing is saved yet: it ends as if it had not begun.
  options.signal?.throwIfAborted();
  const threads = device.stats().chunksByThread.length;
  const session = { ...version, cpu, isa, threads };
  const parameters = [...model.namedParameters().values()].reduce((sum, { size }) => sum + size, 0);
  // A copy: what a listener does to it is not the training's.
  const ready = { config: structuredClone(config), parameters, train: train.length, valid: valid.length, threads };
  return await fitted({ trainer, config, session, batches, ready }, resumed, options, emit);
}

/** Data of a run that are not where they were may have been moved. */
function toldOfMoved(error: unknown, resumed: Resumed | undefined): never {
  if (resumed === undefined || error instanceof SettingError || !(error instanceof RecipeError)) throw error;
  const cure =
    `where run "${resumed.saved.path}" has its data: if they were moved, give their place as \`data.name\` with \`force\``;
  throw new RecipeError(`${error.message.replace(/: give a folder .*$/s, "")}, ${cure}`, { cause: error });
}

/** Refuses parts of a data set that do not go together, or lie elsewhere. */
function requireSplits(name: string, { train, valid }: Partial<Splits>, device: Device): void {
  if (train === undefined || valid === undefined) {
    throw new StateError(`Expected the data set "${name}" as { train, valid }, got ${train ? "no valid" : "no train"}`);
  }
  const shown = ({ classes, imageShape }: Dataset): string => `${classes.length} classes of ${imageShape.join(" x ")}`;
  if (String(train.classes) !== String(valid.classes) || String(train.imageShape) !== String(valid.imageShape)) {
    throw new StateError(
      `Expected the data set "${name}" with the same classes and images in both parts, got ${
        shown(train)
      } to train on ` +
        `and ${shown(valid)} to measure with`,
    );
  }
  for (const set of [train, valid]) {
    if (!("device" in set) || set.device === device) continue;
    throw new StateError(
      `Expected the data set "${name}" on the device that it is given, got it on another: pass \`device\` on`,
    );
  }
}

interface Parts {
  readonly trainer: Trainer;
  readonly config: RunConfig;
  readonly session: NonNullable<RunRecord["session"]>;
  readonly batches: { readonly train: Batches; readonly valid: Batches };
  readonly ready: Omit<Ready, "folder" | "from">;
}

/** Nothing was written before: from here on there is a folder. */
async function fitted(
  { trainer, config, session, batches, ready }: Parts,
  resumed: Resumed | undefined,
  options: TrainOptions & ResumeOptions,
  emit: Emit,
): Promise<TrainResult> {
  const { seed, device, dtype } = config;
  const onWarning = (message: string): void => void emit({ type: "warning", message });
  const record: RunRecord = { config: { ...config }, facts: { seed, device, dtype, ...session }, session, onWarning };
  const { folder, from } = await openFolder(record, resumed, options);
  // A new folder is nobody else's; that of a run that goes on is held already.
  using _held = resumed === undefined ? await lockFolder(folder.path) : undefined;
  for (const name of trainerEvents) {
    trainer.on(name, (event) => emit({ type: name, ...event } as Parameters<Emit>[0]));
  }
  trainer.on("losses", (losses) => emit({ type: "losses", losses }));
  if (from !== null) withModelAdvice(() => trainer.load(from));
  // Only now: a state that does not fit must leave the configuration that it was saved with. The checkpoint comes first, as
  // what it holds counts.
  if (resumed?.changed === true && from !== null) await folder.save(from);
  if (resumed !== undefined) await folder.configure();
  // It is of a state that is about to be passed.
  if (resumed !== undefined) await folder.removeResult();
  if (resumed !== undefined && from === null) {
    await emit({ type: "note", message: "No state was saved yet: it begins anew" });
  }
  await emit({ type: "ready", ...ready, folder: folder.path, from: from?.counters ?? null });
  try {
    const result = await trainer.fit(batches.train, {
      epochs: config.epochs,
      valid: batches.valid,
      runFolder: folder,
      saveEvery: options.saveEvery ?? 600,
      resume: resumed !== undefined,
      signal: options.signal,
      force: resumed?.force ?? false,
    });
    return { ...result, folder: folder.path, seed };
  } catch (error) {
    throw adviseTraining(error, config, trainer.model);
  }
}

/** A new folder, or that of a run that goes on, with its state. */
async function openFolder(
  record: RunRecord,
  resumed: Resumed | undefined,
  { out: root, folder }: TrainOptions,
): Promise<{ folder: RunFolder; from: State | null }> {
  if (resumed !== undefined) {
    const { saved } = resumed;
    const { folder, found } = await RunFolder.open(saved.path, record, saved);
    return { folder, from: found?.state ?? null };
  }
  if (folder !== undefined) return { folder: await RunFolder.createAt(folder, record), from: null };
  return { folder: await RunFolder.create({ root, name: nameOf(record.config), ...record }), from: null };
}

/** What a run's folder is called after its time: by its preset, else its network. */
function nameOf(config: RunRecord["config"]): string {
  const { preset, model } = config as unknown as RunConfig;
  return preset ?? model.name;
}
