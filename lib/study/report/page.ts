import type { Json } from "../../registry/registry.ts";

/** One value of a figure's or a table's row; null stands for what was not measured. */
export type Cell = string | number | boolean | null;

/** A chart: a Vega-Lite specification and the rows that it draws, kept apart so that a page can show both. */
export interface Figure {
  /** The name of its files, as in `accuracy` for accuracy.svg: lower-case letters, digits, `-` and `_`. */
  readonly name: string;
  readonly title: string;
  /** What it shows in one or two sentences: the caption, and what a screen reader says. */
  readonly caption: string;
  /** A Vega-Lite 6 specification without `data`, `title`, `width` and colours: the page gives those. */
  readonly spec: { readonly [key: string]: Json };
  /** The values to draw, one object a mark or a point of a line. */
  readonly rows: readonly { readonly [column: string]: Cell }[];
}

/** A table: columns in order, one array of cells a row. */
export interface Table {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
  /** What stands below it. */
  readonly note?: string;
}

/** Pictures in a grid, each with what it shows. */
export interface Pictures {
  readonly title: string;
  readonly caption: string;
  readonly pictures: readonly Picture[];
}

/** One picture of [height, width, 3] bytes. */
export interface Picture {
  readonly pixels: Uint8Array<ArrayBuffer>;
  readonly height: number;
  readonly width: number;
  /** What stands below it and what a screen reader says, as in `chain saw, taken for gas pump (0.83)`. */
  readonly label: string;
  /** Whether the label tells of a mistake, which the page marks. */
  readonly wrong?: boolean;
}

/** A part of a page, in the order in which it is read: text, then tables, figures and pictures. */
export interface Section {
  readonly title: string;
  readonly text?: readonly string[];
  readonly tables?: readonly Table[];
  readonly figures?: readonly Figure[];
  readonly pictures?: readonly Pictures[];
}

/** A page that a person looks at. */
export interface Page {
  readonly title: string;
  /** One line below the title: what was measured, when and by which code. */
  readonly about: string;
  readonly sections: readonly Section[];
}
