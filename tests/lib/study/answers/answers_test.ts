/** What answers come to, beside what scikit-learn, torchmetrics and NumPy make of the same. */
import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { study } from "../../../../mod.ts";

interface StoredCurve {
  readonly counts: number[];
  readonly accuracy: number[];
  readonly confidence: number[];
  readonly ece: number;
  readonly mce: number;
}

/** As tests/fixtures/make_answers.py writes it. */
interface StoredCase {
  readonly name: string;
  readonly classes: number;
  readonly bins: number;
  readonly labels: number[];
  readonly probabilities: number[];
  readonly predicted: number[];
  readonly losses: number[];
  readonly accuracy: number;
  readonly confusion: number[][];
  readonly recall: (number | null)[];
  readonly precision: (number | null)[];
  readonly equalWidth: StoredCurve;
  readonly equalMass: StoredCurve;
  readonly torchmetrics_ece?: number;
  readonly torchmetrics_mce?: number;
}

const file = new URL("../../../fixtures/answers/answers.json", import.meta.url);
const { cases }: { cases: StoredCase[] } = JSON.parse(Deno.readTextFileSync(file));

const namesOf = (classes: number): string[] => Array.from({ length: classes }, (_, place) => `class ${place}`);

function reportOf(stored: StoredCase): { answers: study.ImageAnswers; report: study.AnswerReport } {
  const answers = study.answersOf(stored);
  return { answers, report: study.answerReport(answers, { classes: namesOf(stored.classes), bins: stored.bins }) };
}

function closeAll(found: readonly (number | null)[], wanted: readonly (number | null)[], what: string): void {
  assertEquals(found.length, wanted.length, what);
  for (const [at, value] of wanted.entries()) {
    if (value === null) assertEquals(found[at], null, what);
    else assertAlmostEquals(found[at]!, value, 1e-12, what);
  }
}

Deno.test("answerReport: accuracy, confusion, recall and precision are scikit-learn's", () => {
  for (const stored of cases) {
    const { answers, report } = reportOf(stored);
    assertEquals([...answers.predicted as Int32Array], stored.predicted, stored.name);
    closeAll([...answers.loss as Float64Array], stored.losses, stored.name);
    assertEquals(report.confusion, stored.confusion, stored.name);
    assertAlmostEquals(report.accuracy.share, stored.accuracy, 1e-15);
    closeAll(report.classes.map(({ accuracy }) => accuracy), stored.recall, `recall, ${stored.name}`);
    closeAll(report.classes.map(({ precision }) => precision), stored.precision, `precision, ${stored.name}`);
    const mean = stored.losses.reduce((sum, loss) => sum + loss, 0) / stored.labels.length;
    assertAlmostEquals(report.loss, mean, 1e-12);
  }
});

Deno.test("answerReport: reliability diagrams are scikit-learn's, over bins of equal width and of equal mass", () => {
  for (const stored of cases) {
    const { report } = reportOf(stored);
    for (const kind of ["equalWidth", "equalMass"] as const) {
      const { bins, ece, mce } = report.calibration[kind];
      const wanted = stored[kind];
      const what = `${kind}, ${stored.name}`;
      assertEquals(bins.map(({ n }) => n), wanted.counts, what);
      const filled = bins.filter(({ n }) => n > 0);
      closeAll(filled.map(({ accuracy }) => accuracy), wanted.accuracy, what);
      closeAll(filled.map(({ confidence }) => confidence), wanted.confidence, what);
      assertAlmostEquals(ece, wanted.ece, 1e-12, what);
      assertAlmostEquals(mce, wanted.mce, 1e-12, what);
      for (const { n, accuracy, low, high } of bins) {
        if (n === 0) assertEquals([accuracy, low, high], [null, null, null], what);
        else assert(low! <= accuracy! && accuracy! <= high! && low! >= 0 && high! <= 1, what);
      }
      assertEquals([bins[0]!.from, bins.at(-1)!.to], [0, 1]);
    }
  }
});

Deno.test("answerReport: expected and maximum calibration error are torchmetrics', which computes in f32", () => {
  const told = cases.filter((stored) => stored.torchmetrics_ece !== undefined);
  assertEquals(told.length, 3);
  for (const stored of told) {
    const { equalWidth } = reportOf(stored).report.calibration;
    assertAlmostEquals(equalWidth.ece, stored.torchmetrics_ece!, 1e-6, stored.name);
    assertAlmostEquals(equalWidth.mce, stored.torchmetrics_mce!, 1e-6, stored.name);
  }
});

