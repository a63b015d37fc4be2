/** What becomes of a specification that somebody submits. */
import { isObject } from "../../recipe/check.ts";
import { HttpError } from "../http/http_error.ts";
import { JobError } from "../job/errors.ts";
import { jobFields, type JobSpec } from "../job/fields.ts";
import { parseJob } from "../job/parse.ts";
import { checkJob, jobRecipe } from "../job/spec.ts";
import type { StoredJob } from "../store/jobs.ts";
import type { Store } from "../store/store.ts";
import type { DataRoots } from "./roots.ts";
import type { Share, Shares } from "./share.ts";
import { rests, type Supervisor } from "./supervisor.ts";

/** A submitted job. */
export interface Submitted {
  /** The job as it stands now. */
  readonly job: StoredJob;
  /** Whether there was none of its name. */
  readonly made: boolean;
}

/** What a specification asks of the machine. */
export function askedOf(spec: Readonly<Record<string, unknown>>): Partial<Share> {
  const job = spec as unknown as JobSpec;
  const { environment = {} } = job;
  let threads = environment.threads;
  try {
    threads ??= jobRecipe(job).threads ?? undefined;
  } catch {
    // Names that were registered when it was submitted and are no more: its process tells.
  }
  return { threads, memory: environment.memory };
}

/** A specification by its text; throws an HttpError 400 for what is no JSON, and 422 for what is no job. */
export async function specOf(text: string, roots: DataRoots): Promise<JobSpec> {
  let value: unknown;
  try {
    value = parseJob(text);
  } catch (error) {
    throw refused(400, error);
  }
  try {
    const spec = checkJob(value);
    for (const place of ["output", "environment.cache"]) {
      const given = place === "output" ? spec.output : spec.environment?.cache;
      if (given === undefined) continue;
      throw new JobError(
        place,
        `Expected no \`${place}\`, got ${JSON.stringify(given)}: the server keeps its jobs and caches itself`,
      );
    }
    await roots.require(spec);
    return spec;
  } catch (error) {
    throw refused(422, error);
  }
}

function refused(status: number, error: unknown): unknown {
  return error instanceof JobError ? new HttpError(status, error.message) : error;
}

/** Refuses what could never run here. */
function requireFits(spec: JobSpec, shares: Shares): void {
  const share = shares.of(askedOf(spec as unknown as Record<string, unknown>));
  if (shares.canEver(share)) return;
  const { threads, memory } = shares.whole;
  throw new HttpError(
    422,
    `Expected a job of at most ${threads} threads and ${memory} MiB, which this server has for jobs, got ` +
      `${share.threads} and ${share.memory}`,
  );
}

/** Places at which two values differ, with both values; a section that is not there is an empty one. */
function changesIn(before: unknown, now: unknown, place = ""): string[] {
  const sections = [before, now].filter((value) => value !== undefined);
  if (sections.length > 0 && sections.every(isObject)) {
    const names = new Set(sections.flatMap((section) => Object.keys(section as object)));
    const at = (section: unknown, name: string): unknown => isObject(section) ? section[name] : undefined;
    return [...names].flatMap((name) =>
      changesIn(at(before, name), at(now, name), place === "" ? name : `${place}.${name}`)
    );
  }
  const [was, is] = [JSON.stringify(before) ?? "not set", JSON.stringify(now) ?? "not set"];
  return was === is ? [] : [`${place} ${was}, now ${is}`];
}

/** Fields that change no bit of what is trained. */
const free = jobFields.flatMap((field) => field.free === true ? [field.path] : []);

/**
 * Takes a specification. A name stands for one job, so that a client which did not hear the answer may ask again: the same
 * specification changes nothing while the job waits, runs, or is done; it has a job go on that failed, was stopped or was
 * cancelled. What changes no bit, as a deadline, may be another one then.
 */
export function submit(
  spec: JobSpec,
  { store, supervisor }: { readonly store: Store; readonly supervisor: Supervisor },
): Submitted {
  requireFits(spec, supervisor.shares);
  const record = spec as unknown as Readonly<Record<string, unknown>>;
  const known = store.jobs.find(spec.name);
  if (known === undefined) return { job: supervisor.submit(spec.name, record), made: true };
  const changes = changesIn(known.spec, record);
  const kept = changes.filter((change) => !free.some((path) => change.startsWith(`${path} `)));
  if (kept.length > 0) {
    throw new HttpError(
      409,
      `Expected the job "${known.id}" as it was submitted before, got ${
        kept.join("; ")
      }: give another name, or remove it`,
    );
  }
  const again = rests(known) && (known.state !== "done" || changes.length > 0);
  if (again) return { job: supervisor.submit(known.id, record, known), made: false };
  if (changes.length > 0) {
    throw new HttpError(
      409,
      `Expected the job "${known.id}", which is ${known.state}, as it was submitted, got ${
        changes.join("; ")
      }: cancel it ` +
        "first",
    );
  }
  return { job: known, made: false };
}
