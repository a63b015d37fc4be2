/** A page as HTML. */
import { shown } from "../../io/shown.ts";
import type { Chart } from "./chart.ts";
import type { Datum, Figure, Page, Pictures, Section, Table } from "./page.ts";
import { pictureUri } from "./picture_png.ts";
import { cellText, scriptJson, shownJson } from "./shown_json.ts";

/** Rows of a figure's values that the page shows; all are in the CSV file beside it. */
const mostRows = 1000;
/** Characters of a drawn chart that the page holds for readers without scripts. */
const mostDrawn = 2 ** 18;
/** Pixels below which a picture is shown larger than it is, with its pixels sharp. */
const smallPicture = 96;

/** Text as HTML, whatever it holds. */
export function escaped(text: string): string {
  return shown(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;");
}

/** Text that begins with a number by itself, as in `4 of 5`: a folder's name with a date in front does not. */
const numberFirst = /^[-−+±<]?\s?\d+(?:[.,:]\d+)*(?:\s|%|$)/;
/** Characters of a row's head, and of another cell, that are kept on one line. */
const shortText = { head: 32, cell: 16 };

/** Whether a column reads as numbers, which stand below each other by their last digit. */
function isNumeric(cells: readonly Datum[]): boolean {
  const given = cells.filter((cell) => cell !== null);
  return given.length > 0 &&
    given.every((cell) => typeof cell === "number" || typeof cell === "string" && numberFirst.test(cell));
}

function cellHtml(cell: Datum, numeric: boolean, head: boolean): string {
  const short = typeof cell === "string" && cell.length <= shortText[head ? "head" : "cell"];
  const kind = numeric ? ' class="number"' : short ? ' class="short"' : "";
  const value = typeof cell === "number" && Number.isFinite(cell) ? ` data-value="${cell}"` : "";
  return head
    ? `<th scope="row"${kind}${value}>${escaped(cellText(cell))}</th>`
    : `<td${kind}${value}>${escaped(cellText(cell))}</td>`;
}

/** A table that can be scrolled by keyboard where it is wide. */
function tableHtml({ title, columns, rows, note }: Table, captioned = true): string {
  const numeric = columns.map((_, at) => isNumeric(rows.map((row) => row[at] ?? null)));
  const heads = columns.map((name, at) =>
    `<th scope="col"${numeric[at] ? ' class="number"' : ""}>${escaped(name)}</th>`
  );
  const body = rows.map((row) =>
    `<tr>${columns.map((_, at) => cellHtml(row[at] ?? null, numeric[at]!, at === 0)).join("")}</tr>`
  );
  const caption = captioned ? `<caption>${escaped(title)}</caption>` : "";
  return `<div class="table" role="region" aria-label="${escaped(title)}" tabindex="0"><table>${caption}<thead><tr>${
    heads.join("")
  }</tr></thead><tbody>\n${body.join("\n")}\n</tbody></table></div>${
    note === undefined ? "" : `<p class="note">${escaped(note)}</p>`
  }`;
}

function chartHtml({ name, title, caption }: Figure, chart: Chart): string {
  const { compiled, columns, rows, inPage, marks } = chart;
  const picture = inPage.length <= mostDrawn
    // What holds it says what it shows; a drawing by itself would be told as an image without words.
    ? inPage.replace("<svg ", '<svg aria-hidden="true" ')
    : `<noscript>A script draws this chart of ${marks} marks; figures/${name}.svg shows it without.</noscript>`;
  const told = rows.length > mostRows ? `The first ${mostRows} of ${rows.length} rows` : `The ${rows.length} rows`;
  const values: Table = { title: `Values of ${title}`, columns, rows: rows.slice(0, mostRows) };
  const files = ["svg", "png", "csv"].map((kind) => `<a href="figures/${name}.${kind}">${kind.toUpperCase()}</a>`);
  return `<figure aria-labelledby="figure-${name}"><h3 id="figure-${name}">${escaped(title)}</h3>
<div class="chart" role="img" aria-label="${escaped(`Chart: ${caption}`)}" data-name="${name}">${picture}
<script type="application/json">${scriptJson(shownJson({ compiled, columns, rows }))}</script></div>
<figcaption>${escaped(caption)}</figcaption>
<details><summary>${told} behind this chart</summary>${tableHtml(values, false)}</details>
<p class="files">As a file: ${files.join(" · ")}</p></figure>`;
}

function picturesHtml({ title, caption, pictures }: Pictures, id: string): string {
  const items = pictures.map((picture) => {
    const { height, width, label, wrong } = picture;
    const small = Math.max(height, width) < smallPicture ? ' class="small"' : "";
    const told = escaped(wrong ? `Wrong: ${label}` : label);
    return `<li${wrong ? ' class="wrong"' : ""}><img alt="${told}" width="${width}" height="${height}"${small} src="${
      pictureUri(picture)
    }"><span aria-hidden="true">${escaped(label)}</span></li>`;
  });
  return `<figure aria-labelledby="${id}"><h3 id="${id}">${escaped(title)}</h3><figcaption>${
    escaped(caption)
  }</figcaption>
<ul class="pictures">${items.join("\n")}</ul></figure>`;
}

function sectionHtml(section: Section, at: number, charts: ReadonlyMap<string, Chart>): string {
  const { title, text = [], tables = [], figures = [], pictures = [] } = section;
  return [
    `<section aria-labelledby="section-${at}"><h2 id="section-${at}">${escaped(title)}</h2>`,
    ...text.map((line) => `<p>${escaped(line)}</p>`),
    ...tables.map((table) => tableHtml(table)),
    ...figures.map((figure) => chartHtml(figure, charts.get(figure.name)!)),
    ...pictures.map((set, place) => picturesHtml(set, `pictures-${at}-${place}`)),
    "</section>",
  ].join("\n");
}

/** The sum of an inline script, by which the page's policy lets it run and nothing else. */
async function scriptSum(text: string): Promise<string> {
  const sum = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
  return `'sha256-${btoa(String.fromCharCode(...sum))}'`;
}

/** What a page is put together from, beside what it says. */
export interface PageParts {
  /** Charts by the names of figures. */
  readonly charts: ReadonlyMap<string, Chart>;
  readonly style: string;
  readonly scripts: readonly string[];
}

/** The page's text. */
export async function pageHtml(page: Page, { charts, style, scripts }: PageParts): Promise<string> {
  const sums = await Promise.all(scripts.map(scriptSum));
  const policy = `default-src 'none'; script-src ${sums.join(" ")}; style-src 'unsafe-inline'; img-src data:; ` +
    "base-uri 'none'; form-action 'none'";
  const links = page.sections.map(({ title }, at) => `<li><a href="#section-${at}">${escaped(title)}</a></li>`);
  const contents = links.length > 1 ? `<nav aria-label="Contents"><ol>${links.join("")}</ol></nav>` : "";
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="libtrain">
<title>${escaped(page.title)}</title>
<link rel="icon" href="data:,">
<style>
${style}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header><h1>${escaped(page.title)}</h1><p class="about">${escaped(page.about)}</p></header>
${contents}
<main id="main" tabindex="-1">
${page.sections.map((section, at) => sectionHtml(section, at, charts)).join("\n")}
</main>
${scripts.map((text) => `<script>${text}</script>`).join("\n")}
</body>
</html>
`;
}
