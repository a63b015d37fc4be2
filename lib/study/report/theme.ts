/** How charts look: colours for both backgrounds, and Vega-Lite's settings with them. */
import type { Json } from "../../registry/registry.ts";

/** The colours of a page and its charts. */
export interface Palette {
  /** Text. */
  readonly ink: string;
  /** Text of less weight: labels of axes, captions. */
  readonly muted: string;
  /** Lines of a grid and of tables. */
  readonly line: string;
  /** What lies behind everything. */
  readonly surface: string;
  /** What lies behind charts, tables' heads and code. */
  readonly raised: string;
  /** Links, and marks of a chart with one series. */
  readonly accent: string;
  /** What was wrong. */
  readonly bad: string;
  /** Series of a chart, told apart by hue and lightness (after Okabe and Ito, for every eye). */
  readonly series: readonly string[];
}

/** Colours on white, and of every file that stands alone. */
export const light: Palette = {
  ink: "#1c2330",
  muted: "#566073",
  line: "#dfe3ea",
  surface: "#ffffff",
  raised: "#f5f7fa",
  accent: "#0069a8",
  bad: "#b3261e",
  series: ["#0072b2", "#d55e00", "#009e73", "#b0508f", "#c98500", "#3f97d1", "#4a4a4a", "#8a6d3b"],
};

/** Colours on black. */
export const dark: Palette = {
  ink: "#e6e9ef",
  muted: "#a4adbd",
  line: "#333b49",
  surface: "#12161d",
  raised: "#1a202a",
  accent: "#6cb8f0",
  bad: "#ff8a80",
  series: ["#5aaeea", "#ff8f4d", "#33c79a", "#e08cc4", "#f0b93a", "#9bd0f5", "#c4c4c4", "#cfae74"],
};

/** The palette's names by what a page's style calls them. */
function entries(palette: Palette): [name: string, color: string][] {
  const { series, ...own } = palette;
  return [...Object.entries(own), ...series.map((color, at) => [`series-${at}`, color] as [string, string])];
}

/** A palette as custom properties of CSS. */
export function declared(palette: Palette): string {
  return entries(palette).map(([name, color]) => `--${name}:${color}`).join(";");
}

/** Colours that a page's style decides: the same chart on a light and on a dark page. */
export const byStyle: Palette = {
  ink: "var(--ink)",
  muted: "var(--muted)",
  line: "var(--line)",
  surface: "var(--surface)",
  raised: "var(--raised)",
  accent: "var(--accent)",
  bad: "var(--bad)",
  series: light.series.map((_, at) => `var(--series-${at})`),
};

/** A name that systems without Inter replace by their own sans-serif. */
export const chartFont = "Inter, system-ui, sans-serif";

/** Vega-Lite's settings for charts in these colours. */
export function chartConfig(palette: Palette): { readonly [key: string]: Json } {
  const text = { labelColor: palette.muted, titleColor: palette.ink, labelFontSize: 12, titleFontSize: 12 };
  return {
    aria: false,
    font: chartFont,
    background: "transparent",
    padding: 6,
    view: {
      continuousWidth: 740,
      continuousHeight: 280,
      discreteWidth: 740,
      discreteHeight: { step: 26 },
      stroke: null,
    },
    axis: {
      ...text,
      titleFontWeight: 600,
      titlePadding: 10,
      labelPadding: 6,
      labelLimit: 240,
      gridColor: palette.line,
      domainColor: palette.line,
      tickColor: palette.line,
      tickSize: 4,
    },
    axisX: { labelFlush: false },
    axisBand: { grid: false },
    axisXQuantitative: { tickCount: 10, labelSeparation: 8 },
    legend: {
      ...text,
      orient: "top",
      direction: "horizontal",
      columns: 3,
      labelLimit: 240,
      titleFontWeight: 600,
      titleLimit: 600,
      symbolStrokeWidth: 2.5,
      symbolSize: 120,
      columnPadding: 18,
      gradientLength: 240,
    },
    header: { ...text, labelColor: palette.ink, labelFontWeight: 600, titleFontWeight: 600, labelLimit: 600 },
    headerRow: { labelAngle: 0, labelOrient: "top", labelAnchor: "start" },
    title: { color: palette.ink, fontSize: 15, fontWeight: 600, anchor: "start", offset: 12, limit: 800 },
    range: { category: palette.series, heatmap: { scheme: "viridis" }, ramp: { scheme: "viridis" } },
    mark: { color: palette.accent, tooltip: true },
    // What a line says under the pointer would be its first row alone.
    line: { strokeWidth: 2, tooltip: null, invalid: "break-paths-show-domains" },
    area: { tooltip: null, opacity: 0.18, line: false },
    rule: { color: palette.ink, strokeWidth: 1.5, tooltip: null },
    text: { color: palette.ink, tooltip: null, fontSize: 12 },
    point: { filled: true, size: 45, opacity: 1 },
    circle: { size: 45, opacity: 1 },
    errorbar: { rule: { strokeWidth: 1.5 } },
  };
}
