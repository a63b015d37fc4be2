/** The page of a server in a real browser, over real trainings. */
import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { serve } from "../../../../mod.ts";
import { Browser, findBrowser } from "../../../../tools/chromium/browser.ts";
import { skip } from "../../../skip.ts";
import { type ServerProcess, taskServer } from "../../../support/server_process.ts";
import { until } from "../../../support/supervised.ts";
import { tempFolder } from "../../../temp_folder.ts";

const fixture = (name: string): string => fromFileUrl(new URL(`../../../fixtures/images/${name}`, import.meta.url));

/** Drops files onto an element, as a hand does. */
async function drop(browser: Browser, selector: string, files: readonly string[]): Promise<void> {
  const [x, y] = await browser.evaluate<[number, number]>(`(() => {
    const place = document.querySelector(${JSON.stringify(selector)});
    place.scrollIntoView();
    const { x, y, width, height } = place.getBoundingClientRect();
    return [x + width / 2, y + height / 4];
  })()`);
  const data = { items: [], files, dragOperationsMask: 1 };
  for (const type of ["dragEnter", "dragOver", "drop"]) {
    await browser.send("Input.dispatchDragEvent", { type, x, y, data });
  }
}

class Reader {
  readonly browser: Browser;
  readonly url: string;

  constructor(browser: Browser, { url }: ServerProcess) {
    this.browser = browser;
    this.url = url;
  }

  /** Waits until an expression of the page is true, at most a minute. */
  async sees(expression: string): Promise<void> {
    const true_ = (): Promise<boolean> => this.browser.evaluate(`Boolean(${expression})`);
    const said = async (): Promise<string> => `${await this.text("#status")} ${await this.text("#new-error")}`;
    await until(true_, expression, 60).catch(async (error) => {
      throw new Error(`${error.message}; the page says: ${await said()} ${this.browser.complaints.join("\n")}`);
    });
  }

  text(selector: string): Promise<string> {
    return this.browser.evaluate(`document.querySelector(${JSON.stringify(selector)})?.textContent ?? ""`);
  }

  async click(selector: string): Promise<void> {
    await this.sees(`(() => { const at = document.querySelector(${JSON.stringify(selector)});
      return at !== null && at.offsetParent !== null && !at.disabled; })()`);
    await this.browser.evaluate(`document.querySelector(${JSON.stringify(selector)}).click()`);
  }

  /** Types into what has the focus. */
  async type(text: string): Promise<void> {
    await this.browser.send("Input.insertText", { text });
  }

  /** Submits a specification by the form. */
  async start(spec: unknown): Promise<void> {
    await this.click('nav a[href="#/new"]');
    await this.sees('!document.querySelector("#view-new").hidden');
    await this.browser.evaluate('document.querySelector("#new-spec").select()');
    await this.type(typeof spec === "string" ? spec : JSON.stringify(spec, null, 2));
    await this.click("#new-submit");
  }

  /** Where a job stands, when the page says so. */
  async isAt(name: string, ...states: string[]): Promise<void> {
    await this.sees(`document.querySelector("#job-title").textContent === ${JSON.stringify(name)} &&
      ${JSON.stringify(states)}.includes(document.querySelector("#job-state").textContent)`);
  }

  /** Points of the chart of the loss. */
  points(): Promise<number> {
    return this.browser.evaluate('Number(document.querySelector("#job-curves [role=img]")?.dataset.points ?? 0)');
  }

  /** Keeps what is seen where somebody asks for it, and sees to it that nothing hangs over the window's edge. */
  async picture(name: string, width = 1100, scheme: "light" | "dark" = "light"): Promise<void> {
    await this.browser.look({ width, scheme });
    await this.browser.evaluate("new Promise((done) => setTimeout(done, 200))");
    const wide = await this.browser.evaluate<number>("document.documentElement.scrollWidth - innerWidth");
    assert(wide <= 0, `${name}: ${wide} pixels over the edge`);
    const folder = Deno.env.get("LIBTRAIN_PICTURES") ?? "";
    if (folder === "") return;
    const height = await this.browser.evaluate<number>("document.documentElement.scrollHeight");
    const clip = { x: 0, y: 0, width, height, scale: 1 };
    const options = { format: "png", captureBeyondViewport: true, clip };
    const { data } = await this.browser.send("Page.captureScreenshot", options);
    await Deno.writeFile(join(folder, `${name}-${width}-${scheme}.png`), Uint8Array.fromBase64(data as string));
  }

