/** Whether one model is more consistent than another, over images. */
import { assert, assertAlmostEquals, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { compareModels, differenceOf } from "../../../../lib/study/shift/compare.ts";
import { clusteredInterval } from "../../../../lib/study/statistics/clustered.ts";
import { study } from "../../../../mod.ts";

/** So many ones, then zeros. */
const ones = (count: number, n: number): number[] => Array.from({ length: n }, (_, at) => Number(at < count));

Deno.test("clusteredInterval: of single answers it is Wilson's, of alike ones that of the groups", () => {
  const near = (found: study.Interval, wanted: study.Interval): void => {
    assertAlmostEquals(found.low, wanted.low, 1e-12);
    assertAlmostEquals(found.high, wanted.high, 1e-12);
  };
  near(clusteredInterval(ones(37, 50), { each: 1 }), study.proportion(37, 50));
  near(clusteredInterval(ones(37, 50), { each: 1, alpha: 0.2 }), study.proportion(37, 50, { alpha: 0.2 }));
  near(clusteredInterval(ones(50, 50), { each: 5 }), study.proportion(50, 50));
  near(clusteredInterval(ones(0, 50), { each: 5 }), study.proportion(0, 50));
  // Groups of five whose answers are all alike say no more than one answer each.
  near(clusteredInterval(ones(37, 50), { each: 5 }), study.proportion(37, 50));
  // Groups that are more even than chance would have it say no more than all their answers.
  near(clusteredInterval(Array.from({ length: 50 }, () => 0.8), { each: 5 }), study.proportion(200, 250));
});

Deno.test("clusteredInterval: covers as often as it says, whether answers of a group are alike or not", () => {
  let state = 1;
  const draw = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state >>> 4) / 2 ** 28;
  };
  const [groups, each, trials] = [80, 5, 2000];
  for (const likeness of [0, 0.5, 1]) {
    let covered = 0;
    for (let trial = 0; trial < trials; trial++) {
      const shares = Array.from({ length: groups }, () => {
        const own = draw() < 0.9;
        const right = Array.from({ length: each }, () => draw() < likeness ? own : draw() < 0.9);
        return right.filter(Boolean).length / each;
      });
      const { low, high } = clusteredInterval(shares, { each });
      if (low <= 0.9 && 0.9 <= high) covered++;
    }
    assert(covered / trials > 0.92 && covered / trials < 0.98, `${likeness}: ${covered / trials}`);
  }
});

Deno.test("clusteredInterval: what is no share is refused", () => {
  assertThrows(() => clusteredInterval([], { each: 1 }), RangeError, "Expected at least one share, got");
  assertThrows(() => clusteredInterval([0, NaN], { each: 1 }), RangeError, "Expected `shares[1]` as a finite number");
  assertThrows(
    () => clusteredInterval([0], { each: 0 }),
    RangeError,
    "Expected `each` as a whole number from 1, got 0",
  );
});

Deno.test("differenceOf: for answers that agree or not, its p is McNemar's, of some thousand images too", () => {
  const before = ones(700, 1000);
  const after = before.map((_, at) => Number(at < 694 || (at >= 700 && at < 722)));
  const found = differenceOf(after.map((share, at) => share - before[at]!));
  const { p } = study.mcnemar(before.map(Boolean), after.map(Boolean));
  assertEquals(found.n, 1000);
  assertAlmostEquals(found.mean, 0.016, 1e-12);
  assert(!found.exact);
  assertAlmostEquals(found.p, p, 0.001, "28 images tell them apart: signs are drawn");
  assertEquals(found.verdict, "better");
  assertStringIncludes(found.words, "better by 1.6");
  assertStringIncludes(found.words, "of 1000 pairs");
  const few = differenceOf([...ones(3, 1000).map((one) => -one)]);
  assertEquals([few.p, few.exact, few.verdict], [0.25, true, "not decided"]);
  const none = differenceOf([0, 0, 0, 0, 0, 0, 0]);
  assertEquals([none.p, none.mean, none.verdict, none.pairsToDecide], [1, 0, "not decided", null]);
});

Deno.test("compareModels: every other model beside the first, p corrected for all", () => {
  const models = [ones(80, 100), ones(95, 100), ones(60, 100)].map((agreement, at) => ({
    ...{ label: `${at}`, agreement, agreementDiagonal: ones(90, 100) },
  }));
  const found = compareModels(models);
  assertEquals(found.map(({ baseline, other, measure, verdict }) => [baseline, other, measure, verdict]), [
    ["0", "1", "consistency", "better"],
    ["0", "1", "consistencyDiagonal", "not decided"],
    ["0", "2", "consistency", "worse"],
    ["0", "2", "consistencyDiagonal", "not decided"],
  ]);
  assertEquals(found.map(({ pHolm }) => pHolm), study.holm(found.map(({ p }) => p)));
  assertEquals(compareModels(models.slice(0, 1)), []);
});
