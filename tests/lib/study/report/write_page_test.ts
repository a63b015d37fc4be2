/** Pages as files: what they hold, whatever names are in them, and what is refused. */
import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { data, LibtrainError, study } from "../../../../mod.ts";
import { picturePng } from "../../../../lib/study/report/picture_png.ts";
import { asClassicScript } from "../../../../lib/study/report/scripts.ts";
import { tempFolder } from "../../../temp_folder.ts";

const hostile = `</script><script>alert("1")</script><img src=x onerror='alert(2)'>&\u202e\u0007`;

/** Two recipes of three epochs, one of which has diverged in its last. */
const rows = ["max", hostile].flatMap((pool, at) =>
  [1, 2, 3].map((epoch) => ({ epoch, pool, top1: at === 1 && epoch === 3 ? NaN : 0.5 + epoch / 10 }))
);

const lines: study.Figure = {
  name: "top1",
  title: `Accuracy ${hostile}`,
  caption: `By epoch ${hostile}`,
  spec: {
    mark: { type: "line", point: true },
    encoding: {
      x: { field: "epoch", type: "quantitative" },
      y: { field: "top1", type: "quantitative", scale: { zero: false } },
      color: { field: "pool", type: "nominal" },
    },
  },
  rows,
};

const squares: study.Figure = {
  name: "heat",
  title: "Heat",
  caption: "Of nine",
  spec: {
    mark: "rect",
    encoding: {
      x: { field: "x", type: "ordinal" },
      y: { field: "y", type: "ordinal" },
      color: { field: "p", type: "quantitative" },
    },
  },
  rows: Array.from({ length: 9 }, (_, at) => ({ x: at % 3, y: Math.floor(at / 3), p: at / 9 })),
};

const picture: study.Picture = {
  pixels: Uint8Array.from({ length: 4 * 5 * 3 }, (_, at) => (37 * at) % 256),
  height: 4,
  width: 5,
  label: hostile,
  wrong: true,
};

const page: study.Page = {
  title: `Title ${hostile}`,
  about: `About ${hostile}`,
  sections: [
    {
      title: `Section ${hostile}`,
      text: [`Text ${hostile}`],
      tables: [{
        title: `Table ${hostile}`,
        columns: ["cell", hostile],
        rows: [[hostile, 0.123456789], [null, NaN], [true, -Infinity]],
        note: `Note ${hostile}`,
      }],
      figures: [lines, squares, { ...squares, name: "heat-2" }],
    },
    { title: "Pictures", pictures: [{ title: hostile, caption: hostile, pictures: [picture] }] },
  ],
};

/** A page of one figure. */
function pageOf(figure: Partial<study.Figure>): study.Page {
  return { title: "One", about: "figure", sections: [{ title: "It", figures: [{ ...squares, ...figure }] }] };
}

