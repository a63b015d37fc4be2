/** What a run of a sweep came to, as one small file that stands by itself. */
import { basename, join } from "node:path";
import { StateError } from "../../ffi/errors.ts";
import { ownPartial, writeFileAtomic } from "../../io/atomic_file.ts";
import { JsonFileError, jsonText, readJson } from "../../io/json_file.ts";
import { readRegularText } from "../../io/regular_file.ts";
import { isObject, shown } from "../../recipe/check.ts";
import type { Recipe, RunConfig } from "../../recipe/recipe.ts";
import { recipeOf } from "../../recipe/saved_config.ts";
import { open } from "../../recipe/trained.ts";
import type { Predictions } from "../../train/predictions.ts";
import { configIn, isConfigWhole } from "../../run/saved_run.ts";
import { requireText } from "../../tensor/ops/checks.ts";
import { hashOf, identityOf, withoutPlaces } from "./identity.ts";
import { type Answers, packAnswers } from "./answers.ts";
import { checkFields } from "./record_fields.ts";

const format = 1;

/** One epoch of a run. */
export interface EpochRecord {
  /** Which, from 1. */
  readonly epoch: number;
  /** Mean training loss, with label smoothing. */
  readonly trainLoss: number | null;
  /** Share of right answers in training mode. */
  readonly trainTop1: number | null;
  /** Validation loss, without label smoothing. */
  readonly loss: number | null;
  /** Top-1, 0 to 1. */
  readonly top1: number | null;
  /** The last step's learning rate. */
  readonly lr: number | null;
  /** Time of its steps. */
  readonly trainSeconds: number | null;
}

/** Where numbers were no longer finite. */
export interface Divergence {
  /** The epoch, from 1. */
  readonly epoch: number;
  /** The step, from 1. */
  readonly step: number;
  /** What was not finite first. */
  readonly where: string;
}

/** A run that is over. */
export interface SweepRun {
  /** What kind of file it is. */
  readonly libtrain: "sweep-run";
  /** The version of the file. */
  readonly format: number;
  /** The sweep that has it, and its arm there. */
  readonly sweep: string;
  /** The arm. */
  readonly arm: string;
  /** What weights, order and augmentation followed from. */
  readonly seed: number;
  /** The hash of its identity: see {@linkcode identityOf}. */
  readonly hash: string;
  /** Whether it was trained to its end, or its numbers were no longer finite. */
  readonly status: "done" | "diverged";
  /** Where it diverged; null where it did not. */
  readonly diverged: Divergence | null;
  /** Top-1 after the last epoch, 0 to 1. */
  readonly top1: number | null;
  /** Right answers. */
  readonly correct: number | null;
  /** Images measured. */
  readonly total: number | null;
  /** Validation loss after the last epoch, without label smoothing. */
  readonly loss: number | null;
  /** Its epochs. */
  readonly epochs: readonly EpochRecord[];
  /** Time of all steps. */
  readonly trainSeconds: number | null;
  /** Images a second in all steps. */
  readonly imagesPerSecond: number | null;
  /** The answers image by image; null where its weights were gone before they were asked. */
  readonly answers: Answers | null;
  /** What was trained; data and weights by their names alone. */
  readonly recipe: Recipe;
  /** On which images. */
  readonly data: Pick<RunConfig, "source" | "samples" | "imageShape" | "classes"> & { readonly weightsSha256?: string };
  /** What it was computed in. */
  readonly dtype: RunConfig["dtype"];
  /** By which code; `dirty` where files differed from the commit. */
  readonly code: { readonly commit: string | null; readonly dirty: boolean | null };
  /** On which machine. */
  readonly machine: {
    readonly device: string;
    readonly cpu: string | null;
    readonly isa: string | null;
    readonly threads: number | null;
  };
  /** When it ended. */
  readonly ended: string;
}

/** What a run's folder gives a record. */
type FromFolder = Omit<SweepRun, "sweep" | "arm">;

