/** A run as its folder tells of it, whatever became of it. */
import { basename, join } from "node:path";
import { LibtrainError } from "../../ffi/errors.ts";
import { isThere } from "../../io/atomic_file.ts";
import { JsonFileError, readJson } from "../../io/json_file.ts";
import { isObject, valueAt } from "../../recipe/check.ts";
import { RunNotFoundError } from "../../recipe/errors.ts";
import { lockState } from "../../run/run_lock.ts";
import { eventsIn, metricsIn, type NumberTable, type RunEvent } from "../../run/run_logs.ts";
import { configIn, isRun } from "../../run/saved_run.ts";
import { tagsIn } from "../../run/tags.ts";
import { requireText } from "../../tensor/ops/checks.ts";
import { CellArms } from "../sweep/folder_use.ts";
import { bytesBelow } from "./bytes.ts";

/**
 * What became of a run: `running` while a process trains it; `over` at its end; `stopped` by a signal; `diverged` where its
 * numbers were no longer finite; `broken` where its process was killed, or failed.
 */
export type RunState = "running" | "over" | "stopped" | "diverged" | "broken";

/** What a list tells of a run; null stands for what its files do not tell. */
export interface RunSummary {
  /** Its folder. */
  readonly folder: string;
  /** What became of it. */
  readonly state: RunState;
  /** Why it is `broken`, `diverged` or `stopped`, or what is wrong with its files; null where nothing is. */
  readonly why: string | null;
  /** The preset that it began from. */
  readonly preset: string | null;
  /** Its data set. */
  readonly data: string | null;
  /** Its network. */
  readonly model: string | null;
  /** Height and width of its images, pixels. */
  readonly size: number | null;
  /** What weights, order and augmentation followed from. */
  readonly seed: number | null;
  /** The arms of the sweep that it is a run of, several where they are of one recipe; none of a run by itself. */
  readonly arms: readonly string[];
  /** Whole epochs that it was trained. */
  readonly epochs: number;
  /** Epochs that it is to be trained. */
  readonly planned: number | null;
  /** Top-1 after its last epoch, 0 to 1. */
  readonly top1: number | null;
  /** Top-5 after its last epoch, 0 to 1. */
  readonly top5: number | null;
  /** Validation loss after its last epoch, without label smoothing. */
  readonly loss: number | null;
  /** Time of its steps, seconds. */
  readonly seconds: number | null;
  /** Images a second in its steps. */
  readonly imagesPerSecond: number | null;
  /** When it began, as ISO 8601. */
  readonly begun: string | null;
  /** When its last line was written, as ISO 8601. */
  readonly last: string | null;
  /** By which code. */
  readonly commit: string | null;
  /** Whether files differed from that commit. */
  readonly dirty: boolean | null;
  /** Where it was trained, `cpu` or `cuda`. */
  readonly device: string | null;
  /** Bytes on the disk. */
  readonly bytes: number;
  /** What it was tagged with, sorted. */
  readonly tags: readonly string[];
}

/** A run with its configuration and its epochs. */
export interface StudiedRun extends RunSummary {
  /** Its configuration; null where that cannot be read. */
  readonly config: Readonly<Record<string, unknown>> | null;
  /** Its epochs: the rows of `metrics.csv`. */
  readonly metrics: NumberTable;
}

type Values = Readonly<Record<string, unknown>>;

function textAt(values: Values | null, path: string): string | null {
  const found = valueAt(values, path);
  return typeof found === "string" ? found : null;
}

function numberAt(values: Values | null, path: string): number | null {
  const found = valueAt(values, path);
  return typeof found === "number" && Number.isFinite(found) ? found : null;
}

/** A JSON file of a run, or what is wrong with it. */
async function fileOf(path: string): Promise<{ values: Values | null; wrong: string | null }> {
  try {
    return { values: await readJson(path) ?? null, wrong: null };
  } catch (error) {
    if (error instanceof JsonFileError) return { values: null, wrong: error.message };
    throw error;
  }
}

/** The tags of a run, or what is wrong with their file: the run is what it is without. */
async function tagsOf(folder: string): Promise<{ tags: readonly string[]; wrong: string | null }> {
  try {
    return { tags: await tagsIn(folder), wrong: null };
  } catch (error) {
    if (error instanceof LibtrainError) return { tags: [], wrong: error.message };
    throw error;
  }
}

/** Events that say how a session began or ended; what comes between says nothing of that. */
const turns = ["fitBegin", "stopped", "fitEnd", "diverged", "failed"];

