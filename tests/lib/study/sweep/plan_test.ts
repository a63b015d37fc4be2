import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { recipe, study } from "../../../../mod.ts";
import { small } from "./plans.ts";

Deno.test("grid: axes are paths or flags, values are parsed by the table, and arms are all combinations", () => {
  assertEquals(study.parseAxis("bs=32,64"), ["bs", [32, 64]]);
  assertEquals(study.parseAxis("model.pool=max,maxblur"), ["model.pool", ["max", "maxblur"]]);
  assertEquals(study.parseAxis("scale-lr=false,true"), ["scale-lr", [false, true]]);
  assertEquals(study.parseAxis("milestones=0.5,0.75;0.3"), ["milestones", [[0.5, 0.75], [0.3]]]);
  assertEquals(study.parseAxis("clip-norm=null,1"), ["clip-norm", [null, 1]]);
  const arms = study.armsOf({ "model.pool": ["max", "maxblur"], bs: [32, 64] });
  assertEquals(arms, {
    "pool=max,bs=32": { model: { pool: "max" }, bs: 32 },
    "pool=max,bs=64": { model: { pool: "max" }, bs: 64 },
    "pool=maxblur,bs=32": { model: { pool: "maxblur" }, bs: 32 },
    "pool=maxblur,bs=64": { model: { pool: "maxblur" }, bs: 64 },
  });
});

Deno.test("grid: what is no setting, no value or twice is refused, with the nearest name", () => {
  const wrong: [text: string, message: string][] = [
    ["model.poool=max", 'got "model.poool": it may be model.pool that is meant'],
    ["lerning=1", 'Expected a setting\'s path or flag as an axis, got "lerning"'],
    ["bs=0", 'Expected `bs` to be a whole number of at least 1, got "0"'],
    ["bs=", 'say bs=32,64, got "bs="'],
    ["bs", 'say bs=32,64, got "bs"'],
    ["seed=1,2", "seeds are the sweep's own"],
    ["threads=1,2", "it is no part of what is trained"],
    ["pool=max,blurry", 'Expected `model.pool` to be one of max, maxblur, avg, got "blurry"'],
  ];
  for (const [text, message] of wrong) {
    assertThrows(() => study.parseAxis(text), recipe.RecipeError, message);
  }
  assertThrows(() => study.armsOf({ bs: [32, 32] }), recipe.RecipeError, "Expected each value of the axis bs once");
  assertThrows(() => study.armsOf({ pool: ["max"], "model.pool": ["max"] }), recipe.RecipeError, "each axis once");
  assertThrows(() => study.armsOf({ lr: [-1] }), recipe.SettingError, "Expected `schedule.lr`");
  assertThrows(() => study.armsOf({}), recipe.RecipeError, "Expected at least one axis");
});

Deno.test("plan: an arm that cannot be is refused by its name and the setting, and `auto` is no dtype of a sweep", () => {
  const error = assertThrows(
    () => study.planOf({ ...small, arms: { ...small.arms, odd: { model: { blur: "gauss" } } } }),
    recipe.SettingError,
    'Arm "odd": Expected `model.blur` to be one of rect2, tri3, bin5',
  );
  assertEquals(error.path, "model.blur");
  assertThrows(() => study.planOf(small, { changes: { dtype: "auto" } }), recipe.SettingError, "got auto");
  assertThrows(
    () => study.define({ ...small, baseline: "entri" }),
    recipe.RecipeError,
    "it may be entry that is meant",
  );
  assertThrows(() => study.define({ ...small, arms: { "a/b": {} } }), recipe.RecipeError, "as a name of up to 100");
  assertThrows(
    () => study.define({ ...small, arms: { entry: { seed: 1 }, max: {} } }),
    recipe.RecipeError,
    "without `seed`",
  );
});

Deno.test("plan: scaleLr scales what is swept by the base's batch, whatever the preset's is", () => {
  const changes: recipe.RecipeChanges = { bs: 16, schedule: { lr: 0.004 } };
  const plan = study.gridOf({ bs: [16, 32, 64], scaleLr: [false, true] }, { preset: "mnist", changes });
  assertEquals(plan.arms.map(({ recipe: { bs, schedule: { lr } } }) => [bs, lr]), [
    [16, 0.004],
    [16, 0.004],
    [32, 0.004],
    [32, 0.008],
    [64, 0.004],
    [64, 0.016],
  ]);
  const rates = study.gridOf({ lr: [0.001], bs: [64], scaleLr: [true] }, { preset: "mnist", changes });
  assertEquals(rates.arms[0]!.recipe.schedule.lr, 0.004);
});

