/** Tables for a terminal. */
import { tableLines as alignedLines } from "../../lib/cli/table.ts";

/** A column: its head, and the text of a row; numbers stand to the right. */
export interface Column<Row> {
  readonly head: string;
  readonly text: (row: Row) => string;
  readonly right?: boolean;
}

/** Lines of a table, its head first. */
export function tableLines<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string[] {
  const cells = [columns.map(({ head }) => head), ...rows.map((row) => columns.map(({ text }) => text(row)))];
  return alignedLines(cells, columns.flatMap(({ right }, at) => right === false ? [at] : []));
}

/** A number, or a dash where there is none. */
export function shownNumber(value: number | null | undefined, digits = 1): string {
  return value === null || value === undefined || !Number.isFinite(value) ? "-" : value.toFixed(digits);
}

/** How many times as much, `1.85x`. */
export function shownRatio(value: number | null | undefined): string {
  return value === null || value === undefined || !Number.isFinite(value) ? "-" : `${value.toFixed(2)}x`;
}
