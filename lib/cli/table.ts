/** Rows as lines, for a reader. */

/** Columns of one width each: those at `right` end below each other, the others begin so. The last line end is not padded. */
export function tableLines(rows: readonly (readonly string[])[], right: readonly number[] = []): string[] {
  const count = Math.max(0, ...rows.map((row) => row.length));
  const length = (text: string): number => [...text].length;
  const widths = Array.from({ length: count }, (_, at) => Math.max(...rows.map((row) => length(row[at] ?? ""))));
  return rows.map((row) =>
    row.map((cell, at) => {
      const space = " ".repeat(widths[at]! - length(cell));
      return right.includes(at) ? space + cell : cell + space;
    }).join("  ").trimEnd()
  );
}
