/** The folder that a training leaves behind. */
import { join } from "@std/path";
import { loadCheckpoint, saveCheckpoint } from "./checkpoint.ts";
import type { EpochEnd, FitResult } from "./events.ts";
import type { State } from "./state.ts";

/** What is recorded with every run. */
export interface RunFolderOptions {
  /** Where the folder is made; by default `runs`. */
  root?: string;
  /** The last part of its name, say a preset's. */
  name: string;
  /** Everything needed to build the model and train it again; kept as `config.json` and in each checkpoint. */
  config: Readonly<Record<string, unknown>>;
  /** Goes into `result.json` beside the results: seed, device, commit and so on. */
  facts?: Readonly<Record<string, unknown>>;
  /** The time in the name, in the local zone; by default now. */
  time?: Date;
}

/** `20250131-235959`, in the local zone. */
function stamp(time: Date): string {
  const two = (value: number): string => String(value).padStart(2, "0");
  const day = `${time.getFullYear()}${two(time.getMonth() + 1)}${two(time.getDate())}`;
  return `${day}-${two(time.getHours())}${two(time.getMinutes())}${two(time.getSeconds())}`;
}

/** Makes a folder that was not there: runs that begin in the same second must not write into one. */
async function makeNew(path: string): Promise<string> {
  for (let count = 1;; count++) {
    const numbered = count === 1 ? path : `${path}-${count}`;
    try {
      await Deno.mkdir(numbered);
      return numbered;
    } catch (error) {
      if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    }
  }
}

const columns = [
  "epoch",
  "trainLoss",
  "trainTop1",
  "loss",
  "top1",
  "top5",
  "lr",
  "trainSeconds",
  "imagesPerSecond",
] as const;

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

/** The path of the checkpoint in a run's folder. */
export function checkpointIn(folder: string): string {
  return join(folder, "checkpoint", "state.safetensors");
}

/**
 * A run's folder `<root>/<YYYYMMDD-HHMMSS>-<name>`: `config.json`, `metrics.csv` (a row an epoch), `events.jsonl` (what
 * happened when), `checkpoint/state.safetensors` (the whole state), and at the end `result.json`.
 */
export class RunFolder {
  /** Its path. */
  readonly path: string;
  readonly #config: Readonly<Record<string, unknown>>;
  readonly #facts: Readonly<Record<string, unknown>>;

  private constructor(path: string, { config, facts = {} }: RunFolderOptions) {
    this.path = path;
    this.#config = config;
    this.#facts = facts;
  }

  /** Makes the folder. */
  static async create(options: RunFolderOptions): Promise<RunFolder> {
    const { root = "runs", name, config, time = new Date() } = options;
    await Deno.mkdir(root, { recursive: true });
    const folder = new RunFolder(await makeNew(join(root, `${stamp(time)}-${name}`)), options);
    await Deno.mkdir(join(folder.path, "checkpoint"));
    await Deno.writeTextFile(join(folder.path, "config.json"), json(config));
    await Deno.writeTextFile(join(folder.path, "metrics.csv"), `${columns.join()}\n`);
    return folder;
  }

  /** The path of its checkpoint. */
  get checkpoint(): string {
    return checkpointIn(this.path);
  }

  /** Adds a line to `events.jsonl`. */
  async event(name: string, values: Readonly<Record<string, unknown>> = {}): Promise<void> {
    const line = JSON.stringify({ time: new Date().toISOString(), event: name, ...values });
    await Deno.writeTextFile(join(this.path, "events.jsonl"), `${line}\n`, { append: true });
  }

  /** Adds an epoch's row to `metrics.csv`. */
  async epoch(end: EpochEnd): Promise<void> {
    const values: Readonly<Record<string, unknown>> = { ...end, ...end.evaluation };
    const row = columns.map((column) => values[column] ?? "").join();
    await Deno.writeTextFile(join(this.path, "metrics.csv"), `${row}\n`, { append: true });
  }

  /** Saves the state over the one before. */
  async save(state: State): Promise<void> {
    await saveCheckpoint(this.checkpoint, { state, config: this.#config });
  }

  /** The state that was saved last. */
  async load(): Promise<State> {
    return (await loadCheckpoint(this.checkpoint)).state;
  }

  /** Writes `result.json`. */
  async result(result: FitResult): Promise<void> {
    await Deno.writeTextFile(join(this.path, "result.json"), json({ ...result, ...this.#facts }));
  }

  /** Its path. */
  toString(): string {
    return `RunFolder(${this.path})`;
  }

  /** Shown where it is printed. */
  [Symbol.for("Deno.customInspect")](): string {
    return this.toString();
  }
}
