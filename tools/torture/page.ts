/** The table of docs/reliability.md, which follows from the checks and the committed results. */
import type { Check } from "./check.ts";
import type { ResultEntry, ResultsFile } from "./results.ts";

/** The page, from the repository's root. */
export const pagePath = "docs/reliability.md";

const BEGIN = "<!-- figures: written by `deno task torture` -->";
const END = "<!-- /figures -->";

/** A check's file: its name with underscores. */
export function fileOf({ name }: Pick<Check, "name">): string {
  const file = name.startsWith("fuzz-") ? "fuzz" : name.replaceAll("-", "_");
  return `tools/torture/checks/${file}.ts`;
}

/** A Markdown table as `deno fmt` writes one. */
function markdown(rows: readonly (readonly string[])[], right: ReadonlySet<number>): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(3, ...rows.map((row) => row[column]!.length)));
  const line = (row: readonly string[]): string => `| ${row.join(" | ")} |`;
  const padded = rows.map((row) =>
    row.map((cell, at) => right.has(at) ? cell.padStart(widths[at]!) : cell.padEnd(widths[at]!))
  );
  const rule = widths.map((width, at) => right.has(at) ? `${"-".repeat(width - 1)}:` : "-".repeat(width));
  const [head, ...body] = padded;
  return [line(head!), line(rule), ...body.map(line)];
}

function rowOf({ name, promise, ...check }: Check, entry: ResultEntry | undefined): string[] {
  const link = `[${name}](../${fileOf({ name })})`;
  if (entry === undefined) return [promise, link, "not yet", check.unit, "", ""];
  const { tried, unit, lost, control, state } = entry;
  if (state === "skipped") return [promise, link, "skipped", unit, "", ""];
  const found = control?.caught === true ? "found" : "missed";
  return [promise, link, tried.toLocaleString("en-US"), unit, String(lost), found];
}

/** A row a check: the promise, where it is tried, how often, what was lost, and whether the planted bug was found. */
export function promiseTable(checks: readonly Check[], { checks: entries }: ResultsFile): string {
  const rows = checks.map((check) => rowOf(check, entries.find(({ name }) => name === check.name)));
  return markdown([["Promise", "Check", "Tried", "", "Lost", "Planted bug"], ...rows], new Set([2, 4])).join("\n");
}

/** The page's text with another table. */
export function withTable(text: string, table: string): string {
  const [from, to] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (from < 0 || to < from) throw new Error(`Expected "${BEGIN}" and "${END}" in ${pagePath}`);
  return `${text.slice(0, from + BEGIN.length)}\n\n${table}\n\n${text.slice(to)}`;
}

/** Puts the committed results into the page. */
export async function updatePage(checks: readonly Check[], results: ResultsFile): Promise<void> {
  const text = await Deno.readTextFile(pagePath);
  await Deno.writeTextFile(pagePath, withTable(text, promiseTable(checks, results)));
}
