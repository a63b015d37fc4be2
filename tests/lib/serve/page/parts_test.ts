/** What of the page needs no browser, and what the server says of its files. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { pageFiles } from "../../../../lib/serve/page/assets.ts";
import { CurveRows } from "../../../../lib/serve/page/curve_rows.js";
import { MessageReader } from "../../../../lib/serve/page/event_stream.js";
import { differences, settingsIn } from "../../../../lib/serve/page/settings.js";
import { served } from "../../../support/service.ts";
import { tempFolder } from "../../../temp_folder.ts";

Deno.test("page: messages are whole, however the stream is cut", () => {
  const text =
    'retry: 1000\n\nid: 1\nevent: note\ndata: {"n":1}\n\n: \n\nid: 2\nevent: epoch\ndata: a\ndata: b\n\nid: 3\n';
  const wanted = [{ id: "1", event: "note", data: '{"n":1}' }, { id: "2", event: "epoch", data: "a\nb" }];
  for (let size = 1; size <= text.length; size++) {
    const reader = new MessageReader();
    const found = [];
    for (let at = 0; at < text.length; at += size) found.push(...reader.read(text.slice(at, at + size)));
    assertEquals(found, wanted, `in pieces of ${size}`);
  }
});

Deno.test("page: curves grow, and what is trained once more takes the place of what was lost", () => {
  const curves = new CurveRows();
  const progress = (epoch: number, done: number, loss: number | null): boolean =>
    curves.add({ type: "progress", stage: "train", epoch, done, total: 100, loss, top1: 0.5, imagesPerSecond: null });
  assert(progress(1, 50, 2));
  assert(progress(1, 100, 1.5));
  assert(curves.add({ type: "epoch", epoch: 1, trainLoss: 1.4, trainTop1: 0.6, evaluation: { loss: 1.3, top1: 0.7 } }));
  assert(progress(2, 50, 1));
  assert(progress(2, 75, 0.9));
  assert(progress(2, 25, 1.1));
  assert(!curves.add({ type: "progress", stage: "measure", epoch: 2, done: 50, total: 100 }));
  assert(!curves.add({ type: "progress", stage: "train", epoch: 2, done: 0, total: null }));
  assert(!curves.add({ type: "saved", epoch: 1, step: 3 }));
  assertEquals(curves.columns(["loss", "validLoss"]), [[0.5, 1, 1.25], [2, 1.4, 1.1], [null, 1.3, null]]);
  assert(progress(3, 50, null));
  assertEquals(curves.columns(["validTop1"]), [[1], [0.7]]);
  assertEquals(curves.columns(["loss"])[0], [0.5, 1, 1.25]);
});

Deno.test("page: settings by their paths, and where two jobs differ", () => {
  const mine = { preset: "mnist", recipe: { bs: 32, data: { limit: 5, own: {} }, betas: [0.9, 0.99] } };
  assertEquals(settingsIn(mine), [
    ["preset", "mnist"],
    ["recipe.bs", "32"],
    ["recipe.data.limit", "5"],
    ["recipe.data.own", "{}"],
    ["recipe.betas", "[0.9,0.99]"],
  ]);
  const other = { preset: "mnist", recipe: { bs: 64, data: { limit: 5, own: {} }, seed: 2, betas: [0.9, 0.99] } };
  assertEquals(differences(mine, other), [["recipe.bs", "32", "64"], ["recipe.seed", "not set", "2"]]);
  assertEquals(differences(mine, mine), []);
});

Deno.test("page: every file is served without a token, under rules that leave no other host, and every one of the folder", async () => {
  using folder = tempFolder();
  await using server = await served(folder.path, { alone: false });
  const types: Record<string, string> = { js: "text/javascript", css: "text/css", svg: "image/svg+xml" };
  for (const path of ["/", ...pageFiles.map((name) => `/page/${name}`)]) {
    const { status, headers, body } = await server.ask("GET", path);
    assertEquals([status, (body as string).length > 100], [200, true], path);
    const type = path === "/" ? "text/html" : types[path.split(".").at(-1)!];
    assertEquals(headers.get("content-type"), `${type}; charset=utf-8`, path);
    assertStringIncludes(headers.get("content-security-policy")!, "default-src 'none'; script-src 'self'");
    // What is named there is a file of this server, or a place within the page.
    if (path === "/") {
      for (const [, named] of (body as string).matchAll(/(?:src|href)="([^"]+)"/g)) {
        assert(named!.startsWith("#") || pageFiles.includes(named!.replace("/page/", "")), named);
      }
    }
    // Modules that a script imports are served too.
    for (const [, named] of (body as string).matchAll(/^import .* from "\.\/(.+)";$/gm)) {
      assert(pageFiles.includes(named!), `${path}: ${named}`);
    }
  }
  assertEquals((await server.ask("GET", "/page/assets.ts")).status, 400);
  assertEquals((await server.ask("GET", "/jobs")).status, 401);
  const there = [...Deno.readDirSync(new URL("../../../../lib/serve/page", import.meta.url))].map(({ name }) => name);
  const own = ["assets.ts", "check.json", "page.html"];
  assertEquals(
    there.filter((name) => !own.includes(name)).sort(),
    pageFiles.filter((name) => !/^uplot/.test(name)).sort(),
  );
});
