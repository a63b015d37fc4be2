/** How a sweep stands while it runs. */
import { summary } from "../statistics/summary.ts";
import type { Cell } from "./cells.ts";
import { isThere } from "../../io/atomic_file.ts";
import { type Entry, Journal } from "./journal.ts";
import { readRecord, recordIn, type SweepRun } from "./record.ts";
import { valueOf } from "./results.ts";
import type { Measure } from "./study.ts";
import type { WorkEvent } from "./work.ts";

/** A cell that somebody is at. */
export interface Running {
  /** Its seed. */
  readonly seed: number;
  /** The epoch that it is in. */
  readonly epoch: number;
  /** Epochs in all. */
  readonly epochs: number;
  /** Share that is done, 0 to 1. */
  readonly done: number;
  /** Whether another process has it. */
  readonly elsewhere: boolean;
}

/** How an arm stands. */
export interface ArmStatus {
  /** Its name. */
  readonly arm: string;
  /** Runs that are over, diverged ones among them. */
  readonly over: number;
  /** Runs in all. */
  readonly total: number;
  /** Runs that diverged. */
  readonly diverged: number;
  /** Mean so far; null before the first. */
  readonly mean: number | null;
  /** Standard deviation so far; null before the second. */
  readonly sd: number | null;
  /** What runs at the moment. */
  readonly running: readonly Running[];
}

/** How a sweep stands. */
export interface SweepStatus {
  /** Its arms. */
  readonly arms: readonly ArmStatus[];
  /** Cells that are over. */
  readonly over: number;
  /** Cells in all. */
  readonly total: number;
  /** Seconds that are left at the speed so far; null where that is not known yet. */
  readonly secondsLeft: number | null;
}

/** Milliseconds after which a cell of another process that gave no sign is not shown as running. */
const silent = 60_000;

/** Keeps track of a sweep: of its own workers by their events, of other processes by the journal and the results. */
export class StatusKeeper {
  readonly #folder: string;
  readonly #cells: readonly Cell[];
  readonly #measure: Measure;
  readonly #journal: Journal;
  readonly #jobs: number;
  readonly #own: string;
  readonly #records = new Map<string, SweepRun>();
  readonly #running = new Map<string, Running & { readonly began: number; readonly from: number }>();
  /** Seconds and cost of runs that this process has trained. */
  #spent = { seconds: 0, cost: 0 };
  readonly #spentByArm = new Map<string, { seconds: number; cost: number }>();

  /** Of all cells of a sweep; `own` is how the journal calls this process. */
  constructor(
    { folder, cells, measure, jobs, own }: {
      folder: string;
      cells: readonly Cell[];
      measure: Measure;
      jobs: number;
      own: string;
    },
  ) {
    this.#folder = folder;
    this.#cells = cells;
    this.#measure = measure;
    this.#jobs = jobs;
    this.#own = own;
    this.#journal = new Journal(folder, own);
  }

  /** Takes an event of a worker of its own. */
  take(event: WorkEvent): void {
    if (event.type === "note") return;
    const { hash, seed } = event.cell;
    const before = this.#running.get(hash);
    if (event.type === "progress") {
      const { epoch, epochs, done } = event;
      const { began = performance.now(), from = done } = before ?? {};
      this.#running.set(hash, { seed, epoch, epochs, done, elsewhere: false, began, from });
    } else if (event.type === "over" || event.type === "failed") this.#running.delete(hash);
    if (event.type !== "over" || event.status !== "done") return;
    const cell = this.#cells.find((each) => each.hash === hash)!;
    // What began in another session says nothing of this one's speed.
    if (before !== undefined && before.from < 0.01) this.#spend(cell, event.seconds);
  }

