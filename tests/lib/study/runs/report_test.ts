/** A page of runs: what lies beside them, and what is told where something is gone. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { recipe, study } from "../../../../mod.ts";
import { writeFolder } from "../../../support/image_files.ts";
import { train, trainSeeds } from "../../../support/training.ts";
import { tempFolder } from "../../../temp_folder.ts";

const short = { epochs: 1, limit: 64, bs: 32, threads: 1 };

Deno.test("reportRuns: several seeds with answers, training images, and what evaluate has left beside a run", async () => {
  using folder = tempFolder();
  const { run } = await trainSeeds(2, { ...short, out: folder.path });
  {
    using trained = await recipe.open(join(run, "seed-0"), { threads: 1 });
    const measured = await study.studyAnswers(trained, { top: 2 });
    await study.writeAnswers(measured, await study.answersFolder(join(run, "seed-0")));
  }
  await study.shiftRuns([join(run, "seed-1")], { limit: 8, shifts: 2, images: 1, threads: 1 });
  const told: number[] = [];
  const { page, runs, missing } = await study.reportRuns([run, join(run, "seed-1")], {
    threads: 1,
    count: 3,
    onMeasured: (_, done) => void told.push(done),
  });
  assertEquals([runs.length, missing], [2, []]);
  assertEquals(told.at(-1), 64);
  assertEquals(page.title, "2 runs");
  const titles = page.sections.map(({ title }) => title);
  assertEquals(titles.slice(0, 5), [
    "Runs",
    "Accuracy and loss",
    "Rate and time",
    "Sample predictions",
    "Training images",
  ]);
  assertEquals(
    titles.slice(5, 9),
    ["Answers", "Classes", "Calibration", "Largest losses"].map((each) => `${each} of seed-0`),
  );
  assert(titles.length > 9 && titles.slice(9).every((title) => title.endsWith(" of seed-1")), titles.join(", "));
  const pictures = page.sections.flatMap(({ pictures = [] }) => pictures);
  assertEquals(pictures.map(({ pictures }) => pictures.length), [3, 3, 3]);
  assert(pictures[0]!.pictures.every(({ wrong, label }) => !wrong === label.includes("rightly")));
  assert(pictures[1]!.pictures.every(({ wrong }) => wrong === undefined));
  const names = page.sections.flatMap(({ figures = [] }) => figures.map(({ name }) => name));
  assertEquals(new Set(names).size, names.length);
  const { figures, warnings } = await study.writePage(page, join(folder.path, "page"));
  assertEquals([figures.length, warnings], [names.length, []]);

  const plain = await study.reportRuns([run], { pictures: false, title: "Mine" });
  assertEquals([plain.page.title, plain.page.sections.some(({ pictures }) => pictures !== undefined)], ["Mine", false]);
});

Deno.test("reportRuns: an emptied or edited config.json, and tags that are none, are told, and the page is there", async () => {
  using folder = tempFolder();
  const runs: string[] = [];
  for (const name of ["r1", "r2", "r3"]) runs.push((await train({ ...short, folder: join(folder.path, name) })).run);
  await Deno.writeTextFile(join(runs[1]!, "config.json"), "");
  await Deno.writeTextFile(join(runs[2]!, "config.json"), '{"epochs": 1, "model": {"name": "other"}}');
  await Deno.writeTextFile(join(runs[0]!, "tags.json"), "garbage");
  const listed = await study.listRuns(folder.path);
  assertEquals(listed.map(({ state, tags }) => [state, tags.length]), [["over", 0], ["over", 0], ["over", 0]]);
  assertStringIncludes(listed[0]!.why!, "tags.json");
  const { page, missing } = await study.reportRuns(runs, { threads: 1, count: 2 });
  assertEquals(missing.length, 2, missing.join("\n"));
  assertStringIncludes(missing[0]!, `Training images of ${runs[1]}: `);
  assertStringIncludes(missing[1]!, `Training images of ${runs[2]}: `);
  const told = page.sections.flatMap(({ text = [] }) => text).join("\n");
  assertStringIncludes(told, `${runs[0]}: over after 1 of 1 epochs, `);
  assertStringIncludes(told, "tags.json");
});

Deno.test("reportRuns: data that are gone, a damaged report and a run that is not over are told, and the rest is shown", async () => {
  using folder = tempFolder();
  const set = await writeFolder(join(folder.path, "set"));
  const network = { preset: "imagenette-128-5", arch: "mnistNet", sa: false, size: 24, bs: 2, epochs: 1, threads: 1 };
  const cache = join(folder.path, "cache");
  const { run } = await train({ ...network, data: set, cache, folder: join(folder.path, "runs/over") });
  const stop = new AbortController();
  const listener = { epochEnd: (): void => stop.abort() };
  await train({ ...short, epochs: 2, folder: join(folder.path, "runs/stopped"), signal: stop.signal, listener });
  await Deno.writeTextFile(join(set, "README.txt"), "beside");
  const notes: string[] = [];
  const whole = await study.reportRuns([run], { threads: 1, cache, onNote: (line) => void notes.push(line) });
  assertEquals(whole.missing, []);
  assertEquals(notes.filter((line) => line.startsWith("left out of ")), [
    `left out of "${set}": 1 beside the parts; the first: README.txt`,
  ]);
  assertEquals(whole.page.sections.at(-1)!.title, "Training images");

  await Deno.remove(set, { recursive: true });
  await Deno.mkdir(join(run, "evaluation"));
  await Deno.writeTextFile(join(run, "evaluation/answers.json"), '{"report": {"classes": 3}}');
  const warned: string[] = [];
  const { page, missing } = await study.reportRuns([join(folder.path, "runs")], {
    threads: 1,
    cache,
    onWarning: (message) => void warned.push(message),
  });
  assertEquals(missing.length, 4, missing.join("\n"));
  const text = missing.join("\n");
  assertStringIncludes(text, `Pictures of the answers of ${run}: Cannot find `);
  assertStringIncludes(text, `Training images of ${run}: Cannot find `);
  assertStringIncludes(text, "none of its runs is over");
  assertStringIncludes(text, "answers.json: Expected a report on answers");
  assertEquals(page.sections.at(-1), { title: "What is missing", text: missing });
  assertEquals(warned, missing);
  assertEquals(page.sections[0]!.title, "Runs");
});

Deno.test("reportRuns: a sweep's folder has the sweep's verdicts, which tell of its runs too", async () => {
  using folder = tempFolder();
  const plan = study.gridOf({ pool: ["maxblur", "max"] }, {
    preset: "mnist",
    changes: { epochs: 1, bs: 32, data: { limit: 64 }, threads: 1 },
    name: "pools",
  });
  const own = join(folder.path, "pools");
  await study.sweep(plan, { runs: 2, folder: own });
  const { page, runs, missing } = await study.reportRuns([own], { pictures: false });
  assertEquals([runs.length, missing], [4, []]);
  const [first, ...others] = page.sections;
  assertEquals(first!.title, "Sweep pools");
  const [said] = first!.tables![1]!.rows;
  assertEquals(said![0], "pool=max against pool=maxblur (exploratory)");
  assertStringIncludes(String(said![1]), "not decided: 2 pairs cannot give p < 0.05");
  assertEquals(others.map(({ title }) => title), [
    "pools: arms",
    "pools: by epoch",
    "pools: same images",
    "pools: runs",
  ]);
  const [arms] = others;
  assertEquals(arms!.tables![0]!.rows.map(([arm, n]) => [arm, n]), [["pool=maxblur", "2"], ["pool=max", "2"]]);
  const [removable] = await study.removableRuns([own], { root: folder.path });
  assertEquals(removable?.runs.length, 4);
});

Deno.test("reportRuns: a path without runs is refused", async () => {
  using folder = tempFolder();
  await Deno.writeTextFile(join(folder.path, "file"), "");
  for (const path of [folder.path, join(folder.path, "none"), join(folder.path, "file")]) {
    await assertRejects(() => study.reportRuns([path]), recipe.RunNotFoundError, "give a run's folder");
  }
  await assertRejects(() => study.reportRuns([]), RangeError, "`paths` with at least 1, got 0");
});
