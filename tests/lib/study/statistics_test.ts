/** Statistics against scipy 1.17 (values below), against counting by brute force, and by how often intervals cover. */
import { assert, assertAlmostEquals, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { study } from "../../../mod.ts";
import { philox } from "../../../lib/data/philox.ts";
import { binomialCdf, normalCritical, studentCritical } from "../../../lib/study/statistics/distributions.ts";
import { bootstrapInterval, studentInterval } from "../../../lib/study/statistics/intervals.ts";
import { signFlip } from "../../../lib/study/statistics/sign_flip.ts";

const { holm, mcnemar, paired, proportion, summary } = study;

/** Numbers that are near relative to their size. */
function near(found: number, wanted: number, tolerance = 1e-10): void {
  assertAlmostEquals(found, wanted, tolerance * Math.max(Math.abs(wanted), 1e-300));
}

/** Values by their places. */
function byPlace(values: readonly number[]): Record<string, number> {
  return Object.fromEntries(values.map((value, at) => [`${at}`, value]));
}

/** Two normal numbers (Box and Muller 1958) of a place in the sequence of a seed. */
function normals(seed: number, place: number): [number, number] {
  const [a, b] = philox([seed, 0], [place, 0, 0, 0]);
  const radius = Math.sqrt(-2 * Math.log((a + 1) / 2 ** 32));
  const angle = 2 * Math.PI * b / 2 ** 32;
  return [radius * Math.cos(angle), radius * Math.sin(angle)];
}

Deno.test("distributions: critical values are scipy's t.isf and norm.isf, and a binomial sum is its own", () => {
  const student: [tail: number, df: number, wanted: number][] = [
    [0.025, 1, 12.706204736174705],
    [0.025, 2, 4.302652729749464],
    [0.025, 5, 2.5705818356363155],
    [0.025, 30, 2.042272456301238],
    [0.005, 9, 3.2498355415921263],
    [0.05, 1000, 1.6463788172854648],
  ];
  for (const [tail, df, wanted] of student) near(studentCritical(tail, df), wanted);
  const normal: [tail: number, wanted: number][] = [
    [0.025, 1.9599639845400545],
    [0.2, 0.8416212335729142],
    [0.005, 2.575829303548901],
  ];
  for (const [tail, wanted] of normal) near(normalCritical(tail), wanted);
  near(binomialCdf(3, 10, 0.5), (1 + 10 + 45 + 120) / 1024);
});

Deno.test("summary: mean, deviation and intervals are scipy's; the same seed gives the same ones", () => {
  const values = [0.941, 0.948, 0.944, 0.951, 0.946];
  const found = summary(values);
  assertEquals([found.n, found.values, found.note], [5, values, null]);
  near(found.mean, 0.946);
  near(found.sd!, 0.0038078865529319575);
  near(found.t!.low, 0.9412718843579801);
  near(found.t!.high, 0.9507281156420198);
  // scipy's, of 200,000 samples: the ends of 10,000 vary by some 0.0001.
  assertAlmostEquals(found.bootstrap!.low, 0.943, 2e-4);
  assertAlmostEquals(found.bootstrap!.high, 0.949, 2e-4);
  assertEquals(summary(values), found);
  assertEquals(summary(values, { seed: undefined, alpha: 0.05 }), found);
  assert(summary([...values, 0.9473], { seed: 1 }).bootstrap!.low !== summary([...values, 0.9473]).bootstrap!.low);
  const wide = summary(values, { alpha: 0.01 });
  assert(wide.t!.low < found.t!.low && wide.bootstrap!.low <= found.bootstrap!.low);
});

Deno.test("summary: one value has no interval, and equal ones have an empty one", () => {
  assertEquals(summary([0.9]), {
    n: 1,
    mean: 0.9,
    sd: null,
    t: null,
    bootstrap: null,
    note: "One value has no spread: an interval takes at least two",
    values: [0.9],
  });
  const { sd, t, bootstrap } = summary([0.5, 0.5, 0.5]);
  assertEquals({ sd, t, bootstrap }, { sd: 0, t: { low: 0.5, high: 0.5 }, bootstrap: { low: 0.5, high: 0.5 } });
});

Deno.test("intervals: of 1000 draws of normal values t covers about 95 %, the bootstrap as little as is told of it", () => {
  const trials = 1000;
  const covered = (n: number): { t: number; bootstrap: number } => {
    const hits = { t: 0, bootstrap: 0 };
    for (let trial = 0; trial < trials; trial++) {
      const values = Array.from({ length: n }, (_, at) => 3 + 2 * normals(trial, at)[0]);
      const t = studentInterval(values, 0.05);
      const bootstrap = bootstrapInterval(values, { alpha: 0.05, seed: trial, resamples: 400 });
      if (t.low <= 3 && t.high >= 3) hits.t++;
      if (bootstrap.low <= 3 && bootstrap.high >= 3) hits.bootstrap++;
    }
    return { t: hits.t / trials, bootstrap: hits.bootstrap / trials };
  };
  // Three standard errors of a share of 0.95 among 1000 are 0.021.
  const [few, more] = [covered(6), covered(40)];
  assertAlmostEquals(few.t, 0.95, 0.021);
  assertAlmostEquals(more.t, 0.95, 0.021);
  assertAlmostEquals(few.bootstrap, 0.87, 0.04);
  assertAlmostEquals(more.bootstrap, 0.94, 0.025);
});

Deno.test("paired: eight pairs give scipy's permutation_test and t interval", () => {
  const before = [0.941, 0.944, 0.939, 0.945, 0.942, 0.940, 0.943, 0.941];
  const after = [0.944, 0.950, 0.938, 0.947, 0.946, 0.939, 0.945, 0.942];
  const found = paired(byPlace(before), byPlace(after));
  assertEquals([found.p, found.smallestP, found.exact], [0.0703125, 2 / 2 ** 8, true]);
  near(found.mean, 0.002);
  near(found.sd!, 0.0023904572186687896);
  assertAlmostEquals(found.t!.low, 1.5277529321244994e-06, 1e-12);
  assertAlmostEquals(found.t!.high, 0.0039984722470678795, 1e-12);
  assertEquals(found.verdict, "not decided");
  // ((1.96 + 0.842) · 0.00239 / 0.002)² + 1.96² / 2 = 13.1
  assertEquals([found.pairsToReach, found.pairsToDecide], [6, 14]);
  assertEquals(
    found.words,
    "not decided: p = 0.07 of 8 pairs, which find differences of about 0.00276 four times of five; about 14 would decide at this " +
      "difference and spread (80 % interval 9 to 89)",
  );
});

Deno.test("paired: the sign flips are those of counting every pattern, ties and zeros included", () => {
  const brute = (differences: readonly number[]): number => {
    const n = differences.length;
    const seen = Math.abs(differences.reduce((sum, each) => sum + each, 0));
    const sums = Array.from(
      { length: 2 ** n },
      (_, bits) => differences.reduce((sum, each, at) => sum + (bits >> at & 1 ? each : -each), 0),
    );
    return sums.filter((sum) => Math.abs(sum) >= seen - 1e-9).length / 2 ** n;
  };
  for (let trial = 0; trial < 40; trial++) {
    const n = 1 + trial % 12;
    const differences = Array.from({ length: n }, (_, at) => Math.round(10 * (normals(trial, at)[0] + 0.5)) / 10);
    assertEquals(signFlip(differences, { alpha: 0.05, seed: 0 }).p, brute(differences), `${differences}`);
  }
  // Sums that differ by rounding alone: 0.1 + 0.2 - 0.3 is no 0.
  assertEquals(signFlip([0.1, 0.2, 0.3], { alpha: 0.05, seed: 0 }).p, 0.25);
  assertEquals(signFlip([0.1, 0.2, -0.3], { alpha: 0.05, seed: 0 }).p, 1);
  assertEquals(signFlip([0, 0], { alpha: 0.05, seed: 0 }).p, 1);
  assertEquals(signFlip(Array.from({ length: 20 }, () => 1), { alpha: 0.05, seed: 0 }), {
    p: 2 / 2 ** 20,
    smallestP: 2 / 2 ** 20,
    exact: true,
    flips: { low: 1, high: 1 },
  });
});

Deno.test("paired: the interval holds just the differences that the test does not refute", () => {
  for (let trial = 0; trial < 30; trial++) {
    const n = 6 + trial % 6;
    const differences = Array.from({ length: n }, (_, at) => Math.round(10 * (normals(trial, at)[0] + 0.4)) / 10);
    const alpha = [0.05, 0.1, 0.3][trial % 3]!;
    const { flips } = signFlip(differences, { alpha, seed: 0 });
    const { low, high } = flips!;
    for (const mean of [low - 1e-3, low + 1e-3, low, (low + high) / 2, high, high - 1e-3, high + 1e-3]) {
      const { p } = signFlip(differences.map((each) => each - mean), { alpha, seed: 0 });
      assertEquals(p < alpha, mean < low || mean > high, `${differences} at ${mean}, ${alpha}`);
    }
  }
  // One difference is far out: Student's interval has 0 in it although all six signs agree.
  const far = paired(byPlace([0, 0, 0, 0, 0, 0]), byPlace([0.01, 0.01, 0.01, 0.01, 0.01, 0.41]));
  assertEquals([far.verdict, far.flips], ["better", { low: 0.01, high: 0.41 }]);
  assert(far.t!.low < 0);
  assertStringIncludes(far.words, "(95 % interval 0.01 to 0.41), p = 0.031");
  // And one sign that differs keeps six pairs from deciding, whatever Student's interval says.
  const one = paired(byPlace([0, 0, 0, 0, 0, 0]), byPlace([0.02, 0.015, 0.01, -0.001, 0.02, 0.018]));
  assert(one.t!.low > 0 && one.flips!.low < 0);
  assertEquals(one.verdict, "not decided");
  assertEquals(paired({ 1: 0, 2: 0, 3: 0, 4: 0, 5: 0 }, { 1: 1, 2: 2, 3: 3, 4: 4, 5: 5 }).flips, null);
});

Deno.test("paired: the difference that so many pairs find is found four times of five", () => {
  for (const n of [6, 7, 12]) {
    const spread = Array.from({ length: n }, (_, at) => (-1) ** at + at * 1e-3);
    const { detects, sd, verdict } = paired(byPlace(spread.map(() => 0)), byPlace(spread));
    assertEquals(verdict, "not decided");
    let found = 0;
    for (let trial = 0; trial < 300; trial++) {
      const drawn = Array.from({ length: n }, (_, at) => detects! + sd! * normals(trial, at)[0]);
      if (signFlip(drawn, { alpha: 0.05, seed: 0 }).p < 0.05) found++;
    }
    assertAlmostEquals(found / 300, 0.8, 0.1, `${n}`);
  }
});

Deno.test("paired: more than 20 pairs are tested by random signs, near the exact p and the same each time", () => {
  // deno-fmt-ignore
  const differences = [
    2.441, -2.156, 0.818, -0.168, -0.053, 0.184, -1.62, 0.168, -0.465, 3.723, 0.626, 0.047, 0.119, -0.268, -0.655, 0.009,
    0.882, 0.161, 1.358, 0.2, 0.424, 1.946, 0.945, -0.105, 0.217,
  ];
  const found = signFlip(differences, { alpha: 0.05, seed: 0 });
  // The share among all 2^25 patterns; four standard errors of 100,000 random ones.
  assertAlmostEquals(found.p, 0.15354198217391968, 0.0046);
  assertEquals([found.exact, found.smallestP], [false, 1e-5]);
  assertEquals(signFlip(differences, { alpha: 0.05, seed: 0 }), found);
  assert(signFlip(differences, { alpha: 0.05, seed: 1 }).p !== found.p);
  const all = paired(byPlace(differences.map(() => 0)), byPlace(differences.map((_, at) => 1 + at / 100)));
  assertEquals([all.p, all.verdict], [1e-5, "better"]);
});

Deno.test("paired: a verdict has its direction, and six pairs are the first that can decide", () => {
  const baseline = byPlace([0.90, 0.91, 0.92, 0.93, 0.94, 0.95]);
  const other = byPlace([0.91, 0.92, 0.94, 0.94, 0.96, 0.97]);
  const better = paired(baseline, other);
  assertEquals([better.verdict, better.p, better.pairsToDecide], ["better", 0.03125, null]);
  assertEquals(
    better.words,
    "better by 0.015: mean difference 0.015 (95 % interval 0.01 to 0.02), p = 0.031 of 6 pairs",
  );
  assertEquals(paired(other, baseline).verdict, "worse");
  assertEquals(paired(baseline, other, { higherIsBetter: false }).verdict, "worse");
  assertEquals(paired(other, baseline, { higherIsBetter: false }).verdict, "better");
  const five = paired(byPlace([0, 0, 0, 0, 0]), byPlace([1, 2, 3, 4, 5]));
  assertEquals([five.verdict, five.p, five.pairsToReach], ["not decided", 0.0625, 6]);
  assertEquals(
    five.words,
    "not decided: 5 pairs cannot give p < 0.05, as p is 0.063 at best: it takes at least 6",
  );
  const one = paired({ 7: 0.9 }, { 7: 0.91 });
  assertEquals([one.n, one.t, one.p, one.pairsToDecide], [1, null, 1, null]);
  assertStringIncludes(one.words, "1 pair cannot give p < 0.05, as p is 1 at best");
  assertEquals(paired(baseline, other, { alpha: 0.01 }).pairsToReach, 8);
});

Deno.test("paired: what differs by nothing is told to be so", () => {
  const same = byPlace([0.1, 0.2, 0.3, 0.4, 0.5, 0.6]);
  assertEquals([paired(same, same).p, paired(same, same).verdict], [1, "not decided"]);
  const around = paired(byPlace([0, 0, 0, 0, 0, 0]), byPlace([0.1, 0.2, 0.3, -0.1, -0.2, -0.3]));
  assertEquals(
    around.words,
    "not decided: p = 1 of 6 pairs, which find differences of about 0.424 four times of five; their mean difference is too near 0 for more of them to decide",
  );
});

Deno.test("paired: so many pairs as it says do decide, four times of five", () => {
  const { pairsToDecide } = paired(byPlace([0, 0, 0, 0, 0, 0, 0]), byPlace([1.8, -0.6, 2.1, 0.2, 1.2, -0.9, 2.2]));
  const differences = [1.8, -0.6, 2.1, 0.2, 1.2, -0.9, 2.2];
  const { mean, sd } = summary(differences);
  assert(pairsToDecide! > 7 && pairsToDecide! <= 20, `${pairsToDecide}`);
  let decided = 0;
  for (let trial = 0; trial < 300; trial++) {
    const drawn = Array.from({ length: pairsToDecide! }, (_, at) => mean + sd! * normals(trial, at)[0]);
    if (signFlip(drawn, { alpha: 0.05, seed: 0 }).p < 0.05) decided++;
  }
  assertAlmostEquals(decided / 300, 0.8, 0.07);
});

Deno.test("paired: pairs are found by key, in whatever order, from an object or a Map", () => {
  const found = paired(new Map([[3, 0.3], [1, 0.1], [2, 0.2]]), { 1: 0.2, 2: 0.4, 3: 0.6 });
  assertEquals(found.keys, ["3", "1", "2"]);
  found.values.forEach((value, at) => assertAlmostEquals(value, [0.3, 0.1, 0.2][at]!, 1e-12));
});

Deno.test("holm: each p times how many are left, never less than the one before", () => {
  // statsmodels' multipletests(method="holm"), by hand: 4 · 0.01, then 3 · 0.02, 2 · 0.03, 1 · 0.04.
  const found = holm([0.04, 0.01, 0.03, 0.02]);
  found.forEach((p, at) => near(p, [0.06, 0.04, 0.06, 0.06][at]!));
  assertEquals(holm([0.5, 0.9]), [1, 1]);
  assertEquals([holm([]), holm([0.03125])], [[], [0.03125]]);
  // What the issue of six pairs is: two of them at best stay undecided.
  assertEquals(holm([0.03125, 0.03125]), [0.0625, 0.0625]);
});

Deno.test("mcnemar: p is scipy's binomtest of the images that one alone has right", () => {
  const answers = (both: number, onlyA: number, onlyB: number, neither: number): [boolean[], boolean[]] => {
    const counts = [[true, true, both], [true, false, onlyA], [false, true, onlyB], [false, false, neither]] as const;
    const all = counts.flatMap(([a, b, n]) => Array.from({ length: n }, () => [a, b] as const));
    return [all.map(([a]) => a), all.map(([, b]) => b)];
  };
  const wanted: [onlyA: number, onlyB: number, p: number][] = [
    [2, 1, 1],
    [25, 10, 0.016673847800120715],
    [121, 59, 4.4344492637551645e-06],
    [0, 6, 0.03125],
    [40, 40, 1],
    [301, 250, 0.03307151591735793],
    [0, 0, 1],
  ];
  for (const [onlyA, onlyB, p] of wanted) {
    const found = mcnemar(...answers(50, onlyA, onlyB, 7));
    assertEquals({ ...found, p: 0 }, { n: 57 + onlyA + onlyB, both: 50, onlyA, onlyB, neither: 7, p: 0 });
    near(found.p, p, 1e-9);
  }
});

Deno.test("proportion: Wilson's interval is scipy's", () => {
  const wanted: [right: number, n: number, low: number, high: number][] = [
    [3710, 3925, 0.9376591826147984, 0.9519160360933347],
    [0, 10, 0, 0.27753279986288926],
    [10, 10, 0.7224672001371109, 1],
    [1, 3, 0.06149194472039626, 0.7923403991979523],
  ];
  for (const [right, n, low, high] of wanted) {
    const found = proportion(right, n);
    assertEquals([found.right, found.n, found.share], [right, n, right / n]);
    assertAlmostEquals(found.low, low, 1e-12);
    assertAlmostEquals(found.high, high, 1e-12);
  }
  assertAlmostEquals(proportion(3710, 3925, { alpha: 0.01 }).low, 0.9350939059456221, 1e-12);
});

Deno.test("statistics: bad input is refused by what was given and wanted", () => {
  const wrong: [call: () => unknown, message: string][] = [
    [() => summary([]), "summary(): Expected at least one value, got none: give one of each run"],
    [
      () => summary([0.9, NaN]),
      "summary(): Expected `values[1]` as a finite number, got NaN: give the values of the other runs, and tell of this " +
      "one beside them",
    ],
    [
      () => summary([1], { alpha: 0.95 }),
      "summary(): Expected `alpha` from 0.0001 to 0.5, say 0.05 for intervals of 95 %",
    ],
    [
      () => summary([1], { resamples: 10 }),
      "summary(): Expected `resamples` as a whole number from 100 to 1000000, got 10",
    ],
    [
      () => summary([1], { seeds: 1 } as object),
      "summary(): Expected options among alpha, seed, resamples, got `seeds`",
    ],
    [
      () => paired({ 1: 0.9, 2: 0.9 }, { 2: 0.9, 3: 0.9 }),
      "paired(): Expected the same keys in both, got 1 in `baseline` alone and 3 in `other` alone: train what is missing, " +
      "or leave it out of both",
    ],
    [
      () => paired({ 1: 1e308 }, { 1: -1e308 }),
      'paired(): Expected `baseline["1"]` from -1e+150 to 1e+150, got 1e+308',
    ],
    // deno-lint-ignore no-sparse-arrays
    [() => summary([1, , 2] as number[]), "summary(): Expected `values[1]` as a number, got undefined"],
    [() => paired({}, {}), "paired(): Expected at least one pair, got none: give values by seed"],
    [() => paired({ 1: 0.9 }, { 1: Infinity }), 'paired(): Expected `other["1"]` as a finite number, got Infinity'],
    [() => paired([0.9] as never, [0.9] as never), "paired(): Expected `baseline` as values by seed, got [0.9]: write"],
    [
      () => paired(new Map<string | number, number>([[1, 0.9], ["1", 0.8]]), { 1: 0.9 }),
      'paired(): Expected each key of `baseline` once, got "1" twice',
    ],
    [() => holm([0.1, 1.1]), "holm(): Expected `pValues[1]` from 0 to 1, got 1.1"],
    [() => mcnemar([true], [true, false]), "mcnemar(): Expected answers to the same images, at least one, got 1 and 2"],
    [() => mcnemar([], []), "mcnemar(): Expected answers to the same images, at least one, got 0 and 0"],
    [() => mcnemar([1] as never, [true]), "mcnemar(): Expected `a[0]` as true (right) or false (wrong), got 1: write"],
    [() => proportion(11, 10), "proportion(): Expected `right` from 0 to the 10 of `n`, got 11"],
    [() => proportion(0, 0), "proportion(): Expected `n` as a whole number from 1, got 0"],
  ];
  for (const [call, message] of wrong) {
    const error = assertThrows(call);
    assert(error instanceof TypeError || error instanceof RangeError);
    assertStringIncludes(error.message, message);
  }
});
