/** Two checkpoints on the same images: McNemar's test on the answers that records keep. */
import { StateError } from "../../ffi/errors.ts";
import { shown } from "../../io/shown.ts";
import type { OpenRunOptions } from "../../recipe/trained.ts";
import { requireKnownOptions, requireOptions, requireText } from "../../tensor/ops/checks.ts";
import { type McNemar, mcnemar } from "../statistics/counts.ts";
import { rightAnswers } from "./answers.ts";
import { recordOf, type SweepRun } from "./record.ts";

/** What a record says of a run's answers, and on which images they are. */
export type AnswersRecord = Pick<SweepRun, "answers" | "data">;

/** How to ask runs for their answers. */
export interface CompareAnswersOptions extends Pick<OpenRunOptions, "threads"> {
  /** Where pixel caches are. */
  cache?: string;
  /** Ends it. */
  signal?: AbortSignal;
}

/** What the images of a record are: their contents, or all that is known of a registered set. */
export function imagesOf({ data: { source, samples, imageShape } }: Pick<SweepRun, "data">): string {
  return JSON.stringify(source === null ? [samples, imageShape] : [source.contents, samples.valid]);
}

/** McNemar's test of two records; null where one has no answers, or they are of other images. */
export function comparedAnswers(a: AnswersRecord, b: AnswersRecord): McNemar | null {
  if (a.answers === null || b.answers === null || imagesOf(a) !== imagesOf(b)) return null;
  return mcnemar(rightAnswers(a.answers), rightAnswers(b.answers));
}

async function recordFor(
  name: string,
  given: string | AnswersRecord,
  options: CompareAnswersOptions,
): Promise<AnswersRecord> {
  if (typeof given !== "string") {
    requireOptions("compareAnswers", given, "compareAnswers(await readRecord(path), await readRecord(other))");
    if (given.answers !== null) return given;
    throw new StateError(
      `compareAnswers(): Expected \`${name}\` with its answers, got a record of which the weights were gone: give ` +
        "another run",
    );
  }
  requireText("compareAnswers", name, given);
  const record = await recordOf(given, { ...options, fresh: true });
  if (record !== undefined) return record;
  const cure = given.endsWith(".json") ? ": give what readRecord makes of it" : "";
  throw new StateError(
    `compareAnswers(): Expected \`${name}\` as the folder of a run that is over, got "${shown(given)}"${cure}`,
  );
}

/**
 * McNemar's test (McNemar 1947) for two trained runs on the same validation images: how many images each alone answers
 * rightly, and how likely as unequal counts are of equal ones. It speaks of these two checkpoints, and says nothing of
 * other seeds. A run is a record of a sweep, or the folder of a run that is over, whose weights are then asked once more.
 *
 * Rejects with a StateError where a run is not over or its answers are gone, and with a RangeError where the images are not
 * the same.
 *
 * @example
 * ```ts
 * import { recipe, study } from "@libtrain/libtrain";
 *
 * const small = recipe.preset("mnist", { epochs: 1, bs: 32, data: { limit: 128 } });
 * const blur = await recipe.train(small).result;
 * const max = await recipe.train(recipe.change(small, { model: { pool: "max" } })).result;
 * const { onlyA, onlyB, p } = await study.compareAnswers(blur.folder, max.folder);
 * console.log(`${onlyA} images the one alone, ${onlyB} the other, p = ${p.toFixed(3)}`);
 * ```
 */
export async function compareAnswers(
  a: string | AnswersRecord,
  b: string | AnswersRecord,
  options: CompareAnswersOptions = {},
): Promise<McNemar> {
  requireOptions("compareAnswers", options, "compareAnswers(a, b, { threads: 2 })");
  requireKnownOptions("compareAnswers", options, ["cache", "signal", "threads"], {});
  const [first, second] = [await recordFor("a", a, options), await recordFor("b", b, options)];
  const found = comparedAnswers(first, second);
  if (found !== null) return found;
  const told = (record: AnswersRecord): string =>
    `${record.data.samples.valid} of ${record.data.source?.name ?? "a registered set"}`;
  throw new RangeError(
    `compareAnswers(): Expected answers to the same images, got ${told(first)} and ${
      told(second)
    } whose contents are ` +
      "others: measure both on the same data",
  );
}
