/** Training a preset into a run's folder, or going on with a run. */
import { join } from "@std/path";
import { UsageError } from "../lib/cli/flags.ts";
import { codeVersion } from "../lib/run/code_version.ts";
import { lockFolder } from "../lib/run/run_lock.ts";
import {
  type data,
  Device,
  type FitResult,
  RunFolder,
  type RunRecord,
  type State,
  type Trainer,
  type TrainerEvents,
} from "../mod.ts";
import { probeDtype, probeLine, type RunDtype } from "./dtype.ts";
import { cpuFacts, headline } from "./machine.ts";
import { checkPlan, type OpenData, openData } from "./open_data.ts";
import {
  buildModel,
  buildTrainer,
  requireImages,
  type RunConfig,
  type RunPlan,
  trainBatches,
  validBatches,
  withData,
} from "./run_config.ts";
import { damageNote, readJson, runConfigIn } from "./run_files.ts";
import { changedPlan, changes, planOf, type PlanOptions } from "./train_config.ts";

/** What to train, and where it is kept. */
export interface TrainOptions extends PlanOptions {
  /** The folder of a run that was stopped or killed: goes on with it, exactly. */
  resume?: string;
  /** Goes on although the configuration has changed. */
  force?: boolean;
  /** Where the run's folder is made; by default `runs`. */
  out?: string;
  /** The run's folder itself, which is made; by default one below `out` named by time and preset. */
  folder?: string;
  /** Where pixel caches and downloads are kept; by default `.cache/data`. */
  cache?: string;
  /** Minutes after which the state is saved in the middle of an epoch; by default 10. */
  saveEvery?: number;
  /** Stops after the step under way, with everything saved. */
  signal?: AbortSignal;
  /** Told what happens. */
  listener?: TrainListener;
  /** Opens the data; by default by name or path. */
  open?: OpenData;
  /** The plan to change by the options; by default the preset's. */
  plan?: RunPlan;
}

/** What a training tells whoever shows it. */
export interface TrainListener
  extends Partial<{ [Name in keyof TrainerEvents]: (event: TrainerEvents[Name]) => void }> {
  /** Images are being decoded. */
  preparing?: data.ReadOptions["onProgress"];
  /** An archive comes over the network. */
  downloading?: data.FindOptions["onDownload"];
  /** Everything is set up. */
  ready?(ready: {
    config: RunConfig;
    headline: string;
    parameters: number;
    train: number;
    valid: number;
    folder: string;
    /** Where a run goes on; null where one begins. */
    from: State["counters"] | null;
  }): void;
  /** Something that a reader should know: a warning, or why nothing is done. */
  note?(line: string): void;
}

/** What a training came to, and where it is kept. */
export interface TrainResult extends FitResult {
  /** The run's folder. */
  readonly run: string;
  readonly seed: number;
}

const eventNames = [
  "fitBegin",
  "epochBegin",
  "batchEnd",
  "losses",
  "evaluateBatch",
  "evaluateEnd",
  "epochEnd",
  "fitEnd",
] as const;

/** A run to go on with. */
interface Resumed {
  readonly path: string;
  readonly config: RunConfig;
}

async function runToResume(path: string): Promise<Resumed> {
  const config = await runConfigIn(path);
  if (config === undefined) {
    throw new UsageError(`Cannot find a run in "${path}": give a run's folder, as \`deno task train\` printed it`);
  }
  return { path, config };
}

/** Refuses to go on where something is not as it was. */
function requireSame({ path, config }: Resumed, now: object, force: boolean): void {
  if (force) return;
  const fields = Object.fromEntries(Object.entries(config).filter(([name]) => name in now));
  const changed = changes(fields, now);
  if (changed.length === 0) return;
  throw new UsageError(`Run "${path}" was started with ${changed.join(", and ")}: pass --force to go on anyway`);
}

/** The result of a run that is over; undefined where it is not. */
async function finishedResult({ path, config }: Resumed, epochs: number): Promise<TrainResult | undefined> {
  const options = { kinds: { epochs: "number" }, advice: "remove it, and the run is measured again" } as const;
  const result = await readJson(join(path, "result.json"), options) as unknown as FitResult | undefined;
  return result === undefined || result.epochs < epochs ? undefined : { ...result, run: path, seed: config.seed };
}

/** Trains a preset into a new run folder, or goes on with a run. */
export async function train(options: TrainOptions = {}): Promise<TrainResult> {
  const { listener = {}, force = false, resume } = options;
  if (resume === undefined) {
    const plan = options.plan === undefined ? planOf(options) : changedPlan(options.plan, options);
    return await trainPlan(plan, undefined, options);
  }
  const resumed = await runToResume(resume);
  const device = options.device === "auto" ? undefined : options.device;
  // Chosen once: a trial that comes out otherwise would go on with other numbers.
  const dtype = options.dtype === "auto" ? undefined : options.dtype;
  const plan = changedPlan(planPart(resumed.config), { ...options, device, dtype });
  requireSame(resumed, plan, force);
  const finished = await finishedResult(resumed, plan.epochs);
  if (finished === undefined) return await trainPlan(plan, resumed, options);
  listener.note?.(`Run "${resume}" is over already: nothing is left to do`);
  return finished;
}

