import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { Device, optim, recipe, study, type Trainer } from "../../../../mod.ts";
import { fingerprint, tinyData, tinyModel, tinyTrainer } from "../../train/tiny.ts";
import { tempFolder } from "../../../temp_folder.ts";

Deno.test("lrFind: a rate for a small network, with which it learns, and everything is as it was", async () => {
  using device = new Device("cpu", { threads: 1 });
  using set = tinyData(device, 96, { training: true });
  const batches = set.batches(8, { seed: 2 });
  using model = tinyModel(device);
  using trainer = tinyTrainer(model, { optimizer: optim.sgd({ mom: 0.9 }) });
  const before = fingerprint(await trainer.state());
  const told: number[] = [];
  const found = await study.lrFind(trainer, batches, {
    diverge: 1.2,
    onStep: ({ lr }, step) => void (told[step] = lr),
  });
  assertEquals(fingerprint(await trainer.state()), before);
  const { points, suggestion, suggestions, ended, notFinite } = found;
  assertEquals(told, points.map(({ lr }) => lr));
  assertEquals([points[0]!.lr, notFinite, suggestion], [1e-7, null, suggestions.valley]);
  assert(ended === "diverged" && points.length < 100, `${ended} after ${points.length}`);
  assert(suggestion! > 1e-4 && suggestion! < 1, `${suggestion}`);
  assertEquals(JSON.parse(JSON.stringify(found)), found, "plain JSON");

  using other = tinyModel(device);
  using good = tinyTrainer(other, {
    optimizer: optim.sgd({ mom: 0.9 }),
    schedule: optim.constant({ lr: suggestion! }),
  });
  const { trainLoss } = await good.fit(batches, { epochs: 4 });
  const least = Math.min(...points.map(({ smooth }) => smooth));
  assert(trainLoss! < least, `${trainLoss} after four epochs, ${least} at best while the rate grew`);
});

Deno.test("lrFind: a sweep that breaks says what was not finite, and suggests by what came before", async () => {
  using device = new Device("cpu", { threads: 1 });
  using set = tinyData(device, 48, { training: true });
  using model = tinyModel(device);
  using trainer = tinyTrainer(model, { optimizer: optim.sgd({ mom: 0 }) });
  const before = fingerprint(await trainer.state());
  const options = { startLr: 1e-4, endLr: 1e10, steps: 40, diverge: Infinity };
  const { ended, notFinite, points, suggestion } = await study.lrFind(trainer, set.batches(8, { seed: 2 }), options);
  assertEquals(ended, "notFinite");
  assert(typeof notFinite === "string" && points.length < 40 && points.every(({ loss }) => Number.isFinite(loss)));
  assert(suggestion! > 1e-4 && suggestion! < 1e6);
  assertEquals(fingerprint(await trainer.state()), before);
  const text = study.lrFindSections({
    ended,
    notFinite,
    points,
    suggestion,
    suggestions: { valley: suggestion, steep: null, minimum: null, slide: null },
  });
  assertStringIncludes(text[0]!.text![0]!, `: until ${notFinite} was not finite.`);
});

Deno.test("lrFind: settings out of their limits are refused, with both values", async () => {
  using device = new Device("cpu", { threads: 1 });
  using set = tinyData(device, 48, { training: true });
  using model = tinyModel(device);
  using trainer = tinyTrainer(model);
  const batches = set.batches(8, { seed: 2 });
  const wrong: [study.LrFindOptions, string][] = [
    [{ startLr: 0 }, "`startLr` from 1e-30 to 10000000000, got 0"],
    [{ startLr: NaN }, "`startLr`"],
    [{ startLr: 1, endLr: 1 }, "`endLr` above `startLr`, 1, to 10000000000, got 1"],
    [{ endLr: 1e11 }, "got 100000000000"],
    [{ steps: 19 }, "`steps` as a whole number from 20 to 10000, got 19"],
    [{ steps: 20.5 }, "got 20.5"],
    [{ diverge: 0.5 }, "`diverge` from 1, got 0.5"],
  ];
  for (const [options, message] of wrong) {
    await assertRejects(() => study.lrFind(trainer, batches, options), RangeError, message);
    await assertRejects(() => study.lrFindRecipe(recipe.preset("mnist"), options), RangeError, message);
  }
  await assertRejects(() => study.lrFind(trainer, batches, { start: 1 } as never), TypeError, "Expected options among");
  await assertRejects(() => study.lrFind({} as Trainer, batches), TypeError, "Expected a Trainer, got ");
});

