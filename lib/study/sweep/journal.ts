/** The journal of a sweep: what it is of, and line by line what became of it, written by all processes that work on it. */
import { join } from "node:path";
import { FileError, isThere, syncFolder } from "../../io/atomic_file.ts";
import { LineFile } from "../../io/line_file.ts";
import { readRegularText } from "../../io/regular_file.ts";
import { shown } from "../../io/shown.ts";
import { differences } from "../../recipe/differences.ts";
import { changeList, RecipeError, type SettingChange } from "../../recipe/errors.ts";
import { isObject } from "../../recipe/check.ts";
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
  const definition = head["definition"];
  const broken = brokenPart(definition);
  if (broken === undefined) return definition as unknown as Definition;
  throw new SweepError(`${wanted}, got one without \`${broken}\`: it was edited or damaged: restore it`);
}

/** The first part of a definition that is not there; undefined where it is whole. */
function brokenPart(definition: unknown): string | undefined {
  if (!isObject(definition)) return "definition";
  const { arms, baseline, measure, primary, exploratory } = definition;
  if (!isObject(arms) || !Object.values(arms).every(isObject)) return "definition.arms";
  if (typeof baseline !== "string") return "definition.baseline";
  if (measure !== "top1" && measure !== "loss") return "definition.measure";
  if (primary !== null && !isObject(primary)) return "definition.primary";
  return Array.isArray(exploratory) && exploratory.every(isObject) ? undefined : "definition.exploratory";
}

/** Whether seeds that a process has joined for are seeds. */
function areSeeds(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((seed) => Number.isInteger(seed) && seed >= 0 && seed < 2 ** 32);
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

/**
 * Refuses a folder that is of another sweep, naming what changed, or that holds something else; gives whether the sweep is
 * there already. Nothing is written.
 */
export async function isSweepOf(folder: string, definition: Definition): Promise<boolean> {
  const found = await statOf(folder);
  if (found === undefined) return false;
  if (!found.isDirectory) {
    throw new SweepError(`Cannot make a sweep in "${folder}": it is no folder: give the sweep another name`);
  }
  if (((await statOf(journalIn(folder)))?.size ?? 0) === 0) {
    await requireEmpty(folder);
    return false;
  }
  requireSame(folder, await definitionIn(folder), definition);
  return true;
}

async function statOf(path: string): Promise<Deno.FileInfo | undefined> {
  return await Deno.stat(path).catch((error) => {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return undefined;
    throw error;
  });
}

/** Makes a folder of a sweep; what stands in its place, say a file or a dangling link, is told. */
export async function makeFolder(path: string): Promise<void> {
  try {
    await Deno.mkdir(path, { recursive: true });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new FileError(`Cannot make the folder "${path}": ${reason}: move away what stands there`, { cause: error });
  }
}

/** Refuses a folder with something else in it. */
async function requireEmpty(folder: string): Promise<void> {
  for await (const { name } of Deno.readDir(folder)) {
    if (name === "journal.lock" || name === "journal.jsonl") continue;
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
    // Before a lock is made in a folder that is somebody else's.
    await isSweepOf(this.#folder, definition);
    await makeFolder(this.#folder);
    {
      // Two that begin at once must not both write the first line.
      using _held = await waitForLock(this.#lock);
      if (!await isSweepOf(this.#folder, definition)) {
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

  /** What happened so far. Rejects with a SweepError for seeds that are none. */
  async entries(): Promise<Entry[]> {
    const [, ...lines] = await linesIn(this.#folder);
    return lines.flatMap((line, at) => {
      const found = parsed(line);
      if (typeof found?.["event"] !== "string") return [];
      if (found["event"] === "join" && !areSeeds(found["seeds"])) {
        throw new SweepError(
          `Expected the seeds of line ${at + 2} of "${journalIn(this.#folder)}" as whole numbers from 0 to ${
            2 ** 32 - 1
          }, got ${JSON.stringify(found["seeds"]) ?? "none"}: it was edited: restore it, or remove the line`,
        );
      }
      return [found as unknown as Entry];
    });
  }
}

/** The seeds that any process has joined for. */
export function seedsOf(entries: readonly Entry[]): number[] {
  const seeds = entries.flatMap(({ event, seeds = [] }) => event === "join" ? seeds : []);
  return [...new Set(seeds)].sort((a, b) => a - b);
}
