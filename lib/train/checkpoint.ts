/** A training's state in a safetensors file. */
import { readSafetensors, SafetensorsError, writeSafetensors } from "./safetensors.ts";
import { type Counters, startingCounters, type State } from "./state.ts";

const format = "libtrain-state-1";

/** What a checkpoint holds: the state, and what is needed to build the model and the optimizer that it belongs to. */
export interface Checkpoint {
  /** Everything that decides how the training goes on. */
  readonly state: State;
  /** The run's configuration, as given to {@linkcode saveCheckpoint}. */
  readonly config: Readonly<Record<string, unknown>>;
}

/** Writes a checkpoint atomically: whatever happens, the path holds the old one or the new one. */
export async function saveCheckpoint(path: string, { state, config }: Checkpoint): Promise<void> {
  const metadata = { format, counters: JSON.stringify(state.counters), config: JSON.stringify(config) };
  await writeSafetensors(path, state.tensors, { metadata });
}

function parsed(path: string, name: string, text: string | undefined): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text ?? "");
    if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
  } catch {
    // Told below, as every other wrong text.
  }
  throw new SafetensorsError(`Expected "${path}" to hold its ${name} as JSON, got ${text}: take another checkpoint`);
}

/** The counters that are no whole numbers. */
const fractions = ["lossSum", "trainSeconds"];

function isCounter(name: string, value: unknown): boolean {
  if (name === "sampler") return typeof value === "object";
  if (fractions.includes(name)) return Number.isFinite(value);
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function checkedCounters(path: string, text: string | undefined): Counters {
  const counters = parsed(path, "counters", text);
  const wrong = Object.keys(startingCounters).find((name) => !isCounter(name, counters[name]));
  if (wrong !== undefined) {
    throw new SafetensorsError(
      `Expected "${path}" to hold the counter ${wrong}, got ${counters[wrong]}: take another checkpoint`,
    );
  }
  return counters as unknown as Counters;
}

/** Reads a checkpoint; a file that is damaged or is none gives a SafetensorsError that names it. */
export async function loadCheckpoint(path: string): Promise<Checkpoint> {
  const { tensors, metadata } = await readSafetensors(path);
  if (metadata["format"] !== format) {
    throw new SafetensorsError(
      `Expected "${path}" to be a checkpoint of format ${format}, got ${
        metadata["format"] ?? "another safetensors file"
      }`,
    );
  }
  const counters = checkedCounters(path, metadata["counters"]);
  return { state: { tensors, counters }, config: parsed(path, "config", metadata["config"]) };
}
