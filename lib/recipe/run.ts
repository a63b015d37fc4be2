/** Training a recipe into a run's folder, or going on with a run. */
import { join } from "node:path";
import type { State } from "../checkpoint/state.ts";
import type { Batches } from "../data/dataset.ts";
import { readJson } from "../io/json_file.ts";
import { codeVersion } from "../run/code_version.ts";
import { RunFolder, type RunRecord } from "../run/run_folder.ts";
import { lockFolder } from "../run/run_lock.ts";
import { isRun, loadRun, type SavedRun } from "../run/saved_run.ts";
import { Device } from "../tensor/device.ts";
import type { FitResult } from "../train/events.ts";
import type { Trainer } from "../train/trainer.ts";
import { buildModel, buildTrainer, requireImages, trainBatches, validBatches } from "./build.ts";
import { change } from "./change.ts";
import { checkRecipe } from "./check.ts";
import { checkData, type OpenData, openData } from "./data.ts";
import { differences } from "./differences.ts";
import { chooseDtype } from "./dtype.ts";
import { ChangedSettingsError, RunNotFoundError } from "./errors.ts";
import { type Emit, type Ready, trainerEvents } from "./events.ts";
import { cpuFacts } from "./machine.ts";
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
  const { data: name } = options;
  return await trainOn(name === undefined ? recipe : change(recipe, { data: { name } }), undefined, options, emit);
}

/** Goes on with the run of a folder. */
export async function resumeRun(folder: string, options: ResumeOptions, emit: Emit): Promise<TrainResult> {
  const { changes = {}, force = false } = options;
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
  requireSame(folder, before, recipe, force);
  const finished = await finishedResult(folder, config, recipe.epochs);
  if (finished !== undefined) {
    await emit({ type: "note", message: `Run "${folder}" is over already: nothing is left to do` });
    return finished;
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

/** Refuses to go on where something is not as it was; gives whether something is. */
function requireSame(folder: string, before: object, now: object, force: boolean): boolean {
  const changed = differences(before, now);
  if (changed.length > 0 && !force) throw new ChangedSettingsError(folder, changed);
  return changed.length > 0;
}

/** The result of a run that is over; undefined where it is not. */
async function finishedResult(folder: string, { seed }: RunConfig, epochs: number): Promise<TrainResult | undefined> {
  const options = { kinds: { epochs: "number" }, advice: "remove it, and the run is measured again" } as const;
  const result = await readJson(join(folder, "result.json"), options) as unknown as FitResult | undefined;
  return result === undefined || result.epochs < epochs ? undefined : { ...result, folder, seed };
}

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
  if (options.open === undefined) await checkData(recipe);
  requireImages(recipe.bs, recipe.data.limit ?? Infinity);
  using device = new Device(recipe.device, { threads: recipe.threads ?? undefined });
  const chosen = await withDtype(recipe, device, emit);
  const sets = await (options.open ?? openData)(chosen, device, {
    cache: options.cache,
    signal: options.signal,
    onWarning: (message) => void emit({ type: "warning", message }),
    onProgress: (state) => void emit({ type: "preparing", ...state }),
    onDownload: (state) => void emit({ type: "downloading", ...state }),
  });
  using train = sets.train;
  using valid = sets.valid;
  const { model: cpu, isa } = cpuFacts();
  const version = await codeVersion();
  const { classes, imageShape, source = null } = train;
  const facts = { device: device.kind, classes, imageShape, source, isa, commit: version.commit };
  const config: RunConfig = { ...chosen, ...facts };
  if (resumed !== undefined) {
    resumed.changed = requireSame(resumed.saved.path, resumed.config, config, resumed.force);
  }
  using model = buildModel(config, device);
  const batches = { train: trainBatches(config, train), valid: validBatches(config, valid) };
  using trainer = buildTrainer(config, model);
  const threads = device.stats().chunksByThread.length;
  const session = { ...version, cpu, isa, threads };
  const parameters = [...model.namedParameters().values()].reduce((sum, { size }) => sum + size, 0);
  const ready = { config, parameters, train: train.length, valid: valid.length, threads };
  return await fitted({ trainer, config, session, batches, ready }, resumed, options, emit);
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
  if (from !== null) trainer.load(from);
  // Only now: a state that does not fit must leave the configuration that it was saved with. The checkpoint comes first, as
  // what it holds counts.
  if (resumed?.changed === true && from !== null) await folder.save(from);
  if (resumed !== undefined) await folder.configure();
  if (resumed !== undefined && from === null) {
    await emit({ type: "note", message: "No state was saved yet: it begins anew" });
  }
  await emit({ type: "ready", ...ready, folder: folder.path, from: from?.counters ?? null });
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
