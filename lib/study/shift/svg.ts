/** The probability of the right class while the image moves sideways, as a figure in SVG. */

import type { ShiftMeasurement } from "./measurement.ts";

/** One model's line in every panel. */
export interface ShiftSeries {
  /** What the legend says. */
  readonly label: string;
  /** A curve for each panel: values 0 to 1, one a shift. */
  readonly curves: readonly (readonly number[])[];
}

/** What to draw. */
export interface ShiftFigure {
  /** Above all panels. */
  readonly title: string;
  /** A title for each panel. */
  readonly panels: readonly string[];
  /** Shifts in pixels, rising. */
  readonly shifts: readonly number[];
  /** The models. */
  readonly series: readonly ShiftSeries[];
}

const width = 760;
const panelHeight = 170;
const gap = 46;
const margin = { left: 62, right: 20, bottom: 54 };
/** As many as there can be lines, told apart by hue, lightness and dashes (colours of Okabe and Ito, for every eye). */
const styles = [
  'stroke="#0072b2"',
  'stroke="#d55e00" stroke-dasharray="7 3"',
  'stroke="#009e73" stroke-dasharray="2 3"',
  'stroke="#cc79a7" stroke-dasharray="9 3 2 3"',
  'stroke="#000000" stroke-dasharray="12 3"',
  'stroke="#e69f00"',
  'stroke="#56b4e9" stroke-dasharray="5 2 5 2 1 2"',
  'stroke="#767676" stroke-dasharray="1 2"',
] as const;

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}

function text(x: number, y: number, content: string, more = ""): string {
  return `<text x="${x}" y="${y}" ${more}>${escaped(content)}</text>`;
}

/** Whole numbers about every sixth of the range, zero among them where it is inside. */
export function ticks(low: number, high: number): number[] {
  const rough = (high - low) / 6;
  const step = [1, 2, 4, 5, 8, 10, 20, 25, 50, 100].find((step) => step >= rough) ?? Math.ceil(rough);
  const first = Math.ceil(low / step) * step;
  return Array.from({ length: Math.floor((high - first) / step) + 1 }, (_, count) => first + count * step);
}

/** The figure as the text of an SVG file. */
export function shiftSvg({ title, panels, shifts, series }: ShiftFigure): string {
  const [low, high] = [shifts[0] ?? 0, shifts.at(-1) ?? 0];
  const top = 48 + 20 * series.length;
  const height = top + panels.length * (panelHeight + gap) + margin.bottom - gap;
  const inner = width - margin.left - margin.right;
  const x = (shift: number): number => margin.left + (high === low ? 0.5 : (shift - low) / (high - low)) * inner;
  const start = (panel: number): number => top + panel * (panelHeight + gap);
  const y = (panel: number, value: number): number => start(panel) + (1 - value) * panelHeight;
  const round = (value: number): string => value.toFixed(1).replace(/\.0$/, "");

  const grid = panels.flatMap((name, panel) => [
    text(margin.left, start(panel) - 8, name, 'font-weight="bold"'),
    ...[0, 0.25, 0.5, 0.75, 1].flatMap((value) => [
      `<line x1="${margin.left}" x2="${width - margin.right}" y1="${round(y(panel, value))}" y2="${
        round(y(panel, value))
      }" stroke="#ddd"/>`,
      text(margin.left - 8, Number(round(y(panel, value) + 4)), `${value}`, 'text-anchor="end"'),
    ]),
    ...ticks(low, high).flatMap((tick) => [
      `<line x1="${round(x(tick))}" x2="${round(x(tick))}" y1="${start(panel)}" y2="${
        start(panel) + panelHeight + 4
      }" stroke="${tick === 0 ? "#999" : "#eee"}"/>`,
      text(Number(round(x(tick))), start(panel) + panelHeight + 18, `${tick}`, 'text-anchor="middle"'),
    ]),
  ]);
  const lines = series.flatMap(({ curves }, at) =>
    curves.map((curve, panel) => {
      const points = curve.map((value, place) => `${round(x(shifts[place]!))},${round(y(panel, value))}`).join(" ");
      return `<polyline points="${points}" fill="none" stroke-width="2" ${styles[at % styles.length]}/>`;
    })
  );
  const legend = series.flatMap(({ label }, at) => [
    `<line x1="${margin.left}" x2="${margin.left + 34}" y1="${44 + 20 * at}" y2="${44 + 20 * at}" stroke-width="2" ${
      styles[at % styles.length]
    }/>`,
    text(margin.left + 42, 48 + 20 * at, label),
  ]);
  const middle = top + (height - top - margin.bottom) / 2;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" ` +
    `font-family="system-ui, sans-serif" font-size="12" fill="#222">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${width}" height="${height}" fill="white"/>`,
    text(margin.left, 22, title, 'font-size="15" font-weight="bold"'),
    ...legend,
    ...grid,
    ...lines,
    text(margin.left + inner / 2, height - 14, "shift to the right, pixels", 'text-anchor="middle"'),
    text(16, middle, "probability of the right class", `text-anchor="middle" transform="rotate(-90 16 ${middle})"`),
    "</svg>",
    "",
  ].join("\n");
}

/** The figure of a measurement: a panel an image, a line a model. */
export function shiftFigure(
  { shifts, images, models }: Pick<ShiftMeasurement, "shifts" | "images" | "models">,
  { title }: { title: string },
): ShiftFigure {
  return {
    title,
    panels: images.map(({ sample, class: name }) => `image ${sample}: ${name}`),
    shifts,
    series: models.map(({ label, consistency, curves }) => ({
      label: `${label}: consistency ${(100 * consistency).toFixed(2)} %`,
      curves,
    })),
  };
}
