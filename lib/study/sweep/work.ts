/** The work on a sweep in one isolate: takes cells that nobody has, trains each, writes down what it came to. */
import { join } from "node:path";
import { StateError } from "../../ffi/errors.ts";
import { FileError, isThere, removeIfThere } from "../../io/atomic_file.ts";
import { isMachineFault } from "../../io/machine_fault.ts";
import { ChangedSettingsError } from "../../recipe/errors.ts";
import type { TrainingEvent } from "../../recipe/events.ts";
import { cpuFacts } from "../../recipe/machine.ts";
import type { RunConfig } from "../../recipe/recipe.ts";
import type { RunOptions, TrainResult } from "../../recipe/run.ts";
import { resume, train, type Training } from "../../recipe/training.ts";
import { codeVersion } from "../../run/code_version.ts";
import { isRun } from "../../run/saved_run.ts";
import { NonFiniteError } from "../../train/diagnose.ts";
import type { Cell } from "./cells.ts";
import { findOver, recordOfFound } from "./found.ts";
import { type Entry, Journal } from "./journal.ts";
import { tryLock } from "./lock.ts";
import { failuresSince, keepRecord, openCells } from "./own_records.ts";
import { cellIn, claimIn } from "./places.ts";
import { divergedRecord, recordOf, type SweepRun } from "./record.ts";
import { isSlim, slim } from "./slim.ts";

/** What is worked on, as plain data: a Worker is sent it. */
export interface WorkOrder {
  /** The sweep's folder. */
  readonly folder: string;
  /** Its name. */
  readonly name: string;
  /** Every cell, in the order to run them. */
  readonly cells: readonly Cell[];
  /** CPU threads for each training; all unless given. */
  readonly threads?: number;
  /** Where pixel caches are. */
  readonly cache?: string;
  /** Folders with results that count. */
  readonly results: readonly string[];
  /** Below which other runs are looked for. */
  readonly runs: string;
  /** Seconds between two saves in the middle of an epoch. */
  readonly saveEvery?: number;
  /** Whether everything that a training saved is kept, and not its weights alone. */
  readonly keepState: boolean;
  /** Who works, in the journal. */
  readonly by: string;
  /** Entries of the journal before this process joined: failures among them do not count. */
  readonly since: number;
}

/** Something that happens while cells run. */
export type WorkEvent =
  | { readonly type: "begin"; readonly cell: CellName; readonly resumed: boolean }
  | {
    readonly type: "progress";
    readonly cell: CellName;
    readonly epoch: number;
    readonly epochs: number;
    readonly done: number;
    readonly loss: number | null;
  }
  | {
    readonly type: "epoch";
    readonly cell: CellName;
    readonly epoch: number;
    readonly epochs: number;
    readonly top1: number | null;
    readonly loss: number | null;
  }
  | {
    readonly type: "over";
    readonly cell: CellName;
    readonly status: SweepRun["status"];
    readonly top1: number | null;
    readonly seconds: number;
  }
  | { readonly type: "failed"; readonly cell: CellName; readonly message: string; readonly attempt: number }
  | { readonly type: "note"; readonly message: string };

/** Which cell. */
export type CellName = Pick<Cell, "arm" | "seed" | "hash">;

/** Times that a cell is tried that fails. */
export const attempts = 2;

/** Milliseconds between two heartbeats. */
const beatEvery = 15_000;

/** Milliseconds between two looks at cells that others have. */
const lookEvery = 1000;

/** The work on a sweep, until every cell is over, has failed too often, or a signal ends it. */
export class Work {
  readonly #order: WorkOrder;
  readonly #signal: AbortSignal;
  readonly #tell: (event: WorkEvent) => void;
  readonly #journal: Journal;
  /** How often nobody of this sweep was at a cell that somebody has. */
  readonly #awaited = new Map<string, number>();
  /** How often each cell has failed here, should the journal lose it: a cell that fails must not be tried for ever. */
  readonly #failures = new Map<string, number>();

  /** Takes the cells, the signal that ends it, and who is told. */
  constructor(order: WorkOrder, signal: AbortSignal, tell: (event: WorkEvent) => void) {
    this.#order = order;
    this.#signal = signal;
    this.#tell = tell;
    this.#journal = new Journal(order.folder, order.by);
  }

