/** The results in a sweep's own folder: which cells have one, and how they come there. */
import { isThere } from "../../io/atomic_file.ts";
import { shown } from "../../io/shown.ts";
import type { Cell } from "./cells.ts";
import { type Entry, SweepError } from "./journal.ts";
import { type Found, recordOfFound } from "./found.ts";
import { readRecord, recordIn, type SweepRun, writeRecord } from "./record.ts";
import { cellIn } from "./places.ts";
import type { WorkOrder } from "./work.ts";

/**
 * A sweep's own record of a cell; undefined where there is none yet.
 *
 * Rejects with a JsonFileError where the file is damaged, and with a SweepError where it is another run's or no result.
 */
export async function ownRecord(folder: string, { arm, seed, hash }: Cell): Promise<SweepRun | undefined> {
  const path = recordIn(folder, arm, seed);
  const record = await readRecord(path);
  const refuse = (wanted: string, got: string): never => {
    throw new SweepError(`Expected "${path}" ${wanted}, got ${got}: move it elsewhere`);
  };
  if (record === undefined) {
    return await isThere(path) ? refuse("as a sweep's result", "another JSON file") : undefined;
  }
  if (record.hash !== hash) refuse(`of the recipe with the hash ${hash}`, record.hash);
  // The hash tells neither arms of one recipe apart, nor whether the file was renamed.
  if (record.arm !== arm) refuse(`of the arm ${arm}`, shown(record.arm));
  return record;
}

/** The cells that have no result yet, once every result that is there was read: see {@linkcode ownRecord}. */
export async function cellsWithoutRecord(folder: string, cells: readonly Cell[]): Promise<Cell[]> {
  const open: Cell[] = [];
  for (const cell of cells) if (await ownRecord(folder, cell) === undefined) open.push(cell);
  return open;
}

/** The cells that have no result yet, by the files that are there. */
export async function openCells(folder: string, cells: readonly Cell[]): Promise<Cell[]> {
  const open: Cell[] = [];
  for (const cell of cells) if (!await isThere(recordIn(folder, cell.arm, cell.seed))) open.push(cell);
  return open;
}

/** How often each cell has failed since a process joined, by its hash. */
export function failuresSince(entries: readonly Entry[], since: number): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { event, hash = "" } of entries.slice(since)) {
    if (event === "fail") counts.set(hash, (counts.get(hash) ?? 0) + 1);
  }
  return counts;
}

/** Writes a run's record under each arm and seed that it is of. */
export async function keepRecord(
  order: Pick<WorkOrder, "folder" | "name" | "cells">,
  record: Omit<SweepRun, "sweep" | "arm">,
): Promise<void> {
  for (const { arm, seed, hash } of order.cells) {
    if (hash !== record.hash) continue;
    const path = recordIn(order.folder, arm, seed);
    if (!await isThere(path)) await writeRecord(path, { ...record, sweep: order.name, arm } as SweepRun);
  }
}

/** Whether what was found is the run of a cell in the sweep's own folder, of which only the record is missing. */
export function isOwnRun(found: Found | undefined, folder: string, { hash }: Cell): boolean {
  return found?.kind === "run" && found.path === cellIn(folder, hash);
}

/**
 * Takes over the runs of cells that are over already elsewhere; gives how many cells these are. `found` is what
 * {@linkcode findOver} gave. A run in the sweep's own folder is brought to its end by who claims it, as it is slimmed.
 */
export async function takeOver(
  order: Pick<WorkOrder, "folder" | "name" | "cells" | "cache" | "threads">,
  { open, found, signal, onSkip }: {
    open: readonly Cell[];
    found: ReadonlyMap<string, Found>;
    signal?: AbortSignal;
    onSkip: (message: string) => void;
  },
): Promise<number> {
  let taken = 0;
  for (const cell of open) {
    const over = found.get(cell.hash);
    if (over === undefined || isOwnRun(over, order.folder, cell)) continue;
    const { cache, threads } = order;
    const record = await recordOfFound(over, { cache, threads, signal, onSkip });
    if (record === undefined) continue;
    await keepRecord({ ...order, cells: [cell] }, record);
    taken++;
  }
  return taken;
}
