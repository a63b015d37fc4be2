import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { runCommand } from "../../lib/cli/command.ts";
import { evaluateCommand } from "../../tasks/evaluate.ts";
import { train } from "../support/training.ts";
import { keptStreams } from "../lib/cli/streams.ts";
import { tempFolder } from "../temp_folder.ts";

async function evaluate(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const streams = keptStreams();
  const code = await runCommand(args, evaluateCommand, { streams });
  return { code, ...streams.text };
}

Deno.test("evaluate --report: every answer as lines, as JSON and as files in the run's folder", async () => {
  using folder = tempFolder();
  const { run } = await train({ epochs: 1, limit: 512, bs: 32, threads: 1, out: folder.path });
  const text = await evaluate(run, "--report", "--threads", "1");
  assertEquals([text.code, text.err], [0, ""]);
  assertMatch(text.out, /\ntop-1 \d+\.\d\d % · top-5 .* · 512 images\ninterval {4}\d+\.\d\d % to \d+\.\d\d % \(95 %/);
  assertMatch(
    text.out,
    /\ncalibration error \d+\.\d\d %, by chance up to \d+\.\d\d %; largest of a bin \d+\.\d\d %; over bins of equal mass /,
  );
  assertMatch(text.out, /\nworst {7}\d \d+\.\d % · /);
  assertMatch(text.out, /\nmistakes {4}\d taken for \d \d+ · /);
  const json = join(run, "evaluation", "answers.json");
  const html = join(run, "evaluation", "report.html");
  assertStringIncludes(text.out, `\nnumbers     ${json}\npage        ${html}\n`);
  const page = await Deno.readTextFile(html);
  for (
    const title of ["Confusion", "Accuracy by class", "Calibration", "Images with the largest losses", "taken for"]
  ) {
    assertStringIncludes(page, title);
  }
  assert(Deno.statSync(join(run, "evaluation", "figures", "confusion.svg")).size > 1000);

  const csv = join(folder.path, "predictions.csv");
  const own = join(folder.path, "own");
  const args = [
    "--report",
    "--out",
    own,
    "--bins",
    "5",
    "--top",
    "2",
    "--predictions",
    csv,
    "--threads",
    "1",
    "--json",
  ];
  const answer = await evaluate(run, ...args);
  const { report, n, top1, part, json: written } = JSON.parse(answer.out);
  assertEquals([answer.code, n, part, written], [0, 512, "valid", join(own, "answers.json")], answer.err);
  assertEquals([report.accuracy.share, report.n], [top1, 512]);
  assertEquals([report.calibration.equalMass.bins.length, report.topLosses.length], [5, 2]);
  const kept = JSON.parse(await Deno.readTextFile(written));
  assertEquals([kept.report, kept.evaluation.top1], [report, top1]);
  const wrong = (await Deno.readTextFile(csv)).trimEnd().split("\n").slice(1).map((line) => line.split(","))
    .filter(([, label, prediction]) => label !== prediction);
  const counted = (report.mistakes as { n: number }[]).reduce((sum, { n }) => sum + n, 0);
  assertEquals(counted, wrong.length);
});

Deno.test("evaluate --report: what belongs to it is refused without it, and a run that is not there", async () => {
  for (const flag of ["out", "bins", "top"]) {
    const { code, err } = await evaluate("none", `--${flag}`, "3");
    assertEquals([code, err], [2, `error: Expected --report with --${flag}, got it alone\n`]);
  }
  const none = await evaluate("none", "--report");
  assertEquals(none.code, 2);
  assertStringIncludes(none.err, 'Cannot find "none": give a run\'s folder or a checkpoint');
  const few = await evaluate("none", "--report", "--bins", "1");
  assertStringIncludes(few.err, 'Expected --bins to be a whole number from 2 to 1000, got "1"');
});