  #spend({ arm, recipe: { epochs } }: Cell, seconds: number): void {
    const add = (to: { seconds: number; cost: number }): { seconds: number; cost: number } => ({
      seconds: to.seconds + seconds,
      cost: to.cost + epochs,
    });
    this.#spent = add(this.#spent);
    this.#spentByArm.set(arm, add(this.#spentByArm.get(arm) ?? { seconds: 0, cost: 0 }));
  }

  /** How it stands now. */
  async status(): Promise<SweepStatus> {
    for (const { arm, seed } of this.#cells) {
      const path = recordIn(this.#folder, arm, seed);
      if (this.#records.has(path) || !await isThere(path)) continue;
      const record = await readRecord(path);
      if (record !== undefined) this.#records.set(path, record);
    }
    const running = new Map<string, Running>([...this.#elsewhere(await this.#journal.entries()), ...this.#running]);
    const arms = [...new Set(this.#cells.map(({ arm }) => arm))].map((arm) => this.#armStatus(arm, running));
    const over = this.#records.size;
    return { arms, over, total: this.#cells.length, secondsLeft: this.#secondsLeft(running) };
  }

  /** What other processes are at, by their last sign. */
  #elsewhere(entries: readonly Entry[]): Map<string, Running> {
    const found = new Map<string, Running>();
    const now = Date.now();
    for (const { event, hash, by, time, epoch = 1, epochs = 1, done = 0 } of entries) {
      if (hash === undefined || by.startsWith(this.#own)) continue;
      const cell = this.#cells.find((each) => each.hash === hash);
      if (cell === undefined || event === "again") continue;
      const alive = (event === "claim" || event === "beat") && now - Date.parse(time) < silent;
      if (alive) found.set(hash, { seed: cell.seed, epoch, epochs, done, elsewhere: true });
      else found.delete(hash);
    }
    return found;
  }

  #armStatus(arm: string, running: ReadonlyMap<string, Running>): ArmStatus {
    const cells = this.#cells.filter((cell) => cell.arm === arm);
    const records = cells.flatMap(({ seed }) => this.#records.get(recordIn(this.#folder, arm, seed)) ?? []);
    const values = records.flatMap((record) => valueOf(record, this.#measure) ?? []);
    const found = values.length === 0 ? undefined : summary(values, { resamples: 100 });
    return {
      arm,
      over: records.length,
      total: cells.length,
      diverged: records.filter(({ status }) => status === "diverged").length,
      mean: found?.mean ?? null,
      sd: found?.sd ?? null,
      running: cells.flatMap(({ hash, seed }) =>
        this.#records.has(recordIn(this.#folder, arm, seed)) ? [] : running.get(hash) ?? []
      ),
    };
  }

  /** By the time that epochs of each arm have taken here; by that of the others' where an arm has none yet. */
  #secondsLeft(running: ReadonlyMap<string, Running>): number | null {
    const overall = this.#spent.cost > 0 ? this.#spent.seconds / this.#spent.cost : this.#speedOfRunning();
    if (overall === null) return null;
    const seen = new Set<string>();
    let left = 0;
    for (const { arm, seed, hash, recipe: { epochs } } of this.#cells) {
      // Arms of one recipe share a run.
      if (seen.has(hash) || this.#records.has(recordIn(this.#folder, arm, seed))) continue;
      seen.add(hash);
      const own = this.#spentByArm.get(arm);
      const each = own === undefined ? overall : own.seconds / own.cost;
      left += each * epochs * (1 - (running.get(hash)?.done ?? 0));
    }
    const workers = Math.max(this.#jobs, running.size, 1);
    return left / Math.min(workers, Math.max(1, seen.size));
  }

  /** Seconds an epoch of what runs now, before anything is over. */
  #speedOfRunning(): number | null {
    const now = performance.now();
    const speeds = [...this.#running.values()].flatMap(({ began, from, done, epochs }) =>
      done - from < 0.005 ? [] : (now - began) / 1000 / ((done - from) * epochs)
    );
    return speeds.length === 0 ? null : speeds.reduce((sum, speed) => sum + speed, 0) / speeds.length;
  }
}