/** What became of a run, and why. */
function stateOf(
  { over, held, events }: { over: boolean; held: boolean; events: readonly RunEvent[] },
): Pick<RunSummary, "state" | "why"> {
  if (held) return { state: "running", why: null };
  if (over) return { state: "over", why: null };
  const last = events.findLast(({ event }) => turns.includes(event));
  const message = typeof last?.["message"] === "string" ? last["message"] : null;
  switch (last?.event) {
    case "stopped":
      return { state: "stopped", why: `by a signal, after step ${last["step"] ?? "?"}` };
    case "diverged":
      return {
        state: "diverged",
        why: `${last["where"] ?? "something"} was not finite in epoch ${last["epoch"] ?? "?"}, step ${
          last["step"] ?? "?"
        }`,
      };
    case "failed":
      return { state: "broken", why: message ?? "it failed" };
    case "fitEnd":
      return { state: "broken", why: "its result was not written" };
    case undefined:
      return { state: "broken", why: "it ended before its first step" };
    default:
      return { state: "broken", why: "its process ended without a word, say killed" };
  }
}

/** What is known of the data: the name that they were opened by, or of a folder or archive its own. */
function dataOf(config: Values | null): string | null {
  const name = textAt(config, "data.name") ?? textAt(config, "source.name");
  return name === null ? null : basename(name);
}

function sizeOf(config: Values | null): number | null {
  const shape: unknown = config?.["imageShape"];
  return numberAt(config, "size") ?? (Array.isArray(shape) && typeof shape[0] === "number" ? shape[0] : null);
}

/** The last finite value of a column of epochs. */
function lastOf({ rows }: NumberTable, column: string): number | null {
  return rows.at(-1)?.[column] ?? null;
}

function sumOf({ rows }: NumberTable, column: string): number | null {
  const values = rows.flatMap((row) => row[column] ?? []);
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0);
}

/** Images a second over all epochs, by the time that each took. */
function rateOf({ rows }: NumberTable): number | null {
  let images = 0;
  let seconds = 0;
  for (const row of rows) {
    const [time, rate] = [row["trainSeconds"] ?? null, row["imagesPerSecond"] ?? null];
    if (time === null || rate === null) continue;
    images += rate * time;
    seconds += time;
  }
  return seconds > 0 ? images / seconds : null;
}

/**
 * Reads a run's folder, whatever became of the run: one that is under way, was stopped, diverged or broke is told as such.
 * Nothing in it is changed.
 *
 * Rejects with a RunNotFoundError where there is no run.
 *
 * @example
 * ```ts
 * import { recipe, study } from "@libtrain/libtrain";
 *
 * const mine = recipe.preset("mnist", { epochs: 1, bs: 32, data: { limit: 64 } });
 * const { folder } = await recipe.train(mine).result;
 * const { state, epochs, planned, top1 } = await study.readRun(folder);
 * console.log(state, `${epochs} of ${planned} epochs`, top1);
 * ```
 */
export async function readRun(folder: string): Promise<StudiedRun> {
  requireText("readRun", "folder", folder);
  return await readRunOf(folder, new CellArms());
}

/** {@linkcode readRun} of one of several runs: a sweep's journal is read once. */
export async function readRunOf(folder: string, cells: CellArms): Promise<StudiedRun> {
  if (!await isRun(folder)) {
    throw new RunNotFoundError(folder, `Cannot find a run in "${folder}": give a run's folder`);
  }
  const [{ values: config, wrong: badConfig }, { values: result, wrong: badResult }] = [
    await fileOf(configIn(folder)),
    await fileOf(join(folder, "result.json")),
  ];
  const [metrics, events] = [await metricsIn(folder), await eventsIn(folder)];
  const planned = numberAt(config, "epochs");
  const done = numberAt(result, "epochs") ?? lastOf(metrics, "epoch") ?? 0;
  const over = result !== null && result["stopped"] !== true && (planned === null || done >= planned);
  const { state, why } = stateOf({ over, held: await lockState(folder) === "held", events });
  const lost = config === null && !await isThere(configIn(folder)) ? `"${configIn(folder)}" is not there` : null;
  const { tags, wrong: badTags } = await tagsOf(folder);
  const last = over ? result : null;
  return {
    folder,
    state,
    why: badConfig ?? badResult ?? lost ?? why ?? badTags,
    preset: textAt(config, "preset"),
    data: dataOf(config),
    model: textAt(config, "model.name"),
    size: sizeOf(config),
    seed: numberAt(config, "seed"),
    arms: await cells.of(folder),
    epochs: done,
    planned,
    top1: numberAt(last, "top1") ?? lastOf(metrics, "top1"),
    top5: numberAt(last, "top5") ?? lastOf(metrics, "top5"),
    loss: numberAt(last, "loss") ?? lastOf(metrics, "loss"),
    seconds: numberAt(last, "trainSeconds") ?? sumOf(metrics, "trainSeconds"),
    imagesPerSecond: numberAt(last, "imagesPerSecond") ?? rateOf(metrics),
    begun: events.find(({ time }) => time !== null)?.time ?? null,
    last: events.findLast(({ time }) => time !== null)?.time ?? null,
    commit: textAt(result, "commit") ?? textAt(config, "commit"),
    dirty: typeof result?.["dirty"] === "boolean" ? result["dirty"] : null,
    device: textAt(config, "device"),
    bytes: await bytesBelow(folder),
    tags,
    config: isObject(config) ? config : null,
    metrics,
  };
}
