/** Routes of jobs. */
import { join } from "node:path";
import type { JobSpec } from "../job/fields.ts";
import { jobRecipe } from "../job/spec.ts";
import { specOf, submit } from "../jobs/submit.ts";
import { rests } from "../jobs/supervisor.ts";
import { type JobState, jobStates, type StoredJob } from "../store/jobs.ts";
import { requireType, textOf } from "./body.ts";
import { eventStream } from "./event_stream.ts";
import { HttpError, json } from "./http_error.ts";
import type { Parameter } from "./parameter.ts";
import { type Route, route } from "./route.ts";
import { jobView } from "./schemas.ts";
import type { Service } from "./service.ts";

const id = { in: "path", kind: "name", help: "The job's name" } as const satisfies Parameter;

/** Bytes of a specification, at most. */
const specBytes = 2 ** 20;

/** Bytes of specifications in a list, at most: the rest is on the next pages. */
const listBytes = 8 * 2 ** 20;

function found({ store }: Service, id: string): StoredJob {
  const job = store.jobs.find(id);
  if (job === undefined) throw new HttpError(404, `Expected a job of this server, got "${id}": GET /jobs lists them`);
  return job;
}

function view(service: Service, job: StoredJob): Record<string, unknown> {
  return jobView(job, service.supervisor.running(job.id));
}

/** The whole recipe of a job; null where a name of it is registered no more. */
function recipeOf({ spec }: StoredJob): unknown {
  try {
    return jobRecipe(spec as unknown as JobSpec);
  } catch {
    return null;
  }
}

/** The routes of jobs. */
export function jobRoutes(service: Service): readonly Route[] {
  const { store, supervisor } = service;
  return [
    route({
      method: "POST",
      path: "/jobs",
      about: "Submits a job; the same specification again changes nothing, or has a job that rests go on",
      parameters: {},
      body: { types: ["application/json"], most: specBytes, schema: "JobSpec" },
      answers: {
        200: { about: "There is this job already", schema: "Job" },
        201: { about: "The job is new", schema: "Job" },
        409: { about: "Another specification has the name", schema: "Error" },
        422: { about: "The specification is none, or names data elsewhere than this server has them", schema: "Error" },
      },
      run: async ({ request, body }): Promise<Response> => {
        requireType(request, ["application/json"]);
        using read = await body();
        const spec = await specOf(textOf(read), service.roots);
        const { job, made } = submit(spec, service);
        return json(view(service, job), { status: made ? 201 : 200, headers: { location: `/jobs/${job.id}` } });
      },
    }),
    route({
      method: "GET",
      path: "/jobs",
      about: "Lists jobs, the newest first",
      looks: true,
      parameters: {
        state: { in: "query", kind: "choice", choices: jobStates, help: "Those in this state alone" },
        limit: { in: "query", kind: "integer", min: 1, max: 1000, help: "At most so many (default 100)" },
        before: { in: "query", kind: "integer", min: 1, help: "The page after the one with this as `next`" },
      },
      answers: { 200: { about: "The jobs", schema: "Jobs" } },
      run: ({ values: { state, limit = 100, before } }): Response => {
        const asked = { state: state as JobState | undefined, limit };
        const jobs = store.jobs.list({ ...asked, before, bytes: listBytes });
        const last = jobs.at(-1)?.made;
        const next = last !== undefined && store.jobs.list({ ...asked, before: last, limit: 1 }).length > 0
          ? last
          : null;
        return json({ jobs: jobs.map((job) => view(service, job)), next, counts: store.jobs.counts() });
      },
    }),
    route({
      method: "GET",
      path: "/jobs/:id",
      about: "Tells where a job stands",
      looks: true,
      parameters: { id },
      answers: { 200: { about: "The job", schema: "Job" }, 404: { about: "There is none", schema: "Error" } },
      run: ({ values }): Response => {
        const job = found(service, values.id);
        return json({ ...view(service, job), recipe: recipeOf(job) });
      },
    }),
    route({
      method: "DELETE",
      path: "/jobs/:id",
      about: "Cancels a job, which saves first; with `purge` forgets one that rests, with all its files",
      parameters: { id, purge: { in: "query", kind: "flag", help: "Whether to forget it (default false)" } },
      answers: {
        200: { about: "It rests, or has been forgotten", schema: "Job" },
        202: { about: "It is being stopped", schema: "Job" },
        404: { about: "There is none", schema: "Error" },
        409: { about: "It does not rest yet, and cannot be forgotten", schema: "Error" },
      },
      run: async ({ values }): Promise<Response> => {
        const job = found(service, values.id);
        if (values.purge === true) {
          if (!rests(job)) {
            throw new HttpError(409, `Expected a job that rests, got "${job.id}", which is ${job.state}`);
          }
          await supervisor.purge(job);
          return json(view(service, job));
        }
        const after = await supervisor.cancel(job);
        return json(view(service, after), { status: after.state === "stopping" ? 202 : 200 });
      },
    }),
    route({
      method: "GET",
      path: "/jobs/:id/events",
      about: "Follows a job's events as server-sent events, from after the one that Last-Event-ID names",
      looks: true,
      parameters: {
        id,
        "last-event-id": { in: "header", kind: "integer", min: 0, help: "The number of the last event that came" },
      },
      answers: {
        200: { about: "The events, then `end` once the job rests", type: "text/event-stream" },
        204: { about: "The job rests, and there are no more" },
        400: { about: "There is no event of this number", schema: "Error" },
        404: { about: "There is no such job", schema: "Error" },
        429: { about: "Enough follow events already", schema: "Error" },
      },
      run: async ({ values }): Promise<Response> => {
        const job = found(service, values.id);
        const path = join(store.jobFolder(job.id), "events.ndjson");
        const after = values["last-event-id"] ?? 0;
        const isLast = after > 0 && await service.isLastEvent(job, path, after);
        const goesOn = (): boolean => service.goesOn(job.id);
        if (isLast && !goesOn()) return new Response(null, { status: 204 });
        const leave = service.enterStream();
        return eventStream({
          path,
          after,
          happening: () => supervisor.running(job.id)?.happening,
          state: () => store.jobs.find(job.id)?.state,
          goesOn,
          signal: service.ending,
          onEnd: leave,
        });
      },
    }),
    route({
      method: "GET",
      path: "/jobs/:id/report",
      about: "Gives a page to look at: curves, answers, pictures",
      looks: true,
      parameters: { id },
      answers: {
        200: { about: "The page", type: "text/html" },
        404: { about: "There is no such job, or nothing of it to show yet", schema: "Error" },
      },
      run: async ({ values }): Promise<Response> => {
        const page = await service.reports.of(found(service, values.id));
        return new Response(page, {
          headers: {
            "content-type": "text/html; charset=utf-8",
            // The page is of what somebody trained: it runs its own scripts alone, and speaks with nobody.
            "content-security-policy": "sandbox allow-scripts allow-downloads; connect-src 'none'",
          },
        });
      },
    }),
  ];
}
