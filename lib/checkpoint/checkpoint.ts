/** A training's state in a safetensors file. */
import { requireOptions, requireOptionsOf } from "../tensor/ops/checks.ts";
import { shown } from "../ffi/shown.ts";
import { sha256Of } from "../io/sha256.ts";
import { requireNoneLost } from "./finite.ts";
import { requirePath } from "./paths.ts";
import {
  readSafetensors,
  type SafeTensor,
  SafetensorsError,
  type SafetensorsFile,
  writeSafetensors,
} from "./safetensors.ts";
import { type Counters, startingCounters, type State } from "./state.ts";

const format = "libtrain-state-3";

/** What a checkpoint holds: the state, and what is needed to build the model and the optimizer that it belongs to. */
export interface Checkpoint {
  /** Everything that decides how the training goes on. */
  readonly state: State;
  /** The run's configuration, as given to {@linkcode saveCheckpoint}. */
  readonly config: Readonly<Record<string, unknown>>;
}

/** One sum over every tensor's name, dtype, shape and bytes, and over the texts: whatever bit changes, it changes. */
export async function checksum(tensors: ReadonlyMap<string, SafeTensor>, texts: readonly string[]): Promise<string> {
  const lines = [...texts];
  for (const name of [...tensors.keys()].sort()) {
    const { dtype, shape, data } = tensors.get(name)!;
    lines.push(JSON.stringify([name, dtype, shape, await sha256Of(data)]));
  }
  return await sha256Of(new TextEncoder().encode(lines.join("\n")));
}

/**
 * Writes a checkpoint atomically: whatever happens, the path holds the old one or the new one.
 *
 * Rejects with a StateError where numbers of the state are not finite and those saved at that path are.
 */
export async function saveCheckpoint(path: string, checkpoint: Checkpoint): Promise<void> {
  requirePath("saveCheckpoint", path);
  requireOptionsOf("saveCheckpoint", checkpoint, {
    example: "saveCheckpoint(path, { state: await trainer.state(), config: {} })",
    known: ["state", "config"],
  });
  const { state, config } = checkpoint;
  requireOptions("saveCheckpoint", state, "{ state: await trainer.state(), config: {} }");
  if (!(state.tensors instanceof Map)) {
    throw new TypeError(
      `saveCheckpoint(): Expected \`state.tensors\` as a Map of tensors by name, got ${shown(state.tensors)}`,
    );
  }
  await requireNoneLost(path, state.tensors, () => savedTensors(path));
  const counters = JSON.stringify(state.counters);
  const settings = JSON.stringify(config);
  const sha256 = await checksum(state.tensors, [counters, settings]);
  await writeSafetensors(path, state.tensors, { metadata: { format, counters, config: settings, sha256 } });
}

/** The tensors of the checkpoint at a path; undefined where there is none that can be read. */
export async function savedTensors(path: string): Promise<State["tensors"] | undefined> {
  try {
    return (await loadCheckpoint(path)).state.tensors;
  } catch (error) {
    if (error instanceof SafetensorsError) return undefined;
    throw error;
  }
}

/** The JSON object in a text of a file. */
export function parsed(path: string, name: string, text: string | undefined): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text ?? "");
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // Told below, as every other wrong text.
  }
  throw new SafetensorsError(
    `Expected "${path}" to hold its ${name} as JSON, got ${brief(text)}: take another checkpoint`,
  );
}

/** A value of a file in a message. */
function brief(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value) ?? "undefined";
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

/** The counters that are no whole numbers. */
const fractions = ["lossSum", "trainSeconds", "epochSeconds"];

/** Those that are null before the first epoch is over, or where there are no classes. */
const results = ["trainLoss", "trainTop1", "correct"];

/** Whether a value is an object of numbers, with null for those that are none; undefined too, where there are none. */
function areNumbers(value: unknown): boolean {
  if (value === undefined) return true;
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  return Object.values(value).every((each) => each === null || Number.isFinite(each));
}

/** Whether a counter can be what it is. */
export function isCounter(name: string, value: unknown): boolean {
  if (name === "sampler") return typeof value === "object" && !Array.isArray(value);
  if (name === "plan") return value === null || typeof value === "string";
  if (results.includes(name)) return value === null || Number.isFinite(value);
  if (fractions.includes(name)) return Number.isFinite(value);
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function checkedCounters(path: string, text: string | undefined): Counters {
  const counters = parsed(path, "counters", text);
  const wrong = Object.keys(startingCounters).find((name) => !isCounter(name, counters[name])) ??
    ["metricSums", "trainMetrics"].find((name) => !areNumbers(counters[name]));
  if (wrong !== undefined) {
    throw new SafetensorsError(
      `Expected "${path}" to hold the counter ${wrong}, got ${shown(counters[wrong])}: take another checkpoint`,
    );
  }
  return counters as unknown as Counters;
}

/** Reads a checkpoint; a file that is damaged or is none gives a SafetensorsError that names it. */
export async function loadCheckpoint(path: string): Promise<Checkpoint> {
  requirePath("loadCheckpoint", path);
  return await checkpointOf(path, await readSafetensors(path));
}

/** The checkpoint that a file holds. */
export async function checkpointOf(path: string, { tensors, metadata }: SafetensorsFile): Promise<Checkpoint> {
  const own = metadata["format"];
  if (own !== format) {
    const cure = own?.startsWith("libtrain-state")
      ? ": another version of libtrain saved it, train it anew"
      : own?.startsWith("libtrain-weights")
      ? ": loadWeights() reads it"
      : own?.startsWith("libtrain-model")
      ? ": recipe.open() reads it"
      : "";
    throw new SafetensorsError(
      `Expected "${path}" to be a checkpoint of format ${format}, got ${own ?? "another safetensors file"}${cure}`,
    );
  }
  const found = await checksum(tensors, [metadata["counters"] ?? "", metadata["config"] ?? ""]);
  if (found !== metadata["sha256"]) {
    throw new SafetensorsError(
      `Expected "${path}" to have the content that was saved (SHA-256 ${metadata["sha256"]}), got ${found}: ` +
        `it is damaged, take an earlier checkpoint`,
    );
  }
  const counters = checkedCounters(path, metadata["counters"]);
  return { state: { tensors, counters }, config: parsed(path, "config", metadata["config"]) };
}