Deno.test("lrFindRecipe: a preset's rate, the same again, recorded or not, as JSON and as part of a page", async () => {
  using folder = tempFolder();
  const mine = recipe.preset("mnist", { bs: 16, threads: 1, data: { limit: 256 } });
  const ready: [number, number][] = [];
  const options = {
    steps: 40,
    onReady: ({ train, steps }: study.LrFindReady): void => void ready.push([train, steps]),
  };
  const found = await study.lrFindRecipe(mine, options);
  assertEquals(ready, [[256, 40]]);
  const again = await study.lrFindRecipe(recipe.change(mine, { capture: false }), options);
  assertEquals(again.points, found.points);
  const { page, points, suggestions, recipe: used } = found;
  assertEquals(used, { ...mine, device: "cpu" });
  assertMatch(
    page.about,
    /^mnistNet with ranger in batches of 16 · mnist · seed 0 · f32 on cpu · .* · \d{4}-\d\d-\d\d$/,
  );
  const [section] = page.sections;
  const [figure] = section!.figures!;
  const counted = (what: string): number => figure!.rows.filter((row) => row["what"] === what).length;
  assertEquals([counted("smoothed"), counted("each step")], [points.length, points.length]);
  assertEquals(counted("suggestion"), Object.values(suggestions).filter((lr) => lr !== null).length);
  for (const own of ["data", "title", "width", "config"]) assertEquals(Object.hasOwn(figure!.spec, own), false);
  assertEquals(section!.tables![0]!.rows.map(([rule]) => rule), ["valley", "steep", "minimum", "slide"]);

  const { folder: made, json } = await study.writeLrFind(found, { folder: join(folder.path, "rate") });
  assertEquals([made, json], [join(folder.path, "rate"), join(folder.path, "rate", "lr_find.json")]);
  const kept = JSON.parse(await Deno.readTextFile(json));
  assertEquals([kept.points, kept.suggestion, kept.recipe], [points, found.suggestion, { ...mine, device: "cpu" }]);
  const named = await study.writeLrFind(found, { root: folder.path });
  assertMatch(named.folder, /\d{8}-\d{6}-lr-find-mnist$/);
  const { figures, warnings } = await study.writePage(page, join(folder.path, "page"));
  const highest = 1.5 * Math.max(...points.slice(0, 20).map(({ smooth }) => smooth));
  const seen = points.filter(({ loss }) => loss <= highest).length;
  assertEquals([figures[0]!.marks, warnings], [points.length + seen + counted("suggestion"), []]);
});

Deno.test("lrFindRecipe: what a training would refuse is refused, and a signal ends it", async () => {
  const refused = async (changes: recipe.RecipeChanges, message: string): Promise<void> =>
    void await assertRejects(
      () => study.lrFindRecipe(recipe.preset("mnist", changes), { steps: 20 }),
      recipe.RecipeError,
      message,
    );
  await refused({ bs: 64, data: { limit: 32 } }, "Expected at most 32 images a step");
  await refused({ size: 32 }, "mnist has images of 28 x 28 only");
  await refused({ data: { name: "no-such-folder" } }, "no-such-folder");
  await refused({ weights: { from: "no-such-weights" } }, "no-such-weights");
  const stop = new AbortController();
  const mine = recipe.preset("mnist", { bs: 16, threads: 1, data: { limit: 64 } });
  const onStep = (): void => stop.abort(new Error("enough"));
  await assertRejects(() => study.lrFindRecipe(mine, { onStep, signal: stop.signal }), Error, "enough");
});