Deno.test("identity: it is the same for the same training, and another one for each thing that changes it", async () => {
  const base = recipe.preset("mnist", { data: { limit: 64 }, bs: 32, threads: 1 });
  const config = await recipe.rehearse(base);
  const hash = study.hashOf(study.identityOf(config));
  assertEquals(hash, "77d76063cede1e5b", "hashes are in committed results: a change would have all of them run again");
  const same: Partial<recipe.RunConfig>[] = [
    { threads: 2 },
    { capture: false },
    { preset: null },
    { device: "cuda" },
    { commit: "0".repeat(40), isa: "another" },
    { clipNorm: null },
  ];
  for (const change of same) assertEquals(study.hashOf(study.identityOf({ ...config, ...change })), hash);
  const reversed = Object.fromEntries(Object.entries(config).reverse()) as unknown as recipe.RunConfig;
  assertEquals(study.hashOf(study.identityOf(reversed)), hash);
  const { metrics: _, accumulate: _accumulate, clipNorm: _clip, ...old } = config;
  assertEquals(
    study.hashOf(study.identityOf(old as recipe.RunConfig)),
    hash,
    "runs of before a setting have its default",
  );
  const other: Partial<recipe.RunConfig>[] = [
    { seed: 1 },
    { bs: 16 },
    { dtype: "bf16" },
    { epochs: 4 },
    { model: { ...config.model, pool: "max" } },
    { data: { ...config.data, limit: 63 } },
    { samples: { train: 63, valid: 64 } },
  ];
  const hashes = new Set(other.map((change) => study.hashOf(study.identityOf({ ...config, ...change }))));
  assertEquals(hashes.size, other.length);
  assert(!hashes.has(hash));
});

Deno.test("identity: images count by their contents, wherever they lie", async () => {
  const config = await recipe.rehearse(recipe.preset("mnist", { data: { limit: 64 }, bs: 32, threads: 1 }));
  const source = { name: "set.tgz", sha256: "a", contents: "c", leftOut: {} };
  const at = (name: string, more: object): string =>
    study.hashOf(study.identityOf({ ...config, data: { ...config.data, name }, source: { ...source, ...more } }));
  assertEquals(at("/a/set.tgz", {}), at("other", { name: "other", sha256: null }));
  assert(at("/a/set.tgz", {}) !== at("/a/set.tgz", { contents: "d" }));
});

Deno.test("grid: an arm whose name cannot be a file's is refused before anything runs", () => {
  const message = "up to 100 letters, digits, -, _, ., +, = and commas, as files have them, got";
  const values = (count: number): number[][] => [Array.from({ length: count }, (_, at) => (at + 1) / (count + 1))];
  const grid = (count: number): study.Grid => ({ milestones: values(count) });
  const changes = { schedule: { name: "multiStepDecay" } };
  assertThrows(() => study.gridOf(grid(30), { changes }), recipe.RecipeError, message);
  assertEquals(study.gridOf(grid(1), { changes }).arms.map(({ name }) => name), ["milestones=-0.5-"]);
});

Deno.test("plan and sweep: options that they do not have are refused, with what is meant or where it belongs", async () => {
  const plan = study.gridOf({ bs: [32] });
  const odd = (name: string): never => ({ [name]: 1 }) as never;
  assertThrows(() => study.gridOf({ bs: [32] }, odd("sedes")), TypeError, "gridOf(): Expected options among preset");
  assertThrows(() => study.gridOf({ bs: [32] }, odd("seeds")), TypeError, "got `seeds`: study.sweep() takes `runs`");
  assertThrows(() => study.gridOf({ bs: [32] }, odd("basline")), TypeError, "it may be baseline that is meant");
  assertThrows(() => study.planOf(small, odd("epochs")), TypeError, "got `epochs`: settings are given as `changes`");
  for (const call of [study.sweep, study.previewSweep]) {
    await assertRejects(() => call(plan, odd("run")), TypeError, "got `run`: it may be runs that is meant");
    await assertRejects(() => call(plan, odd("seeds")), TypeError, "got `seeds`: `runs` and `firstSeed` say which");
  }
  await assertRejects(() => study.shiftRuns(["runs/none"], odd("shfts")), TypeError, "it may be shifts that is meant");
});
