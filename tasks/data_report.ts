/** Progress of getting a data set ready, as tasks show it. */
import { formatNumber } from "../lib/cli/format.ts";
import type { Progress } from "../lib/cli/progress.ts";
import type { Report } from "../lib/cli/report.ts";
import { data } from "../mod.ts";
import type { OpenWatch } from "./open_data.ts";

const MB = 1e6;

/** Help of the flag that says where. */
export const cacheHelp = `Where pixel caches and downloads are kept (default ${data.defaultCache})`;

/** Shows how far the decoding is, in megabytes of the source. */
export function showPreparing(
  progress: Progress,
  { phase, bytes, expectedBytes, decoded, unreadable }: data.PrepareProgress,
): void {
  const facts = phase === "looking" ? [] : [`${formatNumber(decoded)} images`];
  if (unreadable > 0) facts.push(`${formatNumber(unreadable)} unreadable`);
  const label = { looking: "looking  ", decoding: "decoding ", writing: "writing  " }[phase];
  progress.update({ label, done: bytes / MB, total: expectedBytes / MB, facts });
}

/** Shows how far a download is. */
export function showDownload(progress: Progress, { bytes, expectedBytes }: data.DownloadProgress): void {
  const facts = [`${formatNumber(Math.round(bytes / MB))} MB`];
  progress.update({ label: "download ", done: bytes / MB, total: (expectedBytes ?? bytes) / MB, facts });
}

/** What a task that measures says while a bar shows how far it is: a line takes the bar away first. */
export interface BesideBar {
  readonly signal: AbortSignal;
  note(line: string): void;
  /** Told once everything is set up: time counts from there. */
  ready(line: string): void;
  readonly watch: OpenWatch;
}

/** Shows the opening of a data set on a bar, and lines beside it. */
export function besideBar(progress: Progress, report: Report, signal: AbortSignal): BesideBar {
  const note = (line: string): void => {
    progress.clear();
    report.note(line);
  };
  return {
    signal,
    note,
    ready: (line) => {
      progress.line(line);
      progress.start();
    },
    watch: {
      signal,
      onWarning: (line) => note(`warning: ${line}`),
      onProgress: (state) => showPreparing(progress, state),
      onDownload: (state) => showDownload(progress, state),
    },
  };
}
