/** Running a job: training it, going on with it, or saying that it is done. */
import { join } from "node:path";
import { DeviceError, LateError } from "../../ffi/errors.ts";
import { FileError } from "../../io/atomic_file.ts";
import type { OpenData } from "../../recipe/data.ts";
import { RecipeError } from "../../recipe/errors.ts";
import type { Recipe } from "../../recipe/recipe.ts";
import type { TrainResult } from "../../recipe/run.ts";
import { resume, train } from "../../recipe/training.ts";
import { codeVersion } from "../../run/code_version.ts";
import { isRun } from "../../run/saved_run.ts";
import { requireFlag, requireFunction, requireOptionsOf, requireSignal } from "../../tensor/ops/checks.ts";
import { makeArtefact, missingArtefacts } from "./artefacts.ts";
import { Stop } from "./deadline.ts";
import { JobError } from "./errors.ts";
import type { JobEvent, JobResult, StopReason } from "./events.ts";
import { EventsFile } from "./events_file.ts";
import type { JobSpec } from "./fields.ts";
import { JobFollower } from "./follow.ts";
import { instantOf } from "./kinds.ts";
import { lockJob } from "./lock.ts";
import { type Claim, claimFolder, eventsIn, runIn } from "./record.ts";
import { checkJob, jobRecipe, trainedRecipe } from "./spec.ts";

/** How to run a job. */
export interface RunJobOptions {
  /** Stops this attempt after the step under way, with everything saved. */
  signal?: AbortSignal;
  /** Told each event once it is in the job's file of events; the job waits for a promise that it returns. */
  onEvent?(event: JobEvent): void | Promise<void>;
  /** Milliseconds since 1970, for the events' times and a deadline that is an instant; by default the machine's clock. */
  now?(): number;
  /** Goes on although the specification, data, code or instruction set are others than before. */
  force?: boolean;
  /** Opens the data; by default by its name or path. */
  open?: OpenData;
}

/** How an attempt ended, told apart by `type`; what failed before there was one is thrown. */
export type JobEnding =
  & {
    /** The job's folder. */
    readonly output: string;
    /** The number of its last event. */
    readonly events: number;
  }
  & (
    | {
      /** Everything that was asked for is there. */
      readonly type: "done";
      /** What the training came to. */
      readonly result: JobResult;
      /** Whether it was done before, and nothing was to do. */
      readonly again: boolean;
    }
    | {
      /** It failed. */
      readonly type: "failed";
      /** By this. */
      readonly error: Error;
      /** Whether it would again, as what was asked for cannot be. */
      readonly specification: boolean;
    }
    | {
      /** It was stopped with everything saved: the same call goes on. */
      readonly type: "stopped";
      /** By what. */
      readonly why: StopReason;
    }
    | {
      /** The device is of no use to this process any more: another process goes on from what was saved. */
      readonly type: "lost";
      /** What the device said. */
      readonly error: Error;
    }
  );

const known: readonly (keyof RunJobOptions)[] = ["signal", "onEvent", "now", "force", "open"];

/** Where a job is kept: what its specification says, else `runs/` and its name. */
export function jobOutput(spec: JobSpec): string {
  const { output, name } = checkJob(spec);
  return output ?? join("runs", name);
}

/**
 * Runs a job: trains it into its folder, or goes on where an earlier attempt was, with the bits that it would have had
 * without the interruption, and makes what of its artefacts is not there yet. A job that is done says so and does nothing.
 *
 * Each event is first in `events.ndjson` of the folder, and then told. One process at a time has the folder.
 *
 * Rejects with a JobError for a specification that is none, with a JobChangedError where another one has begun the folder,
 * with a JobLockedError where another process runs it, and with a FileError where events cannot be written.
 *
 * @example
 * ```ts
 * import { serve } from "@libtrain/libtrain";
 *
 * const job = serve.checkJob({
 *   name: "digits",
 *   preset: "mnist",
 *   recipe: { epochs: 1, data: { limit: 256 } },
 *   deadline: 600,
 *   output: ".cache/jobs/example",
 *   artefacts: ["model"],
 * });
 * const ending = await serve.runJob(job, {
 *   onEvent: (event) => event.type === "epoch" ? console.log(event.n, event.evaluation?.top1) : undefined,
 * });
 * if (ending.type === "done") console.log(ending.result.top1);
 * ```
 */
export async function runJob(spec: JobSpec, options: RunJobOptions = {}): Promise<JobEnding> {
  requireOptionsOf("runJob", options, { example: "runJob(job, { signal })", known });
  const { signal, onEvent, now = Date.now, force = false } = options;
  requireSignal("runJob", signal);
  requireFlag("runJob", "force", force);
  for (const [name, given] of Object.entries({ onEvent, now })) {
    if (given !== undefined) requireFunction("runJob", name, given);
  }
  // A copy: what its author does to it meanwhile is not this job's.
  const job = structuredClone(checkJob(spec));
  const output = jobOutput(job);
  await makeFolder(output);
  using _lock = await lockJob(output);
  const claim = await claimFolder(output, { name: job.name, recipe: jobRecipe(job) }, force);
  const events = await EventsFile.open(eventsIn(output), { job: job.name, onEvent, now });
  let ending: AttemptEnding;
  try {
    ending = await attempt({ job, output, claim, events, now, options });
  } finally {
    await events.close();
  }
  return { output, events: events.n, ...ending } as JobEnding;
}

