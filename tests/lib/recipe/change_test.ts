import { assertEquals, assertThrows } from "@std/assert";
import { recipe } from "../../../mod.ts";

const entry = (changes: recipe.RecipeChanges = {}): recipe.Recipe => recipe.preset("imagenette-128-5", changes);
const digits = (changes: recipe.RecipeChanges = {}): recipe.Recipe => recipe.preset("mnist", changes);

Deno.test("preset() takes what is given instead of its own values, and nothing else", () => {
  const plain = digits();
  assertEquals([plain.preset, plain.seed, plain.threads, plain.capture, plain.dtype], ["mnist", 0, null, true, "f32"]);
  const { optimizer, schedule, data, ...rest } = digits({
    epochs: 3,
    bs: 16,
    schedule: { lr: 0.1 },
    optimizer: { mom: 0.9, sqrMom: 0.999, eps: 1e-8, wd: 0.5 },
    seed: 4,
    data: { limit: 9 },
    threads: 2,
  });
  assertEquals([rest.epochs, rest.bs, rest.seed, rest.threads, data.limit, schedule.lr], [3, 16, 4, 2, 9, 0.1]);
  assertEquals(optimizer, { ...plain.optimizer, mom: 0.9, sqrMom: 0.999, eps: 1e-8, wd: 0.5 });
  assertEquals(schedule, { ...plain.schedule, lr: 0.1 });
  assertEquals(rest.model, plain.model);
});

Deno.test("preset() imagenette-128-5 is the leaderboard's entry", () => {
  const made = entry();
  assertEquals(made.model, { name: "xse_resnext50", act: "mish", sa: true, sym: false, pool: "maxblur" });
  assertEquals(made.optimizer, { name: "ranger", mom: 0.95, sqrMom: 0.99, eps: 1e-6, wd: 1e-2 });
  assertEquals(made.schedule, { name: "flatCos", lr: 8e-3, start: 0.75 });
  assertEquals(made.loss, { name: "crossEntropy", labelSmoothing: 0.1 });
  assertEquals([made.epochs, made.bs, made.size, made.transforms.flip, made.ema], [5, 32, 128, 0.5, null]);
});

Deno.test("preset() lets network, activation, pool and attention be others, one by one", () => {
  const { model } = entry({ model: { name: "xresnet18", act: "relu", sa: false, pool: "avg" } });
  assertEquals(model, { name: "xresnet18", act: "relu", sa: false, sym: false, pool: "avg" });
});

Deno.test("change() keeps the settings that another optimizer has, and refuses the others", () => {
  const settings = { mom: 0.95, sqrMom: 0.99, eps: 1e-6 };
  assertEquals(entry({ optimizer: { name: "adamw", wd: 0.1 } }).optimizer, { name: "adamw", ...settings, wd: 0.1 });
  assertEquals(entry({ optimizer: { name: "sgd" } }).optimizer, { name: "sgd", mom: 0.95, wd: 1e-2 });
  assertThrows(
    () => digits({ optimizer: { name: "sgd", eps: 1e-3 } }),
    recipe.SettingError,
    "Expected settings that sgd has, mom, dampening, nesterov, wd, got `optimizer.eps`: leave it out",
  );
});

Deno.test("change() keeps of another schedule the learning rate alone", () => {
  assertEquals(entry({ schedule: { name: "oneCycle" } }).schedule, { name: "oneCycle", lr: 8e-3 });
  const warm = { name: "linearWarmup", warmup: 0.1, then: { name: "flatCos", start: 0.5 } };
  assertEquals(entry({ schedule: warm }).schedule, { ...warm, lr: 8e-3 });
});

Deno.test("change() multiplies the learning rate by the batch only where that is asked for", () => {
  assertEquals(entry({ bs: 64 }).schedule.lr, 8e-3);
  assertEquals(entry({ bs: 64, scaleLr: true }).schedule.lr, 16e-3);
  assertEquals(entry({ bs: 16, schedule: { lr: 1e-2 }, scaleLr: true }).schedule.lr, 5e-3);
  const own = recipe.change(entry(), { preset: null });
  assertThrows(
    () => recipe.change(own, { bs: 64, scaleLr: true }),
    recipe.SettingError,
    "Expected a recipe of a preset",
  );
});

