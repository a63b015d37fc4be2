/** Training a recipe several times, with one seed after another. */
import { requireNumbers, requireOptions, requireText, requireWhole } from "../tensor/ops/checks.ts";
import { join } from "node:path";
import { Checkpoints } from "../checkpoint/checkpoints.ts";
import { isThere } from "../io/atomic_file.ts";
import { jsonText, readJson, writeJson } from "../io/json_file.ts";
import { sha256Of } from "../io/sha256.ts";
import { makeRunFolder } from "../run/folder_name.ts";
import { lockFolder } from "../run/run_lock.ts";
import { configOf, isRun } from "../run/saved_run.ts";
import { Device } from "../tensor/device.ts";
import { requireBuildable } from "./build.ts";
import { change } from "./change.ts";
import { checkRecipe, unregistered } from "./check.ts";
import { differences } from "./differences.ts";
import {
  ChangedSettingsError,
  NotRegisteredHereError,
  RecipeError,
  RunNotFoundError,
  type SettingChange,
  SettingError,
} from "./errors.ts";
import type { Emit } from "./events.ts";
import { withDtype } from "./prepare.ts";
import type { Recipe, RunConfig } from "./recipe.ts";
import { type ResumeOptions, resumeRun, type TrainOptions, trainRecipe, type TrainResult } from "./run.ts";
import { recipeOf } from "./saved_config.ts";
import { Training } from "./training.ts";

/** What several runs came to. */
export interface SeedsResult {
  /** Their common folder, with a run's folder for each seed. */
  readonly folder: string;
  /** The seeds, in the order they are trained. */
  readonly seeds: readonly number[];
  /** Top-1 of each run that is over, in the order of the seeds. */
  readonly top1: readonly number[];
  /** Mean top-1; null where none is over. */
  readonly mean: number | null;
  /** Their standard deviation with n - 1 below; null for fewer than two. */
  readonly standardDeviation: number | null;
  /** True where a signal stopped them before their end. */
  readonly stopped: boolean;
  /** What each run came to that was begun. */
  readonly results: readonly TrainResult[];
}

/** How to train several seeds. */
export interface SeedsOptions extends Omit<TrainOptions, "folder"> {
  /** How many, from the recipe's seed on. */
  runs: number;
}

/** How to go on with several seeds. */
export interface ResumeSeedsOptions extends ResumeOptions {
  /** How many in all; by default as many as before. */
  runs?: number;
}

/** What is kept of several runs as `group.json`. */
interface Group {
  readonly runs: number;
  /** Of the first run. */
  readonly recipe: Recipe;
}

/** SHA-256 of what is kept of several runs: no other file has it. */
async function groupSum(group: Group): Promise<string> {
  return await sha256Of(jsonText(group));
}

async function writeGroup(folder: string, group: Group): Promise<void> {
  await writeJson(join(folder, "group.json"), { ...group, sha256: await groupSum(group) });
}

/** What the recipe of a group has other than its first run that has saved a state. */
async function changedSince(folder: string, { recipe }: Group): Promise<SettingChange[]> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const own = join(folder, name);
    if (!isDirectory || !name.startsWith("seed-") || !await isRun(own)) continue;
    const found = await new Checkpoints(own).load().catch(() => undefined);
    if (found === undefined) continue;
    const begun = recipeOf(configOf(found) as unknown as RunConfig);
    // A run has its own seed, and what `auto` came to.
    return differences(begun, { ...recipe, seed: begun.seed, device: begun.device, dtype: begun.dtype });
  }
  return [];
}

