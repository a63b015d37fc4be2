/** Vega and Vega-Lite, loaded once a chart is asked for: they take a third of a second. */
import { pathToFileURL } from "node:url";
import { packageFile } from "../../io/npm_package.ts";
import type { Json } from "../../registry/registry.ts";
import { textWidth } from "./text_widths.ts";

/** An item or a group of items of what Vega has drawn. */
export interface SceneItem {
  readonly marktype?: string;
  readonly role?: string;
  readonly items?: readonly SceneItem[];
}

/** A chart in the making. */
interface View {
  runAsync(): Promise<View>;
  toSVG(): Promise<string>;
  scenegraph(): { readonly root: SceneItem };
  finalize(): void;
}

interface Logger {
  level(value?: number): Logger | number;
  warn(...args: unknown[]): Logger;
  error(...args: unknown[]): Logger;
  info(...args: unknown[]): Logger;
  debug(...args: unknown[]): Logger;
}

interface Vega {
  parse(spec: object): object;
  /** Begins the names of gradients and clips anew, so that the same chart has the same text. */
  resetSVGDefIds(): void;
  readonly View: new (runtime: object, options: object) => View;
  readonly textMetrics: { width: (item: Record<string, unknown>, text: unknown) => number };
}

interface VegaLite {
  compile(
    spec: object,
    options: { config: object; logger: Logger },
  ): { readonly spec: { readonly [key: string]: Json } };
}

/** Both packages. */
export interface Packages {
  readonly vega: Vega;
  readonly vegaLite: VegaLite;
}

async function module<Exports>(name: string): Promise<Exports> {
  return await import(pathToFileURL(packageFile("report", name)).href) as Exports;
}

async function loaded(): Promise<Packages> {
  const [vega, vegaLite] = await Promise.all([module<Vega>("vega"), module<VegaLite>("vega-lite")]);
  // Without a canvas Vega takes every character for eight tenths of an em, and legends fall apart.
  vega.textMetrics.width = (item, text) => {
    const lines = Array.isArray(text) ? text : [text];
    const bold = item["fontWeight"] === "bold" || Number(item["fontWeight"]) >= 600;
    const size = Number(item["fontSize"] ?? 11);
    const limit = Number(item["limit"] ?? 0);
    const width = Math.max(0, ...lines.map((line) => textWidth(`${line ?? ""}`, size, bold)));
    return limit > 0 ? Math.min(limit, width) : width;
  };
  return { vega, vegaLite };
}

let packages: Promise<Packages> | undefined;

/** Vega and Vega-Lite. */
export function loadVega(): Promise<Packages> {
  return packages ??= loaded();
}

/** A logger that keeps what is worth telling. */
export function keepingLogger(warnings: string[]): Logger {
  const keep = (...args: unknown[]): Logger => {
    const text = args.map((arg) => arg instanceof Error ? arg.message : `${arg}`).join(" ");
    if (!warnings.includes(text)) warnings.push(text);
    return logger;
  };
  const drop = (): Logger => logger;
  const logger: Logger = {
    level: (value) => value === undefined ? 2 : logger,
    warn: keep,
    error: keep,
    info: drop,
    debug: drop,
  };
  return logger;
}
