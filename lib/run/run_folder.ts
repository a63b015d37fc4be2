/** The folder that a training leaves behind. */
import { requireOptions, requireText } from "../tensor/ops/checks.ts";
import { basename, join } from "node:path";
import { partialSuffix, writeFileAtomic } from "../io/atomic_file.ts";
import { type CheckpointInfo, Checkpoints, sweepPartial } from "../checkpoint/checkpoints.ts";
import { jsonText, writeJson } from "../io/json_file.ts";
import { LineFile } from "../io/line_file.ts";
import { isLogSum, type LogSum } from "../io/log_sum.ts";
import { sha256Of } from "../io/sha256.ts";
import { makeRunFolder, RunFolderError } from "./folder_name.ts";
import { configIn, configSumIn, loadRun, type Rows, type SavedRun } from "./saved_run.ts";
import { changedCode, type Session, sessionsOf } from "./session.ts";
import type { State } from "../checkpoint/state.ts";

/** What is recorded with every run. */
export interface RunRecord {
  /**
   * Everything needed to build the model and train it again; kept as `config.json`, and in each checkpoint, there beside
   * `sessions`, the number of `rows` written so far and the sums of the `logs`.
   */
  config: Readonly<Record<string, unknown>>;
  /** Goes into `result.json` beside the results: seed, device, commit and so on. */
  facts?: Readonly<Record<string, unknown>>;
  /** This process. Checkpoints and `result.json` tell of it and of those that the run was begun by, as `sessions`. */
  session?: Omit<Session, "fromStep">;
  /** Told what could not be written while the training goes on, say on a full disk. */
  onWarning?(message: string): void;
}

/** A row of a table that grows, by column; what has no value stays empty. */
export type Row = Readonly<Record<string, string | number | null | undefined>>;

/** How a run's folder is made. */
export interface RunFolderOptions extends RunRecord {
  /** Where the folder is made; by default `runs`. */
  root?: string;
  /** The last part of its name, say a preset's. */
  name: string;
  /** The time in the name, in the local zone; by default now. */
  time?: Date;
}

/** The columns of `metrics.csv`. */
export const metricColumns = [
  "epoch",
  "trainLoss",
  "trainTop1",
  "loss",
  "top1",
  "top5",
  "lossEma",
  "top1Ema",
  "top5Ema",
  "lr",
  "trainSeconds",
  "imagesPerSecond",
] as const;

/** The columns of `steps.csv`. */
export const stepColumns = ["step", "epoch", "lr", "loss", "top1"] as const;

/**
 * A run's folder `<root>/<YYYYMMDD-HHMMSS>-<name>`: `config.json`, `metrics.csv` (a row an epoch), `steps.csv` (the loss
 * of every step), `events.jsonl` (what happened when), `checkpoint/` (the whole state, newest and previous), and at the
 * end `result.json`. Where a run was made to go on with batches of another size, its steps are counted anew from there on.
 */
export class RunFolder {
  /** Its path. */
  readonly path: string;
  readonly #record: RunRecord;
  readonly #checkpoints: Checkpoints;
  readonly #metrics: LineFile;
  readonly #steps: LineFile;
  readonly #events: LineFile;
  /** Those that trained the run up to its state, then this one. */
  #sessions: readonly Session[] = [];
  #warned = false;
  #columns: readonly string[] = metricColumns;
  #savedStep: number | null = null;

  private constructor(path: string, record: RunRecord, checkpoints = new Checkpoints(path)) {
    this.path = path;
    this.#record = record;
    this.#checkpoints = checkpoints;
    this.#metrics = new LineFile(join(path, "metrics.csv"), { head: metricColumns.join() });
    this.#steps = new LineFile(join(path, "steps.csv"), { head: stepColumns.join() });
    this.#events = new LineFile(join(path, "events.jsonl"));
    this.#joins(undefined);
  }

