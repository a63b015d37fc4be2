/** A figure's SVG as PNG, by resvg in WebAssembly: the same bytes on every machine, with a font of its own. */
import { loadPackage, packageFile } from "../../io/npm_package.ts";

/** An object of WebAssembly's memory. */
interface Rendered {
  asPng(): Uint8Array<ArrayBuffer>;
  free(): void;
}

interface Resvg {
  initWasm(module: Uint8Array<ArrayBuffer>): Promise<void>;
  readonly Resvg: new (svg: string, options: object) => { render(): Rendered; free(): void };
}

/** Scripts that the font has; what else there is in a text appears in the SVG alone. */
const scripts = ["latin", "latin-ext", "greek", "cyrillic", "vietnamese"];
const weights = [400, 600];
/** Pixels for each of the figure's units. */
const zoom = 2;

async function loaded(): Promise<{ resvg: Resvg; fonts: readonly Uint8Array[] }> {
  const resvg = loadPackage<Resvg>("report", "@resvg/resvg-wasm");
  await resvg.initWasm(await Deno.readFile(packageFile("report", "@resvg/resvg-wasm/index_bg.wasm")));
  const names = weights.flatMap((weight) => scripts.map((script) => `inter-${script}-${weight}-normal.woff2`));
  const fonts = await Promise.all(
    names.map((name) => Deno.readFile(packageFile("report", `@fontsource/inter/files/${name}`))),
  );
  return { resvg, fonts };
}

let packages: ReturnType<typeof loaded> | undefined;

/** The bytes of a PNG file, two pixels for each unit of the SVG. */
export async function figurePng(svg: string): Promise<Uint8Array<ArrayBuffer>> {
  const { resvg, fonts } = await (packages ??= loaded());
  const font = { fontBuffers: fonts, defaultFontFamily: "Inter", sansSerifFamily: "Inter" };
  const tree = new resvg.Resvg(svg, { font, fitTo: { mode: "zoom", value: zoom }, background: "#ffffff" });
  // Where it panics neither object can be freed: trying to would hide why.
  const image = tree.render();
  const png = image.asPng();
  image.free();
  tree.free();
  return png;
}
