/** Everything of a training before its first step, where whatever cannot be trained is refused. */
import type { Batches, Dataset } from "../data/dataset.ts";
import type { Splits } from "../data/mnist.ts";
import { StateError } from "../ffi/errors.ts";
import { codeVersion } from "../run/code_version.ts";
import type { RunRecord } from "../run/run_folder.ts";
import type { SavedRun } from "../run/saved_run.ts";
import { Device } from "../tensor/device.ts";
import { requireOptions } from "../tensor/ops/checks.ts";
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
import { checkRecipe } from "./check.ts";
import { checkData, openData } from "./data.ts";
import { differences } from "./differences.ts";
import { chooseDtype } from "./dtype.ts";
import { ChangedSettingsError, RecipeError, type SettingChange, SettingError } from "./errors.ts";
import type { Emit, Ready, TrainingEvent } from "./events.ts";
import { takeWeights, weightsSum } from "./fine_tuning.ts";
import { requireClassTargets } from "./fits.ts";
import { cpuFacts } from "./machine.ts";
import { withModelAdvice } from "./memory_advice.ts";
import type { ComputeDtype, Recipe, RunConfig } from "./recipe.ts";
import type { RunOptions } from "./run.ts";

/** A run to go on with. */
export interface Resumed {
  readonly saved: SavedRun;
  readonly config: RunConfig;
  readonly force: boolean;
  /** Whether its files must say something else from here on. */
  changed: boolean;
}

/** What trains, set up; it owns device, data, network and trainer. */
export interface Prepared extends Disposable {
  readonly trainer: Trainer;
  readonly config: RunConfig;
  readonly session: NonNullable<RunRecord["session"]>;
  readonly batches: { readonly train: Batches; readonly valid: Batches };
  readonly ready: Omit<Ready, "folder" | "from">;
}

/** Sets a training up: data opened, network, batches and trainer made, and tried with one image. Nothing is written. */
export async function prepareTraining(
  recipe: Recipe,
  resumed: Resumed | undefined,
  options: Pick<RunOptions, "cache" | "signal" | "open" | "memory">,
  emit: Emit,
): Promise<Prepared> {
  // What can be told before images are decoded, which may take long.
  requireBuildable(recipe);
  if (options.open === undefined) await checkData(recipe).catch((error) => toldOfMoved(error, resumed));
  requireImages(recipe.bs, recipe.data.limit ?? Infinity);
  // Where a state was saved, its weights count, and the file need not be there any more.
  const begun = resumed?.saved.found !== undefined;
  const weightsSha256 = begun ? resumed.config.weightsSha256 : await weightsSum(recipe);
  using held = new DisposableStack();
  const device = held.use(new Device(recipe.device, { threads: recipe.threads ?? undefined, memory: options.memory }));
  const chosen = await withDtype(recipe, device, emit);
  const sets = await (options.open ?? openData)(chosen, device, {
    cache: options.cache,
    signal: options.signal,
    onWarning: (message) => void emit({ type: "warning", message }),
    onNote: (message) => void emit({ type: "note", message }),
    onProgress: (state) => void emit({ type: "preparing", ...state }),
    onDownload: (state) => void emit({ type: "downloading", ...state }),
  });
  const train = held.use(sets.train);
  const valid = held.use(sets.valid);
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
    requireSame(resumed.saved.path, { before: resumed.config, now: config, force: resumed.force });
    resumed.changed = differences(resumed.config, config, { all: true }).length > 0;
  }
  const model = held.use(withModelAdvice(() => buildModel(config, device)));
  if (!begun) await takeWeights(recipe, model);
  const batches = { train: trainBatches(config, train), valid: validBatches(config, valid) };
  await requireFit(config, model, { device, targets });
  requireRates(config, stepsOf(batches.train.length, config.accumulate) * config.epochs);
  const trainer = held.use(withModelAdvice(() => buildTrainer(config, model)));
  const threads = device.stats().chunksByThread.length;
  const session = { ...version, cpu, isa, threads };
  const parameters = [...model.namedParameters().values()].reduce((sum, { size }) => sum + size, 0);
  // A copy: what a listener does to it is not the training's.
  const ready = { config: structuredClone(config), parameters, train: train.length, valid: valid.length, threads };
  const owned = held.move();
  return { trainer, config, session, batches, ready, [Symbol.dispose]: () => owned.dispose() };
}

/** How to rehearse a recipe. */
export interface RehearseOptions extends Pick<RunOptions, "cache" | "signal" | "open"> {
  /** Told of data that are prepared, and of what a reader should know. */
  onEvent?(event: TrainingEvent): void | Promise<void>;
}

/**
 * Goes through everything that training a recipe would refuse, short of its first step: data are opened, and prepared where
 * need be, network, batches and optimizer made, and one image sent through. Gives the configuration that its run would have.
 *
 * Rejects with what {@linkcode train} would reject with; nothing is written but the data's cache.
 *
 * @example
 * ```ts
 * import { recipe } from "@libtrain/libtrain";
 *
 * const config = await recipe.rehearse(recipe.preset("mnist", { data: { limit: 128 } }));
 * console.log(config.imageShape, config.samples.train); // [ 28, 28, 1 ] 128
 * ```
 */
export async function rehearse(recipe: Recipe, options: RehearseOptions = {}): Promise<RunConfig> {
  requireOptions("rehearse", options, "rehearse(recipe, { cache: folder })");
  checkRecipe(recipe);
  options.signal?.throwIfAborted();
  using prepared = await prepareTraining(recipe, undefined, options, async (event) => await options.onEvent?.(event));
  return structuredClone(prepared.config);
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

/** Refuses to go on where something is not as it was; gives what is not. */
export function requireSame(
  folder: string,
  { before, now, force }: { before: object; now: object; force: boolean },
): SettingChange[] {
  const changed = differences(before, now);
  if (changed.length > 0 && !force) throw new ChangedSettingsError(folder, changed);
  return changed;
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