  /** Works. What fails too often is left, and told. Rejects with a FileError where nothing can be written. */
  async run(): Promise<void> {
    const { folder, cells, since } = this.#order;
    while (!this.#signal.aborted) {
      const failed = failuresSince(await this.#journal.entries(), since);
      for (const [hash, count] of this.#failures) failed.set(hash, Math.max(count, failed.get(hash) ?? 0));
      const open = (await openCells(folder, cells)).filter(({ hash }) => (failed.get(hash) ?? 0) < attempts);
      if (open.length === 0) return;
      if (await this.#runFirst(open, failed)) continue;
      this.#tellAwaited(open, await this.#journal.entries());
      await pause(lookEvery, this.#signal);
    }
  }

  /** Runs the first cell that nobody else has; false where there is none. */
  async #runFirst(open: readonly Cell[], failed: ReadonlyMap<string, number>): Promise<boolean> {
    const { folder, runs } = this.#order;
    const tried = new Set<string>();
    for (const cell of open) {
      if (tried.has(cell.hash)) continue;
      tried.add(cell.hash);
      const path = claimIn(runs, cell.hash);
      using claim = await tryLock(path);
      if (claim === undefined) continue;
      // Whoever had it may have ended since.
      if ((await openCells(folder, [cell])).length > 0) await this.#runCell(cell, (failed.get(cell.hash) ?? 0) + 1);
      // Of a cell that is over nobody needs the file any more: who waits for it finds the result.
      if ((await openCells(folder, [cell])).length === 0) await removeIfThere(path);
      return true;
    }
    return false;
  }

  /** Tells once of each cell that another sweep has; not at the first look, as who claims a cell writes it down just after. */
  #tellAwaited(open: readonly Cell[], entries: readonly Entry[]): void {
    const last = new Map(entries.flatMap(({ event, hash }) => hash === undefined ? [] : [[hash, event] as const]));
    for (const { arm, seed, hash } of open) {
      if (["claim", "beat", "again"].includes(last.get(hash) ?? "")) continue;
      const looks = (this.#awaited.get(hash) ?? 0) + 1;
      this.#awaited.set(hash, looks);
      if (looks !== 2) continue;
      this.#tell({
        type: "note",
        message: `${arm}, seed ${seed}, is under way in another sweep: its result is awaited`,
      });
    }
  }

  async #runCell(cell: Cell, attempt: number): Promise<void> {
    const { hash } = cell;
    const started = performance.now();
    await this.#journal.add({ event: "claim", hash });
    let record: Omit<SweepRun, "sweep" | "arm"> | undefined;
    try {
      record = await this.#elsewhere(cell) ?? await this.#trained(cell);
      if (record !== undefined) await keepRecord(this.#order, record);
    } catch (error) {
      return await this.#failed(cell, error, attempt);
    }
    if (record === undefined) return await this.#journal.addIfPossible({ event: "stop", hash });
    const { status, top1 } = record;
    await this.#journal.add({ event: "end", hash });
    this.#tell({ type: "over", cell: nameOf(cell), status, top1, seconds: (performance.now() - started) / 1000 });
  }

  async #failed(cell: Cell, error: unknown, attempt: number): Promise<void> {
    const { arm, seed, hash } = cell;
    if (this.#signal.aborted && error === this.#signal.reason) {
      return await this.#journal.addIfPossible({ event: "stop", hash });
    }
    const message = error instanceof Error ? error.message : String(error);
    if (isMachineFault(error)) {
      // No fault of the cell: the next one would be trained to its end and lost as well.
      await this.#journal.addIfPossible({ event: "stop", hash, message });
      throw new FileError(
        `Cannot go on with ${arm}, seed ${seed}: ${message}. What is over is kept, and called again the sweep goes on`,
        { cause: error },
      );
    }
    this.#failures.set(hash, (this.#failures.get(hash) ?? 0) + 1);
    await this.#journal.add({ event: "fail", hash, message });
    this.#tell({ type: "failed", cell: nameOf(cell), message, attempt });
  }