  async pictures(name: string): Promise<void> {
    await this.picture(name, 1100, "dark");
    await this.picture(name, 380, "light");
    await this.picture(name, 1100, "light");
  }
}

const name = "the page of a server in Chromium: start, watch, reload, compare, cancel, predict by a dropped image";

Deno.test(name, async () => {
  const found = await findBrowser();
  if ("missing" in found) return skip(name, found.missing);
  using folder = tempFolder();
  const state = join(folder.path, "state");
  const token = await serve.addToken(state, "page");
  await using server = await taskServer(state, "--jobs", "2", "--threads", "2");
  await using browser = await Browser.start(found.path);
  await browser.look({ width: 1100, scheme: "light" });
  const reader = new Reader(browser, server);

  // A token is asked for; a wrong one is told.
  await browser.open(`${server.url}/`, 'document.querySelector("#token-dialog")?.open');
  assertEquals(await browser.evaluate("document.activeElement.id"), "token-value");
  await reader.picture("token");
  await reader.type("lt_wrong");
  await browser.press("Enter");
  await reader.sees('document.querySelector("#token-why").textContent.includes("another one")');
  await reader.type(token);
  await browser.press("Enter");
  await reader.sees('!document.querySelector("#jobs-empty").hidden');
  assertEquals(await browser.evaluate("document.querySelector('#token-dialog').open"), false);

  // What is wrong with a specification is said, and selected.
  await reader.start('{ "name": "digits", "preset": "mnist", "recipe": { "epochs": 1, "bs": 0 } }');
  await reader.sees('document.querySelector("#new-error").textContent.includes("`recipe.bs`")');
  assertEquals(
    await browser.evaluate(
      "[document.activeElement.id, document.activeElement.getAttribute('aria-invalid'), `${getSelection()}`]",
    ),
    ["new-spec", "true", '"bs"'],
  );
  await reader.pictures("new-wrong");

  // Two jobs at once: the curve of one grows, also over a reload, after which it begins with all that it had.
  const settings = { bs: 32, data: { limit: 256 } };
  await reader.start({ name: "digits", preset: "mnist", recipe: { ...settings, epochs: 4, schedule: { lr: 0.01 } } });
  await reader.isAt("digits", "queued", "running", "done");
  await reader.start({ name: "long", preset: "mnist", recipe: { ...settings, epochs: 5000, seed: 2 } });
  await reader.isAt("long", "queued", "running");
  await until(async () => await reader.points() >= 2, "two points", 60);
  const before = await reader.points();
  await browser.evaluate("window.old = true");
  await browser.send("Page.reload");
  await reader.sees("window.old === undefined && document.readyState === 'complete'");
  await reader.isAt("long", "running");
  await until(async () => await reader.points() > before, "more points than before", 60);
  await reader.sees("document.querySelector('#job-progress').value > 0");
  await browser.evaluate('void (location.hash = "#/job/digits")');
  await reader.isAt("digits", "done");
  await reader.sees("document.querySelectorAll('#job-epochs tr').length === 4");
  // Drawn with the next frame.
  await until(async () => await reader.points() >= 4, "four points", 60);
  assertMatch(await reader.text("#job-told"), /^Accuracy \d+\.\d\d %/);
  const labels = await browser.evaluate<string[]>(
    "[...document.querySelectorAll('#job-curves [role=img]')].map((image) => image.getAttribute('aria-label'))",
  );
  assertMatch(
    labels.join("\n"),
    /^Loss: at epoch 4\.0, training [\d.]+, validation [\d.]+\nAccuracy: at epoch 4\.0, .*\nSpeed: /,
  );
  const inked = await browser.evaluate<boolean>(`(() => {
    const canvas = document.querySelector("#job-curves canvas");
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return new Set(new Uint32Array(data.buffer)).size > 10;
  })()`);
  assert(inked, "The chart has nothing drawn in it");

  // What its settings are, and what differs from those of the other job.
  const rows = (): Promise<string[]> =>
    browser.evaluate(
      "[...document.querySelectorAll('#settings-rows tr')].map((row) => [...row.cells].map((cell) => cell.textContent).join(' '))",
    );
  assert((await rows()).includes("recipe.schedule.lr 0.01"), (await rows()).join("\n"));
  await reader.sees("document.querySelector('#job-other').options.length === 2");
  await browser.evaluate(`(() => {
    const choice = document.querySelector("#job-other");
    choice.value = "long";
    choice.dispatchEvent(new Event("change"));
  })()`);
  await reader.sees("document.querySelector('#settings-head').textContent.includes('long')");
  const differing = await rows();
  assertEquals(differing.map((row) => row.split(" ")[0]).sort(), [
    "recipe.epochs",
    "recipe.schedule.lr",
    "recipe.seed",
  ]);
  assert(differing.includes("recipe.epochs 4 5000"), differing.join("\n"));
  await reader.pictures("job");

  // Into service, and an answer for what is dropped.
  await reader.click("#job-serve button");
  await reader.sees("document.querySelector('#status').textContent === 'Version 1 of digits is in service'");
  await reader.click('nav a[href="#/predict"]');
  await reader.sees("document.querySelector('#predict-model').value === 'digits'");
  assertEquals(await browser.evaluate("document.activeElement.id"), "predict-title");
  await drop(browser, "#predict-drop", [fixture("baseline_420.jpg")]);
  await reader.sees("document.querySelectorAll('#predict-answers .guesses').length === 1");
  const guesses = await browser.evaluate<string[]>(
    "[...document.querySelectorAll('.guesses tr')].map((row) => row.cells[0].textContent + ' ' + row.cells[2].textContent)",
  );
  assertEquals(guesses.length, 5);
  assert(guesses.every((guess) => /^\d \d+\.\d\d %$/.test(guess)), guesses.join("\n"));
  assertEquals(await browser.evaluate("location.hash"), "#/predict");
  const notAnImage = join(folder.path, "notes.png");
  await Deno.writeTextFile(notAnImage, "no image");
  await drop(browser, "#predict-drop", [notAnImage]);
  await reader.sees("document.querySelector('#predict-answers li .error')?.textContent.includes('Neither a JPEG')");
  await reader.pictures("predict");

  // The list, by keyboard, and the other job cancelled.
  await reader.click('nav a[href="#/jobs"]');
  await reader.sees("document.querySelectorAll('#jobs-rows tr').length === 2");
  await reader.sees("document.querySelector('[data-id=long]').textContent.includes('running')");
  await reader.pictures("jobs");
  await browser.evaluate("document.querySelector('#skip').focus()");
  const reached: string[] = [];
  for (let count = 0; count < 20 && reached.at(-1) !== "long"; count++) {
    reached.push(await browser.evaluate("document.activeElement.textContent.trim()"));
    assertNotEquals(
      await browser.evaluate("getComputedStyle(document.activeElement).outlineStyle"),
      "none",
      reached.at(-1),
    );
    await browser.press("Tab");
  }
  assertEquals(reached.filter((text) => text.length < 20), [
    ...["To the content", "libtrain", "Jobs", "New job", "Predict", "Token", "long"],
  ]);
  await reader.click("[data-id=long] a");
  await reader.isAt("long", "running");
  await reader.click("#job-cancel");
  await reader.isAt("long", "cancelled");
  await reader.sees("document.querySelector('#status').textContent === 'long is cancelled'");
  await reader.click("#job-purge");
  await reader.sees("document.querySelector('#purge-dialog').open");
  await reader.click("#purge-yes");
  await reader.sees("location.hash === '#/jobs' && document.querySelectorAll('#jobs-rows tr').length === 1");

  // Every control has a name.
  await browser.send("Accessibility.enable");
  for (const part of ["jobs", "job/digits", "new", "predict"]) {
    await browser.evaluate(`void (location.hash = "#/${part}")`);
    await reader.sees(`!document.querySelector("#view-${part.split("/")[0]}").hidden`);
    const { nodes } = await browser.send("Accessibility.getFullAXTree") as {
      nodes: { ignored: boolean; role?: { value: string }; name?: { value: string } }[];
    };
    const controls = ["button", "link", "textbox", "combobox", "progressbar", "region", "image", "dialog", "table"];
    const nameless = nodes.filter(({ ignored, role, name }) =>
      !ignored && controls.includes(role?.value ?? "") && (name?.value ?? "") === "" && role?.value !== "table"
    );
    assertEquals(nameless, [], part);
  }

  // Nothing of another host; and the browser's console has what the server refused, and nothing else.
  const others = browser.requests.filter((address) =>
    !address.startsWith(`${server.url}/`) && !address.startsWith("blob:")
  );
  assertEquals(others.filter((address) => address !== "about:blank"), []);
  const strange = browser.complaints.filter((each) => !/with a status of (401|422) /.test(each));
  assertEquals(strange, []);
});
