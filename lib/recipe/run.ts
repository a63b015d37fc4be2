/** Training a recipe into a run's folder, or going on with a run. */
import { join } from "node:path";
import type { CheckpointInfo } from "../checkpoint/checkpoints.ts";
import type { State } from "../checkpoint/state.ts";
import { dataSetRegistry } from "../data/registry.ts";
import { readJson } from "../io/json_file.ts";
import { RunFolder, type RunRecord } from "../run/run_folder.ts";
import { lockFolder } from "../run/run_lock.ts";
import { isRun, loadRun } from "../run/saved_run.ts";
import type { FitResult } from "../train/events.ts";
import { change } from "./change.ts";
import { checkRecipe } from "./check.ts";
import type { OpenData } from "./data.ts";
import { changeList, NotRegisteredHereError, RunNotFoundError } from "./errors.ts";
import { type Emit, trainerEvents } from "./events.ts";
import { adviseTraining, withModelAdvice } from "./memory_advice.ts";
import { type Prepared, prepareTraining, requireSame, type Resumed } from "./prepare.ts";
import type { Recipe, RecipeChanges, RunConfig } from "./recipe.ts";
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
  /** What the device of the training may hold: bytes, or a text such as 500M; by default as much as the process may. */
  memory?: number | string;
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
  const changed = requireSame(folder, {
    before,
    now: moved,
    force: force || keepFinished && finished !== undefined,
  });
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

async function trainOn(
  recipe: Recipe,
  resumed: Resumed | undefined,
  options: TrainOptions & ResumeOptions,
  emit: Emit,
): Promise<TrainResult> {
  using prepared = await prepareTraining(recipe, resumed, options, emit);
  // Nothing is saved yet: it ends as if it had not begun.
  options.signal?.throwIfAborted();
  return await fitted(prepared, resumed, options, emit);
}

/** Nothing was written before: from here on there is a folder. */
async function fitted(
  { trainer, config, session, batches, ready }: Prepared,
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
