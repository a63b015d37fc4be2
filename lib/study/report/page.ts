import type { Json } from "../../registry/registry.ts";

/** One value of a figure's or a table's row; null stands for what was not measured. */
export type Datum = string | number | boolean | null;

/** A chart: a Vega-Lite specification and the rows that it draws, kept apart so that a page can show both. */
export interface Figure {
  /** The name of its files, as in `accuracy` for accuracy.svg: lower-case letters, digits, `-` and `_`. */
  readonly name: string;
  /** Its heading, and the title of its files. */
  readonly title: string;
  /** What it shows in one or two sentences: the caption, and what a screen reader says. */
  readonly caption: string;
  /** A Vega-Lite 6 specification without `data`, `title`, `width` and colours: the page gives those. */
  readonly spec: { readonly [key: string]: Json };
  /** The values to draw, one object a mark or a point of a line. */
  readonly rows: readonly { readonly [column: string]: Datum }[];
}

/** A table: columns in order, one array of cells a row. */
export interface Table {
  /** Its heading. */
  readonly title: string;
  /** The names of its columns. */
  readonly columns: readonly string[];
  /** A cell for each column; numbers are shown with five digits and sort by all of them. */
  readonly rows: readonly (readonly Datum[])[];
  /** What stands below it. */
  readonly note?: string;
}

/** Pictures in a grid, each with what it shows. */
export interface Pictures {
  /** Its heading. */
  readonly title: string;
  /** What they show. */
  readonly caption: string;
  /** In the order in which they are read. */
  readonly pictures: readonly Picture[];
}

/** One picture of [height, width, 3] bytes. */
export interface Picture {
  /** Red, green and blue of each pixel, row by row. */
  readonly pixels: Uint8Array<ArrayBuffer>;
  /** Pixels from top to bottom. */
  readonly height: number;
  /** Pixels from left to right. */
  readonly width: number;
  /** What stands below it and what a screen reader says, as in `chain saw, taken for gas pump (0.83)`. */
  readonly label: string;
  /** Whether the label tells of a mistake, which the page marks. */
  readonly wrong?: boolean;
}

/** A part of a page, in the order in which it is read: text, then tables, figures and pictures. */
export interface Section {
  /** Its heading. */
  readonly title: string;
  /** Paragraphs. */
  readonly text?: readonly string[];
  /** Tables, below the text. */
  readonly tables?: readonly Table[];
  /** Charts, below the tables. */
  readonly figures?: readonly Figure[];
  /** Grids of pictures, below the charts. */
  readonly pictures?: readonly Pictures[];
}

/** A page that a person looks at. */
export interface Page {
  /** Its heading, and the title of its window. */
  readonly title: string;
  /** One line below the title: what was measured, when and by which code. */
  readonly about: string;
  /** Its parts, with links to each on top. */
  readonly sections: readonly Section[];
}
