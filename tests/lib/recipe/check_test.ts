import { assertEquals, assertThrows } from "@std/assert";
import { recipe } from "../../../mod.ts";

const entry = (changes: recipe.RecipeChanges = {}): recipe.Recipe => recipe.preset("imagenette-128-5", changes);

Deno.test("check() names the place that is wrong, what it must be and what it is", () => {
  const cases: [recipe.RecipeChanges | Record<string, unknown>, path: string, message: string][] = [
    [{ schedule: { lr: -1 } }, "schedule.lr", "Expected `schedule.lr` to be a number of at least 0, got -1"],
    [{ schedule: { lr: "1" } }, "schedule.lr", 'of at least 0, got "1"'],
    [{ optimizer: { mom: 1 } }, "optimizer.mom", "to be a number from 0 to below 1, got 1"],
    [{ optimizer: { eps: 0 } }, "optimizer.eps", "to be a number above 0, got 0"],
    [{ epochs: 1.5 }, "epochs", "to be a whole number of at least 1, got 1.5"],
    [{ epochs: NaN }, "epochs", "got null"],
    [{ seed: 2 ** 32 }, "seed", "from 0 to 4294967295, got 4294967296"],
    [{ size: 4 }, "size", "from 8 to 1024, got 4"],
    [{ model: { pool: "blur" } }, "model.pool", 'to be one of max, maxblur, avg, got "blur"'],
    [{ model: { wobble: 1 } }, "model.wobble", "got `model.wobble`: leave it out"],
    [{ model: { name: "vgg" } }, "model.name", 'got "vgg"'],
    [{ optimizer: { name: "lamb" } }, "optimizer.name", 'to be one of ranger, adamw, sgd, rmsprop, muon, got "lamb"'],
    [{ schedule: { name: "flat", lr: 1 } }, "schedule.name", "to be one of flatCos, oneCycle"],
    [{ loss: { name: "hinge" } }, "loss.name", 'got "hinge"'],
    [
      { schedule: { name: "multiStepDecay", lr: 1, milestones: [0.5, 2] } },
      "schedule.milestones",
      "to be numbers, each from 0 to 1, got [0.5,2]",
    ],
    [
      { schedule: { name: "multiStepDecay", lr: 1, milestones: 0.5 } },
      "schedule.milestones",
      "to be numbers, each from 0 to 1, got 0.5",
    ],
    [{ schedule: { name: "stepDecay", lr: 1, every: 30 } }, "schedule.every", "above 0 to 1, got 30"],
    [{ loss: { labelSmoothing: 2 } }, "loss.labelSmoothing", "from 0 to 1, got 2"],
    [{ transforms: { crop: "left" } }, "transforms.crop", "to be one of random, centre, resized"],
    [{ transforms: { minScale: 0.5 } }, "transforms.minScale", "with the `transforms.crop` resized"],
    [{ transforms: { eraseCount: 2 } }, "transforms.eraseCount", "with `transforms.erase` above 0"],
    [{ transforms: { mixin: { alpha: 1 } } }, "transforms.mixin", "`transforms.mixin`, which is not registered here"],
    [{ transforms: { normalize: "cifar" } }, "transforms.normalize", 'each std above 0, got "cifar"'],
    [{ transforms: { normalize: { mean: [0], std: [0] } } }, "transforms.normalize", "each std above 0"],
    [{ ema: 1 }, "ema", "from 0 to 0.999999, got 1"],
    [{ device: "gpu" }, "device", "one of auto, cpu, cuda"],
    [
      { data: { shade: 1 } },
      "data.shade",
      "Expected settings that imagenette2-320 has, limit, keep, split, nested, maxUnreadable, noise, got `data.shade`",
    ],
    [{ sise: 3 }, "sise", "got `sise`: it may be size that is meant"],
  ];
  for (const [changes, path, message] of cases) {
    const error = assertThrows(() => entry(changes as recipe.RecipeChanges), recipe.SettingError, message);
    assertEquals(error.path, path);
  }
});

Deno.test("check() refuses what a file would not give back", () => {
  const own = { name: "mnistNet", widths: [1, Infinity] };
  assertThrows(() => entry({ model: own }), recipe.SettingError, "Expected `model.widths.1` as JSON holds it");
  const date = { name: "mnistNet", stem: new Date() as never };
  assertThrows(() => entry({ model: date }), recipe.SettingError, "as JSON holds it, got Date");
});

Deno.test("check() says what is missing, and takes no other value for a recipe", () => {
  const { schedule: _, ...rest } = entry();
  assertThrows(() => recipe.check(rest), recipe.SettingError, "Expected `schedule` to be an object, got undefined");
  const { epochs: _epochs, ...more } = entry();
  assertThrows(
    () => recipe.check(more),
    recipe.SettingError,
    "Expected `epochs` to be a whole number of at least 1, got none",
  );
  for (const value of [null, 3, "mnist", [entry()]]) {
    assertThrows(() => recipe.check(value), recipe.SettingError, "Expected a recipe as an object");
  }
});

Deno.test("parseSetting() reads what a command line gives, and nothing else", () => {
  const read = (path: string, text: string): unknown =>
    recipe.parseSetting(recipe.settings().find((setting) => setting.path === path)!, text);
  assertEquals(read("transforms.normalize", "none"), null);
  assertEquals(read("transforms.normalize", "imagenet"), "imagenet");
  assertEquals(read("transforms.normalize", "0.5,0.4,0.3/0.2,0.2,0.1"), {
    mean: [0.5, 0.4, 0.3],
    std: [0.2, 0.2, 0.1],
  });
  for (const wrong of ["", "cifar", "0.5", "0.5/0", "1,2/1", "0.5/0.2/0.1", "a/b"]) {
    assertEquals(read("transforms.normalize", wrong), undefined);
  }
  assertEquals([read("bs", "32"), read("bs", "0"), read("bs", "1.5"), read("bs", "")], [
    32,
    undefined,
    undefined,
    undefined,
  ]);
  assertEquals([read("capture", "true"), read("capture", "false"), read("capture", "1")], [true, false, undefined]);
});
