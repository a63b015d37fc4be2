/** Training a preset several times, with one seed after another. */
import { join } from "@std/path";
import { UsageError } from "../lib/cli/flags.ts";
import { writeJson } from "../lib/io/json_file.ts";
import { makeRunFolder } from "../lib/run/run_folder.ts";
import { lockFolder } from "../lib/run/run_lock.ts";
import { Device } from "../mod.ts";
import type { RunPlan } from "./run_config.ts";
import { readJson, runConfigIn } from "./run_files.ts";
import { unlessAborted } from "./stop_signals.ts";
import { changedPlan, changes, planOf } from "./train_config.ts";
import { train, type TrainOptions, type TrainResult, withDtype } from "./training.ts";

/** What several runs came to. */
export interface RunsResult {
  /** Their common folder, with a run's folder for each seed. */
  readonly run: string;
  readonly seeds: readonly number[];
  /** Top-1 of each run that is over, in the order of the seeds. */
  readonly top1: readonly number[];
  /** Mean top-1; null where none is over. */
  readonly mean: number | null;
  /** Their standard deviation with n - 1 below; null for fewer than two. */
  readonly standardDeviation: number | null;
  /** True where a signal stopped them before their end. */
  readonly stopped: boolean;
  readonly results: readonly TrainResult[];
}

/** What is kept of several runs as `group.json`. */
interface Group {
  readonly runs: number;
  /** Of the first run. */
  readonly plan: RunPlan;
}

/** The group of a folder; undefined where it is none. */
export async function groupIn(folder: string): Promise<Group | undefined> {
  const options = { kinds: { runs: "number", plan: "object" }, advice: "restore it, or begin new runs" } as const;
  return await readJson(join(folder, "group.json"), options) as unknown as Group | undefined;
}

/** Mean and standard deviation of some values. */
export function spread(values: readonly number[]): Pick<RunsResult, "mean" | "standardDeviation"> {
  const n = values.length;
  if (n === 0) return { mean: null, standardDeviation: null };
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, standardDeviation: n < 2 ? null : Math.sqrt(squares / (n - 1)) };
}

/** Refuses seeds that there are not, before hours of training rather than after. */
function requireSeeds({ runs, plan: { seed } }: Group): void {
  const last = seed + runs - 1;
  if (last < 2 ** 32) return;
  throw new UsageError(`Expected seeds up to ${2 ** 32 - 1}, got ${last} for the last of ${runs} runs: lower --seed`);
}

/** The options of each run: what `auto` came to is in the plan, so that all runs have the same. */
function ownOptions(options: TrainOptions): TrainOptions {
  return options.dtype === "auto" ? { ...options, dtype: undefined } : options;
}

/** A plan with one dtype for all runs. */
async function sameDtype(plan: RunPlan, { listener }: TrainOptions): Promise<RunPlan> {
  if (plan.dtype !== "auto") return plan;
  using device = new Device(plan.device, { threads: plan.threads ?? undefined });
  return await withDtype(plan, device, listener);
}

async function openGroup(runs: number | undefined, options: TrainOptions): Promise<Group & { path: string }> {
  const { resume, force = false } = options;
  if (resume === undefined) {
    const plan = planOf(options);
    requireSeeds({ runs: runs ?? 1, plan });
    const group: Group = { runs: runs ?? 1, plan: await sameDtype(plan, options) };
    const path = await makeRunFolder({ root: options.out, name: `${group.plan.preset}-x${group.runs}` });
    await writeJson(join(path, "group.json"), group);
    return { ...group, path };
  }
  const before = await groupIn(resume);
  if (before === undefined) throw new UsageError(`Cannot find runs in "${resume}": give the folder of --runs`);
  const now: Group = { runs: runs ?? before.runs, plan: changedPlan(before.plan, ownOptions(options)) };
  const changed = [
    ...changes(before.plan, now.plan),
    // More runs than before are only more seeds.
    ...(now.runs < before.runs ? [`runs ${before.runs}, now ${now.runs}`] : []),
  ];
  if (changed.length > 0 && !force) {
    throw new UsageError(`Run "${resume}" was started with ${changed.join(", and ")}: pass --force to go on anyway`);
  }
  requireSeeds(now);
  if (now.runs !== before.runs) await writeJson(join(resume, "group.json"), now);
  return { ...now, path: resume };
}

/**
 * Trains `runs` times, with seeds from the one given on, one after another. With `resume`, runs that are over are not
 * repeated, and the one that was interrupted goes on.
 */
export async function trainRuns(runs: number | undefined, asked: TrainOptions = {}): Promise<RunsResult> {
  const { plan, path, ...group } = await openGroup(runs, asked);
  const options = ownOptions(asked);
  using _held = await lockFolder(path);
  const seeds = Array.from({ length: group.runs }, (_, count) => plan.seed + count);
  const results: TrainResult[] = [];
  for (const seed of seeds) {
    const folder = join(path, `seed-${seed}`);
    const begun = await runConfigIn(folder) !== undefined;
    const own = begun ? { ...options, seed, resume: folder } : { ...options, seed, folder, resume: undefined, plan };
    const result = await unlessAborted(train(own), options.signal);
    if (result !== null) results.push(result);
    if (result?.stopped ?? true) break;
  }
  const over = results.filter(({ stopped }) => !stopped);
  const top1 = over.flatMap((result) => result.top1 ?? []);
  const stopped = over.length < seeds.length;
  const summary = { run: path, seeds, top1, ...spread(top1), stopped, results };
  if (!stopped) await writeJson(join(path, "result.json"), summary);
  return summary;
}
