/** Pages of runs in a real browser: every chart is drawn, nothing is asked for, and eyes, hands and printers can use them. */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { join, toFileUrl } from "@std/path";
import { recipe, study } from "../../../../mod.ts";
import { Browser, findBrowser } from "../../../../tools/chromium/browser.ts";
import { skip } from "../../../skip.ts";
import { tempFolder } from "../../../temp_folder.ts";

const name = "a page of runs in Chromium: charts are drawn, nothing is loaded, light, dark, print and keyboard";

/** A square of colours and a box with whiskers, kinds of marks that a page of runs has none of. */
const others: study.Section = {
  title: "Other marks",
  tables: [{
    title: "Words beside numbers",
    columns: ["comparison", "in words", ...Array.from({ length: 8 }, (_, at) => `seed ${at}`)],
    rows: [["a against b", "not decided: it takes six pairs at least, as five can never tell", ...Array(8).fill(0.5)]],
  }],
  figures: [
    {
      name: "squares",
      title: "Squares",
      caption: "Twelve of them",
      spec: {
        mark: "rect",
        encoding: {
          x: { field: "x", type: "ordinal" },
          y: { field: "y", type: "ordinal" },
          color: { field: "p", type: "quantitative" },
        },
      },
      rows: Array.from({ length: 12 }, (_, at) => ({ x: at % 4, y: Math.floor(at / 4), p: at / 12 })),
    },
    {
      name: "bars",
      title: "Bars with text",
      caption: "Of </script><img src=x onerror=alert(1)> and others",
      spec: {
        encoding: { y: { field: "name", type: "nominal" }, x: { field: "n", type: "quantitative" } },
        layer: [{ mark: "bar" }, { mark: { type: "text", dx: 14 }, encoding: { text: { field: "n" } } }],
      },
      rows: [{ name: "</script><img src=x onerror=alert(1)>", n: 3 }, { name: "b", n: 4 }],
    },
  ],
};

/** Two recipes of two seeds each, and one that diverges. */
async function runsIn(root: string): Promise<string[]> {
  const folders: string[] = [];
  const train = async (changes: recipe.RecipeChanges, epochs = 2): Promise<void> => {
    const mine = recipe.preset("mnist", { epochs, bs: 32, data: { limit: 128 }, threads: 1, ...changes });
    const folder = join(root, `run-${folders.length}`);
    folders.push(folder);
    await recipe.train(mine, { folder }).result.catch((error: unknown) => {
      if (!`${error}`.includes("is not finite")) throw error;
    });
  };
  for (const seed of [1, 2]) for (const pool of ["max", "maxblur"]) await train({ seed, model: { pool } });
  await train({ schedule: { lr: 3e4 }, bs: 8 });
  return folders;
}

/** The marks that a chart's drawing has: vertices of lines and areas, one for each other mark. */
const marksOf = `(chart) => {
  const vertices = (group) => [...group.querySelectorAll("path")].map((path) =>
    (path.getAttribute("d") ?? "").match(/[ML]/g)?.length ?? 0).reduce((sum, n) => sum + n, 0);
  let count = 0;
  for (const group of chart.querySelectorAll(".role-mark")) {
    if (group.classList.contains("mark-group")) continue;
    if (group.classList.contains("mark-line")) count += vertices(group);
    else if (group.classList.contains("mark-area")) count += vertices(group) / 2;
    else count += group.children.length;
  }
  return count;
}`;