async function groupIn(folder: string, { force = false }: { force?: boolean } = {}): Promise<Group | undefined> {
  const options = { kinds: { runs: "number", recipe: "object" }, advice: "restore it, or begin new runs" } as const;
  const found = await readJson(join(folder, "group.json"), options);
  if (found === undefined) return undefined;
  const { sha256, ...group } = found as unknown as Group & { readonly sha256?: unknown };
  // Those of earlier versions have no sum, and nothing else either.
  const summed = sha256 === undefined ? Object.keys(group).join() === "runs,recipe" : sha256 === await groupSum(group);
  if (!force && !summed) {
    const changed = await changedSince(folder, group);
    if (changed.length > 0) throw new ChangedSettingsError(folder, changed);
    throw new RecipeError(
      `Expected "${join(folder, "group.json")}" as it was written, got another text: restore it, or ` +
        "pass `force` to take it as it is",
    );
  }
  const [missing] = unregistered({ ...group.recipe });
  if (missing !== undefined) throw new NotRegisteredHereError(folder, missing.kind, missing.name);
  checkRecipe(group.recipe);
  return group;
}

/** Whether a folder is that of several seeds. */
export async function isSeeds(folder: string): Promise<boolean> {
  requireText("isSeeds", "folder", folder);
  return await isThere(join(folder, "group.json"));
}

/** Mean and standard deviation of some values. */
export function spread(values: readonly number[]): Pick<SeedsResult, "mean" | "standardDeviation"> {
  requireNumbers("spread", "values", values, "spread([…])");
  const n = values.length;
  if (n === 0) return { mean: null, standardDeviation: null };
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, standardDeviation: n < 2 ? null : Math.sqrt(squares / (n - 1)) };
}

/** Refuses seeds that there are not, before hours of training rather than after. */
function requireSeeds({ runs, recipe: { seed } }: Group): void {
  if (!Number.isInteger(runs) || runs < 1) {
    throw new RangeError(`trainSeeds(): Expected \`runs\` as a whole number from 1, got ${runs}`);
  }
  const last = seed + runs - 1;
  if (last < 2 ** 32) return;
  throw new SettingError(
    "seed",
    `Expected seeds up to ${2 ** 32 - 1}, got ${last} for the last of ${runs} runs: lower \`seed\``,
  );
}

/** A recipe with one dtype for all runs. */
async function withOneDtype(recipe: Recipe, emit: Emit): Promise<Recipe> {
  if (recipe.dtype !== "auto") return recipe;
  using device = new Device(recipe.device, { threads: recipe.threads ?? undefined });
  return await withDtype(recipe, device, emit);
}

/**
 * Trains a recipe `runs` times into one new folder, with seeds from its own on, one after another.
 *
 * @example
 * ```ts
 * import { recipe } from "@libtrain/libtrain";
 *
 * const mine = recipe.preset("mnist", { epochs: 1, bs: 32, data: { limit: 64 } });
 * const { mean, standardDeviation } = await recipe.trainSeeds(mine, { runs: 2 }).result;
 * console.log(mean, standardDeviation);
 * ```
 */
export function trainSeeds(recipe: Recipe, options: SeedsOptions): Training<SeedsResult> {
  requireOptions("trainSeeds", options, "trainSeeds(recipe, { runs: 5 })");
  requireWhole("trainSeeds", "runs", options.runs, 1);
  if (options.out !== undefined) requireText("trainSeeds", "out", options.out);
  const { runs, data: name, ...own } = options;
  return new Training(async (emit) => {
    checkRecipe(recipe);
    const placed = name === undefined ? recipe : change(recipe, { data: { name } });
    requireSeeds({ runs, recipe: placed });
    requireBuildable(placed);
    const group: Group = { runs, recipe: await withOneDtype(placed, emit) };
    const root = own.out;
    const folder = await makeRunFolder({ root, name: `${recipe.preset ?? recipe.model.name}-x${runs}` });
    using _held = await lockFolder(folder);
    const keep = (): Promise<void> => writeGroup(folder, group);
    await keep();
    try {
      return await trainGroup({ folder, group, keep }, own, emit);
    } catch (error) {
      await removeUnbegun(folder);
      throw error;
    }
  });
}