Deno.test("change() leaves the recipe that it is given as it is, and needs no value for what stays", () => {
  const before = entry();
  const copy = structuredClone(before);
  const after = recipe.change(before, {
    bs: undefined,
    model: { pool: undefined },
    transforms: { normalize: "imagenet" },
  });
  assertEquals(before, copy);
  assertEquals(after, { ...copy, transforms: { flip: 0.5, normalize: "imagenet" } });
});

Deno.test("differences() names every setting that decides a bit, with both values", () => {
  const base = digits();
  assertEquals(recipe.differences(base, structuredClone(base)), []);
  assertEquals(recipe.differences(base, digits({ threads: 2, capture: false })), []);
  const cases: [recipe.RecipeChanges, string][] = [
    [{ schedule: { lr: 0.01 } }, "schedule.lr 0.008, now 0.01"],
    [{ bs: 32 }, "bs 64, now 32"],
    [{ epochs: 4 }, "epochs 3, now 4"],
    [{ seed: 7 }, "seed 0, now 7"],
    [{ optimizer: { wd: 0 } }, "optimizer.wd 0.01, now 0"],
    [{ optimizer: { sqrMom: 0.9 } }, "optimizer.sqrMom 0.99, now 0.9"],
    [{ data: { name: "other.tgz" } }, "data.name mnist, now other.tgz"],
    [{ data: { limit: 5 } }, "data.limit null, now 5"],
    [{ model: { name: "xresnet18" } }, "model.name mnistNet, now xresnet18"],
    [{ model: { act: "relu" } }, "model.act mish, now relu"],
    [{ model: { sa: true } }, "model.sa not set, now true"],
    [{ ema: 0.99 }, "ema null, now 0.99"],
    [{ dtype: "f64" }, "dtype f32, now f64"],
    [{ loss: { labelSmoothing: 0 } }, "loss.labelSmoothing 0.1, now 0"],
    [{ transforms: { normalize: "mnist" } }, "transforms.normalize not set, now mnist"],
    [{ transforms: { shift: 0 } }, "transforms.shift 2, now 0"],
  ];
  for (const [changes, text] of cases) {
    assertEquals(recipe.changeList(recipe.differences(base, digits(changes))), text);
  }
  assertEquals(recipe.differences(base, digits({ schedule: { lr: 1 }, bs: 8 })).length, 2);
});

Deno.test("presets: JSON keeps all of a recipe", () => {
  for (const name of recipe.presetNames()) {
    const made = recipe.preset(name);
    assertEquals(JSON.parse(JSON.stringify(made)), made);
    assertEquals(recipe.check(JSON.parse(JSON.stringify(made))), made);
  }
});

Deno.test("define() fills in what is usual", () => {
  const made = recipe.define({
    data: { name: "mnist" },
    model: { name: "mnistNet" },
    optimizer: { name: "sgd", mom: 0.9 },
    schedule: { name: "constant", lr: 0.1 },
    epochs: 1,
    bs: 32,
  });
  assertEquals([made.preset, made.seed, made.dtype, made.validBs, made.ema], [null, 0, "f32", 64, null]);
  assertEquals([made.data, made.loss], [{ name: "mnist", limit: null, keep: null }, { name: "crossEntropy" }]);
});

Deno.test("preset(): what is no change of a section, and a rate that is none, is refused by its name", () => {
  const refused = (changes: unknown, wanted: string): void => {
    assertThrows(() => recipe.preset("mnist", changes as recipe.RecipeChanges), Error, wanted);
  };
  refused([], "Expected `changes` as an object of settings, got []");
  refused(null, "Expected `changes` as an object of settings, got null");
  for (const value of [null, 3, "x", []]) {
    refused(
      { model: value },
      `Expected \`model\` to be an object with what changes of it, got ${JSON.stringify(value)}`,
    );
    refused({ transforms: value }, "Expected `transforms` to be an object");
  }
  refused({ scaleLr: "no", bs: 128 }, 'Expected `scaleLr` to be true or false, got "no"');
  refused(
    { scaleLr: true, bs: 128, schedule: { lr: "0.1" } },
    'Expected `schedule.lr` to be a number of at least 0, got "0.1"',
  );
  refused({ scaleLr: true, bs: 128, schedule: { lr: null } }, "Expected `schedule.lr` to be a number");
});
