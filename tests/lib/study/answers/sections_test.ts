import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { study } from "../../../../mod.ts";
import { tempFolder } from "../../../temp_folder.ts";

/** Answers among some classes: every seventh is wrong, by one class more. */
function reportFor(classes: number, n = 10 * classes): study.AnswerReport {
  const labels = Array.from({ length: n }, (_, at) => at % classes);
  const predicted = labels.map((label, at) => at % 7 === 0 ? (label + 1) % classes : label);
  const probability = labels.map((_, at) => 0.3 + (at % 60) / 100);
  const loss = labels.map((label, at) => label === predicted[at] ? -Math.log(probability[at]!) : 3 + at / n);
  const names = labels.map((_, at) => `val/${at}.jpg`);
  return study.answerReport({ labels, predicted, probability, loss }, {
    classes: Array.from({ length: classes }, (_, place) => `class ${place}`),
    names,
    top: 5,
  });
}

function figuresOf(sections: readonly study.Section[]): Map<string, study.Figure> {
  return new Map(sections.flatMap(({ figures = [] }) => figures.map((figure) => [figure.name, figure])));
}

Deno.test("answerSections: each figure has the rows that it draws, and no data, title, width or colour of its own", () => {
  const report = reportFor(10);
  const sections = study.answerSections(report);
  assertEquals(sections.map(({ title }) => title), ["Answers", "Classes", "Calibration", "Largest losses"]);
  const figures = figuresOf(sections);
  assertEquals([...figures.keys()], [
    "confusion",
    "accuracy-by-class",
    "reliability",
    "reliability-mass",
    "confidence",
  ]);
  assertEquals(figures.get("confusion")!.rows.length, 100);
  const cells = figures.get("confusion")!.rows.filter(({ n }) => Number(n) > 0);
  assertEquals(cells.reduce((sum, { n }) => sum + Number(n), 0), 100);
  assertEquals(figures.get("confusion")!.rows[1], { label: "class 0", answer: "class 1", n: 2, share: 0.2 });
  assertEquals(figures.get("accuracy-by-class")!.rows.length, 10);
  const accuracies = figures.get("accuracy-by-class")!.rows.map(({ accuracy }) => Number(accuracy));
  assertEquals(accuracies, accuracies.toSorted((a, b) => a - b), "the worst first");
  const { bins } = report.calibration.equalWidth;
  assertEquals(figures.get("reliability")!.rows.length, bins.filter(({ n }) => n > 0).length);
  assertEquals(figures.get("confidence")!.rows.reduce((sum, { n }) => sum + Number(n), 0), 100);
  for (const { name, spec, rows, caption } of figures.values()) {
    for (const own of ["data", "title", "width", "config", "$schema"]) {
      assertEquals(Object.hasOwn(spec, own), false, name);
    }
    assert(caption.length > 20 && rows.every((row) => Object.keys(row).join() === Object.keys(rows[0]!).join()), name);
    assertEquals(JSON.parse(JSON.stringify(spec)), spec, name);
    // What is drawn by a field is in the rows.
    for (const [, field] of JSON.stringify(spec).matchAll(/"field":"(\w+)"/g)) {
      assert(field! in rows[0]!, `${name}: ${field}`);
    }
  }
});

Deno.test("answerSections: the text says what was measured, with intervals, and whether calibration is off", () => {
  const sections = study.answerSections(reportFor(10));
  const [answers, , calibration] = sections.map(({ text = [] }) => text.join(" "));
  assertStringIncludes(
    answers!,
    "85 of 100 images are answered rightly: 85.00 %, with an interval of 95 % from 76.72 % to 90.69 %",
  );
  assertMatch(calibration!, /The expected calibration error is \d+\.\d\d % over bins of equal width\. A model/);
  assertMatch(
    calibration!,
    /: this one is beyond that\. The largest .* On average it is \d+\.\d\d points less sure than it may be\.$/,
  );
  const tables = sections.flatMap(({ tables = [] }) => tables);
  assertEquals(tables.map(({ title }) => title), ["Most frequent mistakes", "Accuracy by class", "Largest losses"]);
  for (const { columns, rows, title } of tables) {
    assert(rows.length > 0 && rows.every((row) => row.length === columns.length), title);
  }
  assertEquals(tables[2]!.rows[0], ["val/98.jpg", "class 8", "class 9", "0.6800", "3.9800"]);
});

Deno.test("answerSections: of many classes the worst are shown, and it is said how many there are", () => {
  const figures = figuresOf(study.answerSections(reportFor(100, 1000)));
  assertEquals(figures.get("confusion")!.rows.length, 1600);
  assertStringIncludes(figures.get("confusion")!.caption, "Of 100 classes the 40 with the most mistakes.");
  assertEquals(figures.get("accuracy-by-class")!.rows.length, 40);
  const { mistakes } = reportFor(100, 1000);
  const [section] = study.answerSections(reportFor(100, 1000));
  assertEquals(section!.tables![0]!.rows.length, 12);
  assertEquals(section!.tables![0]!.note, `${mistakes.length - 12} more are left out.`);
});

Deno.test("answerSections: a class without images, and pictures where they are given", () => {
  const answers = study.answersOf({ labels: [0, 0], probabilities: [0.9, 0.1, 0.2, 0.8], classes: 2 });
  const report = study.answerReport(answers, { classes: ["cat", "dog"] });
  const picture = { pixels: new Uint8Array(3), height: 1, width: 1, label: "cat, taken for dog (0.80)", wrong: true };
  const sections = study.answerSections(report, { pictures: [picture] });
  assertEquals(figuresOf(sections).get("accuracy-by-class")!.rows.map((row) => row["class"]), ["cat"]);
  assertEquals(sections[1]!.tables![0]!.rows[1], ["dog", 0, 0, null, null, null, 1, "0.00 %", null]);
  assertEquals(sections[3]!.pictures![0]!.pictures, [picture]);
});

Deno.test("answerSections: every figure is drawn with a mark for each of its rows, and nothing is found odd", async () => {
  using folder = tempFolder();
  for (const classes of [10, 60]) {
    const report = reportFor(classes, 1000);
    const page = { title: "Answers", about: `${classes} classes`, sections: study.answerSections(report) };
    const { figures, warnings } = await study.writePage(page, folder.path);
    assertEquals(warnings, []);
    const marks = Object.fromEntries(figures.map(({ name, marks }) => [name, marks]));
    const rows = figuresOf(page.sections);
    const counted = rows.get("confusion")!.rows.filter(({ n }) => Number(n) > 0).length;
    const filled = (kind: "equalWidth" | "equalMass"): number =>
      report.calibration[kind].bins.filter(({ n }) => n > 0).length;
    assertEquals(marks, {
      // A cell each, and the number in those that are not empty.
      "confusion": rows.get("confusion")!.rows.length + counted,
      "accuracy-by-class": 2 * Math.min(classes, 40),
      // The diagonal, and a point with its interval a bin.
      "reliability": 1 + 2 * filled("equalWidth"),
      "reliability-mass": 1 + 2 * filled("equalMass"),
      "confidence": 15,
    });
  }
});