type AttemptEnding = JobEnding extends infer Ending
  ? Ending extends JobEnding ? Omit<Ending, "output" | "events"> : never
  : never;

interface Attempt {
  readonly job: JobSpec;
  readonly output: string;
  readonly claim: Claim;
  readonly events: EventsFile;
  readonly now: () => number;
  readonly options: RunJobOptions;
}

async function makeFolder(output: string): Promise<void> {
  try {
    await Deno.mkdir(output, { recursive: true });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new FileError(`Cannot make the job's folder "${output}": ${reason}: give another \`output\``, {
      cause: error,
    });
  }
}

/** The result that a job came to before, where it is done and nothing of it is missing. */
async function resultBefore({ job: { artefacts = [] }, output, claim, events }: Attempt): Promise<JobResult | null> {
  const { last } = events;
  if (claim.changed || last?.type !== "done" || (await missingArtefacts(output, artefacts)).length > 0) return null;
  return last.result;
}

async function attempt(parts: Attempt): Promise<AttemptEnding> {
  const { job, events, now, options } = parts;
  const before = await resultBefore(parts);
  if (before !== null) return { type: "done", result: before, again: true };
  await events.add("started", { pid: Deno.pid, code: await codeVersion() });
  // Only now: a folder of another job whose last event is that it is done would be taken for this one's end.
  await parts.claim.note();
  using stop = new Stop(job.deadline, { now, signal: options.signal });
  try {
    requireToCome(job, now);
    const result = await work(parts, stop.signal);
    if (result !== undefined) {
      await events.add("done", { run: "run", result });
      return { type: "done", result, again: false };
    }
  } catch (thrown) {
    if (thrown !== stop.signal.reason || !stop.signal.aborted) return await failed(thrown, events);
  }
  const why = stop.why!;
  await events.add("stopped", { why });
  return { type: "stopped", why };
}

/** An instant is for the whole job: once it has passed, no attempt comes any further. */
function requireToCome({ deadline }: JobSpec, now: () => number): void {
  if (typeof deadline !== "string" || instantOf(deadline)! > now()) return;
  throw new JobError(
    "deadline",
    `Expected \`deadline\` as an instant that is to come, got ${deadline}, which has passed: give a later one, and the job ` +
      "goes on where it is",
  );
}

async function failed(thrown: unknown, events: EventsFile): Promise<AttemptEnding> {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  const told = { name: error.name, message: error.message };
  if (isLost(error)) {
    await events.add("lost", { error: told });
    return { type: "lost", error };
  }
  const specification = error instanceof RecipeError;
  await events.add("failed", { error: told, specification });
  return { type: "failed", error, specification };
}

/** Whether a device is of no use any more, by an error or by what led to it. */
function isLost(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return (error instanceof LateError || error instanceof DeviceError) && error.lost || isLost(error.cause);
}

/** Trains, and makes artefacts; undefined where the signal has stopped it. */
async function work({ job, output, events, options }: Attempt, signal: AbortSignal): Promise<JobResult | undefined> {
  const { cache, memory: mebibytes } = job.environment ?? {};
  const memory = mebibytes === undefined ? undefined : `${mebibytes}M`;
  const follower = new JobFollower(events, output);
  const recipe = trainedRecipe(job);
  const how = { cache, memory, signal, saveEvery: job.saveEvery, open: options.open };
  const { folder: _, stopped, ...result } = await trained(
    recipe,
    runIn(output),
    { ...how, force: options.force },
    follower,
  );
  if (stopped) return undefined;
  // Each is told by the attempt that ends the job, also where one that was killed has made it.
  for (const name of job.artefacts ?? []) {
    const made = await makeArtefact(name, {
      ...{ output, recipe, memory, cache, signal },
      onWarning: (message) => events.tell("warning", { message }),
      onMeasured: (done, total) => follower.measuring(done, total),
    });
    await events.add("artefact", made);
  }
  return result;
}

/** Trains into a run's folder, or goes on there. */
async function trained(
  recipe: Recipe,
  folder: string,
  { force, signal, ...options }: Pick<RunJobOptions, "force" | "open"> & {
    cache: string | undefined;
    memory: string | undefined;
    saveEvery: number | undefined;
    signal: AbortSignal;
  },
  follower: JobFollower,
): Promise<TrainResult> {
  const own = new AbortController();
  const how = { ...options, signal: AbortSignal.any([signal, own.signal]) };
  const training = await isRun(folder)
    ? resume(folder, { ...how, changes: recipe, force })
    : train(recipe, { ...how, folder });
  try {
    for await (const event of training) await follower.take(event);
  } catch (error) {
    // A loop that is left does not stop a training.
    own.abort();
    await training.result.catch(() => {});
    throw error;
  }
  return await training.result;
}
