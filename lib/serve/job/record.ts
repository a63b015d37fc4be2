/** What a job's folder was begun for. */
import { join } from "node:path";
import { isThere, removeIfThere } from "../../io/atomic_file.ts";
import { readJson, writeJson } from "../../io/json_file.ts";
import { differences } from "../../recipe/differences.ts";
import type { Recipe } from "../../recipe/recipe.ts";
import { JobChangedError, JobError } from "./errors.ts";
import { type ArtefactName, artefactNames } from "./kinds.ts";

const format = "libtrain-job-1";

/** What of a specification decides the bits: the rest may be another each time. */
export interface JobIdentity {
  /** The job's name. */
  readonly name: string;
  /** The whole recipe, so that a preset that changes later is noticed. */
  readonly recipe: Recipe;
}

/** A folder that a job may have. */
export interface Claim {
  /** Whether it is new, or another specification's so far. */
  readonly changed: boolean;
  /** Notes that it is this one's. */
  note(): Promise<void>;
}

/** The run's folder in that of a job. */
export function runIn(output: string): string {
  return join(output, "run");
}

/** The file that says that an artefact is there. */
export function artefactIn(output: string, name: ArtefactName): string {
  const files = { model: "model.safetensors", report: join("report", "report.html"), predictions: "predictions.csv" };
  return join(output, files[name]);
}

/** The events' file in a job's folder. */
export function eventsIn(output: string): string {
  return join(output, "events.ndjson");
}

/**
 * Refuses a folder that another specification has begun, by a JobChangedError that names what changed, unless `force` takes
 * it over. `changed` says whether the folder is not yet noted as this job's, which `note` does.
 */
export async function claimFolder(output: string, identity: JobIdentity, force: boolean): Promise<Claim> {
  const path = join(output, "job.json");
  const found = await readJson(path, { kinds: { recipe: "object" }, advice: "begin anew in another `output`" });
  if (found === undefined) {
    for (const own of [runIn(output), ...artefactNames.map((name) => artefactIn(output, name))]) {
      if (!await isThere(own)) continue;
      throw new JobError(
        "output",
        `Expected \`output\` as a new folder or that of this job, got "${output}", where there is "${own}" without a job`,
      );
    }
  }
  if (found !== undefined && found["format"] !== format) {
    throw new JobError(
      "output",
      `Expected "${path}" of format ${format}, got ${JSON.stringify(found["format"])}: give another \`output\``,
    );
  }
  const changes = found === undefined ? [] : differences(
    { name: found["name"], recipe: found["recipe"] },
    { ...identity },
  );
  // By the place in a recipe, which says what changes no bit.
  const changed = changes.length === 0 ? [] : [
    ...changes.filter(({ path }) => !path.startsWith("recipe.")),
    ...differences(found!["recipe"] as object, identity.recipe).map((one) => ({ ...one, path: `recipe.${one.path}` })),
  ];
  if (changed.length > 0 && !force) throw new JobChangedError(output, changed);
  const other = found === undefined || changed.length > 0;
  const note = async (): Promise<void> => {
    if (!other) return;
    // What was made of another training would pass for this one's.
    for (const name of artefactNames) await removeIfThere(artefactIn(output, name));
    await writeJson(path, { format, ...identity });
  };
  return { changed: other, note };
}