/** A configuration without what the data, the machine and the code said. */
function planPart(
  { classes: _, imageShape: _shape, source: _source, isa: _isa, commit: _commit, ...plan }: RunConfig,
): RunPlan {
  return plan;
}

/** A plan with the dtype that `auto` comes to on a device. */
export async function withDtype(
  plan: RunPlan,
  device: Device,
  listener: TrainListener = {},
): Promise<RunPlan & { dtype: RunDtype }> {
  if (plan.dtype !== "auto") return { ...plan, dtype: plan.dtype };
  const probe = await probeDtype(device);
  listener.note?.(probeLine(probe));
  return { ...plan, dtype: probe.dtype };
}

async function trainPlan(
  plan: RunPlan,
  resumed: Resumed | undefined,
  options: TrainOptions,
): Promise<TrainResult> {
  // What can be told before images are decoded, which may take long.
  if (options.open === undefined) await checkPlan(plan);
  requireImages(plan.bs, plan.data.limit ?? Infinity);
  using device = new Device(plan.device, { threads: plan.threads ?? undefined });
  const { dtype } = await withDtype(plan, device, options.listener);
  const sets = await (options.open ?? openData)(plan.data, device, {
    cache: options.cache,
    signal: options.signal,
    onWarning: (line) => options.listener?.note?.(`warning: ${line}`),
    onProgress: (state) => options.listener?.preparing?.(state),
    onDownload: (state) => options.listener?.downloading?.(state),
  });
  using train = sets.train;
  using valid = sets.valid;
  const { model: cpu, isa } = cpuFacts();
  const version = await codeVersion();
  const config: RunConfig = { ...withData(plan, train), device: device.kind, dtype, isa, commit: version.commit };
  if (resumed !== undefined) requireSame(resumed, config, options.force ?? false);
  using model = buildModel(config, device);
  const batches = { train: trainBatches(config, train), valid: validBatches(config, valid) };
  using trainer = buildTrainer(config, model);
  const { seed } = config;
  const threads = device.stats().chunksByThread.length;
  const session = { ...version, cpu, isa, threads };
  const facts = { seed, device: device.kind, dtype, ...session };
  const parameters = [...model.namedParameters().values()].reduce((sum, { size }) => sum + size, 0);
  const ready = { config, headline: headline(device), parameters, train: train.length, valid: valid.length };
  return await fitted({ trainer, config, facts, session, batches, ready }, resumed, options);
}

interface Ready {
  readonly trainer: Trainer;
  readonly config: RunConfig;
  readonly facts: Readonly<Record<string, unknown>>;
  readonly session: RunRecord["session"];
  readonly batches: { readonly train: data.Batches; readonly valid: data.Batches };
  readonly ready: Omit<Parameters<NonNullable<TrainListener["ready"]>>[0], "folder" | "from">;
}

/** Nothing was written before: from here on there is a folder. */
async function fitted(
  { trainer, config, facts, session, batches, ready }: Ready,
  resumed: Resumed | undefined,
  options: TrainOptions,
): Promise<TrainResult> {
  const { listener = {}, signal, force = false } = options;
  const warn = (message: string): void => listener.note?.(`warning: ${message}`);
  // Before anything in the folder is read or written; a new folder is nobody else's.
  using _held = resumed === undefined ? undefined : await lockFolder(resumed.path);
  const { folder, from } = await openFolder({ config: { ...config }, facts, session, warn }, resumed, options);
  using _own = resumed === undefined ? await lockFolder(folder.path) : undefined;
  for (const name of eventNames) {
    const listen = listener[name] as ((event: unknown) => void) | undefined;
    if (listen !== undefined) trainer.on(name, (event) => listen.call(listener, event));
  }
  if (from !== null) trainer.load(from);
  // Only now: a state that does not fit must leave the configuration that it was saved with.
  if (resumed !== undefined) await folder.configure();
  if (resumed !== undefined && from === null) listener.note?.("No state was saved yet: it begins anew");
  listener.ready?.({ ...ready, folder: folder.path, from: from?.counters ?? null });
  const result = await trainer.fit(batches.train, {
    epochs: config.epochs,
    valid: batches.valid,
    runFolder: folder,
    saveEvery: 60 * (options.saveEvery ?? 10),
    resume: resumed !== undefined,
    signal,
    force,
  });
  return { ...result, run: folder.path, seed: config.seed };
}

/** A new folder, or that of a run that goes on, with its state. */
async function openFolder(
  record: RunRecord,
  resumed: Resumed | undefined,
  { out: root, folder, listener }: TrainOptions,
): Promise<{ folder: RunFolder; from: State | null }> {
  if (resumed !== undefined) {
    const { folder, found } = await RunFolder.open(resumed.path, record);
    const note = found === undefined ? undefined : damageNote(found);
    if (note !== undefined) listener?.note?.(note);
    return { folder, from: found?.state ?? null };
  }
  if (folder === undefined) {
    return { folder: await RunFolder.create({ root, name: String(record.config["preset"]), ...record }), from: null };
  }
  return { folder: await RunFolder.createAt(folder, record), from: null };
}
