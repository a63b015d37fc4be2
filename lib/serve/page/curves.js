/** Live curves, drawn by uPlot. */
import { CurveRows } from "./curve_rows.js";
import { element, figure, percent } from "./dom.js";

/**
 * @typedef {{
 *   setData(data: (number | null)[][]): void,
 *   setSize(size: { width: number, height: number }): void,
 *   redraw(rebuild?: boolean, recalculate?: boolean): void,
 *   destroy(): void,
 * }} Plot
 */

/** @type {new (options: object, data: (number | null)[][], parent: HTMLElement) => Plot} */
const uPlot = /** @type {any} */ (globalThis)["uPlot"];

const charts = /** @type {const} */ ([
  {
    title: "Loss",
    note: "training: mean of the epoch so far",
    series: [["loss", "training"], ["validLoss", "validation"]],
    shown: figure,
  },
  {
    title: "Accuracy",
    note: "training: share of the epoch so far",
    series: [["top1", "training"], ["validTop1", "validation"]],
    shown: percent,
  },
  {
    title: "Speed",
    note: "images a second",
    series: [["speed", "of the last seconds"], ["epochSpeed", "of the epoch"]],
    shown: (/** @type {any} */ v) => figure(v, 0),
  },
]);

const height = 220;

/** @param {string} name A custom property of the style. */
const color = (name) => () => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

/** The curves of one job. */
export class Curves {
  #rows = new CurveRows();
  #frame = 0;
  /** @type {{ plot: Plot, holder: HTMLElement, image: HTMLElement, chart: (typeof charts)[number] }[]} */
  #plots;
  #scheme = matchMedia("(prefers-color-scheme: dark)");
  #recolor = () => this.#plots.forEach(({ plot }) => plot.redraw(false, true));
  #resize = new ResizeObserver(() => {
    for (const { plot, holder } of this.#plots) plot.setSize({ width: holder.clientWidth, height });
  });

  /** @param {HTMLElement} parent */
  constructor(parent) {
    this.#plots = charts.map((chart) => {
      const holder = element("div", { class: "plot", "aria-hidden": "true" });
      const image = element("div", { role: "img" }, holder);
      const caption = element("figcaption", {}, element("b", {}, chart.title), ` ${chart.note}`);
      parent.append(element("figure", {}, caption, image));
      const axis = {
        stroke: color("muted"),
        grid: { stroke: color("line"), width: 1 },
        ticks: { stroke: color("line"), width: 1 },
      };
      const plot = new uPlot(
        {
          ...{ width: holder.clientWidth, height },
          scales: { x: { time: false } },
          axes: [{ ...axis, label: "epoch", labelSize: 20, size: 34 }, { ...axis, size: 60 }],
          cursor: { drag: { x: true, y: false } },
          series: [
            { label: "epoch", value: (/** @type {any} */ _, /** @type {number | null} */ value) => figure(value, 2) },
            ...chart.series.map(([, label], at) => ({
              label,
              stroke: color(`series-${at}`),
              width: 2,
              spanGaps: true,
              points: at === 0 ? {} : { show: true, size: 7 },
              value: (/** @type {any} */ _, /** @type {number | null} */ value) => chart.shown(value),
            })),
          ],
        },
        [[], ...chart.series.map(() => [])],
        holder,
      );
      this.#resize.observe(holder);
      return { plot, holder, image, chart };
    });
    this.#scheme.addEventListener("change", this.#recolor);
    this.#draw();
  }

  /** Rows so far. */
  get length() {
    return this.#rows.rows.length;
  }

  /** @param {readonly any[]} events */
  add(events) {
    const changed = events.map((event) => this.#rows.add(event)).includes(true);
    if (!changed || this.#frame !== 0) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      this.#draw();
    });
  }

  #draw() {
    for (const { plot, image, chart: { title, series, shown } } of this.#plots) {
      const columns = this.#rows.columns(series.map(([name]) => name));
      plot.setData(columns);
      const last = series.flatMap(([, label], at) => {
        const value = columns[at + 1]?.findLast((each) => each !== null);
        return value === undefined ? [] : [`${label} ${shown(value)}`];
      });
      const x = columns[0]?.at(-1);
      const words = last.length === 0 ? "nothing yet" : `at epoch ${figure(x, 1)}, ${last.join(", ")}`;
      image.setAttribute("aria-label", `${title}: ${words}`);
      image.dataset["points"] = `${columns[0]?.length ?? 0}`;
    }
  }

  /** Takes them away. */
  close() {
    cancelAnimationFrame(this.#frame);
    this.#resize.disconnect();
    this.#scheme.removeEventListener("change", this.#recolor);
    for (const { plot } of this.#plots) plot.destroy();
  }
}
