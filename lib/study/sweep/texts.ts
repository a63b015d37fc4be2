/** A sweep's result as Markdown and CSV. */
import { csvField } from "../../io/csv.ts";
import type { ArmResult, ComparisonResult, SweepResult } from "./results.ts";
import { short } from "../statistics/digits.ts";
import type { Interval } from "../statistics/intervals.ts";

/** Numbers of a measure as a reader takes them: accuracies in per cent. */
function shownBy(measure: SweepResult["measure"]): (value: number) => string {
  return measure === "top1" ? (value) => (100 * value).toFixed(2) : (value) => value.toFixed(4);
}

function interval(found: Interval | null, show: (value: number) => string): string {
  return found === null ? "" : `${show(found.low)} to ${show(found.high)}`;
}

/** How many runs a mean is of, and what became of the others. */
export function countText({ summary, diverged, failed, missing }: ArmResult): string {
  const n = summary?.n ?? 0;
  const all = n + diverged.length + failed.length + missing.length;
  const rest = [
    ...(diverged.length > 0 ? [`${diverged.length} diverged`] : []),
    ...(failed.length > 0 ? [`${failed.length} failed`] : []),
    ...(missing.length > 0 ? [`${missing.length} not run`] : []),
  ];
  return rest.length === 0 ? `${n}` : `${n} of ${all}: ${rest.join(", ")}`;
}

/** The columns of the table of arms. */
export const armColumns = ["arm", "runs", "mean", "sd", "95 % (t)", "95 % (bootstrap)", "each"] as const;

/** The table of arms, a row an arm. */
export function armRows({ arms, measure }: Pick<SweepResult, "arms" | "measure">): string[][] {
  const show = shownBy(measure);
  return arms.map((arm) => {
    const { summary } = arm;
    const values = Object.values(arm.values).map(show);
    return [
      arm.arm,
      countText(arm),
      summary === null ? "" : show(summary.mean),
      summary?.sd === null || summary === null ? "" : show(summary.sd),
      interval(summary?.t ?? null, show),
      interval(summary?.bootstrap ?? null, show),
      values.join(" "),
    ];
  });
}

/** A comparison in one line. */
export function comparisonText({ arm, against, kind, claim, words, unpaired }: ComparisonResult): string {
  const without = unpaired.length === 0 ? "" : `; seeds without a pair: ${unpaired.join(", ")}`;
  const verdict = claim === null || claim === "not decided" ? "" : `${claim}: `;
  return `${kind === "primary" ? "primary" : "exploratory"}: ${arm} against ${against}: ${verdict}${words}${without}`;
}

/** McNemar's test of a comparison's runs in one line, seed by seed; undefined where no seed has the answers of both. */
export function answersText({ arm, against, answers }: ComparisonResult): string | undefined {
  if (answers.length === 0) return undefined;
  const each = answers.map(({ seed, onlyA, onlyB, p }) => `seed ${seed}: ${onlyA} to ${onlyB}, p = ${short(p, 2)}`);
  return `images that ${arm} alone has right to those that ${against} alone has (McNemar, of these runs): ${
    each.join("; ")
  }`;
}

/** The columns of the table of comparisons. */
export const comparisonColumns = [
  "comparison",
  "kind",
  "verdict",
  "pairs",
  "difference",
  "95 % (sign flips)",
  "p",
  "Holm",
  "95 % (t)",
  "95 % (bootstrap)",
] as const;

/** The table of comparisons, a row a comparison; differences of accuracies in points. */
export function comparisonRows({ comparisons, measure }: Pick<SweepResult, "comparisons" | "measure">): string[][] {
  const unsigned = shownBy(measure);
  const show = (value: number): string => `${value > 0 ? "+" : ""}${unsigned(value)}`;
  return comparisons.map(({ arm, against, kind, paired, holm, verdict, claim }) => [
    `${arm} against ${against}`,
    kind,
    claim ?? verdict,
    `${paired?.n ?? 0}`,
    paired === null ? "" : show(paired.mean),
    interval(paired?.flips ?? null, show),
    paired === null ? "" : short(paired.p, 2),
    holm === null ? "" : short(holm, 2),
    interval(paired?.t ?? null, show),
    interval(paired?.bootstrap ?? null, show),
  ]);
}

/** What a reader should know beside the tables: each run that is in no mean, and how runs were made. */
export function noteLines({ arms, notes }: Pick<SweepResult, "arms" | "notes">): string[] {
  return [
    ...arms.flatMap(({ arm, diverged, failed }) => [
      ...diverged.map(({ seed, epoch, step, where }) =>
        `${arm}, seed ${seed}, diverged in epoch ${epoch}, step ${step}: ${where} was not finite; it is in no mean`
      ),
      ...failed.map(({ seed, message }) => `${arm}, seed ${seed}, failed: ${message}`),
    ]),
    ...notes,
  ];
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}

/** A table in Markdown. */
export function markdownTable(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(cell).join(" | ")} |`;
  return [line(columns), line(columns.map(() => "---")), ...rows.map(line)].join("\n");
}

/** What numbers of a result are. */
export function unitOf(measure: SweepResult["measure"]): string {
  return measure === "top1" ? "top-1 in %, differences in points" : "validation loss, less is better";
}

/** The tables of a result and what they say in words, in Markdown. */
export function markdownTables(result: SweepResult): string {
  const { measure, seeds, comparisons } = result;
  const lines = comparisons.flatMap((each) => [comparisonText(each), answersText(each) ?? []].flat());
  return [
    `Seeds ${seeds.join(", ")}; ${unitOf(measure)}.`,
    markdownTable(armColumns, armRows(result)),
    ...(comparisons.length === 0 ? [] : [markdownTable(comparisonColumns, comparisonRows(result))]),
    [...lines, ...noteLines(result)].map((line) => `- ${line}`).join("\n"),
  ].filter((part) => part !== "").join("\n\n");
}

/** The result as a page in Markdown. */
export function markdownOf(result: SweepResult): string {
  const { name, claim, source } = result;
  return [
    `# ${name}`,
    ...(claim === null ? [] : [`Claim: ${claim}.`]),
    ...(source === null ? [] : [`Its source: ${source}.`]),
    markdownTables(result),
  ].join("\n\n") + "\n";
}

/** A value in CSV. */
function csvCell(value: string | number | null): string {
  return csvField(value === null ? "" : String(value));
}

/** Every run as a row of CSV. */
export function csvOf({ arms }: Pick<SweepResult, "arms">): string {
  const columns = ["arm", "seed", "status", "top1", "correct", "total", "loss", "trainSeconds", "hash"];
  const rows = arms.flatMap(({ arm, runs, failed, missing }) => [
    ...runs.map((
      run,
    ) => [arm, run.seed, run.status, run.top1, run.correct, run.total, run.loss, run.trainSeconds, run.hash]),
    ...failed.map(({ seed }) => [arm, seed, "failed", null, null, null, null, null, null]),
    ...missing.map((seed) => [arm, seed, "not run", null, null, null, null, null, null]),
  ]);
  return [columns, ...rows].map((row) => `${row.map(csvCell).join()}\n`).join("");
}
