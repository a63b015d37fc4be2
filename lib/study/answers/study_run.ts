/** The answers of a trained run to its data. */
import { basename, join } from "node:path";
import { kindOf, requireKnownOptions, requireOptions, requireText } from "../../tensor/ops/checks.ts";
import { StateError } from "../../ffi/errors.ts";
import { makeFolderOf } from "../../io/atomic_file.ts";
import { writeJson } from "../../io/json_file.ts";
import { type EvaluateRunOptions, Trained } from "../../recipe/trained.ts";
import { codeVersion } from "../../run/code_version.ts";
import type { Evaluation } from "../../train/evaluate.ts";
import type { Page, Picture } from "../report/page.ts";
import { writePage } from "../report/write_page.ts";
import { folderOfRun } from "../run_place.ts";
import { picturesOf } from "./pictures.ts";
import { type AnswerReport, answerReport, type AnswerReportOptions } from "./report.ts";
import { answerSections, lostLabel } from "./sections.ts";

/** What to measure a run on, and how to report. */
export interface StudyAnswersOptions
  extends Omit<EvaluateRunOptions, "onPredictions">, Pick<AnswerReportOptions, "bins" | "top" | "alpha" | "seed"> {}

const known: Readonly<Record<keyof StudyAnswersOptions, true>> = {
  ...{ bins: true, top: true, alpha: true, seed: true, data: true, split: true, nested: true, maxUnreadable: true },
  ...{ size: true, bs: true, csv: true, open: true, onReady: true, onMeasured: true, part: true },
  ...{ cache: true, signal: true, onWarning: true, onNote: true, onProgress: true, onDownload: true },
};

/** What a run's answers come to. */
export interface StudiedAnswers {
  /** As `evaluate` measures it. */
  readonly evaluation: Evaluation;
  /** What the answers come to. */
  readonly report: AnswerReport;
  /** The images with the largest losses, in the report's order. */
  readonly pictures: readonly Picture[];
  /** All of it as a page. */
  readonly page: Page;
}

/** The line below the page's title. */
async function aboutRun(trained: Trained, options: StudyAnswersOptions, n: number): Promise<string> {
  const { config, steps, path, dtype, device } = trained;
  const { data, size } = trained.dataChoice(options);
  const { commit, dirty } = await codeVersion();
  const code = commit === null
    ? "code of no commit"
    : `commit ${commit.slice(0, 7)}${dirty === false ? "" : ", changed"}`;
  return [
    `${config.model.name} of ${path} after ${steps.toLocaleString("en-US")} steps`,
    `${n.toLocaleString("en-US")} images of ${basename(data.name)} (${options.part ?? "valid"})${
      size === null ? "" : ` at ${size} px`
    }`,
    `${dtype} on ${device.kind}`,
    code,
    new Date().toISOString().slice(0, 10),
  ].join(" · ");
}

/** Where a run's page of answers goes unless a folder is given: `evaluation` in its folder, of another part `evaluation-test`. */
export async function answersFolder(path: string, options: Pick<EvaluateRunOptions, "part"> = {}): Promise<string> {
  requireOptions("answersFolder", options, 'answersFolder(path, { part: "test" })');
  const { part = "valid" } = options;
  return join(await folderOfRun("answersFolder", path), part === "valid" ? "evaluation" : `evaluation-${part}`);
}

/**
 * Measures a trained run and reports on every answer: see {@linkcode answerReport}. The images with the largest losses come
 * along as pictures, as the model saw them but for the statistics that are taken off.
 *
 * Rejects as {@linkcode Trained.evaluate} does, and with a StateError where the data have no classes.
 *
 * @example
 * ```ts
 * import { recipe, study } from "@libtrain/libtrain";
 *
 * const mine = recipe.preset("mnist", { epochs: 1, bs: 32, data: { limit: 128 } });
 * const { folder } = await recipe.train(mine).result;
 * using trained = await recipe.open(folder);
 * const { report, pictures } = await study.studyAnswers(trained, { top: 5 });
 * console.log(report.accuracy.share, report.calibration.equalWidth.ece, pictures[0]?.label);
 * ```
 */
export async function studyAnswers(trained: Trained, options: StudyAnswersOptions = {}): Promise<StudiedAnswers> {
  if (!(trained instanceof Trained)) {
    throw new TypeError(`studyAnswers(): Expected \`trained\` as recipe.open() gives it, got ${kindOf(trained)}`);
  }
  requireOptions("studyAnswers", options, "studyAnswers(trained, { top: 24 })");
  requireKnownOptions("studyAnswers", options, Object.keys(known));
  const { bins, top, alpha, seed, ...how } = options;
  let found: { report: AnswerReport; pictures: Picture[] } | undefined;
  const evaluation = await trained.evaluate({
    ...how,
    onPredictions: async (predictions, set) => {
      const { names, classes } = set;
      const report = answerReport(predictions, { classes, names, bins, top, alpha, seed });
      const lost = report.topLosses.map((each) => ({
        sample: each.sample,
        label: lostLabel(each),
        wrong: !each.right,
      }));
      found = { report, pictures: await picturesOf(set, lost) };
    },
  });
  if (found === undefined) throw new StateError("studyAnswers(): Expected answers that are classes, got none");
  const { report, pictures } = found;
  const page: Page = {
    title: `Answers of ${basename(trained.path)}`,
    about: await aboutRun(trained, options, report.n),
    sections: answerSections(report, { pictures }),
  };
  return { evaluation, ...found, page };
}

/** What {@linkcode writeAnswers} wrote. */
export interface WrittenAnswers {
  /** The path of the evaluation and the report as JSON. */
  readonly json: string;
  /** The path of the page. */
  readonly page: string;
}

/**
 * Writes what a run's answers come to into a folder: `answers.json`, the evaluation and the report, and the page
 * `report.html` with its figures ({@linkcode writePage}).
 */
export async function writeAnswers(studied: StudiedAnswers, folder: string): Promise<WrittenAnswers> {
  requireText("writeAnswers", "folder", folder);
  const { evaluation, report, page } = studied;
  const json = join(folder, "answers.json");
  await makeFolderOf(json);
  await writeJson(json, { evaluation, report });
  return { json, page: (await writePage(page, folder)).html };
}
