/** `deno task data --caches` and `--clear`. */
import { data } from "../../mod.ts";
import { shown } from "./data_report.ts";
import { exitCodes } from "./exit_codes.ts";
import { UsageError } from "./flags.ts";
import { formatNumber } from "./format.ts";
import type { Report } from "./report.ts";

/** Which caches, and whether to remove them. */
export interface CachesCommand {
  readonly cache: string;
  /** A data set, or a cache's file; all of them unless given. */
  readonly name?: string;
  readonly clear: boolean;
}

function megabytes(bytes: number): string {
  return `${formatNumber(bytes / 1e6, 1)} MB`;
}

/** A cache as a line. */
function line(word: string, { path, dataSet, part, size, bytes, lastUsed, state }: data.PixelCache): string {
  const facts = state === "unfinished"
    ? ["unfinished"]
    : dataSet === null
    ? ["of an unknown data set"]
    : [shown(dataSet), `${part} at ${size === 0 ? "the size of the files" : size}`];
  const used = lastUsed === null ? [] : [`last used ${lastUsed.toISOString().slice(0, 10)}`];
  return `${word.padEnd(10)}${[shown(path), ...facts, megabytes(bytes), ...used].join(" · ")}`;
}

function counted(caches: readonly data.PixelCache[]): string {
  const bytes = caches.reduce((sum, { bytes }) => sum + bytes, 0);
  return `${formatNumber(caches.length)} pixel ${caches.length === 1 ? "cache" : "caches"} · ${megabytes(bytes)}`;
}

/** Lists pixel caches, or removes them; gives the exit status. */
export async function runCaches({ cache, name, clear }: CachesCommand, report: Report): Promise<number> {
  const options = { cache, name };
  try {
    if (!clear) {
      const caches = await data.caches(options);
      for (const one of caches) report.line(line("cache", one));
      report.line(`in all    ${counted(caches)}`);
      report.result({ folder: cache, caches, bytes: caches.reduce((sum, { bytes }) => sum + bytes, 0) });
      return exitCodes.done;
    }
    const { removed, kept, freedBytes } = await data.clearCaches(options);
    for (const one of removed) report.line(line("removed", one));
    for (const one of kept) report.line(line("kept", one));
    report.line(`freed     ${counted(removed)}`);
    const exitCode = kept.length === 0 ? exitCodes.done : exitCodes.failed;
    if (kept.length > 0) {
      report.note(
        `error: ${counted(kept)} stay, as a process is writing them: clear again once it has ended`,
      );
    }
    report.result({ folder: cache, removed, kept, freedBytes, ...(kept.length === 0 ? {} : { exitCode }) });
    return exitCode;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) throw new UsageError(error.message);
    throw error;
  }
}
