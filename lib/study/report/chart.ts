/** A figure's specification and rows as a chart: compiled for the page's script, and drawn as SVG. */
import { StateError } from "../../ffi/errors.ts";
import type { Json } from "../../registry/registry.ts";
import type { Datum, Figure } from "./page.ts";
import { shownJson } from "./shown_json.ts";
import { byStyle, chartConfig, light, type Palette } from "./theme.ts";
import { keepingLogger, loadVega, type SceneItem } from "./vega.ts";

/** A figure that was drawn. */
export interface Chart {
  readonly name: string;
  /** What Vega draws, by the style of the page; its data `rows` are empty. */
  readonly compiled: { readonly [key: string]: Json };
  /** The names of the rows' values, in order. */
  readonly columns: readonly string[];
  /** The rows' values, null where one has none. */
  readonly rows: readonly (readonly Datum[])[];
  /** Points, bars and vertices of lines. */
  readonly marks: number;
  /** In the colours that the page's style gives. */
  readonly inPage: string;
  /** In the colours of white paper, with its title. */
  readonly alone: string;
  /** What Vega and Vega-Lite found odd. */
  readonly warnings: readonly string[];
}

/** The name of a chart's data, which a specification may use in a `lookup`. */
const dataName = "rows";

/** What the page gives, so that a specification must not. */
const given = ["data", "datasets", "title", "config", "$schema"];

/** What a specification would load something by. */
const addresses = ["url", "href"];

/** Refuses whatever there is to load: addresses are refused before, as a page has no network. */
function refuseLoad(address: string): Promise<never> {
  return Promise.reject(new Error(`Expected no address in a figure, got "${address}"`));
}

/** Marks that show rows, those of axes and legends left out. */
function countMarks({ marktype, role, items = [] }: SceneItem): number {
  if (marktype === undefined || marktype === "group") return items.reduce((sum, item) => sum + countMarks(item), 0);
  return role === "mark" ? items.length : 0;
}

/** The names of all rows' values, in the order in which they are met. */
function columnsOf({ rows }: Figure): string[] {
  return [...new Set(rows.flatMap((row) => Object.keys(row)))];
}

/** The first of some keys that is anywhere in a specification. */
function keyWithin(value: Json | undefined, keys: readonly string[]): string | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  for (const [key, inner] of Object.entries(value)) {
    const found = !Array.isArray(value) && keys.includes(key) ? key : keyWithin(inner, keys);
    if (found !== undefined) return found;
  }
  return undefined;
}

function checkSpec({ name, spec }: Figure): void {
  const own = given.find((key) => Object.hasOwn(spec, key));
  const reason = own === undefined ? "as a page loads nothing" : "which the page gives";
  const wrong = own ?? keyWithin(spec, addresses);
  if (wrong === undefined) return;
  throw new TypeError(`writePage(): Expected the figure "${name}" without ${wrong}, ${reason}: leave it out`);
}

async function drawn(
  compiled: { readonly [key: string]: Json },
  rows: Json,
  logger: object,
): Promise<{ svg: string; marks: number }> {
  const { vega } = await loadVega();
  const data = (compiled["data"] as { readonly name: string }[]).map((set) =>
    set.name === dataName ? { ...set, values: rows } : set
  );
  const view = new vega.View(vega.parse({ ...compiled, data }), {
    renderer: "none",
    loader: { load: refuseLoad, sanitize: refuseLoad },
    logger,
  });
  try {
    await view.runAsync();
    vega.resetSVGDefIds();
    return { svg: await view.toSVG(), marks: countMarks(view.scenegraph().root) };
  } finally {
    view.finalize();
  }
}

/** A drawing whose inner names, of gradients and clips, are no other drawing's of the same page. */
function named(svg: string, name: string): string {
  return svg.replaceAll(/ id="(?=(?:gradient|clip)_?\d)/g, `$&${name}-`).replaceAll(/="url\(#/g, `$&${name}-`);
}

/** Draws a figure; throws a StateError where its specification cannot be drawn, or shows none of its rows. */
export async function drawChart(figure: Figure): Promise<Chart> {
  checkSpec(figure);
  const { name, title } = figure;
  const { vegaLite } = await loadVega();
  const warnings: string[] = [];
  const logger = keepingLogger(warnings);
  const columns = columnsOf(figure);
  const rows = shownJson(figure.rows as Json);
  const spec = shownJson(figure.spec) as object;
  const compile = (palette: Palette, more: object = {}): { readonly [key: string]: Json } => {
    const asked = { ...spec, ...more, data: { name: dataName } };
    const { $schema: _, ...own } = vegaLite.compile(asked, { config: chartConfig(palette), logger }).spec;
    return own;
  };
  try {
    const compiled = compile(byStyle);
    const { svg: inPage, marks } = await drawn(compiled, rows, logger);
    if (marks === 0 && figure.rows.length > 0) throw new Error(`none of its ${figure.rows.length} rows is drawn`);
    const { svg: alone } = await drawn(
      compile(light, { title: shownJson(title), background: light.surface }),
      rows,
      logger,
    );
    const values = figure.rows.map((row) => columns.map((column) => row[column] ?? null));
    return { name, compiled, columns, rows: values, marks, inPage: named(inPage, name), alone, warnings };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new StateError(
      `Cannot draw the figure "${name}": ${reason}: correct its specification or its rows`,
      { cause: error },
    );
  }
}
