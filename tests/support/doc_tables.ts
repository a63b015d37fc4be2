/** Tables of the documents. */
import { assert } from "@std/assert";

/** The rows of a document's table whose first column has this heading, as cells. */
export function tableOf(text: string, heading: string): string[][] {
  const lines = text.split("\n");
  const begin = lines.findIndex((line) => line.startsWith("|") && line.split("|")[1]!.trim() === heading);
  assert(begin >= 0, `no table of ${heading}`);
  const end = lines.findIndex((line, at) => at > begin && !line.startsWith("|"));
  return lines.slice(begin + 2, end).map((line) => line.split("|").slice(1, -1).map((cell) => cell.trim()));
}