Deno.test("writePage: one file that asks for nothing, with each figure as SVG, PNG and CSV beside it", async () => {
  using folder = tempFolder();
  const { html, bytes, figures, warnings } = await study.writePage(page, folder.path);
  assertEquals(warnings, []);
  const text = await Deno.readTextFile(html);
  assertEquals([html, bytes], [`${folder.path}/report.html`, (await Deno.stat(html)).size]);
  assert(bytes < 800_000, `${bytes} bytes`);
  // Nine squares; of the lines five vertices, as many points and, as a gap, what is no number.
  assertEquals(figures.map(({ name, marks }) => [name, marks]), [["top1", 11], ["heat", 9], ["heat-2", 9]]);

  // What would be loaded: addresses in the page's own parts, not in Vega's code, nor names of namespaces.
  const outside = text.replace(/<script>[\s\S]*?<\/script>/g, "");
  const told = outside.replaceAll(/xmlns(:xlink)?="[^"]*"|data:image\/png;base64,[^"]*/g, "");
  assertEquals(told.match(/https?:|\/\/[a-z]|url\((?!#)|@import/i)?.[0], undefined);
  assertEquals(
    [...outside.matchAll(/ (?:src|href)="([^"]{1,12})/g)].map(([, at]) => at!.replace(/[\d.].*/, "")).sort(),
    [
      "#main",
      "#section-",
      "#section-",
      "data:,",
      "data:image/p",
      ...["heat", "heat", "heat", "heat", "heat", "heat", "top", "top", "top"].map((name) => `figures/${name}`),
    ],
  );

  // What a drawing refers to is its own: names of another one's would show that one's colours.
  const ids = [...outside.matchAll(/ id="([^"]*)"/g)].map(([, id]) => id);
  assertEquals(new Set(ids).size, ids.length);
  const referred = [...outside.matchAll(/url\(#([^)]*)\)/g)].map(([, id]) => id);
  assert(referred.length > 1 && referred.every((id) => ids.includes(id)), `${referred}`);

  for (const { svg, png, csv } of figures) {
    const drawn = await Deno.readTextFile(svg);
    assertEquals(drawn.match(/var\(|<script|<img/)?.[0], undefined);
    const [, width, height] = /width="(\d+)" height="(\d+)"/.exec(drawn)!.map(Number);
    const view = new DataView((await Deno.readFile(png)).buffer);
    assertEquals([view.getUint32(0), view.getUint32(16), view.getUint32(20)], [0x89504e47, 2 * width!, 2 * height!]);
    assertMatch(await Deno.readTextFile(csv), /^[a-z0-9,]+\r\n/);
  }
  assertStringIncludes(await Deno.readTextFile(figures[0]!.csv), `3,"${hostile.replaceAll('"', '""')}",NaN\r\n`);
});

Deno.test("writePage: names are text wherever they stand, and no script runs but the page's own", async () => {
  using folder = tempFolder();
  const { html } = await study.writePage(page, folder.path);
  const text = await Deno.readTextFile(html);
  const scripts = [...text.matchAll(/<script( type="application\/json")?>([\s\S]*?)<\/script>/g)];
  const [json, code] = [scripts.filter(([, type]) => type), scripts.filter(([, type]) => !type)];
  assertEquals([json.length, code.length], [3, 3]);
  // Each script by its sum, so that one that a name smuggled in would not run.
  const policy = /Content-Security-Policy" content="([^"]*)"/.exec(text)![1]!;
  const sums = await Promise.all(code.map(async ([, , body]) => {
    const sum = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(body)));
    return `'sha256-${btoa(String.fromCharCode(...sum))}'`;
  }));
  assertEquals(
    policy,
    `default-src 'none'; script-src ${sums.join(" ")}; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; ` +
      "form-action 'none'",
  );
  const rest = text.replaceAll(/<script[\s\S]*?<\/script>/g, "");
  assertEquals(rest.match(/<script|<img src=x|onerror='|\u202e/)?.[0], undefined);
  assert(!rest.includes("\u0007"));
  // Title twice, description, section twice, text, table and its label, two of its cells, note, …: all are told.
  assert([...rest.matchAll(/&lt;\/script&gt;&lt;script&gt;alert\(&quot;1&quot;\)/g)].length > 15);
  assertStringIncludes(rest, String.raw`&amp;\u{202e}\x07`);
  const chart = JSON.parse(json[0]![2]!);
  assertEquals(chart.columns, ["epoch", "pool", "top1"]);
  assertEquals(chart.rows.length, 6);
  assertEquals(chart.rows[5], [3, hostile.replace("\u202e\u0007", String.raw`\u{202e}\x07`), null]);
  assertEquals(JSON.stringify(chart.compiled).includes("values"), false);
});

Deno.test("writePage: a page can be read without seeing it, and its tables say what they hold", async () => {
  using folder = tempFolder();
  const { html } = await study.writePage(page, folder.path);
  const text = (await Deno.readTextFile(html)).replaceAll(/<script[\s\S]*?<\/script>/g, "");
  assertStringIncludes(text, '<html lang="en">');
  for (const part of ["<header>", '<nav aria-label="Contents">', '<main id="main"', 'class="skip" href="#main"']) {
    assertStringIncludes(text, part);
  }
  const counts = (pattern: RegExp): number => [...text.matchAll(pattern)].length;
  // One h1, a heading a section, a figure, a grid of pictures; every image and chart has words.
  assertEquals([counts(/<h1>/g), counts(/<h2 /g), counts(/<h3 /g)], [1, 2, 4]);
  assertEquals([counts(/<img /g), counts(/<img alt="[^"]+" width="5" height="4"/g)], [1, 1]);
  assertEquals(counts(/<div class="chart" role="img" aria-label="Chart: [^"]+"/g), 3);
  assertEquals(counts(/<caption>/g), 1);
  // Three rows of the table, six and twice nine of the charts' values, each with a head of its own.
  assertEquals(counts(/<th scope="row"/g), 27);
  assertStringIncludes(text, '<td class="number" data-value="0.123456789">0.12346</td>');
  for (const told of ["–", "not a number", "yes", "−∞"]) assertStringIncludes(text, `>${told}</t`);
});

Deno.test("writePage: a page without charts takes no Vega along", async () => {
  using folder = tempFolder();
  const { bytes } = await study.writePage({ title: "Plain", about: "no chart", sections: [] }, `${folder.path}/new`);
  assert(bytes < 20_000, `${bytes} bytes`);
});

Deno.test("writePage: what cannot be drawn, or would not be seen, is refused by the figure's name", async () => {
  using folder = tempFolder();
  const refuse = async (figure: Partial<study.Figure>, told: string): Promise<void> => {
    const error = await assertRejects(() => study.writePage(pageOf(figure), folder.path));
    assert(error instanceof LibtrainError || error instanceof TypeError || error instanceof RangeError);
    assertStringIncludes((error as Error).message, told);
  };
  await refuse({ spec: { mark: "nonsense" } }, 'Cannot draw the figure "heat": ');
  await refuse({ rows: [{ other: 1 }] }, 'Cannot draw the figure "heat": ');
  const none = { mark: "point", encoding: { x: { field: "gone", type: "quantitative" } } };
  await refuse({ spec: none, rows: [{ x: null }] }, "of its 1 rows is drawn");
  await refuse(
    { spec: { ...squares.spec, data: { url: "https://example.org/rows.json" } } },
    "without data, which the page gives",
  );
  const image = { mark: "image", encoding: { url: { value: "https://example.org/x.png" } } };
  await refuse({ spec: image }, "without url, as a page loads nothing");
  const lookup = {
    transform: [{ lookup: "x", from: { data: { url: "https://example.org/x.json" }, key: "x", fields: ["z"] } }],
    ...squares.spec,
  };
  await refuse({ spec: lookup }, "without url, as a page loads nothing");
  const round: { [key: string]: unknown } = { mark: "rect" };
  round["layer"] = [{ encoding: round }];
  const spec = round as unknown as study.Figure["spec"];
  await refuse({ spec }, "`sections[0].figures[0].spec.layer[0].encoding` as JSON, got an object that lies in itself");
  let deep: study.Figure["spec"] = { mark: "rect" };
  for (let count = 0; count < 20_000; count++) deep = { spec: deep };
  await refuse({ spec: deep }, "at most 100 objects deep, got more");
  await refuse({ name: "../heat" }, "`sections[0].figures[0].name`");
  await refuse({ rows: [{ x: [1] }] as unknown as study.Figure["rows"] }, "`sections[0].figures[0].rows[0].x`");
  assertEquals([...Deno.readDirSync(folder.path)], []);
  await assertRejects(
    () => study.writePage({ ...page, sections: [{ title: "A", figures: [squares, squares] }] }, folder.path),
    RangeError,
    'Expected each figure\'s name once, got "heat" twice: rename one',
  );
  await assertRejects(
    () =>
      study.writePage({
        ...page,
        sections: [{ title: "A", pictures: [{ title: "", caption: "", pictures: [{ ...picture, height: 3 }] }] }],
      }, folder.path),
    RangeError,
    "`sections[0].pictures[0].pictures[0].pixels` with 3 x 5 x 3 bytes, got 60",
  );
});

Deno.test("writePage: a picture is the pixels that were given, in colour and in grey", async () => {
  const grey = { ...picture, pixels: picture.pixels.map((_, at, all) => all[at - at % 3]!) };
  for (const one of [picture, grey]) {
    using decoded = await data.decodeImage(picturePng(one));
    assertEquals(decoded.shape, [4, 5, 3]);
    assertEquals(await decoded.data(), one.pixels);
  }
  assertEquals([picturePng(picture)[25], picturePng(grey)[25]], [2, 0]);
});

Deno.test("writePage: the interpreter's script gives what its module gives, and another version's is refused", () => {
  const module =
    "import { a } from 'vega-util';\nconst expression = () => a;\n\nexport { expression as expressionInterpreter };\n//#";
  const vega: Record<string, unknown> = { a: 7 };
  new Function("vega", asClassicScript(module))(vega);
  assertEquals((vega["expressionInterpreter"] as () => number)(), 7);
  let told = "";
  try {
    asClassicScript("import { a, b } from 'elsewhere';");
  } catch (error) {
    told = `${error}`;
  }
  assertStringIncludes(told, "names are to be seen anew");
});

Deno.test("writePage: text is as wide as Inter sets it", async () => {
  const { textWidth } = await import("../../../../lib/study/report/text_widths.ts");
  // Advances of Inter: W 99, i 24, 0 63, space 28; Han as wide as high.
  assertAlmostEquals(textWidth("Wi 0", 10, false), 21.4);
  assertAlmostEquals(textWidth("深", 12, true), 12.36);
});
