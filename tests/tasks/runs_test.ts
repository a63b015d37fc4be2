/** `deno task runs` and `deno task report` on runs that were trained. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { type Command, runCommand } from "../../lib/cli/command.ts";
import { confirmed } from "../../lib/cli/confirm.ts";
import type { Flags } from "../../lib/cli/flags.ts";
import { Paths } from "../../lib/cli/paths.ts";
import { Report } from "../../lib/cli/report.ts";
import { study } from "../../mod.ts";
import { reportCommand } from "../../tasks/report.ts";
import { runsCommand } from "../../tasks/runs.ts";
import { keptStreams } from "../lib/cli/streams.ts";
import { train } from "../support/training.ts";
import { tempFolder } from "../temp_folder.ts";

/** A command where a folder is the project's, whose runs are below `runs`. */
async function run<F extends Flags>(
  command: Command<F>,
  args: readonly string[],
  work?: string,
): Promise<{ code: number; out: string; err: string }> {
  const streams = keptStreams();
  // Whoever stands elsewhere is told the project's paths as they reach them.
  const paths = work === undefined ? undefined : new Paths({ work, stand: join(work, "elsewhere") });
  const code = await runCommand(args, command, { streams, paths });
  return { code, ...streams.text };
}

const short = { epochs: 1, limit: 64, bs: 32, threads: 1 };

Deno.test("runs: lists, compares, tags and removes, in lines and as JSON", async () => {
  using folder = tempFolder();
  const root = join(folder.path, "runs");
  const { run: a } = await train({ ...short, folder: join(root, "a") });
  const { run: b } = await train({ ...short, folder: join(root, "b"), pool: "max", seed: 1 });

  const listed = await run(runsCommand, [root]);
  assertEquals([listed.code, listed.err], [0, ""]);
  const [head, first, second, total] = listed.out.split("\n");
  assertMatch(head!, /^run +what +network +seed +state +epochs +top-1 +time +begun +size +tags$/);
  assertMatch(first!, /\/runs\/a +mnist +mnistNet +0 +over +1\/1 +\d+\.\d\d % +/);
  assert(second!.includes("/runs/b"));
  assertMatch(total!, /^2 runs · \d+\.\d MB$/);
  const json = JSON.parse((await run(runsCommand, [root, "--json", "--find", "MNIST seed-1"])).out);
  assertEquals(json.runs.map(({ folder, state }: study.RunSummary) => [folder, state]), [[b, "over"]]);
  assertEquals(Object.keys(json.runs[0]).includes("metrics"), false);

  const compared = await run(runsCommand, ["--compare", a, b]);
  assertMatch(compared.out, /\nmodel\.pool +maxblur +max\n/);
  assertMatch(compared.out, /\nseed +0 +1\n/);
  assertMatch(compared.out, /\ntop-1 +\d+\.\d\d % +\d+\.\d\d %\n/);
  assertEquals((await run(runsCommand, ["--compare", a, a])).out.split("\n")[0], "settings are the same");

  assertEquals((await run(runsCommand, ["--tag", "best", a, b])).out, `${a}  best\n${b}  best\n`);
  assertEquals(JSON.parse((await run(runsCommand, ["--untag", "best", b, "--json"])).out).runs, [{
    folder: b,
    tags: [],
  }]);
  assertEquals(JSON.parse((await run(runsCommand, [root, "--tagged", "best", "--json"])).out).runs.length, 1);
  const wrong = await run(runsCommand, ["--tag", "two words", a]);
  assertEquals(wrong.code, 2);
  assertStringIncludes(wrong.err, "error: Expected a tag of up to 40 letters");

  // As in a project whose folder this is.
  const asked = await run(runsCommand, ["--remove", a], folder.path);
  assertEquals(asked.code, 2);
  assertStringIncludes(asked.err, "Expected --yes with --remove where nobody can be asked");
  assertEquals((await Deno.stat(a)).isDirectory, true);
  const { bytes } = await study.readRun(a);
  const removed = await run(runsCommand, ["--remove", a, "--yes", "--json"], folder.path);
  assertEquals([removed.code, JSON.parse(removed.out).freedBytes], [0, bytes], removed.err);
  assertEquals(await study.listRuns(root).then((runs) => runs.map(({ folder }) => folder)), [b]);
  // Of this project it is none.
  const elsewhere = await run(runsCommand, ["--remove", b, "--yes"]);
  assertEquals(elsewhere.code, 1);
  assertStringIncludes(elsewhere.err, `Cannot remove "${b}": it lies elsewhere: only runs below "runs" are removed`);
});