/** Removes the folder of runs of which none was begun: what was refused leaves nothing. */
async function removeUnbegun(folder: string): Promise<void> {
  const names = await Array.fromAsync(Deno.readDir(folder), ({ name }) => name);
  if (names.every((name) => name === "group.json")) await Deno.remove(folder, { recursive: true });
}

/**
 * Goes on with several seeds: runs that are over are not repeated, and the one that was interrupted goes on.
 *
 * Rejects with a ChangedSettingsError where a run under way does not have the settings of them all; one that is over is kept,
 * and a warning tells what it was trained with.
 */
export function resumeSeeds(folder: string, options: ResumeSeedsOptions = {}): Training<SeedsResult> {
  requireText("resumeSeeds", "folder", folder);
  requireOptions("resumeSeeds", options, "resumeSeeds(folder, { force: true })");
  return new Training(async (emit) => {
    const { changes = {}, signal } = options;
    const force = options.force === true;
    signal?.throwIfAborted();
    if (!await isSeeds(folder)) {
      throw new RunNotFoundError(folder, `Cannot find runs in "${folder}": give the common folder of several seeds`);
    }
    using _held = await lockFolder(folder);
    const before = (await groupIn(folder, { force }))!;
    // What `auto` came to is in the recipe, so that all runs have the same.
    const dtype = changes.dtype === "auto" ? undefined : changes.dtype;
    const own = { ...changes, dtype };
    const now: Group = { runs: options.runs ?? before.runs, recipe: change(before.recipe, own) };
    const changed = [
      ...differences(before.recipe, now.recipe),
      // More runs than before are only more seeds.
      ...(now.runs < before.runs ? [{ path: "runs", before: `${before.runs}`, now: `${now.runs}` }] : []),
    ];
    requireSeeds(now);
    if (changed.length > 0 && !force) throw new ChangedSettingsError(folder, changed);
    // Not before a run has taken the change: one that is refused leaves everything as it was.
    const keep = async (): Promise<void> => {
      if (JSON.stringify(now) !== JSON.stringify(before)) await writeGroup(folder, now);
    };
    return await trainGroup({ folder, group: now, keep }, options, emit);
  });
}

/** Several runs under way. */
interface Runs {
  readonly folder: string;
  readonly group: Group;
  /** Writes `group.json`. */
  readonly keep: () => Promise<void>;
}

async function trainGroup(
  { folder, group: { runs, recipe }, keep }: Runs,
  options: TrainOptions & ResumeOptions,
  emit: Emit,
): Promise<SeedsResult> {
  const { preset: _, ...changes } = recipe;
  const told: Emit = async (event) => {
    if (event.type === "ready") await keep();
    await emit(event);
  };
  const seeds = Array.from({ length: runs }, (_, count) => recipe.seed + count);
  const results: TrainResult[] = [];
  for (const seed of seeds) {
    const own = join(folder, `seed-${seed}`);
    // The whole recipe: a run that is under way with another is refused, and one that is over with another is told.
    const run = await isRun(own)
      ? resumeRun(own, { ...options, changes: { ...changes, seed } }, told, { keepFinished: true })
      : trainRecipe({ ...recipe, seed }, { ...options, folder: own }, told);
    const result = await unlessAborted(run, options.signal);
    if (result !== null) results.push(result);
    if (result?.stopped ?? true) break;
  }
  const over = results.filter(({ stopped }) => !stopped);
  const top1 = over.flatMap((result) => result.top1 ?? []);
  const stopped = over.length < seeds.length;
  const summary = { folder, seeds, top1, ...spread(top1), stopped, results };
  if (!stopped) await keep();
  if (!stopped) await writeJson(join(folder, "result.json"), summary);
  return summary;
}

/** What some work comes to; null where a signal ended it before it had anything to save. */
async function unlessAborted<Result>(work: Promise<Result>, signal?: AbortSignal): Promise<Result | null> {
  try {
    return await work;
  } catch (error) {
    if (signal?.aborted && error === signal.reason) return null;
    throw error;
  }
}
