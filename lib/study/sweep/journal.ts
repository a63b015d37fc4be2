/** The journal of a sweep: what it is of, and line by line what became of it, written by all processes that work on it. */
import { join } from "node:path";
import { FileError, isThere, syncFolder } from "../../io/atomic_file.ts";
import { LineFile } from "../../io/line_file.ts";
import { readRegularText } from "../../io/regular_file.ts";
import { shown } from "../../io/shown.ts";
import { differences } from "../../recipe/differences.ts";
import { changeList, RecipeError, type SettingChange } from "../../recipe/errors.ts";
import { requireText } from "../../tensor/ops/checks.ts";
import type { Identity } from "./identity.ts";
import type { Plan } from "./plan.ts";
import { waitForLock } from "./lock.ts";

/** The version of a sweep's folder. */
const format = 1;

/** Bytes of a journal that is read: 256 MiB, years of heartbeats. */
const mostBytes = 2 ** 28;

/** What a sweep is of; seeds may be added. */
export interface Definition extends Pick<Plan, "baseline" | "primary" | "exploratory" | "measure"> {
  /** The identity of each arm's runs, without their seed. */
  readonly arms: Readonly<Record<string, Identity>>;
}

/** Something that happened. */
export interface Entry {
  /** When. */
  readonly time: string;
  /**
   * `join`: a process began to work, with its seeds; `claim`: it took a cell; `beat`: it is at it; `end`: the cell is over;
   * `fail`: it failed; `again`: it begins anew, as what was there cannot go on; `stop`: a signal ended it.
   */
  readonly event: "join" | "claim" | "beat" | "end" | "fail" | "again" | "stop";
  /** Which process, and which of its workers. */
  readonly by: string;
  /** The cell. */
  readonly hash?: string;
  /** The seeds that a process has joined for. */
  readonly seeds?: readonly number[];
  /** The epoch that it is in, from 1, and how many there are. */
  readonly epoch?: number;
  /** Epochs in all. */
  readonly epochs?: number;
  /** Share of the cell that is done, 0 to 1. */
  readonly done?: number;
  /** What went wrong, or why it begins anew. */
  readonly message?: string;
}

/** A sweep that is not what its folder says, or a folder that is no sweep's. */
export class SweepError extends RecipeError {
  /** Tells this error from others, in logs too. */
  override name = "SweepError";
}

function journalIn(folder: string): string {
  return join(folder, "journal.jsonl");
}

/** Whether a folder is a sweep's. */
export async function isSweep(folder: string): Promise<boolean> {
  requireText("isSweep", "folder", folder);
  return await isThere(journalIn(folder));
}

/** The lines of a journal; a last one without an end is not written yet. */
async function linesIn(folder: string): Promise<string[]> {
  return (await readRegularText(journalIn(folder), { most: mostBytes })).split("\n").slice(0, -1);
}

function parsed(line: string): Record<string, unknown> | undefined {
  try {
    const found: unknown = JSON.parse(line);
    return typeof found === "object" && found !== null && !Array.isArray(found)
      ? found as Record<string, unknown>
      : undefined;
  } catch {
    // A line that a killed process has cut off.
    return undefined;
  }
}

/** What a sweep's folder is of; refuses a folder of another version. */
export async function definitionIn(folder: string): Promise<Definition> {
  const [first = ""] = await linesIn(folder);
  const head = parsed(first);
  const wanted = `Expected "${shown(journalIn(folder))}" to begin with a sweep of format ${format}`;
  if (head === undefined || head["libtrain"] !== "sweep") {
    throw new SweepError(`${wanted}, got another text: restore it, or give the sweep another name`);
  }
  if (head["format"] !== format) {
    throw new SweepError(
      `${wanted}, got format ${
        JSON.stringify(head["format"])
      }: it was made by another version: go on with that one, or give the sweep another name`,
    );
  }
  return head["definition"] as Definition;
}

/** Refuses to go on with a sweep as another one, by what changed. */
function requireSame(folder: string, before: Definition, now: Definition): void {
  const cure = "give the sweep another name, or go on with it as it was";
  const [old, fresh] = [Object.keys(before.arms), Object.keys(now.arms)];
  const [gone, added] = [old.filter((arm) => !fresh.includes(arm)), fresh.filter((arm) => !old.includes(arm))];
  if (gone.length + added.length > 0) {
    const told = [
      ...(gone.length > 0 ? [`without ${gone.join(", ")}`] : []),
      ...(added.length > 0 ? [`with ${added.join(", ")} added`] : []),
    ];
    throw new SweepError(
      `Sweep "${folder}" was begun with the arms ${old.join(", ")}, now ${told.join(" and ")}: ${cure}`,
    );
  }
  const changed = differences(before, now, { all: true });
  if (changed.length === 0) return;
  throw new SweepError(`Sweep "${folder}" was begun with ${changeList(inArms(changed, fresh))}: ${cure}`);
}

