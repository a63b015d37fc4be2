/** Pictures of pages by `deno task chromium --screenshot`. */
import { assert, assertEquals, assertMatch, assertNotEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { runCommand } from "../../lib/cli/command.ts";
import { study } from "../../mod.ts";
import { chromiumCommand } from "../../tools/chromium.ts";
import { findBrowser } from "../../tools/chromium/browser.ts";
import { keptStreams } from "../lib/cli/streams.ts";
import { skip } from "../skip.ts";
import { tempFolder } from "../temp_folder.ts";

async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const streams = keptStreams();
  const code = await runCommand(args, chromiumCommand, { streams });
  return { code, ...streams.text };
}

Deno.test("chromium: what does not go together is refused", async () => {
  using folder = tempFolder();
  const page = join(folder.path, "page.html");
  const refused: [args: string[], told: string][] = [
    [["--dark"], "Expected --screenshot with --dark, got it alone"],
    [["page.html", "out.png"], 'Expected --screenshot with "page.html", got it alone'],
    [["--screenshot", page], "Expected --screenshot with a page and the picture's file, got 1"],
    [["--screenshot", page, "out.png"], `got "${page}", which is not there`],
    [["--screenshot", folder.path, "out.png"], "which is no file"],
    [["--screenshot", "README.md", "out.jpg"], 'Expected the picture as a file .png, got "out.jpg"'],
    [["--screenshot", "README.md", "docs/out.png"], "tools/chromium.ts --screenshot"],
  ];
  for (const [args, told] of refused) {
    const { code, out, err } = await run(...args);
    assertEquals([code, out], [2, ""], args.join(" "));
    assertStringIncludes(err, told);
  }
});

const name = "chromium --screenshot: a whole page with its charts, narrow, dark and on paper";
Deno.test(name, async () => {
  const found = await findBrowser();
  if ("missing" in found) return skip(name, found.missing);
  using folder = tempFolder();
  const encoding = { x: { field: "epoch", type: "ordinal" }, y: { field: "top1", type: "quantitative" } };
  const rows = [{ epoch: 1, top1: 0.97 }, { epoch: 2, top1: 0.98 }];
  const figures = [{ name: "top1", title: "Top-1", caption: "It rises.", spec: { mark: "line", encoding }, rows }];
  const text = Array.from({ length: 60 }, (_, at) => `Paragraph ${at}.`);
  const { html } = await study.writePage(
    { title: "Two epochs", about: "one seed", sections: [{ title: "Accuracy", text, figures }] },
    folder.path,
  );
  const pictures: Uint8Array[] = [];
  for (const flags of [[], ["--dark"], ["--print"], ["--width", "420"]]) {
    const png = join(folder.path, `${pictures.length}.png`);
    const { code, out, err } = await run("--screenshot", html, png, ...flags);
    assertEquals([code, err], [0, ""]);
    const width = flags.length === 2 ? 420 : 1100;
    assertMatch(out, new RegExp(`^picture   .*\\.png · ${width} x \\d+\\n$`));
    const bytes = await Deno.readFile(png);
    const view = new DataView(bytes.buffer);
    // Width and height in the header of a PNG; the window has 900 pixels from top to bottom.
    assertEquals([bytes[1], view.getUint32(16), view.getUint32(20)], [80, width, Number(/x (\d+)/.exec(out)![1])]);
    assert(view.getUint32(20) > 2000);
    for (const other of pictures) assertNotEquals(bytes, other);
    pictures.push(bytes);
  }
});
