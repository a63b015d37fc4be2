/** Who a sweep's folder is of use to: the arms of its cells, the processes at work in it, the sweeps that share its runs. */
import { basename, dirname, join, resolve } from "node:path";
import { LibtrainError } from "../../ffi/errors.ts";
import { isThere } from "../../io/atomic_file.ts";
import { lockState } from "../../run/run_lock.ts";
import { isRun } from "../../run/saved_run.ts";
import { hashOf, type Identity } from "./identity.ts";
import { definitionIn, type Entry, isSweep, Journal, seedsOf } from "./journal.ts";
import { recordIn } from "./record.ts";
import { readSweep } from "./sweep.ts";
import { cellIn, claimsIn } from "./places.ts";

/** A run that a sweep has, or is to have. */
export interface SweepCell {
  /** Its arm. */
  readonly arm: string;
  /** Its seed. */
  readonly seed: number;
  /** The hash of its identity, by which its folder is called. */
  readonly hash: string;
}

/** What a journal says. */
interface Told {
  readonly cells: readonly SweepCell[];
  readonly entries: readonly Entry[];
}

/** Milliseconds after which a process that gave no sign is taken for dead: four heartbeats. */
const silent = 60_000;

function hashWith(identity: Identity, seed: number): string {
  const names = Object.keys(identity).concat("seed").sort();
  return hashOf(Object.fromEntries(names.map((name) => [name, name === "seed" ? seed : identity[name]!])));
}

/** Nothing where there is no sweep, or its journal cannot be read. */
async function toldIn(folder: string): Promise<Told> {
  if (!await isSweep(folder)) return { cells: [], entries: [] };
  try {
    const { arms } = await definitionIn(folder);
    const entries = await new Journal(folder, "reader").entries();
    const cells = seedsOf(entries).flatMap((seed) =>
      Object.entries(arms).map(([arm, identity]) => ({ arm, seed, hash: hashWith(identity, seed) }))
    );
    return { cells, entries };
  } catch (error) {
    // An edited journal may lack anything: whoever goes on with that sweep is told.
    if (!(error instanceof LibtrainError || error instanceof TypeError || error instanceof RangeError)) throw error;
    return { cells: [], entries: [] };
  }
}

/** Every cell of a sweep, by its journal; none where there is no sweep, or its journal cannot be read. */
export async function sweepCells(folder: string): Promise<readonly SweepCell[]> {
  return (await toldIn(folder)).cells;
}

/** What people call a cell by. */
export function cellName({ arm, seed }: Pick<SweepCell, "arm" | "seed">): string {
  return `${arm}, seed ${seed}`;
}

/** Knows the arms of runs that are cells of sweeps, each of whose journals it reads once. */
export class CellArms {
  readonly #cells = new Map<string, Promise<readonly SweepCell[]>>();

  /** The arms of a run, several where they are of one recipe; none of one that is no sweep's. */
  async of(run: string): Promise<readonly string[]> {
    const sweep = sweepOfCell(run);
    if (sweep === undefined) return [];
    const cells = this.#cells.get(sweep) ?? sweepCells(sweep);
    this.#cells.set(sweep, cells);
    const hash = basename(resolve(run));
    return [...new Set((await cells).flatMap((cell) => cell.hash === hash ? [cell.arm] : []))];
  }
}

/** The sweep that a run's folder lies in as one of its cells; undefined for other folders. */
export function sweepOfCell(run: string): string | undefined {
  const cells = dirname(resolve(run));
  return basename(cells) === "cells" ? dirname(dirname(join(run, "."))) : undefined;
}

/** Whether somebody is at a cell, in whichever sweep. */
async function isClaimed(runs: string, hash: string): Promise<boolean> {
  const path = join(claimsIn(runs), `${hash}.lock`);
  const about = await Deno.lstat(path).catch(() => undefined);
  // Nothing else is opened: a pipe would wait for its other end.
  return about?.isFile === true && await lockState(path) === "held";
}

/** Milliseconds by which a file's time may be behind the clock that lines are dated by. */
const behind = 100;

