/** What answers are like, as JSON Schema and as data. */
import type { Schema } from "../../recipe/schema.ts";
import type { RunningJob } from "../jobs/running_job.ts";
import { jobSchema } from "../job/spec.ts";
import { jobStates, type StoredJob } from "../store/jobs.ts";
import type { StoredModel } from "../store/models.ts";
import { namePattern } from "./parameter.ts";
import type { Schemas } from "./route.ts";

const text: Schema = { type: "string" };
const whole: Schema = { type: "integer", minimum: 0 };
const time: Schema = { type: "string", format: "date-time" };
const name: Schema = { type: "string", pattern: namePattern };

function nullable(schema: Schema): Schema {
  return { anyOf: [schema, { type: "null" }] };
}

function object(properties: Readonly<Record<string, Schema>>, optional: readonly string[] = []): Schema {
  return {
    type: "object",
    properties,
    required: Object.keys(properties).filter((name) => !optional.includes(name)),
    additionalProperties: false,
  };
}

function listOf(items: Schema): Schema {
  return { type: "array", items };
}

function ref(name: string): Schema {
  return { $ref: `#/components/schemas/${name}` };
}

/** The body of `PUT /models/:name`. */
export const modelBody: Schema = object({ job: { ...name, description: "The job whose model is taken" } });

/** All schemas of the document. */
export function schemas(): Schemas {
  const { $schema: _, ...spec } = jobSchema();
  return {
    JobSpec: spec,
    ModelBody: modelBody,
    Error: object({ error: { ...text, description: "One line: what is wrong, what was wanted, what to do" } }),
    Job: object({
      id: name,
      state: { enum: [...jobStates] },
      spec: { type: "object" },
      queuedAt: time,
      startedAt: nullable(time),
      endedAt: nullable(time),
      attempts: { ...whole, description: "Processes that were started for it" },
      reason: { ...nullable(text), description: "Why it failed or stopped, or why it was started again" },
      result: { description: "What it came to; null before it is done" },
      latest: {
        ...nullable(object({ epoch: { type: "object" }, progress: { type: "object" }, saved: { type: "object" } }, [
          "epoch",
          "progress",
          "saved",
        ])),
        description: "The last events of some types; null where it does not run",
      },
      recipe: {
        ...nullable({ type: "object" }),
        description: "The whole recipe; of one job that is asked for. null where a name of it is registered no more",
      },
    }, ["recipe"]),
    Jobs: object({
      jobs: listOf(ref("Job")),
      next: { ...nullable(whole), description: "`before` of the next page; null on the last one" },
      counts: object(Object.fromEntries(jobStates.map((state) => [state, whole]))),
    }),
    Model: object({
      name,
      version: { ...whole, description: "The version in service" },
      versions: listOf(object({
        version: whole,
        job: name,
        madeAt: time,
        bytes: whole,
        sha256: { ...text, description: "Of weights and configuration, in hex" },
        before: { ...nullable(whole), description: "The version that was in service before" },
      })),
    }),
    Models: object({ models: listOf(ref("Model")) }),
    Predictions: object({
      model: name,
      version: whole,
      predictions: listOf(object({
        image: { ...text, description: "Its file's name, or its place in the request" },
        guesses: listOf(object({ label: whole, class: text, probability: { type: "number" } })),
        damage: { ...nullable(text), description: "What is wrong with the file, which was decoded in part" },
      })),
      failures: listOf(object({ image: text, error: text })),
    }),
    Health: object({ status: text }),
  };
}

function instant(ms: number): string {
  return new Date(ms).toISOString();
}

/** A job as answers have it. */
export function jobView(job: StoredJob, running: RunningJob | undefined): Record<string, unknown> {
  const { id, state, spec, queuedAt, startedAt, endedAt, attempts, reason, result } = job;
  return {
    ...{ id, state, spec },
    queuedAt: instant(queuedAt),
    startedAt: startedAt === null ? null : instant(startedAt),
    endedAt: endedAt === null ? null : instant(endedAt),
    ...{ attempts, reason, result },
    latest: running === undefined ? null : Object.fromEntries(running.latest),
  };
}

/** A model as answers have it. */
export function modelView({ name, version, versions }: StoredModel): Record<string, unknown> {
  return {
    name,
    version,
    versions: versions.map(({ version, job, madeAt, bytes, sha256, before }) => ({
      ...{ version, job },
      madeAt: instant(madeAt),
      ...{ bytes, sha256, before },
    })),
  };
}