  /** This process goes on after those that led to a checkpoint. */
  #joins(found: CheckpointInfo | undefined): void {
    const { session } = this.#record;
    if (session === undefined) return;
    const before = found === undefined ? [] : sessionsOf(found.config);
    this.#sessions = [...before, { ...session, fromStep: found?.state.counters.step ?? 0 }];
  }

  /** Makes the folder. */
  static async create(options: RunFolderOptions): Promise<RunFolder> {
    requireOptions("RunFolder.create", options, 'RunFolder.create({ name: "mine", config: {} })');
    requireText("RunFolder.create", "name", options.name);
    if (options.root !== undefined) requireText("RunFolder.create", "root", options.root);
    return await RunFolder.createAt(await makeRunFolder(options), options);
  }

  /**
   * Makes a run's folder at a path where there is none, an empty one, or what is left of one that was not made whole;
   * nothing is left where that fails.
   */
  static async createAt(path: string, record: RunRecord): Promise<RunFolder> {
    requireText("RunFolder.createAt", "path", path);
    requireOptions("RunFolder.createAt", record, "RunFolder.createAt(path, { config: {} })");
    const folder = new RunFolder(path, record);
    await refuseOthers(path);
    try {
      await Deno.mkdir(path, { recursive: true });
      await folder.#checkpoints.prepare();
      await folder.#metrics.begin();
      await folder.#steps.begin();
      // Last: a folder with a configuration is a run, and can be resumed.
      await folder.configure();
      return folder;
    } catch (error) {
      await Deno.remove(path, { recursive: true }).catch(() => {});
      const reason = error instanceof Error ? error.message : String(error);
      throw new RunFolderError(`Cannot make the run's folder "${path}": ${reason}`, { cause: error });
    }
  }

  /**
   * Opens a folder to go on, with the state that was saved last, if any: files that a killed process was writing are
   * removed, and so are rows of steps and epochs that came after that state. `config.json` stays as it is: see
   * {@linkcode configure}. `saved` is what {@linkcode loadRun} has read there already.
   */
  static async open(
    path: string,
    record: RunRecord,
    saved?: SavedRun,
  ): Promise<{ folder: RunFolder; found: CheckpointInfo | undefined }> {
    requireText("RunFolder.open", "path", path);
    requireOptions("RunFolder.open", record, "RunFolder.open(path, { config: {} })");
    const { checkpoints, found } = saved ?? await loadRun(path);
    const folder = new RunFolder(path, record, checkpoints);
    await sweepPartial(path);
    folder.#joins(found);
    folder.#savedStep = found?.state.counters.step ?? null;
    const changed = await folder.#changedLogs(found);
    // Of a run that has saved no state, and of a state that was saved without its run's rows, none is kept.
    const { metrics = 0, steps = 0 } = rowsIn(path, found);
    await folder.#metrics.keep((_, number) => number <= metrics);
    await folder.#steps.keep((_, number) => number <= steps);
    await folder.#events.keep(() => true);
    for (const { file, change } of changed) await folder.#tellChanged(file, change);
    return { folder, found };
  }

  /** The logs by their files' names. */
  get #logs(): Readonly<Record<string, LineFile>> {
    return Object.fromEntries(
      [this.#metrics, this.#steps, this.#events].map((log) => [basename(log.path), log] as const),
    );
  }

  /** Which logs are not as they were when a state was saved, and what has become of each. */
  async #changedLogs(found: CheckpointInfo | undefined): Promise<{ file: string; change: string }[]> {
    const sums = (found?.config["logs"] ?? {}) as Readonly<Record<string, unknown>>;
    const changed: { file: string; change: string }[] = [];
    for (const [file, log] of Object.entries(this.#logs)) {
      const sum = sums[file];
      const change = isLogSum(sum) ? await log.changeSince(sum) : undefined;
      if (change !== undefined) changed.push({ file, change });
    }
    return changed;
  }

  async #tellChanged(file: string, change: string): Promise<void> {
    this.#record.onWarning?.(
      `"${
        join(this.path, file)
      }" is not as it was when the state was saved: ${change}. The training goes on from its ` +
        "state, which is whole, and leaves the log as it is",
    );
    await this.event("logChanged", { file, change });
  }

  /** Writes `config.json`: in a folder that was opened, once the state that was found fits the record's configuration. */
  async configure(): Promise<void> {
    const text = jsonText(this.#record.config);
    // Until a state is saved no other file has the configuration, so this one is under a sum.
    await writeFileAtomic(configSumIn(this.path), [new TextEncoder().encode(`${await sha256Of(text)}\n`)]);
    await writeFileAtomic(configIn(this.path), [text]);
  }

  /** The path of its newest checkpoint. */
  get checkpoint(): string {
    return this.#checkpoints.newest;
  }

  /** The step of the state that was saved last; null where none was. */
  get savedStep(): number | null {
    return this.#savedStep;
  }

  /** Adds a line to `events.jsonl`. */
  async event(name: string, values: Readonly<Record<string, unknown>> = {}): Promise<void> {
    const line = JSON.stringify({ time: new Date().toISOString(), event: name, ...values });
    this.#warnOnce(await this.#events.add(`${line}\n`));
  }

  /**
   * Gives `metrics.csv` further columns, those of a script's own metrics; rows that are there get them empty. Gives whether
   * rows had to change, whose sum a saved state then no longer has.
   */
  async nameMetrics(names: readonly string[]): Promise<boolean> {
    this.#columns = [...metricColumns, ...names];
    return await this.#metrics.retitle(this.#columns);
  }

  /** Adds an epoch's row to `metrics.csv`; its columns are {@linkcode metricColumns} and those of {@linkcode nameMetrics}. */
  async metrics(values: Row): Promise<void> {
    this.#warnOnce(await this.#metrics.add(line(this.#columns, values)));
  }

  /** Adds rows to `steps.csv`; their columns are {@linkcode stepColumns}. */
  async steps(rows: readonly Row[]): Promise<void> {
    if (rows.length === 0) return;
    this.#warnOnce(await this.#steps.add(rows.map((row) => line(stepColumns, row)).join("")));
  }

  /**
   * Saves the state; the one saved before it is kept. Where it cannot be written, say on a full disk, the training is not
   * to end: it is told as a warning, and the next call tries again. Gives whether it was saved.
   */
  async trySave(state: State): Promise<boolean> {
    try {
      await this.save(state);
      return true;
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      this.#record.onWarning?.(`${message}. The training goes on, and saves again later`);
      await this.event("saveFailed", { message });
      return false;
    }
  }

  /**
   * Saves the state, with sums of the logs up to it; rejects where it cannot. Lines that could not be written before are
   * tried again: those that still cannot keep no state from being saved.
   */
  async save(state: State): Promise<void> {
    // Rows first: a state that is found after a crash has all of its rows.
    const logs: Record<string, LogSum> = {};
    let failed = false;
    for (const [file, log] of Object.entries(this.#logs)) {
      try {
        await log.sync();
      } catch (error) {
        failed = true;
        this.#warnOnce(error instanceof Error ? error : new Error(String(error)));
      }
      logs[file] = await log.sum();
    }
    if (!failed) this.#warned = false;
    const rows: Rows = { metrics: rowsOf(logs["metrics.csv"]), steps: rowsOf(logs["steps.csv"]) };
    const sessions = this.#sessions.length > 0 ? { sessions: this.#sessions } : {};
    await this.#checkpoints.save({ state, config: { ...this.#record.config, ...sessions, rows, logs } });
    this.#savedStep = state.counters.step;
  }

  /** The state that was saved last; undefined where none was. */
  async load(): Promise<State | undefined> {
    return (await this.#checkpoints.load())?.state;
  }

  /** Removes `result.json`, if there is one: that of a run that goes on after its end. */
  async removeResult(): Promise<void> {
    try {
      await Deno.remove(join(this.path, "result.json"));
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  /** Writes `result.json`; where sessions are known, `dirty` says whether any of them ran code other than one commit's. */
  async result(result: Readonly<Record<string, unknown>>): Promise<void> {
    for (const { path, waiting } of Object.values(this.#logs)) {
      if (waiting > 0) {
        this.#record.onWarning?.(`"${path}" lacks ${waiting} lines, which could not be written to the end`);
      }
    }
    const sessions = this.#sessions;
    const code = sessions.length > 0 ? { dirty: changedCode(sessions), sessions } : {};
    await writeJson(join(this.path, "result.json"), { ...result, ...this.#record.facts, ...code });
  }

  /** Warns once of lines that could not be written; they are kept for later. */
  #warnOnce(error: Error | undefined): void {
    if (error === undefined || this.#warned) return;
    this.#warned = true;
    this.#record.onWarning?.(`${error.message}. The training goes on, and writes it later`);
  }

  /** Its path. */
  toString(): string {
    return `RunFolder(${this.path})`;
  }

  /** Shown where it is printed. */
  [Symbol.for("Deno.customInspect")](): string {
    return this.toString();
  }
}

/** What a run's folder has before it is whole; it may be made anew. */
const unfinished = ["checkpoint", "metrics.csv", "steps.csv"];

/** Refuses a folder that holds something else, which a new run must neither write over nor take along where it fails. */
async function refuseOthers(path: string): Promise<void> {
  try {
    for await (const { name } of Deno.readDir(path)) {
      if (unfinished.includes(name) || name.endsWith(partialSuffix)) continue;
      throw new RunFolderError(
        `Cannot make the run's folder "${path}": it holds "${name}" already: give a folder that is not there`,
      );
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** The rows that belong to a state, checked, as its file may be from elsewhere. */
function rowsIn(path: string, found: CheckpointInfo | undefined): Partial<Rows> {
  const rows = (found?.config["rows"] ?? {}) as Readonly<Record<string, unknown>>;
  for (const name of ["metrics", "steps"]) {
    const count = rows[name];
    if (count === undefined || Number.isSafeInteger(count) && (count as number) >= 0) continue;
    throw new RunFolderError(
      `Cannot go on in "${path}": Expected the state's rows of ${name} as a whole number, got ${JSON.stringify(count)}`,
    );
  }
  return rows as Partial<Rows>;
}

/** Rows below the first line. */
function rowsOf(sum: LogSum | undefined): number {
  return Math.max(0, (sum?.lines ?? 0) - 1);
}

function line(columns: readonly string[], values: Row): string {
  return `${columns.map((column) => values[column] ?? "").join()}\n`;
}
