import { assert, assertAlmostEquals, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { recipe, study } from "../../../../mod.ts";
import { tempFolder } from "../../../temp_folder.ts";
import { small } from "./plans.ts";
import { recordOf, writeRecords } from "./records.ts";

const three = study.planOf(study.define({
  ...small,
  arms: { ...small.arms, avg: { model: { pool: "avg" } }, odd: { bs: 16 } },
  comparisons: [{ arm: "avg", against: "max" }, { arm: "odd", against: "max" }],
}));

/** Six seeds: the entry two images better than max on each but one; avg as often better as worse; odd diverged once. */
const made = {
  entry: [32, 33, 34, 33, 32, 34],
  max: [30, 31, 31, 31, 30, 32],
  avg: [31, 30, 32, 30, 31, 31],
  odd: [20, null, 22],
};

Deno.test("results: the whole table of statistics, by hand, from results that were made elsewhere", async () => {
  using root = tempFolder();
  const results = [await writeRecords(join(root.path, "kept"), three, made)];
  const found = await study.readResults(three, { results });
  const [entry, , , odd] = found.arms;
  // 32, 33, 34, 33, 32, 34 of 40: mean 33, deviation sqrt(4/5) = 0.894; t of 5 degrees 2.5706.
  assertAlmostEquals(entry!.summary!.mean, 33 / 40, 1e-12);
  assertAlmostEquals(entry!.summary!.sd!, Math.sqrt(4 / 5) / 40, 1e-12);
  assertAlmostEquals(entry!.summary!.t!.low, (33 - 2.570582 * Math.sqrt(4 / 5 / 6)) / 40, 1e-7);
  assertEquals(study.armRows(found), [
    ["entry", "6", "82.50", "2.24", "80.15 to 84.85", "80.83 to 84.17", "80.00 82.50 85.00 82.50 80.00 85.00"],
    ["max", "6", "77.08", "1.88", "75.11 to 79.06", "75.83 to 78.33", "75.00 77.50 77.50 77.50 75.00 80.00"],
    ["avg", "6", "77.08", "1.88", "75.11 to 79.06", "75.83 to 78.33", "77.50 75.00 80.00 75.00 77.50 77.50"],
    ["odd", "2 of 6: 1 diverged, 3 not run", "52.50", "3.54", "20.73 to 84.27", "50.00 to 55.00", "50.00 55.00"],
  ]);
  assertEquals(odd!.missing, [3, 4, 5]);
  const [primary, avg, other] = found.comparisons;
  // Differences of 2, 2, 3, 2, 2, 2 images: all six signs alike, p = 2 / 64.
  assertEquals([primary!.kind, primary!.paired!.p, primary!.claim, primary!.holm], [
    "primary",
    2 / 64,
    "holds here",
    null,
  ]);
  assertAlmostEquals(primary!.paired!.mean, 13 / 6 / 40, 1e-12);
  assertStringIncludes(primary!.words, "better by 5.42: mean difference 5.42 (95 % interval 5 to 7.5), p = 0.031");
  assertEquals([avg!.paired!.mean, avg!.paired!.p, avg!.holm, avg!.verdict], [0, 1, 1, "not decided"]);
  assertStringIncludes(
    avg!.words,
    "6 pairs cannot give p < 0.025, as p is 0.031 at best: it takes at least 7; mean difference 0 (95 % interval -2.5 to 2.5)",
  );
  assertEquals([other!.paired!.n, other!.unpaired], [2, ["1", "3", "4", "5"]]);
  assertStringIncludes(other!.words, "2 pairs cannot give p < 0.025, as p is 0.5 at best");
  assertStringIncludes(other!.words, "; 1 of 3 runs of odd diverged and are in no pair");
  assertStringIncludes(other!.words, "Holm-corrected for 2 exploratory comparisons");
  assertEquals(study.comparisonRows(found).map((row) => [row[0], row[1], row[3], row[4], row[6], row[7], row[2]]), [
    ["entry against max", "primary", "6", "+5.42", "0.031", "", "holds here"],
    ["avg against max", "exploratory", "6", "0.00", "1", "1", "not decided"],
    ["odd against max", "exploratory", "2", "-23.75", "0.5", "1", "not decided"],
  ]);
  const csv = study.csvOf(found).trimEnd().split("\n");
  assertEquals(csv.length, 1 + 4 * 6);
  assertEquals(csv[1], `entry,0,done,0.8,32,40,0.19999999999999996,20,${entry!.runs[0]!.hash}`);
  assertEquals(csv.at(-1), "odd,5,not run,,,,,,");
  const page = study.markdownOf(found);
  for (
    const text of [
      "# small\n\nClaim: Max pools with a blur are better.\n\nSeeds 0, 1, 2, 3, 4, 5; top-1 in %",
      "| entry against max | primary | holds here | 6 | +5.42 | +5.00 to +7.50 | 0.031 |",
      "- primary: entry against max: holds here: better by 5.42",
      "- odd, seed 1, diverged in epoch 1, step 3: the loss was not finite; it is in no mean",
    ]
  ) assertStringIncludes(page, text);
});

Deno.test("results: a claim whose arm is worse on all six seeds is refuted, and one of five seeds is not decided", async () => {
  using root = tempFolder();
  const turned = { entry: made.max, max: made.entry };
  const results = [await writeRecords(join(root.path, "kept"), three, turned)];
  const refuted = (await study.readResults(three, { results })).comparisons[0]!;
  assertEquals([refuted.verdict, refuted.claim], ["worse", "refuted here"]);
  const five = (await study.readResults(three, { results, runs: 5 })).comparisons[0]!;
  assertEquals([five.claim, five.paired!.pairsToReach], ["not decided", 6]);
  assertStringIncludes(five.words, "5 pairs cannot give p < 0.05, as p is 0.063 at best: it takes at least 6");
  assertStringIncludes(five.words, "; mean difference -5.5 (Student's 95 % interval -6.89 to -4.11)");
});

Deno.test("results: a baseline counts for every plan that has its recipe; other recipes, images and folders are refused", async () => {
  using root = tempFolder();
  const folder = await writeRecords(join(root.path, "kept"), three, { entry: [30, 31], max: [29, 30] });
  const hard = study.planOf(study.define({
    ...small,
    name: "hard",
    arms: { plain: {}, hard: { loss: { labelSmoothing: 0 } } },
    baseline: "plain",
    primary: undefined,
  }));
  const shared = await study.readResults(hard, { results: [folder], runs: 2 });
  assertEquals(shared.arms.map(({ values }) => values), [{ 0: 0.75, 1: 0.775 }, {}]);
  assertEquals(shared.comparisons[0]!.words, "not decided: no seed is over in both");
  await assertRejects(
    () => study.readResults(study.planOf(small, { changes: { epochs: 9 } }), { results: [folder] }),
    recipe.RecipeError,
    "got 4 of other recipes or seeds: give the settings that they were made with",
  );
  await assertRejects(
    () => study.readResults(three, { results: [join(root.path, "none")] }),
    Error,
    "which is not there",
  );
  await writeRecords(join(folder, "elsewhere"), three, { avg: [{ correct: 30, contents: "others" }] });
  await assertRejects(() => study.readResults(three, { results: [folder] }), recipe.RecipeError, "on the same images");
});

Deno.test("answers: McNemar of two runs seed by seed, of records as of results, and only on the same images", async () => {
  using root = tempFolder();
  // Both answer the images of `both` rightly, then each some alone.
  const right = (alone: readonly number[]): boolean[] =>
    Array.from({ length: 40 }, (_, at) => at < 20 || alone.includes(at));
  const a = { correct: 29, right: right([20, 21, 22, 23, 24, 25, 26, 27, 28]) };
  const b = { correct: 21, right: right([30]) };
  const results = [await writeRecords(join(root.path, "kept"), three, { entry: [a, 30], max: [b] })];
  const [primary] = (await study.readResults(three, { results, runs: 2 })).comparisons;
  // Of 10 images that tell them apart one goes the other way: p = 2 · (1 + 10) / 1024.
  const p = 22 / 1024;
  assertEquals(primary!.answers.map(({ seed, onlyA, onlyB, both, neither }) => [seed, onlyA, onlyB, both, neither]), [
    [0, 9, 1, 20, 10],
  ]);
  assertAlmostEquals(primary!.answers[0]!.p, p, 1e-12);
  assertStringIncludes(study.answersText(primary!)!, "(McNemar, of these runs): seed 0: 9 to 1, p = 0.021");
  const records = [recordOf(three, { ...a, arm: "entry", seed: 0 }), recordOf(three, { ...b, arm: "max", seed: 0 })];
  assertAlmostEquals((await study.compareAnswers(records[0]!, records[1]!)).p, p, 1e-12);
  const elsewhere = recordOf(three, { ...b, arm: "max", seed: 0, contents: "others" });
  await assertRejects(
    () => study.compareAnswers(records[0]!, elsewhere),
    RangeError,
    "Expected answers to the same images",
  );
  await assertRejects(
    () => study.compareAnswers(records[0]!, recordOf(three, { correct: null, arm: "max", seed: 0 })),
    Error,
    "Expected `b` with its answers",
  );
  await assertRejects(() => study.compareAnswers(root.path, records[0]!), Error, "a run that is over, got");
});

Deno.test("sections: verdict in words with interval and seeds, figures of which every mark is drawn", async () => {
  using root = tempFolder();
  const results = [await writeRecords(join(root.path, "kept"), three, made)];
  const sections = study.sweepSections(await study.readResults(three, { results }));
  assertEquals(sections.map(({ title }) => title), [
    "Sweep small",
    "small: arms",
    "small: by epoch",
    "small: same images",
    "small: runs",
  ]);
  const [verdict, arms, , same, runs] = sections;
  assertEquals(arms!.tables![1]!.rows, [
    ["entry", "the baseline", 20],
    ["max", "model.pool max", 20],
    ["avg", "model.pool avg", 20],
    ["odd", "bs 16", 20],
  ]);
  assertEquals(verdict!.text!.slice(0, 1), ["Claim: Max pools with a blur are better."]);
  assertStringIncludes(verdict!.text!.at(-1)!, "Holds here: entry against max: better by 5.42");
  assertStringIncludes(String(verdict!.tables![1]!.rows[1]![1]), "it takes at least 7");
  assertEquals(same!.tables![0]!.rows.length, 6 + 6 + 2);
  assertEquals(runs!.tables![0]!.rows.length, 4 * 6);
  assertStringIncludes(runs!.text!.join(), "odd, seed 1, diverged");
  const written = await study.writePage({ title: "small", about: "made results", sections }, join(root.path, "page"));
  assertEquals(written.warnings, []);
  // The line of no difference, three means with an interval and 14 pairs; four arms with theirs and 20 runs; of each curve two
  // points, two of its line and two of its band for each arm.
  assertEquals(written.figures.map(({ name, marks }) => [name, marks]), [
    ["small-differences", 1 + 3 + 3 + 14],
    ["small-arms", 4 + 4 + 20],
    ["small-top1", 4 * 6],
    ["small-loss", 4 * 6],
    ["small-train-loss", 4 * 6],
    ["small-rate", 4 * 6],
    ["small-time", 4 * 6],
  ]);
  assert(written.bytes > 100_000);
});