/** When what the sweep came to was written last, milliseconds: each process does so at its end. */
async function endedAt(folder: string): Promise<number> {
  const about = await Deno.stat(join(folder, "results.json")).catch(() => undefined);
  return about?.mtime?.getTime() ?? 0;
}

/**
 * What a process is at in a sweep's folder, in words; undefined where none is. One that waits for a cell of another sweep, or
 * is between two cells, holds no lock: it is known by its last line in the journal.
 */
export async function sweepAtWork(folder: string): Promise<string | undefined> {
  const { cells, entries } = await toldIn(folder);
  const runs = dirname(folder);
  const last = new Map(entries.flatMap(({ event, hash }) => hash === undefined ? [] : [[hash, event] as const]));
  let awaited: SweepCell | undefined;
  for (const cell of cells) {
    if (!await isClaimed(runs, cell.hash)) continue;
    if (["claim", "beat", "again"].includes(last.get(cell.hash) ?? "")) return `a process trains ${cellName(cell)}`;
    if (!await isThere(recordIn(folder, cell.arm, cell.seed))) awaited ??= cell;
  }
  const ended = await endedAt(folder);
  const signs = new Map(entries.map(({ by, event, time }) => [by, { event, at: Date.parse(time) }] as const));
  for (const { event, at } of signs.values()) {
    if (event === "stop" || at <= ended + behind) continue;
    if (awaited !== undefined) {
      return `a process has ${cellName(awaited)} under way, here or in another sweep that it waits for`;
    }
    const ago = Date.now() - at;
    if (ago < silent) return `a process wrote into its journal ${Math.max(1, Math.round(ago / 1000))} s ago`;
  }
  return undefined;
}

/** A sweep whose results are of runs in another folder. */
export interface SweepUse {
  /** The sweep's folder. */
  readonly sweep: string;
  /** Which of its runs, as `max, seed 1`. */
  readonly runs: readonly string[];
}

/** The folders of sweeps beside one, itself first. */
export async function sweepsBeside(folder: string): Promise<string[]> {
  const parent = dirname(folder);
  const names = (await Array.fromAsync(Deno.readDir(parent))).filter(({ isDirectory, name }) =>
    isDirectory && !name.startsWith(".") && name !== basename(folder)
  );
  return [folder, ...names.map(({ name }) => join(parent, name)).sort()];
}

/** A sweep's run that is over, and where it lies. */
export interface PlacedRun extends SweepCell {
  /** The folder of the run, in the sweep's own or in one beside it; null where only its result is here. */
  readonly run: string | null;
}

/** Every run that a sweep's result is of, those that diverged among them, in the order of its arms and seeds. */
export async function placedRuns(folder: string): Promise<PlacedRun[]> {
  const { arms } = await readSweep(folder);
  const beside = await sweepsBeside(folder);
  const found: PlacedRun[] = [];
  for (const { arm, runs } of arms) {
    for (const { seed, hash } of runs) {
      let run: string | null = null;
      for (const each of beside) if (run === null && await isRun(cellIn(each, hash))) run = cellIn(each, hash);
      found.push({ arm, seed, hash, run });
    }
  }
  return found;
}

/**
 * The sweeps that live on runs which lie in cells of others, and would have no weights of them without; none that lies in
 * `within` itself.
 */
export async function sweepsUsing(runs: readonly string[], within: string): Promise<SweepUse[]> {
  const bySweep = Map.groupBy(runs.filter((run) => sweepOfCell(run) !== undefined), (run) => sweepOfCell(run)!);
  const found: SweepUse[] = [];
  for (const [home, own] of bySweep) {
    const hashes = new Set(own.map((run) => basename(run)));
    for (const sweep of await sweepsBeside(home)) {
      if (resolve(sweep) === resolve(within)) continue;
      const used: string[] = [];
      for (const cell of await sweepCells(sweep)) {
        const another = sweep !== home && await isRun(cellIn(sweep, cell.hash));
        if (hashes.has(cell.hash) && !another) used.push(cellName(cell));
      }
      if (used.length > 0) found.push({ sweep, runs: used });
    }
  }
  return found;
}