Deno.test("answerReport: a model that is right as often as it says is within chance, one that is too sure beyond it", () => {
  // 900 answers of confidence 0.6, 0.7, 0.8, of which as many are right.
  const confidences = [0.6, 0.7, 0.8];
  const probability = confidences.flatMap((confidence) => Array<number>(300).fill(confidence));
  const right = probability.map((confidence, at) => at % 300 < Math.round(300 * confidence));
  const answers = (chances: number[]): study.ImageAnswers => ({
    labels: right.map((is) => is ? 1 : 0),
    predicted: right.map(() => 1),
    probability: chances,
    loss: chances.map((chance) => -Math.log(chance)),
  });
  const calibration = (chances: number[], seed = 0): study.Calibration =>
    study.answerReport(answers(chances), { classes: ["no", "yes"], seed }).calibration;
  const calibrated = calibration(probability);
  assertAlmostEquals(calibrated.equalWidth.ece, 0, 1e-12);
  assertAlmostEquals(calibrated.overconfidence, 0, 1e-12);
  const { mean, high } = calibrated.ifCalibrated;
  // The mean of |share - p| over n = 300 is near sqrt(2 p (1 - p) / (π n)): 0.0226, 0.0211, 0.0184.
  assertAlmostEquals(mean, (0.0226 + 0.0211 + 0.0184) / 3, 0.001);
  assert(high > mean && high < 3 * mean);
  const sure = calibration(probability.map((chance) => chance + 0.15));
  assertAlmostEquals(sure.equalWidth.ece, 0.15, 1e-12);
  assertAlmostEquals(sure.overconfidence, 0.15, 1e-12);
  assert(sure.equalWidth.ece > sure.ifCalibrated.high);
  assertEquals(calibration(probability, 0).ifCalibrated, calibrated.ifCalibrated);
  assert(calibration(probability, 1).ifCalibrated.mean !== mean);
});

Deno.test("answerReport: mistakes by their number, the largest losses by image, in an order of their own", () => {
  const answers = study.answersOf({
    labels: [2, 0, 1, 2, 2, 0],
    // deno-fmt-ignore
    probabilities: [
      0.7, 0.2, 0.1,
      0.8, 0.1, 0.1,
      0.6, 0.3, 0.1,
      0.5, 0.4, 0.1,
      0.0, 0.0, 1.0,
      0.1, 0.9, 0.0,
    ],
    classes: 3,
  });
  const index = [5, 0, 1, 3, 2, 4];
  const names = ["a.jpg", "b.jpg", "c.jpg", "d.jpg", "e.jpg", "f.jpg"];
  const report = study.answerReport({ ...answers, index }, { classes: ["cat", "dog", "cow"], names, top: 3 });
  assertEquals(report.mistakes, [
    { label: "cow", answer: "cat", n: 2 },
    { label: "cat", answer: "dog", n: 1 },
    { label: "dog", answer: "cat", n: 1 },
  ]);
  assertEquals(
    report.topLosses.map(({ sample, image, label, answer, right }) => [sample, image, label, answer, right]),
    [
      [5, "f.jpg", "cow", "cat", false],
      [3, "d.jpg", "cow", "cat", false],
      [4, "e.jpg", "cat", "dog", false],
    ],
  );
  assertAlmostEquals(report.topLosses[0]!.loss, Math.log(10), 1e-12);
  assertEquals(report.classes.map(({ n, right, answered }) => [n, right, answered]), [[2, 1, 4], [1, 0, 1], [3, 1, 1]]);
  assertEquals(JSON.parse(JSON.stringify(report)), report, "plain JSON");
});

Deno.test("answersOf: a probability of 0 has a finite loss, 1 the loss 0, and of equal ones the first is the answer", () => {
  const { predicted, probability, loss } = study.answersOf({
    labels: [1, 0, 1],
    probabilities: [1, 0, 1, 0, 0.5, 0.5],
    classes: 2,
  });
  assertEquals([...predicted as Int32Array], [0, 0, 0]);
  assertEquals([...probability as Float64Array], [1, 1, 0.5]);
  assertAlmostEquals(loss[0]!, 149 * Math.LN2, 1e-12);
  assertEquals([Object.is(loss[1], 0), loss[2]], [true, Math.LN2]);
});

Deno.test("answerReport: what is no answer is refused with its place", () => {
  const answers = { labels: [0, 1], predicted: [0, 1], probability: [0.5, 1], loss: [0.1, 0] };
  const classes = ["cat", "dog"];
  const refused = (given: unknown, options: unknown, kind: typeof Error, message: string): void =>
    void assertThrows(
      () => study.answerReport(given as study.ImageAnswers, options as study.AnswerReportOptions),
      kind as new (message: string) => Error,
      message,
    );
  const wrong: [Record<string, unknown>, string][] = [
    [{ labels: [0, 2] }, "`labels[1]` as a class from 0 to 1, got 2"],
    [{ labels: [0, 0.5] }, "`labels[1]` as a class from 0 to 1, got 0.5"],
    [{ predicted: [0] }, "`predicted` with 2 numbers, got 1"],
    [{ probability: [0.5, NaN] }, "`probability[1]` from 0 to 1, got NaN"],
    [{ loss: [0.1, Infinity] }, "`loss[1]` as a finite number from 0, got Infinity"],
    [{ index: [0, -1] }, "`index[1]` as a whole number from 0, got -1"],
  ];
  for (const [change, message] of wrong) refused({ ...answers, ...change }, { classes }, RangeError, message);
  refused({ labels: [], predicted: [], probability: [], loss: [] }, { classes }, RangeError, "at least one answer");
  refused({ ...answers, loss: "0.1" }, { classes }, TypeError, "`loss` as an array of numbers");
  refused(answers, { classes, bins: 1 }, RangeError, "`bins` as a whole number from 2 to 1000, got 1");
  refused(answers, { classes, alpha: 0 }, RangeError, "`alpha`");
  refused(answers, { classes: [] }, RangeError, "at least one class");
  refused(answers, { classes, bin: 3 }, TypeError, "Expected options among");
  assertThrows(
    () => study.answersOf({ labels: [0], probabilities: [0.5], classes: 2 }),
    RangeError,
    "`probabilities` with 2 numbers, got 1",
  );
});
