import { assert, assertAlmostEquals, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { runCommand } from "../../lib/cli/command.ts";
import { Report } from "../../lib/cli/report.ts";
import { SweepReport } from "../../lib/cli/sweep_report.ts";
import type { study } from "../../mod.ts";
import { sweepCommand } from "../../tasks/sweep.ts";
import { keptStreams } from "../lib/cli/streams.ts";
import { tempFolder } from "../temp_folder.ts";

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function ran(...args: string[]): Promise<Ran> {
  const streams = keptStreams();
  const code = await runCommand(args, sweepCommand, { streams });
  return { code, ...streams.text };
}

/** A name below `runs` that is gone afterwards. */
function ownName(): Disposable & { readonly name: string; readonly folder: string } {
  const name = `test-sweep-${crypto.randomUUID().slice(0, 8)}`;
  return {
    name,
    folder: `runs/${name}`,
    [Symbol.dispose](): void {
      try {
        Deno.removeSync(`runs/${name}`, { recursive: true });
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      }
    },
  };
}

/** A weight decay of these tests alone: a run of the same recipe below `runs`, say an example's, would count as run. */
const wd = ["--wd", `${crypto.getRandomValues(new Uint32Array(1))[0]! / 2 ** 32 / 10}`];

const tiny = [...wd, "--preset", "mnist", "--limit", "64", "--epochs", "1", "--bs", "32", "--threads", "1"];

Deno.test("sweep: what is wrong on the command line is refused before anything runs, with code 2", async () => {
  const wrong: [args: string[], message: string][] = [
    [[], "Expected a study, one of augmentation, batch-size, blurpool, "],
    [["blurpol"], 'got "blurpol": did you mean blurpool?'],
    [["blurpool", "--grid", "bs=32,64"], "Expected a study or --grid, got both"],
    [["--grid", "model.poool=max"], 'got "model.poool": it may be model.pool that is meant'],
    [["--grid", "bs=32", "--grid", "bs=64"], "Expected each axis once, got --grid bs=… twice"],
    [["--grid", "bs=0,32"], "Expected --bs to be a whole number of at least 1"],
    [["--grid", "bs=32", "--seed", "3"], "Expected --first-seed, got --seed: a sweep has several"],
    [["--grid", "bs=32", "--csv", "--json"], "Expected --csv or --json, got both"],
    [["--grid", "bs=32", "--dtype", "auto"], "got auto"],
    [["--grid", "bs=32", "--runs", "0"], "--runs"],
    [["--grid", "bs=32", "--jobs", "65"], "--jobs"],
    [["--grid", "bs=32", "--name", "a/b"], "Expected a sweep's name as a name of up to 100"],
    [["--grid", "bs=32,64", ...tiny, "--arms", "bs=33"], "it may be bs=32 that is meant"],
    [["--grid", "bs=32", "--results", "no/such/folder", ...tiny], "which is not there"],
    [["--grid", "bs=32", "--report-only"], "or the --name of a sweep below runs, got --name test-sweep-"],
    [
      ["no-such-study", "--report-only"],
      "Expected --results with a folder beside --report-only, or the --name of a sweep",
    ],
    [["--grid", "bs=32,4000", ...tiny], 'Arm "bs=4000": '],
    [["tests/temp_folder.ts"], 'Expected "tests/temp_folder.ts" to export a study by default'],
    [["tests/no_study.ts"], 'Cannot import the study "tests/no_study.ts"'],
  ];
  for (const [args, message] of wrong) {
    using own = ownName();
    const named = args.includes("--name") ? args : [...args, "--name", own.name];
    const { code, out, err } = await ran(...named);
    assertEquals([code, args.includes("--json") || out === ""], [2, true], `${args.join(" ")}: ${err}`);
    assertStringIncludes(err, message, args.join(" "));
    assertEquals(await Deno.stat(own.folder).then(() => true, () => false), false, args.join(" "));
  }
});

Deno.test("sweep --list: every study with its claim, and of one its arms, comparisons and source", async () => {
  const all = await ran("--list", "--json");
  const { studies } = JSON.parse(all.out);
  const files = [...Deno.readDirSync("studies")].map(({ name }) => name.replace(/\.ts$/, "")).sort();
  assertEquals(studies.map(({ name }: { name: string }) => name), files);
  const { code, out } = await ran("blurpool", "--list");
  assertEquals(code, 0);
  assertStringIncludes(out, "claim     A blur after each max pool raises top-1\n");
  assertStringIncludes(out, "source    the post: 87.43 % with it, 86.37 % without, means of 5 runs\n");
  assertMatch(out, /arm {7}max +pool max\n/);
  assertStringIncludes(out, "primary   entry against max\n");
  assertStringIncludes(out, "further   blur-rect2 against max\n");
});

Deno.test("sweep --arms: names with commas between, each with its flag, or a grid's, which have commas in them", async () => {
  const armsOf = async (...args: string[]): Promise<string[]> => {
    using own = ownName();
    const { code, out, err } = await ran(...args, ...tiny, "--runs", "1", "--name", own.name, "--dry-run", "--json");
    assertEquals(code, 0, err);
    return JSON.parse(out).cells.map(({ arm }: { arm: string }) => arm);
  };
  const grid = ["--grid", "bs=16,32", "--grid", "label-smoothing=0,0.1"];
  assertEquals(await armsOf("--grid", "bs=8,16,32", "--arms", "bs=8,bs=32"), ["bs=8", "bs=32"]);
  assertEquals(await armsOf("--grid", "bs=8,16,32", "--arms", "bs=16", "--arms", "bs=8"), ["bs=8", "bs=16"]);
  assertEquals(await armsOf(...grid, "--arms", "bs=16,label-smoothing=0.1"), ["bs=16,label-smoothing=0.1"]);
});

Deno.test("sweep: a dry run, a run, the same again, its CSV, its JSON, and a report of its results alone", async () => {
  using own = ownName();
  const args = ["--grid", "pool=maxblur,max", ...tiny, "--runs", "2", "--name", own.name];
  const dry = await ran(...args, "--dry-run");
  assertEquals(dry.code, 0, dry.err);
  assertMatch(dry.out, /pool=maxblur +0 +[0-9a-f]{16} +to run\n/);
  assertStringIncludes(dry.out, "4 runs · 0 over · 0 found elsewhere · 4 to run\n");
  const unknown = "time      not known: none of these arms was run on this processor before\n";
  assertStringIncludes(dry.out, `a run     1 epoch of 64 images, 2 steps\n${unknown}`);
  assertEquals(await Deno.stat(own.folder).then(() => true, () => false), false);

  const first = await ran(...args);
  assertEquals(first.code, 0, first.err);
  assertStringIncludes(
    first.out,
    `sweep     ${own.folder}\nruns      4 in all · 0 over · 4 to run · 1 at once · 1 thread each`,
  );
  assertStringIncludes(first.out, `a run     1 epoch of 64 images, 2 steps\n${unknown}`);
  assertMatch(first.out, /pool=max, seed 1: \d+\.\d\d % · /);
  assertMatch(first.out, /arm +runs +mean +sd +95 % \(t\) +95 % \(bootstrap\) +each\n/);
  assertStringIncludes(
    first.out,
    "exploratory: pool=max against pool=maxblur: not decided: 2 pairs cannot give p < 0.05",
  );
  assertStringIncludes(first.out, `results   ${own.folder}/results.json, .csv, .md\n`);

  const more = await ran(...args, "--runs", "3", "--dry-run");
  assertStringIncludes(more.out, "6 runs · 4 over · 0 found elsewhere · 2 to run\n");
  assertMatch(
    more.out,
    /time {6}about 0\.\d s of steps for what is to run, by 4 runs of these arms on this processor\n/,
  );
  const { cells, costs, seconds } = JSON.parse((await ran(...args, "--runs", "3", "--dry-run", "--json")).out);
  assertEquals([cells.length, costs.map(({ steps }: study.ArmCost) => steps)], [6, [2, 2]]);
  const times = [...Deno.readDirSync(join(own.folder, "results"))].map(({ name }) =>
    JSON.parse(Deno.readTextFileSync(join(own.folder, "results", name))).trainSeconds
  );
  assertAlmostEquals(seconds, times.reduce((sum, time) => sum + time, 0) / 2, 1e-9);

  const csv = await ran(...args, "--csv");
  const rows = csv.out.trimEnd().split("\n");
  assertEquals([csv.code, rows.length], [0, 5], csv.err);
  assertEquals(rows[0], "arm,seed,status,top1,correct,total,loss,trainSeconds,hash");
  assertStringIncludes(csv.err, "4 in all · 4 over · 0 to run");
  const { out, code } = await ran(...args, "--json");
  const answer = JSON.parse(out);
  assertEquals([code, answer.seeds, answer.stopped, answer.arms.length], [0, [0, 1], false, 2]);
  assertEquals(answer.comparisons[0].answers.length, 2);
  assertEquals(JSON.parse(await Deno.readTextFile(join(own.folder, "results.json"))).arms, answer.arms);

  const kept = [...args, "--results", join(own.folder, "results"), "--report-only"];
  const report = JSON.parse((await ran(...kept, "--json")).out);
  assertEquals(report.arms, answer.arms);
  assertEquals(report.comparisons, answer.comparisons);
  assert(!(await ran(...kept)).out.includes("results.json"), "nothing is written");
  // Its own folder has it too, by its name or as a word, and has it of the settings that it was trained with.
  for (const named of [["--name", own.name], [own.name], [own.folder]]) {
    const told = await ran(...named, "--report-only", "--json");
    assertEquals([told.code, JSON.parse(told.out).arms], [0, answer.arms], told.err);
  }
  assertStringIncludes((await ran(own.name, "--report-only")).out, `sweep     ${own.folder}\n`);
  const other = await ran("--name", own.name, "--report-only", "--bs", "16");
  assertEquals(other.code, 2);
  assertStringIncludes(other.err, "got bs: it has those that it was trained with");
  const changed = await ran(...args, "--lr", "0.001");
  assertEquals(changed.code, 2);
  assertStringIncludes(changed.err, "now 0.001: give the sweep another name");
});

Deno.test("sweep: a run that fails makes it end with 1, and a study from a file of one's own is swept", async () => {
  using root = tempFolder();
  using own = ownName();
  const file = join(root.path, "mine.ts");
  await Deno.writeTextFile(
    file,
    `import { data, recipe, study } from "@libtrain/libtrain";
    let opened = 0;
    const arrays = () => ({ images: new Uint8Array(64 * 784), labels: Array.from({ length: 64 }, (_, at) => at % 2),
      imageShape: [28, 28, 1], classes: ["a", "b"] });
    recipe.register({ dataSets: { odd: (_, { device }) => {
      if (++opened > 1) throw new Error("The drive is gone");
      return { train: data.fromArrays(arrays(), { device, training: true }), valid: data.fromArrays(arrays(), { device }) };
    } } });
    export default study.define({ name: "mine", claim: "It runs", preset: "mnist", arms: { only: { data: { name: "odd" } } },
      baseline: "only", changes: { bs: 16, epochs: 1, threads: 1 } });`,
  );
  const { code, out, err } = await ran(file, "--runs", "1", "--name", own.name, "--json");
  assertEquals(code, 1, err);
  const answer = JSON.parse(out);
  assertEquals([answer.exitCode, answer.arms[0].failed], [1, [{ seed: 0, message: "The drive is gone" }]]);
  assertStringIncludes(err, "warning: only, seed 0, failed: The drive is gone: tried once more\n");
});

Deno.test("sweep: Ctrl-C saves and ends with 130 and one object; the same command goes on where it stopped", async () => {
  using own = ownName();
  const settings = [...wd, "--preset", "mnist", "--limit", "64", "--epochs", "40", "--threads", "1"];
  const command = ["--grid", "bs=32", ...settings, "--runs", "1", "--name", own.name, "--json"];
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "--no-prompt", "-P=sweep", "tasks/main.ts", "sweep", ...command],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const journal = (): Promise<string> => Deno.readTextFile(`${own.folder}/journal.jsonl`).catch(() => "");
  while (!(await journal()).includes('"claim"')) await new Promise((resolve) => setTimeout(resolve, 20));
  child.kill("SIGINT");
  const { code, stdout, stderr } = await child.output();
  const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  assertEquals(code, 130, err);
  const answer = JSON.parse(out!);
  assertEquals([answer.stopped, answer.exitCode, answer.arms[0].missing], [true, 130, [0]]);
  assertStringIncludes(err!, "the same command goes on");
  assertMatch(await journal(), /"event":"stop"/);
  const rest = await ran(...command);
  assertEquals([rest.code, JSON.parse(rest.out).arms[0].summary.n], [0, 1], rest.err);
});

