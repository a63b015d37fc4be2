/** Progress of getting a data set ready, as tasks show it. */
import { data, type recipe } from "../../mod.ts";
import { shown } from "../io/shown.ts";
import { formatNumber } from "./format.ts";
import type { Progress } from "./progress.ts";
import type { Report } from "./report.ts";

export { shown };

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
export function showDownload(
  progress: Progress,
  { bytes, expectedBytes, resumedBytes }: data.DownloadProgress,
): void {
  const facts = [`${formatNumber(Math.round(bytes / MB))} MB`];
  if (resumedBytes > 0) facts.push(`${formatNumber(Math.round(resumedBytes / MB))} MB were here`);
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

/** How many of a kind are named unless all are asked for. */
const named = 10;

/** The files of a kind, each with a word in front. */
function list(word: string, texts: readonly string[], all: boolean): string[] {
  const some = all ? texts : texts.slice(0, named);
  const rest = texts.length - some.length;
  return [
    ...some.map((text) => `${word} ${shown(text)}`),
    ...(rest === 0 ? [] : [`${word} and ${formatNumber(rest)} more: --list names all`]),
  ];
}

/** What is left out of a data set, or strange in it: the first files of each kind, or all. */
export function fileLines({ train, valid, leftOut, shared }: data.DataDescription, all: boolean): string[] {
  const parts = [train, valid];
  const flaw = ({ path, reason }: data.UnreadableImage): string => `${path}: ${reason}`;
  return [
    ...list("unreadable", parts.flatMap((part) => part.unreadable.map(flaw)), all),
    ...list("damaged", parts.flatMap((part) => part.damaged.map(flaw)), all),
    ...(leftOut.length === 0 ? [] : [`left out  ${data.leftOutText(leftOut)}`]),
    ...(all ? list("left out", leftOut.map(({ path, reason }) => `${path}: ${reason}`), true) : []),
    ...(shared.length === 0 ? [] : [`in both   ${formatNumber(shared.length)} images of val are trained on too`]),
    ...list("in both", shared.map(({ valid, train }) => `${valid}: the same as ${train}`), all),
  ];
}
