/** The scripts of a page: Vega, what evaluates its expressions without `eval`, and the page's own. */
import { dirname, join } from "node:path";
import { packageFile } from "../../io/npm_package.ts";

/** A package's licence, which goes wherever its code goes, as a comment. */
async function licence(name: string): Promise<string> {
  const path = join(dirname(dirname(packageFile("report", name))), "LICENSE");
  return `/*! ${name}\n${(await Deno.readTextFile(path)).replaceAll("*/", "* /")}*/\n`;
}

/** Vega as one script that makes the global `vega`. */
async function vegaScript(): Promise<string> {
  const path = join(dirname(packageFile("report", "vega")), "vega.min.js");
  return await licence("vega") + await Deno.readTextFile(path);
}

/** The interpreter is published as a module alone, of three names in and one out: those become the global's. */
export function asClassicScript(module: string): string {
  const found = /^import (\{[^}]*\}) from 'vega-util';\n([\s\S]*)\nexport \{ expression as expressionInterpreter \};/
    .exec(module);
  if (found === null) throw new Error("vega-interpreter is not as its pinned version: its names are to be seen anew");
  const [, names, body] = found;
  return `(() => {\nconst ${names} = vega;\n${body}\nvega.expressionInterpreter = expression;\n})();\n`;
}

async function interpreterScript(): Promise<string> {
  const module = await Deno.readTextFile(packageFile("report", "vega-interpreter"));
  return await licence("vega-interpreter") + asClassicScript(module);
}

/** A file beside this one. */
export function asset(name: string): Promise<string> {
  return Deno.readTextFile(new URL(name, import.meta.url));
}

/** The scripts of a page with charts, in order, as they may stand in a script element. */
export async function pageScripts(charts: boolean): Promise<string[]> {
  const parts = charts ? [vegaScript(), interpreterScript(), asset("./page.js")] : [asset("./page.js")];
  return (await Promise.all(parts)).map((text) => text.replaceAll("</script", "<\\/script"));
}
