/** Sweeps: every arm of a plan with several seeds, no run twice, and what they come to together. */
import { basename, dirname, join } from "node:path";
import { shown } from "../../io/shown.ts";
import type { TrainingEvent } from "../../recipe/events.ts";
import type { RunOptions } from "../../recipe/run.ts";
import { RecipeError } from "../../recipe/errors.ts";
import {
  kindOf,
  nearest,
  requireKnownOptions,
  requireOptions,
  requireText,
  requireWhole,
} from "../../tensor/ops/checks.ts";
import { type Cell, cellsOf, type Rehearsed, rehearsePlan, seedsFrom } from "./cells.ts";
import { type ArmCost, costsOf, secondsOf } from "./costs.ts";
import { finish } from "./finish.ts";
import { findOver, type Found, requireFolders } from "./found.ts";
import { definitionIn, isSweepOf, Journal, makeFolder, seedsOf, SweepError } from "./journal.ts";
import type { Plan } from "./plan.ts";
import type { SweepResult } from "./results.ts";
import { StatusKeeper, type SweepStatus } from "./status.ts";
import { cellsWithoutRecord, isOwnRun, openCells, takeOver } from "./own_records.ts";
import { claimsIn } from "./places.ts";
import { type WorkEvent, type WorkOrder } from "./work.ts";
import { workAll } from "./workers.ts";

/** What is about to be run. */
export interface SweepReady {
  /** The sweep's folder. */
  readonly folder: string;
  /** Its cells, those of seeds that other processes have joined for among them. */
  readonly cells: readonly Cell[];
  /** Runs that were over already in the sweep's folder. */
  readonly over: number;
  /** Runs that were found elsewhere, and taken over. */
  readonly taken: number;
  /** Runs to do, here or by other processes. */
  readonly open: number;
  /** Trainings at once in this process, and the CPU threads of each; null for all. */
  readonly jobs: number;
  /** CPU threads of each. */
  readonly threads: number | null;
  /** What a run of each arm is. */
  readonly costs: readonly ArmCost[];
  /** About how long the runs to do take, as long as earlier runs of the same arms took here; null where there is none. */
  readonly seconds: number | null;
}

/** How to run a sweep. */
export interface SweepOptions extends Pick<RunOptions, "cache" | "saveEvery" | "signal"> {
  /** Seeds of each arm; by default 6, the fewest whose differences can be told from chance. */
  runs?: number;
  /** The first seed; by default 0. */
  firstSeed?: number;
  /** The arms to run now; by default all. The others stay open: what of them is over is told, the rest is left out. */
  arms?: readonly string[];
  /** The sweep's folder; by default `runs/` and the plan's name. */
  folder?: string;
  /** Folders with results of sweeps, whose runs count as over. */
  results?: readonly string[];
  /** Trainings at once, 1 to 64; by default 1. More than one are Workers, among which CPU threads are divided. */
  jobs?: number;
  /** Modules that Workers import before they work, as URLs: those that register names of a script's own. */
  modules?: readonly string[];
  /** Keeps all that trainings saved, not their weights alone; by default false. */
  keepState?: boolean;
  /** Told which arm is rehearsed. */
  onArm?(arm: string): void;
  /** Told of data that are prepared meanwhile. */
  onPreparing?(event: TrainingEvent): void;
  /** Told once every arm is known to be trainable. */
  onReady?(ready: SweepReady): void;
  /** Told of what this process does. */
  onEvent?(event: WorkEvent): void;
  /** Told about once a second how the sweep stands, what other processes do included. */
  onStatus?(status: SweepStatus): void;
}

/** What a sweep would run. */
export interface SweepPreview {
  /** The sweep's folder. */
  readonly folder: string;
  /** Its cells. */
  readonly cells: readonly (Cell & { readonly state: "over" | "found elsewhere" | "to run" })[];
  /** What a run of each arm is. */
  readonly costs: readonly ArmCost[];
  /** About how long the runs to do take, as long as earlier runs of the same arms took here; null where there is none. */
  readonly seconds: number | null;
}