  /** The record of a cell's run that has ended elsewhere meanwhile, say in another sweep. */
  async #elsewhere({ hash }: Cell): Promise<Omit<SweepRun, "sweep" | "arm"> | undefined> {
    const { folder, results, runs, cache, threads } = this.#order;
    const onSkip = (message: string): void => this.#tell({ type: "note", message });
    const over = (await findOver(results, runs, onSkip)).get(hash);
    // A run of its own is finished as one that was begun.
    if (over === undefined || over.path === cellIn(folder, hash)) return undefined;
    return await recordOfFound(over, { cache, threads, signal: this.#signal, onSkip });
  }

  /** Trains a cell to its end; undefined where a signal ended it before. */
  async #trained(cell: Cell): Promise<Omit<SweepRun, "sweep" | "arm"> | undefined> {
    const { folder, keepState, cache, threads } = this.#order;
    const run = cellIn(folder, cell.hash);
    let config: RunConfig | undefined;
    try {
      const result = await this.#follow(cell, run, (ready) => config = ready);
      if (result.stopped) return undefined;
    } catch (error) {
      if (!(error instanceof NonFiniteError) || config === undefined) throw error;
      const { epoch, step, where } = error;
      const { model: cpu, isa } = cpuFacts();
      return await divergedRecord(run, config, {
        diverged: { epoch, step, where },
        code: await codeVersion(),
        machine: { device: config.device, cpu, isa, threads: threads ?? null },
      });
    }
    const record = await recordOf(run, { cache, threads, signal: this.#signal, fresh: true });
    if (record === undefined) throw new Error(`Expected run "${run}" to be over, got one that is not`);
    if (!keepState) await slim(run);
    return record;
  }

  /** Trains, or goes on with what was begun. */
  async #follow(cell: Cell, run: string, onReady: (config: RunConfig) => void): Promise<TrainResult> {
    const { recipe } = cell;
    const options: RunOptions = {
      cache: this.#order.cache,
      saveEvery: this.#order.saveEvery,
      signal: this.#signal,
    };
    const begin = async (): Promise<Training> => {
      await Deno.mkdir(join(run, ".."), { recursive: true });
      return train({ ...recipe, threads: this.#order.threads ?? recipe.threads }, { ...options, folder: run });
    };
    if (!await isRun(run)) return await this.#told(cell, await begin(), { onReady, resumed: false });
    try {
      const { threads = recipe.threads } = this.#order;
      return await this.#told(cell, resume(run, { ...options, changes: { threads } }), { onReady, resumed: true });
    } catch (error) {
      const reason = await reasonToBeginAnew(run, error);
      if (reason === undefined) throw error;
      const message = `${cell.arm}, seed ${cell.seed}, begins anew: ${reason}`;
      await this.#journal.add({ event: "again", hash: cell.hash, message });
      this.#tell({ type: "note", message });
      await Deno.remove(run, { recursive: true });
      return await this.#told(cell, await begin(), { onReady, resumed: false });
    }
  }

  async #told(
    cell: Cell,
    training: Training,
    { onReady, resumed }: { onReady: (config: RunConfig) => void; resumed: boolean },
  ): Promise<TrainResult> {
    let beaten = performance.now();
    for await (const event of training) {
      if (event.type === "ready") onReady(event.config);
      this.#tellOf(cell, event, resumed);
      const at = progressOf(event);
      if (at === undefined || performance.now() - beaten < beatEvery) continue;
      beaten = performance.now();
      await this.#journal.addIfPossible({ event: "beat", hash: cell.hash, ...at });
    }
    return await training.result;
  }

  #tellOf(cell: Cell, event: TrainingEvent, resumed: boolean): void {
    const name = nameOf(cell);
    const at = progressOf(event);
    if (event.type === "ready") this.#tell({ type: "begin", cell: name, resumed });
    else if (event.type === "warning") {
      this.#tell({ type: "note", message: `${cell.arm}, seed ${cell.seed}: ${event.message}` });
    } else if (event.type === "epochEnd") {
      const { epoch, epochs, evaluation } = event;
      this.#tell({
        type: "epoch",
        cell: name,
        epoch,
        epochs,
        top1: evaluation?.top1 ?? null,
        loss: evaluation?.loss ?? null,
      });
    } else if (at !== undefined && event.type === "batchEnd") {
      this.#tell({ type: "progress", cell: name, ...at, loss: event.loss });
    }
  }
}

/** Why a run that cannot go on is trained once more from its beginning; undefined where that would not help. */
async function reasonToBeginAnew(run: string, error: unknown): Promise<string | undefined> {
  // Of other code or kernels it would go on with other bits, as a run that nobody could make again.
  if (error instanceof ChangedSettingsError) return error.message;
  if (!(error instanceof StateError) || await isThere(join(run, "result.json"))) return undefined;
  return await isSlim(run)
    ? `"${join(run, "result.json")}" is gone, and of its state the weights alone were kept`
    : undefined;
}

function nameOf({ arm, seed, hash }: Cell): CellName {
  return { arm, seed, hash };
}

/** How far a training is; undefined where an event does not say. */
function progressOf(event: TrainingEvent): { epoch: number; epochs: number; done: number } | undefined {
  if (event.type !== "batchEnd" && event.type !== "evaluateBatch") return undefined;
  const { epoch, epochs, done, samples } = event;
  const part = event.type === "evaluateBatch" ? 1 : samples === null || samples === 0 ? 0 : done / samples;
  return { epoch, epochs, done: (epoch - 1 + part) / epochs };
}

/** Waits, but no longer than until a signal. */
export async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const wake = (): void => resolve();
  const timer = setTimeout(wake, milliseconds);
  signal.addEventListener("abort", wake);
  await promise;
  signal.removeEventListener("abort", wake);
  clearTimeout(timer);
}