/** The configuration of a run that is over or under way; undefined where there is none, or where it was edited. */
export async function runConfigIn(folder: string): Promise<RunConfig | undefined> {
  const config = await readJson(configIn(folder)).catch((error) => {
    if (error instanceof JsonFileError) return undefined;
    throw error;
  });
  if (config === undefined || config["script"] === true || !await isConfigWhole(folder)) return undefined;
  const parts = ["data", "model", "transforms", "samples", "schedule"];
  return parts.every((part) => isObject(config[part])) ? config as unknown as RunConfig : undefined;
}

/** A run's rows of metrics, by epoch. */
async function epochsIn(folder: string): Promise<EpochRecord[]> {
  const text = await readRegularText(join(folder, "metrics.csv")).catch((error) => {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  });
  const [head = "", ...rows] = text.trimEnd().split("\n");
  const columns = head.split(",");
  return rows.map((row) => {
    const cells = row.split(",");
    const cell = (name: string): number | null => {
      const value = cells[columns.indexOf(name)];
      return value === undefined || value === "" || !Number.isFinite(Number(value)) ? null : Number(value);
    };
    return {
      epoch: cell("epoch") ?? 0,
      trainLoss: cell("trainLoss"),
      trainTop1: cell("trainTop1"),
      loss: cell("loss"),
      top1: cell("top1"),
      lr: cell("lr"),
      trainSeconds: cell("trainSeconds"),
    };
  });
}

