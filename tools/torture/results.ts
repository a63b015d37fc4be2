/** The file of results: one entry a check, so that a long run can be put together from pieces. */
import type { CheckResult } from "./runner.ts";

/** Where and of what a check's result is. */
export interface Origin {
  /** The processor's name. */
  readonly cpu: string;
  readonly cores: number;
  readonly deno: string;
  /** The commit, with `+` where files were changed. */
  readonly commit: string;
  /** `quick` or `long`. */
  readonly run: "quick" | "long";
}

/** A check's entry. */
export interface ResultEntry extends CheckResult, Origin {}

/** The file. */
export interface ResultsFile {
  readonly checks: readonly ResultEntry[];
}

/** Where the long run is written. */
export const resultsPath = "benchmarks/results/torture.json";

/** Reads the file; one that is not there has no entries. */
export async function readResults(path: string): Promise<ResultsFile> {
  try {
    return JSON.parse(await Deno.readTextFile(path));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return { checks: [] };
    throw error;
  }
}

/** The file with an entry put in the place of the one of its name, in the order of `names`. */
export function withEntry(file: ResultsFile, entry: ResultEntry, names: readonly string[]): ResultsFile {
  const others = file.checks.filter(({ name }) => name !== entry.name);
  const place = ({ name }: ResultEntry): number => names.includes(name) ? names.indexOf(name) : names.length;
  return { checks: [...others, entry].sort((a, b) => place(a) - place(b)) };
}

/** Writes the file. */
export async function writeResults(path: string, file: ResultsFile): Promise<void> {
  await Deno.writeTextFile(path, `${JSON.stringify(file, null, 2)}\n`);
}
