/** What a run has written down so far, read without changing anything. */
import { join } from "node:path";
import { readRegularText } from "../io/regular_file.ts";

/** Something that happened to a run: a line of `events.jsonl`. */
export interface RunEvent {
  /** What: `fitBegin`, `epochEnd`, `stopped`, `fitEnd`, `diverged`, `failed` and others. */
  readonly event: string;
  /** When, as ISO 8601; null where the line does not say. */
  readonly time: string | null;
  /** What else the line says. */
  readonly [value: string]: unknown;
}

/** A row of numbers by column; null where a cell is empty or holds no finite number. */
export type NumberRow = Readonly<Record<string, number | null>>;

/** A table of numbers, `metrics.csv` or `steps.csv`. */
export interface NumberTable {
  /** Its columns, in order. */
  readonly columns: readonly string[];
  /** Its rows, in order. */
  readonly rows: readonly NumberRow[];
}

/** Lines that were written to their end: one that a killed process left half done is none. */
async function linesOf(path: string): Promise<string[]> {
  let text: string;
  try {
    text = await readRegularText(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return [];
    throw error;
  }
  return text.split("\n").slice(0, -1);
}

function numberOf(cell: string | undefined): number | null {
  const value = cell === undefined || cell.trim() === "" ? NaN : Number(cell);
  return Number.isFinite(value) ? value : null;
}

async function tableIn(path: string): Promise<NumberTable> {
  const [head = "", ...rows] = await linesOf(path);
  const columns = head.split(",");
  return {
    columns: head === "" ? [] : columns,
    rows: rows.map((row) => {
      const cells = row.split(",");
      return Object.fromEntries(columns.map((column, at) => [column, numberOf(cells[at])]));
    }),
  };
}

/** The rows of a run's `metrics.csv`, one an epoch; none where there is no such file. */
export async function metricsIn(folder: string): Promise<NumberTable> {
  return await tableIn(join(folder, "metrics.csv"));
}

/** The rows of a run's `steps.csv`, one a step; none where there is no such file. */
export async function stepsIn(folder: string): Promise<NumberTable> {
  return await tableIn(join(folder, "steps.csv"));
}

/** What happened to a run, in order; lines that are no JSON objects with an event are passed over. */
export async function eventsIn(folder: string): Promise<RunEvent[]> {
  return (await linesOf(join(folder, "events.jsonl"))).flatMap((line) => {
    let found: unknown;
    try {
      found = JSON.parse(line);
    } catch {
      return [];
    }
    if (typeof found !== "object" || found === null || Array.isArray(found)) return [];
    const { event, time, ...values } = found as Readonly<Record<string, unknown>>;
    if (typeof event !== "string") return [];
    return [{ ...values, event, time: typeof time === "string" && !Number.isNaN(Date.parse(time)) ? time : null }];
  });
}