const status: study.SweepStatus = {
  arms: [
    {
      ...{ arm: "entry", over: 1, total: 2, diverged: 0, mean: 0.875, sd: null },
      running: [{ seed: 1, epoch: 2, epochs: 5, done: 0.25, elsewhere: false }],
    },
    { arm: "max", over: 2, total: 2, diverged: 1, mean: 0.8636, sd: 0.0042, running: [] },
  ],
  over: 3,
  total: 4,
  secondsLeft: 125,
};

Deno.test("sweep: on a terminal the table is drawn over itself, and lines that stay go above it", () => {
  const streams = keptStreams({ terminal: true, columns: 100 });
  using shown = new SweepReport(new Report({ streams }), { quiet: false, measure: "top1" });
  shown.status(status);
  const lines = streams.text.err.split("\n");
  assertEquals(lines.length, 5);
  assertMatch(lines[0]!, /^arm +runs +now +mean +sd/);
  assertMatch(lines[1]!, /^entry +1\/2 +seed 1 · 2\/5 ▕.*▏ +87\.50 %$/);
  assertMatch(lines[2]!, /^max +2\/2 +86\.36 % +± 0\.42 % +1 diverged$/);
  assertEquals(lines[3], "3 of 4 runs · 2:05 left");
  shown.status(status);
  assertEquals(streams.text.err.split("\x1b[4A\r\x1b[J").length, 2, "four lines up, and drawn again");
  shown.event({ type: "over", cell: { arm: "entry", seed: 1, hash: "0" }, status: "done", top1: 0.9, seconds: 61 });
  assert(streams.text.err.endsWith("\x1b[4A\r\x1b[J"), "the table is taken away before a line that stays");
  assertEquals(streams.text.out, "entry, seed 1: 90.00 % · 1:01\n");
  shown.event({ type: "over", cell: { arm: "max", seed: 1, hash: "1" }, status: "diverged", top1: null, seconds: 1 });
  assertStringIncludes(streams.text.out, "max, seed 1: diverged · ");
});

Deno.test("sweep: off a terminal a line tells how it stands, not more often than once a minute", () => {
  const streams = keptStreams();
  using shown = new SweepReport(new Report({ streams }), { quiet: false, measure: "top1" });
  shown.status(status);
  shown.status(status);
  assertEquals(streams.text.err, "3 of 4 runs · 2:05 left · entry, seed 1, epoch 2/5\n");
  shown.event({ type: "note", message: "once" });
  shown.event({ type: "note", message: "once" });
  assertEquals(streams.text.err.split("once").length, 2);
});