Deno.test("runs: sweeps that live on what is removed are named before the question", async () => {
  using folder = tempFolder();
  const root = join(folder.path, "runs");
  const plan = (name: string, pool: string): study.Plan =>
    study.gridOf({ pool: ["maxblur", pool] }, {
      preset: "mnist",
      changes: { epochs: 1, bs: 32, data: { limit: 64 }, threads: 1 },
      name,
    });
  await study.sweep(plan("a", "max"), { folder: join(root, "a"), runs: 1 });
  await study.sweep(plan("b", "avg"), { folder: join(root, "b"), runs: 1 });
  const asked = await run(runsCommand, ["--remove", join(root, "a")], folder.path);
  assertStringIncludes(asked.err, "the sweep ../runs/b has its weights of pool=maxblur, seed 0 there alone");
});

Deno.test("runs: what does not go together is refused before anything is done", async () => {
  const refused: [args: string[], told: string][] = [
    [["--compare", "a"], "Expected two runs or more with --compare, got one"],
    [["--compare", "--remove", "a", "b"], "Expected one of --compare, --tag and --remove, got --compare and --remove"],
    [["--remove"], "Expected runs' folders with --remove, got none"],
    [["--remove", "a", "--state", "broken"], "Expected no --state with --remove: name the runs"],
    [["--yes"], "Expected --remove with --yes, got it alone"],
    [["no-such-runs"], 'Cannot find "no-such-runs"'],
    [["--tag", "x", "no-such-run"], 'Cannot find a run in "no-such-run"'],
    [["--state", "over-and-out"], "Expected --state to be one of"],
  ];
  for (const [args, told] of refused) {
    const { code, out, err } = await run(runsCommand, args);
    assertEquals([code, out], [2, ""], args.join(" "));
    assertStringIncludes(err, told);
  }
});

Deno.test("runs: a question is asked of a terminal alone, and only yes is yes", async () => {
  const streams = keptStreams();
  const report = new Report({ streams });
  const answer = (text: string, terminal = true): Promise<boolean> =>
    confirmed(report, "Remove?", {
      otherwise: "pass --yes",
      input: {
        isTerminal: () => terminal,
        read: (bytes) => Promise.resolve(text === "" ? null : new TextEncoder().encodeInto(text, bytes).written),
      },
    });
  assertEquals(await Promise.all(["y\n", " Yes\n", "no\n", "\n", "yeah\n", ""].map((text) => answer(text))), [
    ...[true, true, false, false, false, false],
  ]);
  assertEquals([streams.text.out, streams.text.err.startsWith("Remove? [y/N] ")], ["", true]);
  let told = "";
  await answer("y\n", false).catch((error) => told = error.message);
  assertEquals(told, "pass --yes");
});

Deno.test("report: a page beside its run, of several where it is told, and as JSON", async () => {
  using folder = tempFolder();
  const { run: a } = await train({ ...short, folder: join(folder.path, "a") });
  const { code, out, err } = await run(reportCommand, [a, "--threads", "1", "--count", "2"]);
  assertEquals([code, err], [0, ""]);
  assertMatch(out, /^runs {6}1 over\nfigures {3}\d, each as SVG, PNG and CSV beside the page\npage {6}/);
  const text = await Deno.readTextFile(join(a, "report", "report.html"));
  assertEquals([...text.matchAll(/<img alt=/g)].length, 6);
  // Its own page is none of the run's files.
  assertEquals((await study.readRun(a)).state, "over");

  const to = join(folder.path, "both");
  const both = await run(reportCommand, [a, a, "--no-pictures", "--title", "Twice", "--out", to, "--json"]);
  const { html, runs, missing, figures } = JSON.parse(both.out);
  assertEquals([html, runs, missing], [join(to, "report.html"), [{ folder: a, state: "over", why: null }], []]);
  assertEquals(figures.length, 1, "the learning rate by step: one epoch has no curves");
  assertStringIncludes(await Deno.readTextFile(html), "<h1>Twice</h1>");

  for (
    const [args, told] of [
      [[], "Expected a run's folder, got none"],
      [[join(folder.path, "none")], "Cannot find "],
      [[a, "--out", "/elsewhere"], 'Cannot write to "/elsewhere": `deno task report` may write below runs'],
    ] as const
  ) {
    const refused = await run(reportCommand, args);
    assertEquals([refused.code, refused.out], [2, ""]);
    assertStringIncludes(refused.err, told);
  }
});
