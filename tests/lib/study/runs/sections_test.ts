/** Runs as parts of a page: which belong together, what is drawn, and what stays out of a mean. */
import { assert, assertAlmostEquals, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { study } from "../../../../mod.ts";
import { groupRuns } from "../../../../lib/study/runs/groups.ts";

/** A run of two epochs that came to a top-1. */
function runOf(
  { folder, seed, config, top1 = 0.8, state = "over" }: {
    folder: string;
    seed: number;
    config: Readonly<Record<string, unknown>>;
    top1?: number;
    state?: study.RunState;
  },
): study.StudiedRun {
  const over = state === "over";
  const rows = [1, 2].slice(0, over ? 2 : 1).map((epoch) => ({
    epoch,
    top1: top1 - (2 - epoch) / 10,
    loss: 1 / epoch,
    trainLoss: 2 / epoch,
    trainSeconds: 1,
    imagesPerSecond: 100,
    f1: 0.5,
  }));
  return {
    folder: `runs/${folder}`,
    state,
    why: over ? null : "because",
    preset: "mnist",
    data: "mnist",
    model: "mnistNet",
    size: 28,
    seed,
    arms: [],
    epochs: rows.length,
    planned: 2,
    top1: over ? top1 : null,
    top5: null,
    loss: 0.5,
    seconds: 2,
    imagesPerSecond: 100,
    begun: null,
    last: null,
    commit: "a".repeat(40),
    dirty: false,
    device: "cpu",
    bytes: 1,
    tags: [],
    config: { preset: "mnist", epochs: 2, isa: "AVX2", seed, ...config },
    metrics: { columns: Object.keys(rows[0]!), rows },
  };
}

const max = { model: { name: "mnistNet", pool: "max" }, optimizer: { name: "adamw", wd: 0.1 } };
const blur = { model: { name: "mnistNet", pool: "maxblur" }, optimizer: { name: "adamw", wd: 0.1 } };

/** Two recipes with three seeds each, of which one diverged. */
const runs = [
  ...[0.80, 0.82, 0.84].map((top1, seed) => runOf({ folder: `max-${seed}`, seed, config: max, top1 })),
  ...[0.86, 0.88].map((top1, seed) => runOf({ folder: `blur-${seed}`, seed, config: blur, top1 })),
  runOf({ folder: "blur-2", seed: 2, config: blur, state: "diverged" }),
];

function figureOf(sections: readonly study.Section[], name: string): study.Figure {
  const found = sections.flatMap(({ figures = [] }) => figures).find((figure) => figure.name === name);
  assert(found !== undefined, name);
  return found;
}

function tableOf(sections: readonly study.Section[], title: string): study.Table {
  const found = sections.flatMap(({ tables = [] }) => tables).find((table) => table.title.startsWith(title));
  assert(found !== undefined, title);
  return found;
}

Deno.test("groupRuns: a recipe is everything but seed, machine and code, and is called by what differs", () => {
  const label = (...configs: Readonly<Record<string, unknown>>[]): string[] =>
    groupRuns(configs.map((config, at) => runOf({ folder: `run-${at}`, seed: at, config }))).map(({ label }) => label);
  assertEquals(groupRuns(runs).map(({ label, runs }) => [label, runs.length]), [["pool max", 3], ["pool maxblur", 3]]);
  assertEquals(label(max, { ...max, isa: "AVX-512", commit: "b", device: "cuda" }), ["mnist"]);
  const muon = { ...max, optimizer: { name: "muon", wd: 0.1 } };
  assertEquals(label(max, muon), ["optimizer adamw", "optimizer muon"]);
  // The first by its own name, the others by what is other in them.
  assertEquals(label(max, blur, { ...muon, bs: 64 }), ["mnist", "pool maxblur", "optimizer muon, bs 64"]);
  const lost = { ...runOf({ folder: "lost", seed: 0, config: max }), config: null };
  assertEquals(groupRuns([lost, lost]).map(({ runs }) => runs.length), [1, 1]);
});

Deno.test("runSections: means and bands are of runs that are over, the others are drawn by themselves and told", async () => {
  const sections = await study.runSections(runs);
  assertEquals(sections.map(({ title }) => title), ["Runs", "Comparison", "Accuracy and loss", "Rate and time"]);
  const text = sections[0]!.text!.join("\n");
  assertStringIncludes(text, "6 runs of 2 recipes; 5 of them are over.");
  assertStringIncludes(text, "runs/blur-2: diverged after 1 of 2 epochs, because.");

  const { rows } = figureOf(sections, "top1");
  const of = (recipe: string, run: string | null): typeof rows =>
    rows.filter((row) => row["recipe"] === recipe && row["run"] === run);
  const [, last] = of("pool max", null);
  assertAlmostEquals(last!["value"] as number, 0.82);
  assertEquals([last!["low"], last!["high"], last!["seeds"]], [0.80, 0.84, 3]);
  assertEquals(of("pool maxblur", null).map(({ seeds }) => seeds), [2, 2]);
  assertEquals(of("pool maxblur", "runs/blur-2 (diverged)").map(({ epoch, low }) => [epoch, low]), [[1, null]]);
  // A metric of the script's own has a curve, and what no run has measured has none.
  assertEquals(figureOf(sections, "metric-0").title, "f1 by epoch");
  assert(!sections.some(({ figures = [] }) => figures.some(({ name }) => name === "top1-ema")));

  assertEquals(tableOf(sections, "Recipes").rows.map((row) => row.slice(0, 4)), [
    ["pool max", 3, null, "82.00 %"],
    ["pool maxblur", 2, "1 diverged", "87.00 %"],
  ]);
  const [against] = tableOf(sections, "Against pool max").rows;
  assertEquals(against!.slice(0, 3), ["pool maxblur", 2, "+6.00"]);
  assertEquals(against!.at(-1), "not decided: it takes 6 pairs at least");
  assertEquals(tableOf(sections, "What differs").rows, [["model.pool", "max", "maxblur"]]);
  assertEquals(tableOf(sections, "Runs").columns.slice(0, 3), ["run", "recipe", "seed"]);
  assertEquals(figureOf(sections, "results").rows.filter(({ kind }) => kind === "run").length, 5);
});

Deno.test("runSections: enough seeds decide by Holm's correction, and one run needs no comparison", async () => {
  const many = [max, blur].flatMap((config, which) =>
    [0, 1, 2, 3, 4, 5].map((seed) =>
      runOf({ folder: `${which}-${seed}`, seed, config, top1: 0.8 + which / 20 + seed / 1000 })
    )
  );
  const [row] = tableOf(await study.runSections(many), "Against").rows;
  assertEquals([row!.at(-2), row!.at(-1)], ["0.0313", "better"]);
  const alone = await study.runSections([runs[0]!]);
  assertEquals(alone.map(({ title }) => title), ["Runs", "Accuracy and loss", "Rate and time"]);
  assertEquals(alone[0]!.text![0], "One run, which is over.");
  await assertRejects(() => study.runSections([]), RangeError, "at least one run");
});

Deno.test("runSections: of one epoch there are numbers in the place of curves with one point", async () => {
  const first = (run: study.StudiedRun): study.StudiedRun => ({
    ...run,
    metrics: { ...run.metrics, rows: run.metrics.rows.slice(0, 1) },
  });
  const one = await study.runSections(runs.slice(0, 2).map(first));
  assertEquals(one.flatMap(({ figures = [] }) => figures.map(({ name }) => name)), ["results"]);
  const { columns, rows } = tableOf(one, "Their one epoch");
  assertEquals(columns, ["run", "Training loss", "f1"]);
  assertEquals(rows, [["max-0", "2.0000", "0.5000"], ["max-1", "2.0000", "0.5000"]]);
  // As soon as one of them has a second epoch there is something to draw.
  const more = await study.runSections([first(runs[0]!), runs[1]!]);
  assert(figureOf(more, "train-loss").rows.length > 1);
  assert(!more.some(({ tables = [] }) => tables.some(({ title }) => title === "Their one epoch")));
});

Deno.test("runSections: one seed twice is no second seed, and runs of two commits are told", async () => {
  const twice = [runs[0]!, { ...runs[0]!, folder: "runs/again", commit: "b".repeat(40), dirty: true }];
  const [{ text } = { text: [] }] = await study.runSections(twice);
  assertStringIncludes(text!.join("\n"), "They are of 2 commits: aaaaaaaaaaaa, bbbbbbbbbbbb.");
  assertStringIncludes(text!.join("\n"), "Several runs of mnist have one seed");
  assertStringIncludes(text!.join("\n"), "1 of them ran code with changes that were not committed.");
});
