/** Rows of a comparison of training steps, and how many times as fast the library's own are. */
import type { Measured } from "./contenders.ts";
import { rounded } from "./figures.ts";
import { type Column, shownNumber, shownRatio, tableLines } from "./table.ts";

/** A training step that was measured. */
export interface StepRow extends Measured {
  /** own: this checkout; beside: another one; peer: PyTorch. */
  readonly who: "own" | "beside" | "peer";
  readonly dtype: "f32" | "bf16";
  /** PyTorch's way to run, layout and optimizer. */
  readonly mode?: string;
  readonly layout?: string;
  readonly optimizer?: string;
}

/** One of the library's own beside a rival in its better layout. */
export interface StepRatio {
  /** The library's dtype. */
  readonly own: "f32" | "bf16";
  /** As {@linkcode nameOf} says. */
  readonly rival: string;
  /** Images a second over the rival's. */
  readonly speed: number;
  /** The same of both sides' fastest steps. */
  readonly best_speed: number;
  /** Peak memory of the process over the rival's. */
  readonly memory: number;
}

/** What a row is called, whatever its layout. */
export function nameOf(
  { who, dtype, mode, optimizer }: Pick<StepRow, "who" | "dtype" | "mode" | "optimizer">,
): string {
  if (who === "own") return `libtrain ${dtype}`;
  if (who === "beside") return `beside ${dtype}`;
  return `PyTorch ${mode} ${dtype}, ${optimizer}`;
}

/** The rows of rivals, of those that differ in nothing but the layout the fastest. */
export function rivalsOf(rows: readonly StepRow[]): StepRow[] {
  const groups = Map.groupBy(rows.filter(({ who }) => who !== "own"), nameOf);
  return [...groups.values()].map((group) => group.toSorted((a, b) => b.img_per_s - a.img_per_s)[0]!);
}

/** Each of the library's own beside each rival. */
export function ratiosOf(rows: readonly StepRow[]): StepRatio[] {
  const own = rows.filter(({ who }) => who === "own");
  return rivalsOf(rows).flatMap((rival) =>
    own.map((each): StepRatio => ({
      own: each.dtype,
      rival: nameOf(rival),
      speed: rounded(each.img_per_s / rival.img_per_s, 3),
      best_speed: rounded(each.best_img_per_s / rival.best_img_per_s, 3),
      memory: rounded(each.whole_peak_mib / rival.whole_peak_mib, 3),
    }))
  );
}

/** The table on screen: a star at the layout that counts. */
export function linesOf(rows: readonly StepRow[], ratios: readonly StepRatio[]): string[] {
  const better = new Set(rivalsOf(rows));
  const own = rows.filter(({ who }) => who === "own").map(({ dtype }) => dtype);
  const ratio = (row: StepRow, dtype: string): StepRatio | undefined =>
    better.has(row) ? ratios.find((each) => each.own === dtype && each.rival === nameOf(row)) : undefined;
  const columns: Column<StepRow>[] = [
    { head: "what", right: false, text: nameOf },
    {
      head: "layout",
      right: false,
      text: (row) => row.layout === undefined ? "" : `${row.layout}${better.has(row) ? " *" : ""}`,
    },
    { head: "img/s", text: ({ img_per_s }) => shownNumber(img_per_s, 2) },
    { head: "best", text: ({ best_img_per_s }) => shownNumber(best_img_per_s, 2) },
    { head: "ms", text: ({ ms }) => shownNumber(ms, 0) },
    { head: "MiB", text: ({ whole_peak_mib }) => shownNumber(whole_peak_mib, 0) },
    { head: "in steps", text: ({ peak_mib }) => shownNumber(peak_mib, 0) },
    {
      head: "first step s",
      text: ({ first_step_s, cached_graphs = 0 }) =>
        `${shownNumber(first_step_s)}${cached_graphs > 0 ? " cached" : ""}`,
    },
    ...own.flatMap((dtype): Column<StepRow>[] => [
      { head: `ours ${dtype}`, text: (row) => shownRatio(ratio(row, dtype)?.speed) },
      { head: "memory", text: (row) => shownRatio(ratio(row, dtype)?.memory) },
    ]),
  ];
  return tableLines(columns, rows);
}
