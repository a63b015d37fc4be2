/** Named studies: the files of `studies/`, and those of a person's own. */
import { fromFileUrl, resolve, toFileUrl } from "@std/path";
import { closestString } from "@std/text/closest-string";
import { study } from "../../mod.ts";
import { UsageError } from "./flags.ts";

const folder = new URL("../../studies/", import.meta.url);

/** The names of the studies in `studies/`. */
export function studyNames(): string[] {
  return [...Deno.readDirSync(folder)].flatMap(({ name }) => name.endsWith(".ts") ? name.slice(0, -3) : []).sort();
}

/** Whether a word is the path of a study's file, and not a name. */
export function isStudyPath(word: string): boolean {
  return word.endsWith(".ts");
}

/** A study by its name, or by the path of its file. */
export async function studyOf(word: string): Promise<study.Study> {
  const path = isStudyPath(word);
  const names = path ? [] : studyNames();
  if (!path && !names.includes(word)) {
    throw new UsageError(
      `Expected the name of a study, one of ${
        names.join(", ")
      }, or the path of a study's file, got "${word}": did you ` +
        `mean ${closestString(word, names)}?`,
    );
  }
  const file = path ? resolve(word) : fromFileUrl(new URL(`${word}.ts`, folder));
  let made: unknown;
  try {
    made = (await import(toFileUrl(file).href) as { default?: unknown }).default;
  } catch (error) {
    const [reason] = (error instanceof Error ? error.message : String(error)).split("\n", 1);
    throw new UsageError(`Cannot import the study "${word}": ${reason}`);
  }
  if (typeof made !== "object" || made === null) {
    throw new UsageError(
      `Expected "${word}" to export a study by default, got none: export default study.define({ … })`,
    );
  }
  return study.define(made as study.Study);
}
