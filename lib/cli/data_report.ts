/** Progress of getting a data set ready, as tasks show it. */
import { data, type recipe } from "../../mod.ts";
import { formatNumber } from "./format.ts";
import type { Progress } from "./progress.ts";
import type { Report } from "./report.ts";

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

/** Shows the opening of a data set on a bar, and warnings beside it: options of the call that opens it. */
export function watchData(
  progress: Progress,
  report: Report,
  signal: AbortSignal,
): Required<Pick<recipe.OpenDataOptions, "signal" | "onWarning" | "onNote" | "onProgress" | "onDownload">> {
  return {
    signal,
    onWarning: (message) => {
      progress.clear();
      report.note(`warning: ${message}`);
    },
    onNote: (message) => {
      progress.clear();
      report.note(message);
    },
    onProgress: (state) => showPreparing(progress, state),
    onDownload: (state) => showDownload(progress, state),
  };
}
