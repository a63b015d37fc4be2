import { assert, assertEquals, assertThrows } from "@std/assert";
import { recipe } from "../../../mod.ts";
import { leaderboardTasks, taskName } from "../../../lib/recipe/image_presets.ts";

Deno.test("presets: one for each row of the leaderboards, clean and with wrong labels, and each is a recipe", () => {
  const names = recipe.presetNames();
  assertEquals(names.slice(0, 3), ["mnist", "imagenette-128-5", "imagenette-128-20"]);
  assertEquals(new Set(names).size, names.length);
  const rows = ["imagenette", "imagewoof"].flatMap((set) =>
    [128, 192, 256].flatMap((size) => [5, 20, 80, 200].map((epochs) => `${set}-${size}-${epochs}`))
  );
  const noisy = [1, 5, 25, 50].flatMap((noise) => rows.map((row) => `${row}-noise${noise}`));
  for (const name of [...rows, ...noisy]) assert(names.includes(name), name);
  assertEquals(leaderboardTasks.length, 120);
  for (const name of names) assertEquals(recipe.preset(name).preset, name);
});

Deno.test("presets: a row's recipe is the entry's but for what its name says, and mixup in 80 and 200 epochs", () => {
  const entry = recipe.preset("imagenette-128-5");
  for (const task of leaderboardTasks) {
    const { set, size, epochs, noise } = task;
    const name = taskName(task);
    const wanted = recipe.preset("imagenette-128-5", {
      preset: name,
      size,
      epochs,
      data: { name: `${set}2${size === 256 ? "" : "-320"}`, ...(noise === 0 ? {} : { noise }) },
      transforms: epochs < 80 ? {} : { mixup: { alpha: 0.4 } },
    });
    assertEquals(recipe.preset(name), wanted);
  }
  assertEquals(entry.data, { name: "imagenette2-320", limit: null, keep: null });
  assertEquals(recipe.preset("imagewoof-256-80-noise50").data, {
    ...{ name: "imagewoof2", limit: null, keep: null, noise: 50 },
  });
});

Deno.test("presets: a copy is given, so that a change of it changes no preset", () => {
  const copy = recipe.presetOf("imagenette-128-80") as unknown as { transforms: { mixup: { alpha: number } } };
  copy.transforms.mixup.alpha = 1;
  assertEquals(recipe.presetOf("imagenette-128-80")?.transforms["mixup"], { alpha: 0.4 });
});

Deno.test("presets: messages tell families of them, those that a script registers by name", () => {
  const wanted = "mnist, {imagenette,imagewoof}-{128,192,256}-{5,20,80,200}, " +
    "{imagenette,imagewoof}-{128,192,256}-{5,20,80,200}-noise{1,5,25,50}";
  assertEquals(recipe.presetFamilies().join(", "), wanted);
  assertThrows(
    () => recipe.preset("imagenette-128-6"),
    recipe.SettingError,
    `Expected \`preset\` to be one of ${wanted}, got "imagenette-128-6": it may be imagenette-128-5 that is meant`,
  );
  const { preset: _, ...own } = recipe.preset("mnist", { epochs: 1 });
  recipe.register({ presets: { digits: own } });
  assertEquals(recipe.presetFamilies().join(", "), `${wanted}, digits`);
  assertThrows(
    () => recipe.register({ presets: { "imagewoof-192-20": own } }),
    TypeError,
    'Expected a name that is free for a preset, got "imagewoof-192-20"',
  );
  const setting = recipe.settings().find(({ path }) => path === "preset")!;
  assertEquals(recipe.wantedOf(setting), `one of ${wanted}, digits`);
});