/** Milliseconds between two looks at how it stands. */
const statusEvery = 1000;

/** Refuses what is no plan. */
function requirePlan(op: string, plan: Plan): void {
  requireOptions(op, plan, `${op}(study.gridOf({ bs: [32, 64] }))`);
  if (Array.isArray(plan.arms) && typeof plan.name === "string") return;
  throw new TypeError(
    `${op}(): Expected \`plan\` as planOf() or gridOf() make one, got an object without arms or a name`,
  );
}

const known: Readonly<Record<keyof SweepOptions, true>> = {
  ...{ runs: true, firstSeed: true, arms: true, folder: true, results: true, jobs: true, modules: true },
  ...{ keepState: true, cache: true, saveEvery: true, signal: true },
  ...{ onArm: true, onPreparing: true, onReady: true, onEvent: true, onStatus: true },
};

function requireSweepOptions(op: string, options: SweepOptions, example: string): void {
  requireOptions(op, options, example);
  requireKnownOptions(op, options, Object.keys(known), {
    seeds: "`runs` and `firstSeed` say which",
    name: "the plan has it: planOf() and gridOf() take it",
    threads: "the recipes have it: planOf() and gridOf() take it in `changes`",
  });
}

function folderOf(plan: Plan, { folder }: Pick<SweepOptions, "folder">): string {
  return folder ?? join("runs", plan.name);
}

/** Refuses arms to run that the plan has not. */
function armsOf(op: string, plan: Plan, { arms }: Pick<SweepOptions, "arms">): readonly string[] {
  const all = plan.arms.map(({ name }) => name);
  if (arms === undefined) return all;
  if (!Array.isArray(arms) || arms.length === 0) {
    throw new TypeError(`${op}(): Expected \`arms\` as an array of names, at least one, got ${kindOf(arms)}`);
  }
  for (const arm of arms) requireArm(plan, arm);
  return arms;
}

function requireArm(plan: Plan, arm: unknown): void {
  const all = plan.arms.map(({ name }) => name);
  if (typeof arm === "string" && all.includes(arm)) return;
  const near = typeof arm === "string" ? nearest(arm, all) : undefined;
  throw new RecipeError(
    `Expected \`arms\` of ${plan.name}, ${all.join(", ")}, got ${
      typeof arm === "string" ? `"${shown(arm)}"` : kindOf(arm)
    }` + (near === undefined ? "" : `: it may be ${near} that is meant`),
  );
}

/** Where runs are looked for that are over: where the sweep's own folder lies. */
function runsOf(folder: string): string {
  return dirname(folder);
}

/** What is told of odd files among other runs. */
function onSkipOf({ onEvent }: Pick<SweepOptions, "onEvent">): (message: string) => void {
  return (message) => onEvent?.({ type: "note", message });
}

async function rehearsed(plan: Plan, options: SweepOptions): Promise<Rehearsed> {
  const { cache, signal, onArm, onPreparing } = options;
  return await rehearsePlan(plan, { cache, signal, onArm, onEvent: (event) => onPreparing?.(event) });
}

/**
 * What {@linkcode sweep} would run: every arm rehearsed, and of each run whether it is over. Nothing is written but the
 * data's cache.
 */
export async function previewSweep(plan: Plan, options: SweepOptions = {}): Promise<SweepPreview> {
  requirePlan("previewSweep", plan);
  requireSweepOptions("previewSweep", options, "previewSweep(plan, { runs: 6 })");
  const { runs = 6, firstSeed = 0, results = [] } = options;
  const folder = folderOf(plan, options);
  const seeds = seedsFrom(firstSeed, runs);
  const wanted = armsOf("previewSweep", plan, options);
  const { jobs } = jobsOf(plan, options);
  await requireFolders(results);
  const ready = await rehearsed(plan, options);
  const cells = cellsOf(plan, ready, seeds).filter(({ arm }) => wanted.includes(arm));
  // What the run itself would refuse.
  if (await isSweepOf(folder, ready.definition)) await new Journal(folder, "").entries();
  const open = new Set(await cellsWithoutRecord(folder, cells));
  const found = await findOver(results, runsOf(folder), onSkipOf(options));
  const state = (cell: Cell): "over" | "found elsewhere" | "to run" =>
    !open.has(cell) || isOwnRun(found.get(cell.hash), folder, cell)
      ? "over"
      : found.has(cell.hash)
      ? "found elsewhere"
      : "to run";
  const told = cells.map((cell) => ({ ...cell, state: state(cell) }));
  return {
    ...{ folder, cells: told },
    ...costsAndTime(ready, { found, jobs, wanted, toRun: told.filter(({ state }) => state === "to run") }),
  };
}

