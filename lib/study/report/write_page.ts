/** Pages as files. */
import { join } from "node:path";
import { makeFolderOf, writeFileAtomic } from "../../io/atomic_file.ts";
import { csvField } from "../../io/csv.ts";
import { requireText } from "../../tensor/ops/checks.ts";
import { type Chart, drawChart } from "./chart.ts";
import { figurePng } from "./figure_png.ts";
import { pageHtml } from "./html.ts";
import { checkPage } from "./check_page.ts";
import type { Datum, Page } from "./page.ts";
import { asset, pageScripts } from "./scripts.ts";
import { dark, declared, light } from "./theme.ts";

/** A figure's files. */
export interface WrittenFigure {
  /** Its name. */
  readonly name: string;
  /** The path of its drawing. */
  readonly svg: string;
  /** The path of its picture, two pixels for each unit of the drawing. */
  readonly png: string;
  /** The path of its rows. */
  readonly csv: string;
  /** Points, bars and vertices of lines that were drawn. */
  readonly marks: number;
}

/** What {@linkcode writePage} wrote. */
export interface WrittenPage {
  /** The path of the page. */
  readonly html: string;
  /** Bytes of the page alone. */
  readonly bytes: number;
  /** Its figures' files, in the order of the page. */
  readonly figures: readonly WrittenFigure[];
  /** What the drawing of figures found odd, each with the figure's name. */
  readonly warnings: readonly string[];
}

function csvCell(value: Datum): string {
  return csvField(value === null ? "" : String(value));
}

function csv({ columns, rows }: Chart): string {
  return [columns, ...rows].map((row) => `${row.map(csvCell).join()}\r\n`).join("");
}

/**
 * Writes a page to look at: `report.html` in the folder, and in `figures/` each figure as `NAME.svg`, `NAME.png` and, its
 * rows, `NAME.csv`. The page holds all it needs, so it opens from a disk without a network, which its policy forbids it; it
 * is light or dark as the reader's system is, and prints on white. A chart is drawn by Vega (0.5 MB of the page), can be
 * read as a table, and stands in the page as a drawing too for readers without scripts, up to 256 KiB of it.
 *
 * Rejects with a TypeError or RangeError for a page that has a figure's name twice or one that cannot name a file, with a
 * StateError for a figure that cannot be drawn, or of whose rows none would be seen, and with a FileError where a file
 * cannot be written. Files of an earlier page in the folder are replaced by name, and each is there whole or not at all.
 *
 * ```ts
 * import { study } from "@libtrain/libtrain";
 *
 * const written = await study.writePage({
 *   title: "Two epochs",
 *   about: "MNIST, one seed",
 *   sections: [{
 *     title: "Accuracy",
 *     figures: [{
 *       name: "accuracy",
 *       title: "Top-1 accuracy by epoch",
 *       caption: "It rises.",
 *       spec: { mark: "line", encoding: { x: { field: "epoch", type: "ordinal" }, y: { field: "top1", type: "quantitative" } } },
 *       rows: [{ epoch: 1, top1: 0.97 }, { epoch: 2, top1: 0.98 }],
 *     }],
 *   }],
 * }, "runs/two-epochs");
 * console.log(written.html, written.bytes);
 * ```
 */
export async function writePage(page: Page, folder: string): Promise<WrittenPage> {
  checkPage(page);
  requireText("writePage", "folder", folder);
  const charts = new Map<string, Chart>();
  const figures: WrittenFigure[] = [];
  const file = async (path: string, bytes: Uint8Array | string): Promise<void> => {
    await makeFolderOf(path);
    await writeFileAtomic(path, [typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes]);
  };
  for (const figure of page.sections.flatMap(({ figures = [] }) => figures)) {
    const chart = await drawChart(figure);
    charts.set(figure.name, chart);
    const [svg, png, csvPath] = ["svg", "png", "csv"].map((kind) => join(folder, "figures", `${figure.name}.${kind}`));
    await file(svg!, chart.alone);
    await file(png!, await figurePng(chart.alone));
    await file(csvPath!, csv(chart));
    figures.push({ name: figure.name, svg: svg!, png: png!, csv: csvPath!, marks: chart.marks });
  }
  const style = `:root{${declared(light)}}\n@media (prefers-color-scheme:dark){:root{${declared(dark)}}}\n` +
    `@media print{:root{${declared(light)}}}\n${await asset("./page.css")}`;
  const text = new TextEncoder().encode(
    await pageHtml(page, { charts, style, scripts: await pageScripts(charts.size > 0) }),
  );
  const html = join(folder, "report.html");
  await file(html, text);
  const warnings = [...charts.values()].flatMap(({ name, warnings }) => warnings.map((text) => `${name}: ${text}`));
  return { html, bytes: text.length, figures, warnings };
}