Deno.test(name, async () => {
  const found = await findBrowser();
  if ("missing" in found) return skip(name, found.missing);
  using folder = tempFolder();
  const { page, runs, missing } = await study.reportRuns(await runsIn(folder.path), { count: 4, threads: 1 });
  assertEquals(runs.map(({ state }) => state), ["over", "over", "over", "over", "diverged"]);
  assertEquals(missing.length, 1, missing.join("\n"));
  const out = join(folder.path, "page");
  const { html, figures, warnings } = await study.writePage({ ...page, sections: [...page.sections, others] }, out);
  assertEquals(warnings, []);
  const url = toFileUrl(html).href;
  await using browser = await Browser.start(found.path);

  // Drawn by the page's script, each with as many marks as its rows come to, light and dark.
  const colors: string[] = [];
  for (const scheme of ["light", "dark"] as const) {
    await browser.look({ width: 1100, scheme });
    await browser.open(url, 'document.documentElement?.dataset.charts === "done"');
    const charts = await browser.evaluate<[string, string, number][]>(
      `[...document.querySelectorAll(".chart")].map((chart) => [chart.dataset.name, chart.dataset.drawn, (${marksOf})(chart)])`,
    );
    assertEquals(charts, figures.map(({ name, marks }) => [name, "live", marks]));
    const [background, ink] = await browser.evaluate<[string, string]>(
      `[getComputedStyle(document.documentElement).backgroundColor,
        getComputedStyle(document.querySelector(".chart .role-axis-label text")).fill]`,
    );
    colors.push(background);
    assertNotEquals(background, ink);
  }
  assertEquals(colors, ["rgb(255, 255, 255)", "rgb(18, 22, 29)"]);
  // As many pictures as were asked for, all of which decode: 4 of the largest losses and 4 right ones of two recipes, and
  // the training images that both have.
  const pictures = await browser.evaluate<number[]>(`Promise.all([...document.images].map(async (image) => {
    await image.decode();
    return image.naturalWidth;
  }))`);
  assertEquals(pictures, Array.from({ length: 20 }, () => 28));

  // By keyboard: to the content, a table's order, the rows behind a chart.
  await browser.press("Tab");
  assertEquals(await browser.evaluate("document.activeElement.className"), "skip");
  await browser.press("Enter");
  assertEquals(await browser.evaluate("document.activeElement.id"), "main");
  const reached = new Set<string>();
  for (let count = 0; count < 200; count++) {
    await browser.press("Tab");
    const at = await browser.evaluate<string>(`(() => {
      const { tagName, className } = document.activeElement;
      const outline = getComputedStyle(document.activeElement).outlineStyle;
      return outline === "none" ? "not to be seen: " + tagName : tagName + (className === "" ? "" : "." + className);
    })()`);
    if (at.endsWith("BODY")) break;
    reached.add(at);
    if (at === "BUTTON" && !await browser.evaluate('document.querySelector("[aria-sort]") !== null')) {
      await browser.press("Enter");
      assertEquals(
        await browser.evaluate('document.querySelector("[aria-sort]").getAttribute("aria-sort")'),
        "ascending",
      );
    }
    if (at === "SUMMARY" && !await browser.evaluate('document.querySelector("details[open]") !== null')) {
      await browser.press("Space");
      assert(await browser.evaluate("document.activeElement.parentElement.open"));
    }
  }
  assertEquals([...reached].sort(), ["A", "BUTTON", "DIV.table", "SUMMARY"]);

  // For a screen reader: each chart is an image with words, and nothing in it speaks by itself.
  await browser.send("Accessibility.enable");
  const { nodes } = await browser.send("Accessibility.getFullAXTree") as {
    nodes: { ignored: boolean; role?: { value: string }; name?: { value: string } }[];
  };
  const images = nodes.filter(({ ignored, role }) => !ignored && role?.value === "image");
  assertEquals(images.length, figures.length + 20);
  assert(images.every(({ name }) => (name?.value ?? "") !== ""));

  // A narrow window scrolls tables and charts, not the page, and words have room in a column.
  await browser.look({ width: 380, scheme: "light" });
  assertEquals(await browser.evaluate("document.documentElement.scrollWidth <= innerWidth"), true);
  assertEquals(
    await browser.evaluate(
      `[...document.querySelectorAll("td, tbody th")].filter((cell) => cell.textContent.length > 32 &&
      cell.offsetWidth > 0 && cell.offsetWidth < 200).map(({ textContent, offsetWidth }) => [textContent, offsetWidth])`,
    ),
    [],
  );

  // On paper: white, without what only a screen can use, wherever the reader prefers dark.
  await browser.look({ width: 1100, scheme: "dark", media: "print" });
  assertEquals(
    await browser.evaluate(`[getComputedStyle(document.documentElement).backgroundColor,
      ...["nav", "details", ".files"].map((part) => getComputedStyle(document.querySelector(part)).display)]`),
    ["rgb(255, 255, 255)", "none", "none", "none"],
  );
  const { data } = await browser.send("Page.printToPDF", { paperWidth: 8.27, paperHeight: 11.69 }) as { data: string };
  assert(atob(data.slice(0, 8)).startsWith("%PDF-"));

  assertEquals(browser.complaints, []);
  assertEquals([...new Set(browser.requests.filter((address) => !address.startsWith("data:")))], [url]);
});
