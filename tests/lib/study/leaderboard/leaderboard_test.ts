import { assert, assertAlmostEquals, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { dirname, join } from "@std/path";
import { recipe, study } from "../../../../mod.ts";
import { tempFolder } from "../../../temp_folder.ts";

type Values = Record<string, unknown>;

const commit = "0123456789abcdef0123456789abcdef01234567";
const classes: Record<string, string[]> = {
  imagenette: [
    ...["tench", "English springer", "cassette player", "chain saw", "church", "French horn", "garbage truck"],
    ...["gas pump", "golf ball", "parachute"],
  ],
  // As folders are called.
  imagewoof: [
    ...["n02086240", "n02087394", "n02088364", "n02089973", "n02093754", "n02096294", "n02099601", "n02105641"],
    ...["n02111889", "n02115641"],
  ],
};

/** A run that is over, as its folder keeps it. */
function writeRun(
  folder: string,
  { preset = "imagenette-128-5", seed = 0, top1 = 0.87, changes = {}, config = {}, result = {} }: {
    preset?: string;
    seed?: number;
    top1?: number;
    changes?: recipe.RecipeChanges;
    config?: Values;
    result?: Values;
  } = {},
): string {
  const set = preset.split("-")[0]!;
  const made = recipe.preset(preset, { ...changes, seed });
  const facts = {
    classes: classes[set],
    imageShape: [made.size, made.size, 3],
    source: { name: `${made.data.name}.tgz`, sha256: "ab", contents: "cd" },
    commit,
  };
  const n = set === "imagenette" ? 3925 : 3929;
  Deno.mkdirSync(folder, { recursive: true });
  Deno.writeTextFileSync(join(folder, "config.json"), JSON.stringify({ ...made, ...facts, ...config }));
  const whole = { top1, n, epochs: made.epochs, stopped: false, commit, dirty: false, ...result };
  Deno.writeTextFileSync(join(folder, "result.json"), JSON.stringify(whole));
  return folder;
}

function row(board: study.Leaderboard, name: string): study.LeaderboardRow {
  return board.rows.find((each) => each.name === name)!;
}

Deno.test("publishedRows: every preset of the leaderboards, with what is published of it", () => {
  const rows = study.publishedRows();
  const names = recipe.presetNames().filter((name) => name.startsWith("image"));
  assertEquals(rows.map(({ name }) => name), names);
  const top1 = (name: string): number | undefined => rows.find((each) => each.name === name)?.published?.top1;
  assertEquals(rows.slice(0, 12).map(({ published }) => published?.top1), [
    ...[0.8743, 0.9157, 0.9355, 0.9424, 0.8676, 0.925, 0.945, 0.9503, 0.8685, 0.9353, 0.949, 0.9511],
  ]);
  assertEquals([128, 192, 256].map((size) => top1(`imagewoof-${size}-20`)), [0.8627, 0.8837, 0.8858]);
  assertEquals(
    rows.slice(0, 24).map(({ epochs, published }) => published?.runs === (epochs < 80 ? 5 : 1)).every(Boolean),
    true,
  );
  assertEquals([top1("imagenette-192-20-noise5"), top1("imagenette-256-200-noise50")], [0.906497, 0.55414]);
  assertEquals(rows.filter(({ published }) => published !== null).length, 48);
});

Deno.test("leaderboard: five seeds are ranked by their mean, with deviation and interval, beside what is published", async () => {
  using folder = tempFolder();
  // The entry's own five runs.
  const values = [0.876688, 0.872611, 0.86828, 0.874904, 0.879236];
  values.forEach((top1, seed) => writeRun(join(folder.path, `x5/seed-${seed}`), { seed, top1 }));
  const board = await study.leaderboard([folder.path]);
  const { entries } = row(board, "imagenette-128-5");
  assertEquals(entries.length, 1);
  const [entry] = entries;
  assertAlmostEquals(entry!.mean, 0.8743438, 1e-12);
  // Python's statistics.stdev, and 2.776445, the quantile of t with 4 degrees of freedom.
  assertAlmostEquals(entry!.sd!, 0.004168782340204379, 1e-12);
  assertAlmostEquals(entry!.interval!.low, 0.8691675730518206, 1e-9);
  assertAlmostEquals(entry!.interval!.high, 0.8795200269481794, 1e-9);
  assertAlmostEquals(entry!.points!, 0.00438, 1e-9);
  const { runs, n, provisional, rank, differences, data, commit: by } = entry!;
  assertEquals(runs.map(({ seed, top1 }) => [seed, top1]), values.map((top1, seed) => [seed, top1]));
  assertEquals([n, provisional, rank, differences, by], [5, false, 1, [], commit]);
  assertEquals(data, { name: "imagenette2-320", official: true });
  assertEquals(row(board, "imagenette-128-20").entries, []);
  assertEquals([board.refused, board.unfinished, board.unreadable, board.others], [[], [], [], 0]);
});

Deno.test("leaderboard: other recipes, other code and other images are entries of their own", async () => {
  using folder = tempFolder();
  const five = (name: string, top1: number, options: Parameters<typeof writeRun>[1] = {}): void => {
    for (let seed = 0; seed < 5; seed++) writeRun(join(folder.path, name, `${seed}`), { ...options, seed, top1 });
  };
  five("best", 0.88);
  five("max", 0.86, { changes: { model: { pool: "max" }, bs: 64 } });
  // What changes no weight makes no other recipe.
  writeRun(join(folder.path, "best", "5"), {
    seed: 5,
    top1: 0.88,
    changes: { validBs: 8, threads: 1, capture: false },
  });
  writeRun(join(folder.path, "commit"), { top1: 0.99, result: { commit: commit.replace("0", "f") } });
  writeRun(join(folder.path, "images"), {
    top1: 0.9,
    config: { source: { name: "mine", sha256: null, contents: "ef" } },
  });
  const { entries } = row(await study.leaderboard([folder.path]), "imagenette-128-5");
  assertEquals(entries.map(({ n, rank, provisional }) => [n, rank, provisional]), [
    [6, 1, false],
    // The published 87.43 is between.
    [5, 3, false],
    [1, null, true],
    [1, null, true],
  ]);
  assertEquals(entries.map(({ differences }) => differences), [[], ["bs 64", "model.pool max"], [], []]);
  assertEquals(entries[2]!.commit[0], "f");
  assertEquals(entries[3]!.data, { name: "mine", official: false });
  assertEquals([entries[3]!.sd, entries[3]!.interval], [null, null]);
});

Deno.test("leaderboard: a sweep's run is one run, in its cell and in the results of every sweep", async () => {
  using folder = tempFolder();
  const cell = writeRun(join(folder.path, "a/cells/0123456789abcdef"), { seed: 3, top1: 0.871, changes: { size: 64 } });
  const config = JSON.parse(Deno.readTextFileSync(join(cell, "config.json")));
  const { classes, imageShape, source, ...recipe } = config;
  const record = (top1: number): Values => ({
    ...{ libtrain: "sweep-run", hash: "0123456789abcdef", recipe, data: { classes, imageShape, source } },
    ...{ code: { commit, dirty: false }, seed: 3, top1, total: 3925 },
  });
  for (const sweep of ["a", "b"]) {
    const results = join(folder.path, sweep, "results");
    Deno.mkdirSync(results, { recursive: true });
    Deno.writeTextFileSync(join(results, "max_seed3.json"), JSON.stringify(record(0.871)));
  }
  assertEquals((await study.leaderboard([folder.path])).refused.map(({ path, rule }) => [path, rule]), [[cell, "row"]]);
  // On another machine it came to another top-1.
  Deno.writeTextFileSync(join(folder.path, "b/results/max_seed3.json"), JSON.stringify(record(0.872)));
  assertEquals((await study.leaderboard([folder.path])).refused.length, 2);
});

Deno.test("leaderboard: a seed counts once, wherever its result lies", async () => {
  using folder = tempFolder();
  const run = writeRun(join(folder.path, "a"), { seed: 3, top1: 0.871 });
  const [config, result] = ["config", "result"].map((name) =>
    JSON.parse(Deno.readTextFileSync(join(run, `${name}.json`)))
  );
  const file = join(folder.path, "seed3.json");
  Deno.writeTextFileSync(file, JSON.stringify({ config, result }));
  const several = join(folder.path, "several.json");
  const other = { config: { ...config, seed: 4 }, result: { ...result, top1: 0.873 } };
  Deno.writeTextFileSync(several, JSON.stringify({ what: "a benchmark", runs: [other, { top1: 0.9 }] }));
  Deno.writeTextFileSync(join(folder.path, "speed.json"), '{ "imagesPerSecond": 12 }');
  const { rows, unreadable } = await study.leaderboard([folder.path]);
  const [entry] = rows[0]!.entries;
  assertEquals(entry!.runs.map(({ path, seed }) => [path, seed]), [[run, 3], [several, 4]]);
  assertEquals(entry!.repeated, [{ path: file, seed: 3, top1: 0.871 }]);
  assertEquals(unreadable, []);
});

Deno.test("leaderboard: a sweep's runs, from their files; one that diverged is refused, as it has no top-1", async () => {
  using folder = tempFolder();
  const write = (seed: number, own: Values): void => {
    const made = recipe.preset("imagenette-128-5", { seed, data: { name: "imagenette2-320.tgz" } });
    const data = {
      classes: classes["imagenette"],
      imageShape: [128, 128, 3],
      source: { name: "imagenette2-320.tgz", sha256: "ab", contents: "cd" },
    };
    const record = {
      libtrain: "sweep-run",
      format: 1,
      sweep: "blurpool",
      arm: "maxblur",
      seed,
      status: "done",
      top1: 0.87,
    };
    const whole = { ...record, total: 3925, recipe: made, data, code: { commit, dirty: false }, epochs: [], ...own };
    Deno.writeTextFileSync(join(folder.path, `${seed}.json`), JSON.stringify(whole));
  };
  for (let seed = 0; seed < 5; seed++) write(seed, { top1: 0.86 + seed / 100 });
  write(5, { status: "diverged", top1: null, total: 3925 });
  write(6, { code: { commit, dirty: true } });
  const { rows, refused } = await study.leaderboard([folder.path]);
  const [entry] = rows[0]!.entries;
  assertEquals(entry!.runs.map(({ seed }) => seed), [0, 1, 2, 3, 4]);
  assertEquals([entry!.n, entry!.rank, entry!.differences], [5, 1, []]);
  assertEquals(entry!.data, { name: "imagenette2-320.tgz", official: false });
  assertEquals(refused.map(({ rule }) => rule), ["top1", "code"]);
});

Deno.test("leaderboard: a run that breaks a rule is refused by it", async () => {
  using folder = tempFolder();
  const at = (name: string): string => join(folder.path, name);
  writeRun(at("size"), { changes: { size: 160 } });
  writeRun(at("epochs"), { changes: { epochs: 10 } });
  writeRun(at("views"), { result: { testTimeAugmentation: true } });
  writeRun(at("larger"), { result: { validSize: 160 } });
  writeRun(at("weights"), { changes: { weights: { from: "resnet.safetensors" } } });
  writeRun(at("script"), { config: { script: true } });
  writeRun(at("limit"), { changes: { data: { limit: 100 } } });
  writeRun(at("split"), { changes: { data: { split: 0.2 } } });
  writeRun(at("fewer"), { result: { n: 3000 } });
  writeRun(at("dirty"), { result: { dirty: true } });
  writeRun(at("unknown"), { result: { dirty: null } });
  writeRun(at("nogit"), { config: { commit: null }, result: { commit: null } });
  writeRun(at("nan"), { result: { top1: null } });
  writeRun(at("noise"), { changes: { data: { noise: 10 } } });
  const { refused, rows } = await study.leaderboard([folder.path]);
  const told = Object.fromEntries(
    refused.map(({ path, rule, reason }) => [path.slice(folder.path.length + 1), { rule, reason }]),
  );
  const wanted: Record<string, [study.RuleName, RegExp]> = {
    size: ["row", /^Expected one of the leaderboard's rows \(128, 192, 256 px; .*\), got 160 px, 5 epochs, 0 %$/],
    epochs: ["row", /got 128 px, 10 epochs/],
    noise: ["row", /got 128 px, 5 epochs, 10 %$/],
    views: ["testTimeAugmentation", /^Expected one view of each image, got an average over several/],
    larger: ["validationSize", /at most the training size, 128 px, got 160 px$/],
    weights: ["randomWeights", /got those of "resnet.safetensors"$/],
    script: ["randomWeights", /got a network of a script/],
    limit: ["wholeData", /got a part of them \(data.limit 100\)$/],
    split: ["wholeData", /got a part of them \(data.split 0.2\)$/],
    fewer: ["wholeData", /over the 3925 validation images of imagenette, got it over 3000$/],
    dirty: ["code", /got code that was changed since 0123456$/],
    unknown: ["code", /got code that may be changed since 0123456$/],
    nogit: ["code", /^Expected code of a commit, which the entry names, got none$/],
    nan: ["top1", /got none$/],
  };
  assertEquals(Object.keys(told).toSorted(), Object.keys(wanted).toSorted());
  for (const [name, [rule, reason]] of Object.entries(wanted)) {
    assertEquals(told[name]?.rule, rule, name);
    assertMatch(told[name]!.reason, reason);
  }
  assert(rows.every(({ entries }) => entries.length === 0));
});

Deno.test("leaderboard: one of several seeds with another recipe than theirs is refused", async () => {
  using folder = tempFolder();
  const group = join(folder.path, "x2");
  writeRun(join(group, "seed-0"), { seed: 0 });
  const other = writeRun(join(group, "seed-1"), { seed: 1, changes: { schedule: { lr: 0.01 } } });
  Deno.writeTextFileSync(
    join(group, "group.json"),
    JSON.stringify({ runs: 2, recipe: recipe.preset("imagenette-128-5", { dtype: "auto" }) }),
  );
  const { refused, rows } = await study.leaderboard([group]);
  assertEquals(refused, [{
    path: other,
    rule: "recipe",
    reason: `Expected one recipe in all runs of "${dirname(other)}", got schedule.lr 0.008, now 0.01`,
  }]);
  assertEquals(rows[0]!.entries.map(({ n }) => n), [1]);
});

Deno.test("leaderboard: rows by what a run is, and not by its preset's name", async () => {
  using folder = tempFolder();
  writeRun(join(folder.path, "woof"), { preset: "imagewoof-192-20-noise25", top1: 0.7 });
  writeRun(join(folder.path, "as"), { changes: { size: 256, epochs: 80, data: { noise: 50 } }, top1: 0.6 });
  const board = await study.leaderboard([folder.path]);
  assertEquals(board.refused, []);
  assertEquals(row(board, "imagewoof-192-20-noise25").entries.map(({ mean, points }) => [mean, points]), [[0.7, null]]);
  const [entry] = row(board, "imagenette-256-80-noise50").entries;
  assertEquals(entry!.differences, ["transforms.mixup.alpha not set"]);
});

Deno.test("leaderboard: what is not over, is of other data or cannot be read is told, and hinders nothing", async () => {
  using folder = tempFolder();
  const at = (name: string): string => join(folder.path, name);
  writeRun(at("whole"));
  Deno.removeSync(join(writeRun(at("begun")), "result.json"));
  writeRun(at("stopped"), { result: { stopped: true } });
  writeRun(at("mnist"), { config: { classes: ["0", "1"] } });
  Deno.writeTextFileSync(join(writeRun(at("broken")), "result.json"), "{");
  Deno.writeTextFileSync(at("list.json"), "[1]");
  Deno.mkdirSync(join(writeRun(at("edited")), "checkpoint"));
  Deno.writeTextFileSync(join(at("edited"), "checkpoint", "config.sha256"), "0".repeat(64));
  const board = await study.leaderboard([folder.path]);
  assertEquals(row(board, "imagenette-128-5").entries.map(({ runs }) => runs.map(({ path }) => path)), [[at("whole")]]);
  assertEquals(board.unfinished, [at("begun"), at("stopped")]);
  assertEquals(board.others, 1);
  assertEquals(board.unreadable.map(({ path }) => path), [at("broken"), at("edited"), at("list.json")]);
  assertMatch(board.unreadable[1]!.reason, /^Expected ".*config.json" as it was written, got another text/);
  await assertRejects(() => study.leaderboard([at("none")]), recipe.RunNotFoundError, "Cannot find");
  await assertRejects(() => study.leaderboard("runs" as unknown as string[]), TypeError, "as an array of paths");
});

Deno.test("leaderboard: the committed runs of the entry, one in the form of the first version", async () => {
  const results = new URL("../../../../benchmarks/results/imagenette-128-5/", import.meta.url).pathname;
  const { rows, refused } = await study.leaderboard([join(results, "seed0.json"), join(results, "seed0_bf16.json")]);
  assertEquals(refused, []);
  const [bf16, f32] = rows[0]!.entries;
  assertEquals([f32!.differences, bf16!.differences], [[], ["dtype bf16"]]);
  assertAlmostEquals(f32!.mean, 3390 / 3925, 1e-12);
  assertEquals(f32!.data, { name: "imagenette2-224.tgz", official: false });
});