/** What the runs of the arms that are asked for are, and how long those that are to do take. */
function costsAndTime(
  ready: Rehearsed,
  { found, wanted, toRun, jobs }: {
    found: ReadonlyMap<string, Found>;
    wanted: readonly string[];
    toRun: readonly Cell[];
    jobs: number;
  },
): Pick<SweepPreview, "costs" | "seconds"> {
  const costs = costsOf(ready, found.values());
  return { costs: costs.filter(({ arm }) => wanted.includes(arm)), seconds: secondsOf(costs, toRun, jobs) };
}

/** Trainings at once, and the CPU threads of each. */
function jobsOf(plan: Plan, { jobs = 1 }: Pick<SweepOptions, "jobs">): { jobs: number; threads: number | undefined } {
  requireWhole("sweep", "jobs", jobs, 1);
  if (jobs > 64) throw new RecipeError(`Expected \`jobs\` from 1 to 64, got ${jobs}`);
  const given = plan.arms[0]?.recipe.threads ?? undefined;
  if (jobs === 1) return { jobs, threads: given };
  return { jobs, threads: Math.max(1, Math.floor((given ?? navigator.hardwareConcurrency) / jobs)) };
}

/**
 * Runs every arm of a plan with seeds from `firstSeed` on, and compares them.
 *
 * All arms are rehearsed before anything runs. A run that is over is not repeated, wherever it was made: in this sweep, in
 * another one, by {@linkcode recipe.train}, or on another machine whose results are in a folder of `results`. One that broke
 * off goes on; one that fails is tried twice and then told; one that diverged is told, and is in no mean. Several processes may
 * work on one sweep: each takes what nobody has, and what a process that has died had. With more `runs` than before the
 * sweep is extended. A signal ends it after the steps under way; called again it goes on.
 *
 * Writes `results.json`, `results.csv`, `results.md` and a file a run below `results/` into the sweep's folder.
 *
 * Rejects with a SweepError where the folder is of another sweep, naming what changed, or of another version, and with a
 * SettingError where an arm cannot be trained, naming arm and setting.
 *
 * @example
 * ```ts
 * import { study } from "@libtrain/libtrain";
 *
 * const plan = study.gridOf({ pool: ["maxblur", "max"] }, {
 *   preset: "mnist",
 *   changes: { epochs: 1, bs: 32, data: { limit: 64 }, threads: 1 },
 *   name: "pools",
 * });
 * const { arms, comparisons } = await study.sweep(plan, { runs: 2 });
 * console.log(arms.map(({ arm, summary }) => [arm, summary?.n])); // [ [ "pool=maxblur", 2 ], [ "pool=max", 2 ] ]
 * console.log(comparisons[0]!.verdict); // not decided
 * ```
 */
