/** What a page must be before anything is written. */
import { shown } from "../../ffi/shown.ts";
import { requireFlag, requireKnownOptions, requireText, requireWhole } from "../../tensor/ops/checks.ts";
import type { Figure, Page, Picture, Pictures, Section, Table } from "./page.ts";

const op = "writePage";

/** Names that an object may have: each is listed once the type has it. */
function namesOf<Kind>(names: Record<keyof Required<Kind>, true>): readonly string[] {
  return Object.keys(names);
}

const pageNames = namesOf<Page>({ title: true, about: true, sections: true });
const sectionNames = namesOf<Section>({ title: true, text: true, tables: true, figures: true, pictures: true });
const tableNames = namesOf<Table>({ title: true, columns: true, rows: true, note: true });
const figureNames = namesOf<Figure>({ name: true, title: true, caption: true, spec: true, rows: true });
const picturesNames = namesOf<Pictures>({ title: true, caption: true, pictures: true });
const pictureNames = namesOf<Picture>({ pixels: true, height: true, width: true, label: true, wrong: true });

function requireObject(path: string, value: unknown, names?: readonly string[]): asserts value is object {
  if (typeof value !== "object" || value === null || Array.isArray(value) || ArrayBuffer.isView(value)) {
    throw new TypeError(`${op}(): Expected \`${path}\` as an object, got ${shown(value)}`);
  }
  if (names !== undefined) requireKnownOptions(op, value, names);
}

function requireList(path: string, value: unknown): void {
  if (!Array.isArray(value)) throw new TypeError(`${op}(): Expected \`${path}\` as an array, got ${shown(value)}`);
}

/** Checks every element of a list that may be left out. */
function each<Element>(
  path: string,
  list: readonly Element[] | undefined,
  check: (path: string, element: Element) => void,
): void {
  if (list === undefined) return;
  requireList(path, list);
  list.forEach((element, at) => check(`${path}[${at}]`, element));
}

function checkCell(path: string, value: unknown): void {
  if (value === null || ["string", "number", "boolean"].includes(typeof value)) return;
  throw new TypeError(`${op}(): Expected \`${path}\` as text, a number, true, false or null, got ${shown(value)}`);
}

/** Objects around a value of a specification, at most: charts of charts take a dozen. */
const deepest = 100;

/** Throws where a value is none that JSON has, at any depth; `around` are the objects that it lies in. */
function requireJson(path: string, value: unknown, around: readonly object[] = []): void {
  if (value === undefined || value === null || ["string", "number", "boolean"].includes(typeof value)) return;
  if (!Array.isArray(value)) requireObject(path, value);
  const own = value as object;
  if (around.includes(own)) {
    throw new TypeError(`${op}(): Expected \`${path}\` as JSON, got an object that lies in itself: take it out`);
  }
  if (around.length === deepest) {
    throw new RangeError(`${op}(): Expected \`${path}\` at most ${deepest} objects deep, got more`);
  }
  const inside = [...around, own];
  if (Array.isArray(own)) own.forEach((inner, at) => requireJson(`${path}[${at}]`, inner, inside));
  else for (const [key, inner] of Object.entries(own)) requireJson(`${path}.${key}`, inner, inside);
}

function checkTable(path: string, table: Table): void {
  requireObject(path, table, tableNames);
  const { title, columns, rows, note } = table;
  requireText(op, `${path}.title`, title);
  requireList(`${path}.columns`, columns);
  each(`${path}.columns`, columns, (place, name) => requireText(op, place, name));
  requireList(`${path}.rows`, rows);
  each(`${path}.rows`, rows, (place, row) => {
    requireList(place, row);
    if (row.length !== columns.length) {
      throw new RangeError(
        `${op}(): Expected \`${place}\` with a cell for each of ${columns.length} columns, got ${row.length}`,
      );
    }
    each(place, row, checkCell);
  });
  if (note !== undefined) requireText(op, `${path}.note`, note);
}

function checkFigure(path: string, figure: Figure, taken: Set<string>): void {
  requireObject(path, figure, figureNames);
  const { name, title, caption, spec, rows } = figure;
  requireText(op, `${path}.name`, name);
  if (!/^[a-z0-9_-]{1,100}$/.test(name)) {
    throw new RangeError(
      `${op}(): Expected \`${path}.name\` of up to 100 lower-case letters, digits, - and _, got ${shown(name)}`,
    );
  }
  if (taken.has(name)) {
    throw new RangeError(`${op}(): Expected each figure's name once, got ${shown(name)} twice: rename one`);
  }
  taken.add(name);
  requireText(op, `${path}.title`, title);
  requireText(op, `${path}.caption`, caption);
  requireObject(`${path}.spec`, spec);
  requireJson(`${path}.spec`, spec);
  requireList(`${path}.rows`, rows);
  each(`${path}.rows`, rows, (place, row) => {
    requireObject(place, row);
    for (const [column, value] of Object.entries(row)) checkCell(`${place}.${column}`, value);
  });
}

function checkPicture(path: string, picture: Picture): void {
  requireObject(path, picture, pictureNames);
  const { pixels, height, width, label, wrong } = picture;
  requireWhole(op, `${path}.height`, height, 1);
  requireWhole(op, `${path}.width`, width, 1);
  requireText(op, `${path}.label`, label);
  if (wrong !== undefined) requireFlag(op, `${path}.wrong`, wrong);
  if (!(pixels instanceof Uint8Array)) {
    throw new TypeError(`${op}(): Expected \`${path}.pixels\` as a Uint8Array, got ${shown(pixels)}`);
  }
  if (pixels.length !== height * width * 3) {
    throw new RangeError(
      `${op}(): Expected \`${path}.pixels\` with ${height} x ${width} x 3 bytes, got ${pixels.length}`,
    );
  }
}

/** Throws a TypeError or RangeError that names the place where something is no page. */
export function checkPage(page: Page): void {
  requireObject("page", page, pageNames);
  requireText(op, "title", page.title);
  requireText(op, "about", page.about);
  requireList("sections", page.sections);
  const taken = new Set<string>();
  each("sections", page.sections, (path, section) => {
    requireObject(path, section, sectionNames);
    requireText(op, `${path}.title`, section.title);
    each(`${path}.text`, section.text, (place, line) => requireText(op, place, line));
    each(`${path}.tables`, section.tables, checkTable);
    each(`${path}.figures`, section.figures, (place, figure) => checkFigure(place, figure, taken));
    each(`${path}.pictures`, section.pictures, (place, set) => {
      requireObject(place, set, picturesNames);
      requireText(op, `${place}.title`, set.title);
      requireText(op, `${place}.caption`, set.caption);
      requireList(`${place}.pictures`, set.pictures);
      each(`${place}.pictures`, set.pictures, checkPicture);
    });
  });
}
