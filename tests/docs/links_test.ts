/** What README.md and docs/ point at is there: files, headings, tasks and flags. */
import { assert, assertEquals } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import type { Flags } from "../../lib/cli/flags.ts";
import { dataCommand } from "../../tasks/data.ts";
import { evaluateCommand } from "../../tasks/evaluate.ts";
import { exportCommand } from "../../tasks/export.ts";
import { importCommand } from "../../tasks/import.ts";
import { leaderboardCommand } from "../../tasks/leaderboard.ts";
import { lrFindCommand } from "../../tasks/lr_find.ts";
import { predictCommand } from "../../tasks/predict.ts";
import { reportCommand } from "../../tasks/report.ts";
import { runsCommand } from "../../tasks/runs.ts";
import { shiftCommand } from "../../tasks/shift.ts";
import { trainCommand } from "../../tasks/train.ts";

const root = fromFileUrl(new URL("../../", import.meta.url));
const docs = [...Deno.readDirSync(join(root, "docs"))].map(({ name }) => `docs/${name}`);
const pages = ["README.md", ...docs.filter((name) => name.endsWith(".md")).sort()];
const textOf = (page: string): string => Deno.readTextFileSync(join(root, page));
/** Without the blocks of code. */
const proseOf = (page: string): string => textOf(page).replaceAll(/^```[\s\S]*?^```$/gm, "");

function isThere(path: string): boolean {
  try {
    Deno.statSync(join(root, path));
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** What links call a page's headings. */
function anchorsOf(page: string): string[] {
  const headings = [...proseOf(page).matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) => heading);
  return headings.map((heading) => heading.toLowerCase().replaceAll(/[^\p{L}\p{N} _-]/gu, "").replaceAll(" ", "-"));
}

Deno.test("docs: every link leads to a file and a heading that are there", () => {
  const dead = pages.flatMap((page) =>
    [...proseOf(page).matchAll(/\]\(([^)#]*)(?:#([^)]*))?\)/g)].flatMap(([link, path = "", anchor]) => {
      if (/^https?:/.test(path)) return [];
      const target = path === "" ? page : new URL(path, `file:///${page}`).pathname.slice(1);
      if (!isThere(target)) return [`${page}: ${link}`];
      return anchor === undefined || anchorsOf(target).includes(anchor) ? [] : [`${page}: ${link}`];
    })
  );
  assertEquals(dead, []);
});

Deno.test("docs: every file of the repository that a text names is there", () => {
  const named = /`((?:lib|tools|tests|tasks|core-rs|benchmarks|examples|docs)\/[\w./-]+)`/g;
  const missing = pages.flatMap((page) =>
    [...proseOf(page).matchAll(named)].map(([, path = ""]) => path)
      // The worked example of an op is not in the repository.
      .filter((path) => !path.includes("hardswish") && !isThere(path))
      .map((path) => `${page}: ${path}`)
  );
  assertEquals(missing, []);
});

Deno.test("docs: docs/commands.md lists every task of deno.json, and README.md every page of docs/", () => {
  const { tasks } = JSON.parse(textOf("deno.json"));
  const listed = [...textOf("docs/commands.md").matchAll(/^\| `deno task ([\w:-]+)/gm)].map(([, name]) => name);
  assertEquals(listed.sort(), Object.keys(tasks).sort());
  const linked = [...textOf("README.md").matchAll(/^- \[(docs\/\w+\.md)\]/gm)].map(([, page]) => page);
  assertEquals(linked.sort(), pages.slice(1));
});

Deno.test("docs: command lines have tasks and flags that there are", async () => {
  // Registers `--width`, as the command lines that name it do.
  await import("../../examples/own_network.ts");
  const { tasks } = JSON.parse(textOf("deno.json"));
  const commands: Readonly<Record<string, { readonly flags: Flags }>> = {
    data: dataCommand,
    evaluate: evaluateCommand,
    export: exportCommand,
    import: importCommand,
    leaderboard: leaderboardCommand,
    "lr-find": lrFindCommand,
    predict: predictCommand,
    report: reportCommand,
    runs: runsCommand,
    shift: shiftCommand,
    train: trainCommand,
  };
  const lines = pages.flatMap((page) =>
    [...textOf(page).matchAll(/deno(?:@[\d.]+)? task (\w[\w:-]*)([^\n`#]*)/g)].map(([line, name = "", rest = ""]) => ({
      line: `${page}: ${line}`,
      name,
      flags: [...rest.matchAll(/ --(?:no-)?([\w-]+)/g)].map(([, flag = ""]) => flag),
    }))
  );
  assert(lines.length > 40, `${lines.length} command lines`);
  const always = ["json", "help", "register"];
  const wrong = lines.filter(({ name, flags }) => {
    const known = commands[name]?.flags;
    // The task that the text shows how to add.
    if (name !== "count" && !Object.hasOwn(tasks, name)) return true;
    return known !== undefined && flags.some((flag) => !always.includes(flag) && !Object.hasOwn(known, flag));
  });
  // Flags that scripts of docs/architecture.md register.
  const own = / --(lookahead|contrast)/;
  assertEquals(wrong.filter(({ line }) => !own.test(line)).map(({ line }) => line), []);
});