export async function sweep(plan: Plan, options: SweepOptions = {}): Promise<SweepResult> {
  requirePlan("sweep", plan);
  requireSweepOptions("sweep", options, "sweep(plan, { runs: 6 })");
  const { runs = 6, firstSeed = 0, results = [], cache, saveEvery, modules = [], keepState = false } = options;
  const seeds = seedsFrom(firstSeed, runs);
  const wanted = armsOf("sweep", plan, options);
  const { jobs, threads } = jobsOf(plan, options);
  const signal = options.signal ?? new AbortController().signal;
  const folder = folderOf(plan, options);
  await requireFolders(results);
  const ready = await rehearsed(plan, options);
  signal.throwIfAborted();
  const by = `${Deno.pid}-${crypto.randomUUID().slice(0, 8)}`;
  const journal = new Journal(folder, by);
  // Before anything of it is written, and before hours of training.
  if (await isSweepOf(folder, ready.definition)) {
    const joined = seedsOf(await journal.entries());
    await cellsWithoutRecord(folder, cellsOf(plan, ready, [...new Set([...joined, ...seeds])]));
  }
  await journal.begin(ready.definition, seeds);
  await makeFolder(claimsIn(runsOf(folder)));
  const entries = await journal.entries();
  // Whoever has joined for others works on them, or has done so: the table is of all.
  const all = cellsOf(plan, ready, seedsOf(entries));
  const own = all.filter(({ arm }) => wanted.includes(arm));
  const cells = own.filter(({ seed }) => seeds.includes(seed));
  const order: WorkOrder = {
    ...{ folder, name: plan.name, cells, threads, cache, saveEvery, keepState, by, results, runs: runsOf(folder) },
    since: entries.length,
  };
  const before = await openCells(folder, own);
  const onSkip = onSkipOf(options);
  const nothing = new Map<string, Found>();
  const found = before.length === 0 ? nothing : await findOver(results, runsOf(folder), onSkip);
  const taken = await takeOver({ ...order, cells: own }, { open: before, found, signal: options.signal, onSkip });
  const ended = before.filter((cell) => isOwnRun(found.get(cell.hash), folder, cell)).length;
  const [over, open] = [own.length - before.length + ended, before.length - taken - ended];
  options.onReady?.({
    ...{ folder, cells: own, over, taken, open, jobs, threads: threads ?? null },
    ...costsAndTime(ready, { found, jobs, wanted, toRun: before.filter(({ hash }) => !found.has(hash)) }),
  });
  await followed(plan, { order, all: own, jobs, modules, signal, options });
  return await finish(plan, { folder, all, wanted, since: order.since, signal, journal });
}

/** Works, and tells how it stands meanwhile. */
async function followed(
  plan: Plan,
  { order, all, jobs, modules, signal, options }: {
    order: WorkOrder;
    all: readonly Cell[];
    jobs: number;
    modules: readonly string[];
    signal: AbortSignal;
    options: SweepOptions;
  },
): Promise<void> {
  const { folder, by: own } = order;
  const keeper = new StatusKeeper({ folder, cells: all, measure: plan.measure, jobs, own });
  let looking = false;
  const look = async (): Promise<void> => {
    if (looking) return;
    looking = true;
    // What cannot be read now is read at the next look, and at the end at the latest.
    const status = await keeper.status().catch(() => undefined);
    looking = false;
    if (status !== undefined) options.onStatus?.(status);
  };
  const timer = options.onStatus === undefined ? undefined : setInterval(() => void look(), statusEvery);
  const tell = (event: WorkEvent): void => {
    keeper.take(event);
    options.onEvent?.(event);
  };
  try {
    await workAll({ order, jobs, modules, signal, tell });
  } finally {
    clearInterval(timer);
  }
  await look();
}

/**
 * What a sweep came to, from its folder.
 *
 * Rejects with a SweepError where the folder is none of a sweep, or of another version.
 */
export async function readSweep(folder: string): Promise<SweepResult> {
  requireText("readSweep", "folder", folder);
  await definitionIn(folder).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory)) throw error;
    throw new SweepError(`Cannot find a sweep in "${folder}": give the folder of one, say runs/blurpool`);
  });
  try {
    return JSON.parse(await Deno.readTextFile(join(folder, "results.json"))) as SweepResult;
  } catch (error) {
    throw new SweepError(
      `Expected "${join(folder, "results.json")}" with what the sweep ${
        basename(folder)
      } came to, got none: run it first`,
      { cause: error },
    );
  }
}
