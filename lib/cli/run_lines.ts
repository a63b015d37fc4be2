/** Runs as lines of a table. */
import type { study } from "../../mod.ts";
import { shown } from "../io/shown.ts";
import { formatDuration, formatNumber, formatPercent, formatRate } from "./format.ts";
import { tableLines } from "./table.ts";

/** Bytes for a reader. */
export function megabytes(bytes: number): string {
  return `${formatNumber(bytes / 1e6, 1)} MB`;
}

/** `2025-01-31 12:00`, where the machine stands. */
function moment(iso: string | null): string {
  if (iso === null) return "";
  const time = new Date(iso);
  const two = (value: number): string => String(value).padStart(2, "0");
  return `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())} ${two(time.getHours())}:${
    two(time.getMinutes())
  }`;
}

/** What was trained: its preset, else network and data, which a preset's name tells. */
function whatOf({ preset, model, data }: study.RunSummary): string {
  return preset ?? [model, data].filter((part) => part !== null).join(" on ");
}

/** A table of runs; none for none. Below a run that is not over stands why. */
export function runLines(runs: readonly study.RunSummary[]): string[] {
  if (runs.length === 0) return [];
  // Runs of sweeps are called by a hash.
  const some = runs.some(({ arms }) => arms.length > 0);
  const arm = <Cell>(cell: Cell): Cell[] => some ? [cell] : [];
  const head = ["run", ...arm("arm"), "what", "network", "seed", "state", "epochs", "top-1", "time", "begun", "size"];
  const rows = runs.map((run) => [
    shown(run.folder),
    ...arm(run.arms.map(shown).join(", ")),
    shown(whatOf(run)),
    shown(run.model ?? ""),
    `${run.seed ?? ""}`,
    run.state,
    `${run.epochs}/${run.planned ?? "?"}`,
    run.top1 === null ? "" : formatPercent(run.top1, 2),
    run.seconds === null ? "" : formatDuration(1000 * run.seconds),
    moment(run.begun),
    megabytes(run.bytes),
    run.tags.map(shown).join(" "),
  ]);
  const left = [...arm(0), ...[0, 1, 2, 4, 8, 10].map((column) => column + arm(1).length)];
  const [top, ...lines] = tableLines([[...head, "tags"], ...rows], left);
  return [
    top!,
    ...lines.flatMap((line, at) => runs[at]!.why === null ? [line] : [line, `    ${shown(runs[at]!.why!)}`]),
  ];
}

/** What runs came to, and what differs in their settings. */
export function comparisonLines({ runs, settings }: study.RunComparison): string[] {
  const cell = <Value>(value: Value | null, format: (value: Value) => string): string =>
    value === null ? "" : format(value);
  const ofSweeps = runs.some(({ arms }) => arms.length > 0);
  const results: [string, (run: study.RunSummary) => string][] = [
    ...(ofSweeps
      ? [["arm", ({ arms }) => arms.map(shown).join(", ")] as [string, (run: study.RunSummary) => string]]
      : []),
    ["state", ({ state }) => state],
    ["epochs", ({ epochs, planned }) => `${epochs}/${planned ?? "?"}`],
    ["top-1", ({ top1 }) => cell(top1, (value) => formatPercent(value, 2))],
    ["top-5", ({ top5 }) => cell(top5, (value) => formatPercent(value, 2))],
    ["loss", ({ loss }) => cell(loss, (value) => value.toFixed(4))],
    ["time", ({ seconds }) => cell(seconds, (value) => formatDuration(1000 * value))],
    ["images/s", ({ imagesPerSecond }) => cell(imagesPerSecond, formatRate)],
    ["size", ({ bytes }) => megabytes(bytes)],
    ["tags", ({ tags }) => tags.join(" ")],
  ];
  const names = runs.map(({ folder }) => shown(folder));
  const left = [0, ...names.map((_, at) => at + 1)];
  const told = settings.length === 0
    ? ["settings are the same"]
    : tableLines([["setting", ...names], ...settings.map(({ path, values }) => [path, ...values.map(shown)])], left);
  return [
    ...told,
    "",
    ...tableLines([["result", ...names], ...results.map(([name, of]) => [name, ...runs.map(of)])], left),
  ];
}
