/** The files of the page at `/`, which a browser runs as they are. */
import { dirname, join } from "node:path";
import { packageFile } from "../../io/npm_package.ts";
import { dark, declared, light } from "../../study/report/theme.ts";

/** The page's scripts. */
const scripts = [
  ...["main.js", "dom.js", "api.js", "event_stream.js", "jobs_view.js", "job_view.js", "curves.js", "curve_rows.js"],
  ...["settings.js", "new_view.js", "predict_view.js", "language.js"],
] as const;

/** Files below `/page/`. */
export const pageFiles: readonly string[] = [...scripts, "page.css", "icon.svg", "uplot.js", "uplot.css"];

const types: Readonly<Record<string, string>> = {
  html: "text/html",
  js: "text/javascript",
  css: "text/css",
  svg: "image/svg+xml",
};

/** What the page may do: nothing of another host, no script and no style but its files, in no frame. */
const policy = [
  ...["default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "img-src 'self' blob:"],
  ...["form-action 'none'", "base-uri 'none'", "frame-ancestors 'none'"],
].join("; ");

function beside(name: string): Promise<string> {
  return Deno.readTextFile(new URL(name, import.meta.url));
}

/** A file of uPlot under its licence. */
async function uplot(file: string): Promise<string> {
  const folder = dirname(dirname(packageFile("serve", "uplot")));
  const [licence, text] = await Promise.all([
    Deno.readTextFile(join(folder, "LICENSE")),
    Deno.readTextFile(join(folder, "dist", file)),
  ]);
  return `/*! uPlot\n${licence.replaceAll("*/", "* /")}*/\n${text}`;
}

function textOf(name: string): Promise<string> {
  switch (name) {
    case "uplot.js":
      return uplot("uPlot.iife.min.js");
    case "uplot.css":
      return uplot("uPlot.min.css");
    case "page.css": {
      const colors = `:root{${declared(light)}}\n@media (prefers-color-scheme: dark){:root{${declared(dark)}}}\n`;
      return beside(`./${name}`).then((text) => colors + text);
    }
    default:
      return beside(`./${name}`);
  }
}

const texts = new Map<string, Promise<string>>();

/** The answer that is a file of the page: `page.html` or one of {@linkcode pageFiles}. */
export async function pageFile(name: string): Promise<Response> {
  const text = texts.get(name) ?? textOf(name);
  texts.set(name, text);
  try {
    const type = `${types[name.split(".").at(-1)!]}; charset=utf-8`;
    return new Response(await text, {
      headers: { "content-type": type, "content-security-policy": policy, "referrer-policy": "no-referrer" },
    });
  } catch (error) {
    // What is missing now may be there the next time.
    texts.delete(name);
    throw error;
  }
}