/** Changes with what is the same of several arms once: `data.limit of all arms`. */
function inArms(changes: readonly SettingChange[], arms: readonly string[]): SettingChange[] {
  const groups = new Map<string, { change: SettingChange; own: string; of: string[] }>();
  for (const change of changes) {
    const arm = arms.find((name) => change.path.startsWith(`arms.${name}.`));
    const own = arm === undefined ? change.path : change.path.slice(`arms.${arm}.`.length);
    const key = JSON.stringify([own, change.before, change.now]);
    const group = groups.get(key) ?? { change, own, of: [] };
    if (arm !== undefined) group.of.push(arm);
    groups.set(key, group);
  }
  return [...groups.values()].map(({ change, own, of }) => {
    const where = of.length === 0 ? "" : of.length === arms.length ? " of all arms" : ` of ${of.join(", ")}`;
    return { ...change, path: `${own}${where}` };
  });
}

/** Refuses a folder with something else in it. */
async function requireEmpty(folder: string): Promise<void> {
  for await (const { name } of Deno.readDir(folder)) {
    if (name === "journal.lock") continue;
    throw new SweepError(
      `Cannot make a sweep in "${folder}": it holds "${shown(name)}" and no journal: give the sweep another name`,
    );
  }
}

/** A sweep's journal, open to add to. */
export class Journal {
  readonly #folder: string;
  readonly #file: LineFile;
  readonly #by: string;

  /** That of a sweep's folder; `by` says who writes. */
  constructor(folder: string, by: string) {
    this.#folder = folder;
    this.#file = new LineFile(journalIn(folder));
    this.#by = by;
  }

  get #lock(): string {
    return join(this.#folder, "journal.lock");
  }

  /**
   * Begins a sweep's journal, or goes on with the one that is there.
   *
   * Rejects with a SweepError where it is of another sweep, naming what changed, or of another version.
   */
  async begin(definition: Definition, seeds: readonly number[]): Promise<void> {
    await Deno.mkdir(this.#folder, { recursive: true });
    {
      // Two that begin at once must not both write the first line.
      using _held = await waitForLock(this.#lock);
      if (await isSweep(this.#folder) && (await Deno.stat(journalIn(this.#folder))).size > 0) {
        requireSame(this.#folder, await definitionIn(this.#folder), definition);
      } else {
        await requireEmpty(this.#folder);
        const error = await this.#file.add(`${JSON.stringify({ libtrain: "sweep", format, definition })}\n`);
        if (error !== undefined) throw error;
        await syncFolder(this.#folder);
      }
    }
    await this.add({ event: "join", seeds });
  }

  /** Adds a line. Rejects with a FileError where it cannot be written: what others go by would not be known. */
  async add(entry: Omit<Entry, "time" | "by">): Promise<void> {
    const error = await this.#added(entry);
    if (error === undefined) return;
    throw new FileError(
      `${error.message}: free some space, or make it writable; what is over is kept, and called again the sweep goes on`,
      { cause: error },
    );
  }

  /** Adds a line that work can do without, say a heartbeat; one that cannot be written is tried again with the next. */
  async addIfPossible(entry: Omit<Entry, "time" | "by">): Promise<void> {
    await this.#added(entry).catch((error) => {
      if (!(error instanceof FileError)) throw error;
    });
  }

  async #added(entry: Omit<Entry, "time" | "by">): Promise<Error | undefined> {
    const line = `${JSON.stringify({ time: new Date().toISOString(), by: this.#by, ...entry })}\n`;
    using _held = await waitForLock(this.#lock);
    const end = await this.#lastByte();
    return await this.#file.add(end === undefined || end === 10 ? line : `\n${line}`);
  }

  /** The last byte: a line's end unless a writer was killed within a line. */
  async #lastByte(): Promise<number | undefined> {
    try {
      using file = await Deno.open(journalIn(this.#folder));
      const { size } = await file.stat();
      if (size === 0) return undefined;
      await file.seek(size - 1, Deno.SeekMode.Start);
      const byte = new Uint8Array(1);
      await file.read(byte);
      return byte[0];
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return undefined;
      throw new FileError(`Cannot read "${journalIn(this.#folder)}": ${(error as Error).message}`, { cause: error });
    }
  }

  /** What happened so far. */
  async entries(): Promise<Entry[]> {
    const [, ...lines] = await linesIn(this.#folder);
    return lines.flatMap((line) => {
      const found = parsed(line);
      return typeof found?.["event"] === "string" ? [found as unknown as Entry] : [];
    });
  }
}

/** The seeds that any process has joined for. */
export function seedsOf(entries: readonly Entry[]): number[] {
  const seeds = entries.flatMap(({ event, seeds = [] }) => event === "join" ? seeds : []);
  return [...new Set(seeds)].sort((a, b) => a - b);
}
