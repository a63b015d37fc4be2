/** The table at the end of a run. */
import type { CheckResult } from "./runner.ts";

/** How a control is told in a word. */
function controlWord({ control, state }: CheckResult): string {
  if (control === null) return state === "skipped" ? "-" : "none";
  return control.caught ? "found" : "MISSED";
}

/** One line a check, columns aligned. */
export function table(results: readonly CheckResult[]): string[] {
  const rows = results.map((result) => [
    result.name,
    result.tried.toLocaleString("en-US"),
    result.unit,
    String(result.lost),
    controlWord(result),
    `${result.seconds.toFixed(1)} s`,
    result.state,
  ]);
  const all = [["check", "tried", "of", "lost", "planted bug", "time", ""], ...rows];
  const widths = all[0]!.map((_, column) => Math.max(...all.map((row) => row[column]!.length)));
  const right = new Set([1, 3, 5]);
  return all.map((row) =>
    row.map((cell, column) => right.has(column) ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!))
      .join("  ").trimEnd()
  );
}