function finite(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

function text(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

/** What a folder's configuration gives a record. */
function ofConfig(
  config: RunConfig,
): Pick<FromFolder, "libtrain" | "format" | "seed" | "hash" | "recipe" | "data" | "dtype"> {
  const { source, samples, imageShape, classes, weightsSha256 } = config;
  return {
    libtrain: "sweep-run",
    format,
    seed: config.seed,
    hash: hashOf(identityOf(config)),
    recipe: withoutPlaces(recipeOf(config)),
    data: { source, samples, imageShape, classes, ...(weightsSha256 === undefined ? {} : { weightsSha256 }) },
    dtype: config.dtype,
  };
}

/** How to ask a run for its answers. */
export interface AnswersOptions {
  cache?: string;
  threads?: number;
  signal?: AbortSignal;
  /** Whether there must be some: those of a run that was trained just now. */
  fresh?: boolean;
}

/** Refuses a result without what a run of its kind has: it would be over, and in no mean. */
function requireMeasured(folder: string, { targets }: RunConfig, result: Readonly<Record<string, unknown>>): void {
  const ofClasses = targets === undefined || targets === "classes";
  const wanted: Readonly<Record<string, readonly [low: number, high: number]>> = {
    ...(ofClasses ? { top1: [0, 1] } : {}),
    ...{ loss: [-Infinity, Infinity], n: [1, Infinity] },
  };
  for (const [name, [low, high]] of Object.entries(wanted)) {
    const value = finite(result[name]);
    if (value !== null && value >= low && value <= high) continue;
    throw new JsonFileError(
      `Expected \`${name}\` in "${join(folder, "result.json")}" as ${
        name === "top1" ? "a number from 0 to 1" : name === "n" ? "a number of images" : "a number"
      }, got ${shown(result[name])}: it was edited or damaged: restore it`,
    );
  }
}

/**
 * What a run that is over was of and came to, as its files say; undefined where it is not over, or its files are not what was
 * written. Rejects with a JsonFileError for a result that cannot be.
 */
export async function finishedIn(
  folder: string,
): Promise<{ config: RunConfig; result: Readonly<Record<string, unknown>> } | undefined> {
  const config = await runConfigIn(folder);
  const result = config === undefined ? undefined : await readJson(join(folder, "result.json"));
  if (config === undefined || result === undefined) return undefined;
  if (result["stopped"] !== false || result["epochs"] !== config.epochs) return undefined;
  requireMeasured(folder, config, result);
  return { config, result };
}

/**
 * The record of a run's folder; undefined where {@linkcode finishedIn} gives none. The answers are asked of its weights once
 * more, where they are still there. Rejects with a JsonFileError for a result that cannot be.
 */
export async function recordOf(folder: string, options: AnswersOptions = {}): Promise<FromFolder | undefined> {
  const finished = await finishedIn(folder);
  if (finished === undefined) return undefined;
  const { config, result } = finished;
  const [top1, total] = [finite(result["top1"]), finite(result["n"])];
  const correct = top1 === null || total === null ? null : Math.round(top1 * total);
  return {
    ...ofConfig(config),
    status: "done",
    diverged: null,
    top1,
    correct,
    total,
    loss: finite(result["loss"]),
    epochs: await epochsIn(folder),
    trainSeconds: finite(result["trainSeconds"]),
    imagesPerSecond: finite(result["imagesPerSecond"]),
    answers: correct === null ? null : await answersOf(folder, config, { ...options, correct }),
    code: {
      commit: text(result["commit"]),
      dirty: typeof result["dirty"] === "boolean" ? result["dirty"] : null,
    },
    machine: {
      device: config.device,
      cpu: text(result["cpu"]),
      isa: text(result["isa"]),
      threads: finite(result["threads"]),
    },
    ended: new Date().toISOString(),
  };
}

/**
 * What every image was answered with by the weights of a run; null for one from elsewhere whose weights, data or network are
 * gone, or which answers otherwise on this machine: its result stands all the same.
 */
async function answersOf(
  folder: string,
  config: RunConfig,
  { correct, cache, threads, signal, fresh = false }: AnswersOptions & { correct: number },
): Promise<Answers | null> {
  let answers: Answers | undefined;
  try {
    using trained = await open(folder, { device: config.device, threads });
    const onPredictions = (all: Predictions): void => void (answers = packAnswers(all, config.classes.length));
    await trained.evaluate({ cache, signal, onPredictions });
  } catch (error) {
    if (fresh || signal?.aborted) throw error;
    return null;
  }
  if (answers?.correct === correct) return answers;
  if (!fresh) return null;
  throw new StateError(
    `Expected ${correct} right answers of run "${folder}" again, as it had at its end, got ${
      answers?.correct ?? "none"
    }`,
  );
}

/** The record of a run whose numbers were no longer finite. */
export async function divergedRecord(
  folder: string,
  config: RunConfig,
  { diverged, code, machine }: Pick<FromFolder, "diverged" | "code" | "machine">,
): Promise<FromFolder> {
  const epochs = await epochsIn(folder);
  return {
    ...ofConfig(config),
    status: "diverged",
    diverged,
    top1: null,
    correct: null,
    total: null,
    loss: null,
    epochs,
    trainSeconds: null,
    imagesPerSecond: null,
    answers: null,
    code,
    machine,
    ended: new Date().toISOString(),
  };
}

/** The file of a run's record in a sweep's folder. */
export function recordIn(folder: string, arm: string, seed: number): string {
  return join(folder, "results", `${arm}_seed${seed}.json`);
}

/** Writes a record, whole or not at all. */
export async function writeRecord(path: string, record: SweepRun): Promise<void> {
  await Deno.mkdir(join(path, ".."), { recursive: true });
  // Two processes may take over the same one at once.
  await writeFileAtomic(path, [jsonText(record)], ownPartial(path));
}

/**
 * Reads a record; undefined where there is no such file, or it is another JSON file. Rejects with a JsonFileError for one of
 * another version, for one with a field that cannot be, and for one whose recipe is not what its hash says.
 */
export async function readRecord(path: string): Promise<SweepRun | undefined> {
  requireText("readRecord", "path", path);
  const found = await readJson(path);
  if (found?.["libtrain"] !== "sweep-run") return undefined;
  const name = basename(path);
  if (found["format"] !== format) {
    throw new JsonFileError(
      `Expected "${path}" as a sweep's result of format ${format}, got format ${
        JSON.stringify(found["format"])
      }: it was made by another version: move it elsewhere`,
    );
  }
  checkFields(path, found);
  const record = found as unknown as SweepRun;
  const { recipe, data } = record;
  if (hashOf(identityOf({ ...recipe, ...data } as unknown as RunConfig)) !== record.hash) {
    throw new JsonFileError(
      `Expected "${name}" with the recipe that its hash is of, got another: it was edited: restore it`,
    );
  }
  return record;
}
