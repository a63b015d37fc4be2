/** Whether a pool matters more to one network than to others. */
import { assert, assertAlmostEquals, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { study } from "../../../../mod.ts";
import { tempFolder } from "../../../temp_folder.ts";

/** Of 40 images as many agree as a share says, others by seed. */
function run(model: string, pool: string, seed: number, share: number): study.ShiftCase {
  const agreement = Array.from({ length: 40 }, (_, image) => Number((7 * image + 3 * seed) % 40 < 40 * share));
  return { model, pool, seed, agreement, agreementDiagonal: agreement.map(() => 1) };
}

/** VGG gains 0.2 by blur, the residual networks 0.1 and 0.05, on each of the seeds. */
const cells = (seeds: readonly number[]): study.ShiftCase[] =>
  seeds.flatMap((seed) => [
    run("vgg", "max", seed, 0.6),
    run("vgg", "maxblur", seed, 0.8 + 0.025 * (seed % 2)),
    run("res18", "max", seed, 0.7),
    run("res18", "maxblur", seed, 0.8),
    run("res50", "max", seed, 0.75),
    run("res50", "maxblur", seed, 0.8),
  ]);

Deno.test("shiftInteraction: cells, gains and how much more one network gains, over images and over seeds", () => {
  const seeds = [0, 1, 2, 3, 4, 5];
  const found = study.shiftInteraction(cells(seeds).toReversed(), { model: "vgg" });
  assertEquals([found.model, found.pools, found.measure, found.seeds, found.images], [
    ...["vgg", ["max", "maxblur"], "consistency", seeds, 40],
  ]);
  const cell = (model: string, pool: string): study.ShiftCell =>
    found.cells.find((each) => each.model === model && each.pool === pool)!;
  assertEquals(found.cells.length, 6);
  assertAlmostEquals(cell("vgg", "max").consistency, 0.6, 1e-12);
  assertEquals(cell("vgg", "maxblur").bySeed.map((share) => share.toFixed(3)), [
    ...["0.800", "0.825", "0.800", "0.825", "0.800", "0.825"],
  ]);
  const gain = found.gains.find(({ model }) => model === "vgg")!;
  assertAlmostEquals(gain.overImages.mean, 0.2125, 1e-12);
  assertAlmostEquals(gain.overSeeds!.mean, 0.2125, 1e-12);
  assertEquals([gain.overImages.n, gain.overSeeds!.n], [40, 6]);
  const more = found.interactions.find(({ than }) => than === "res18")!;
  assertAlmostEquals(more.overSeeds!.mean, 0.1125, 1e-12);
  assertEquals([more.overSeeds!.verdict, more.overSeeds!.p], ["better", 0.03125]);
  assertEquals(more.pHolm, 0.0625, "of two networks that it is compared with");
  assertAlmostEquals(found.interactions.find(({ than }) => than === "res50")!.overSeeds!.mean, 0.1625, 1e-12);
  const before = found.before.find(({ than }) => than === "res50")!;
  assertAlmostEquals(before.overSeeds!.mean, -0.15, 1e-12);
  assertEquals(before.overSeeds!.verdict, "worse");
});

Deno.test("shiftInteraction: over images it is the mean difference of differences, image by image", () => {
  const runs = cells([3]);
  const found = study.shiftInteraction(runs, { model: "vgg", alpha: 0.1 });
  const of = (model: string, pool: string): readonly number[] =>
    runs.find((each) => each.model === model && each.pool === pool)!.agreement;
  const differences = of("vgg", "maxblur").map((share, image) =>
    (share - of("vgg", "max")[image]!) - (of("res18", "maxblur")[image]! - of("res18", "max")[image]!)
  );
  const { mean, t } = study.summary(differences, { alpha: 0.1 });
  const [more] = found.interactions;
  assertEquals([more!.than, more!.overSeeds, more!.overImages.mean, more!.overImages.t], ["res18", null, mean, t]);
  assertEquals(more!.pHolm, study.holm(found.interactions.map(({ overImages }) => overImages.p))[0]);
  const diagonal = study.shiftInteraction(runs, { model: "vgg", measure: "consistencyDiagonal" });
  assert(
    diagonal.interactions.every(({ overImages }) => overImages.mean === 0 && overImages.verdict === "not decided"),
  );
});

Deno.test("interactionSections: every cell, gains and interactions, with what they speak of", async () => {
  const [section] = study.interactionSections(study.shiftInteraction(cells([0, 1]), { model: "vgg" }));
  assertEquals(section!.title, "Is vgg particularly affected?");
  const [shares, gains, before, more] = section!.tables!;
  assertEquals(shares!.rows, [
    ["vgg", "60.00 %", "81.25 %"],
    ["res18", "70.00 %", "80.00 %"],
    ["res50", "75.00 %", "80.00 %"],
  ]);
  assertEquals([gains!.rows.length, before!.rows.length, more!.rows.length], [3, 2, 2]);
  assertStringIncludes(String(more!.rows[0]![3]), "+11.25 (");
  assertStringIncludes(String(more!.rows[0]![4]), "2 pairs cannot give p < 0.05");
  assertEquals(section!.figures![0]!.rows.length, 12);
  using folder = tempFolder();
  const page = { title: "vgg", about: "a test", sections: [section!] };
  const { figures, warnings } = await study.writePage(page, folder.path);
  assertEquals([figures.map(({ marks }) => marks), warnings], [[12 + 6], []], "points, and the ends of three lines");
  const [alone] = study.interactionSections(study.shiftInteraction(cells([0]), { model: "vgg" }));
  assertStringIncludes(alone!.text![0]!, "There is one seed of each");
  assertEquals(alone!.tables![3]!.rows[0]!.slice(3, 5), [null, null]);
});

Deno.test("shiftInteraction: cells that cannot be compared are refused", () => {
  const runs = cells([0, 1]);
  const refused = (given: unknown, text: string, options: Partial<study.InteractionOptions> = {}): void => {
    const call = (): unknown => study.shiftInteraction(given as study.ShiftCase[], { model: "vgg", ...options });
    assertStringIncludes(assertThrows(call, Error).message, `shiftInteraction(): ${text}`);
  };
  refused(runs, "Expected runs of `model` alexnet and of at least one other network, got vgg, res18, res50", {
    model: "alexnet",
  });
  refused(runs.filter(({ model }) => model === "vgg"), "Expected runs of `model` vgg and of at least one other");
  refused(runs.slice(1), "Expected runs of the seeds 1 for vgg with pool maxblur, got 0, 1");
  refused(runs.slice(0, -1), "Expected runs of the seeds 0, 1 for res50 with pool maxblur, got 0");
  refused(
    runs.filter(({ pool }) => pool === "max"),
    "Expected runs of the seeds 0, 1 for vgg with pool maxblur, got none",
  );
  refused([...runs, runs[0]!], "Expected each seed once for vgg with pool max, got 0 twice");
  refused([{ ...runs[0]!, seed: null }, ...runs.slice(1)], "Expected the seed of each run, got null for vgg");
  refused(
    [{ ...runs[0]!, agreement: [1] }, ...runs.slice(1)],
    "Expected the same images for all runs, at least one, got 1",
  );
  refused([{ ...runs[0]!, agreement: [NaN] }], "Expected `runs[0].agreement[0]` as a share from 0 to 1, got NaN");
  refused([{ ...runs[0]!, agreement: undefined }], "Expected `runs[0].agreement` as shares, one an image");
  refused([null], "Expected `runs[0]` as a run that shiftRuns gives, got null");
  refused(runs, "Expected two `pools`, got max twice", { pools: ["max", "max"] });
  refused(runs, "Expected `pools` as two names", { pools: ["max"] as unknown as [string, string] });
});
