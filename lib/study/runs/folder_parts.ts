/** What lies in a folder and has parts of a page of its own. */
import { join } from "node:path";
import { isThere } from "../../io/atomic_file.ts";
import { JsonFileError, readJson } from "../../io/json_file.ts";
import { isObject } from "../../recipe/check.ts";
import { type AnswerReport } from "../answers/report.ts";
import { answerSections } from "../answers/sections.ts";
import type { Section } from "../report/page.ts";
import { readShift } from "../shift/file.ts";
import { shiftSections } from "../shift/sections.ts";
import { sweepSections } from "../sweep/sections.ts";
import { readSweep } from "../sweep/sweep.ts";

/** A kind of thing that is found in folders by its file. */
export interface FolderPart {
  /** The file, below the folder, that says that it is there. */
  readonly file: string;
  /** Where its sections stand: `first` what the folder is about, `last` what was measured of a run beside. */
  readonly place: "first" | "last";
  /** Its sections; rejects with a LibtrainError where they cannot be made, which the page tells. */
  sections(folder: string): Promise<readonly Section[]>;
  /** Whether its sections tell of the runs below the folder all that those of runs would; by default false. */
  readonly tellsRuns?: boolean;
}

/** What a sweep came to. */
const sweep: FolderPart = {
  file: "journal.jsonl",
  place: "first",
  sections: async (folder) => sweepSections(await readSweep(folder)),
  tellsRuns: true,
};

/** What `evaluate --report` has left in a run's folder. */
const answers: FolderPart = {
  file: join("evaluation", "answers.json"),
  place: "last",
  sections: async (folder) => {
    const path = join(folder, "evaluation", "answers.json");
    const advice = "measure the run again with a report";
    const report = (await readJson(path, { kinds: { report: "object" }, advice }))?.["report"];
    const lists = ["classes", "confusion", "mistakes", "topLosses"];
    const whole = isObject(report) && lists.every((name) => Array.isArray(report[name])) &&
      ["accuracy", "calibration"].every((name) => isObject(report[name]));
    if (!whole) throw new JsonFileError(`Expected a report on answers in "${path}", got another object: ${advice}`);
    return answerSections(report as unknown as AnswerReport);
  },
};

/** What `shift` has left in a run's folder. */
const shift: FolderPart = {
  file: "shift.json",
  place: "last",
  sections: async (folder) => {
    const found = await readShift(join(folder, "shift.json"));
    return found === undefined ? [] : shiftSections(found);
  },
};

/** All kinds, in the order of a page. */
export const folderParts: readonly FolderPart[] = [sweep, answers, shift];

/** The kinds that a folder has. */
export async function partsIn(folder: string): Promise<FolderPart[]> {
  const found: FolderPart[] = [];
  for (const part of folderParts) if (await isThere(join(folder, part.file))) found.push(part);
  return found;
}
