/** Everything that can be wrong with one request. */
import type { AskOptions } from "./service.ts";

/** A specification of a fake job that is over soon. */
export const spec = (more: Record<string, unknown> = {}): Record<string, unknown> => ({
  name: "ok-10-a",
  preset: "mnist",
  recipe: { epochs: 1 },
  ...more,
});
const nested = (depth: number): string => `${"[".repeat(depth)}${"]".repeat(depth)}`;
const jpeg = { "content-type": "image/jpeg" };

function formOf(...parts: readonly (string | Blob)[]): FormData {
  const form = new FormData();
  for (const part of parts) form.append("image", part as Blob);
  return form;
}

/** A body that sends something and then hangs, or fails. */
export function slow(first: string, end?: Error): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller): void {
      controller.enqueue(new TextEncoder().encode(first));
      if (end !== undefined) controller.error(end);
    },
  });
}

/** What is wrong, what is asked, the status, and the line. */
export type Case = readonly [
  what: string,
  method: string,
  path: string,
  asked: AskOptions,
  status: number,
  error: RegExp,
];

/** Requests to a service that has the jobs `kept`, done, and `fails-1-a`, failed, the model `digits`, and data below ROOT. */
export const cases: readonly Case[] = [
  ["JSON that is none", "POST", "/jobs", { body: '{"name": "a",\n  "preset": }' }, 400, /line 2, column 13/],
  ["no body", "POST", "/jobs", { headers: { "content-type": "application/json" } }, 400, /^Expected a job as JSON/],
  ["a name twice", "POST", "/jobs", { body: '{"name": "a", "name": "b"}' }, 400, /"name" a second time at line 1/],
  ["a deep value", "POST", "/jobs", { body: nested(50_000) }, 400, /^Expected a job of at most 32 levels/],
  [
    "bytes that are no text",
    "POST",
    "/jobs",
    {
      body: new Uint8Array([123, 255, 125]),
      headers: { "content-type": "application/json" },
    },
    400,
    /^Expected a body in UTF-8/,
  ],
  ["no object", "POST", "/jobs", { body: "[1]" }, 422, /^Expected a job as an object/],
  ["an unknown field", "POST", "/jobs", { body: spec({ recpie: {} }) }, 422, /it may be recipe that is meant/],
  ["a setting out of range", "POST", "/jobs", { body: spec({ recipe: { bs: 0 } }) }, 422, /`recipe\.bs`/],
  [
    "__proto__",
    "POST",
    "/jobs",
    { body: '{"__proto__": {"name": "a"}, "name": "a", "preset": "mnist"}' },
    422,
    /__proto__/,
  ],
  ["a path as a name", "POST", "/jobs", { body: spec({ name: "../../etc" }) }, 422, /`name`/],
  ["a dot in front of a name", "POST", "/jobs", { body: spec({ name: ".hidden" }) }, 422, /`name`/],
  ["a place of its own", "POST", "/jobs", { body: spec({ output: "/elsewhere/a" }) }, 422, /^Expected no `output`/],
  [
    "a cache of its own",
    "POST",
    "/jobs",
    {
      body: spec({ environment: { cache: "/elsewhere/a" } }),
    },
    422,
    /^Expected no `environment\.cache`/,
  ],
  [
    "data elsewhere",
    "POST",
    "/jobs",
    {
      body: spec({ preset: "imagenette-128-5", recipe: { data: { name: "/etc" } } }),
    },
    422,
    /^Expected `recipe\.data\.name` as a path below .*, got "\/etc"$/,
  ],
  [
    "data above the roots",
    "POST",
    "/jobs",
    {
      body: spec({ preset: "imagenette-128-5", recipe: { data: { name: "ROOT/../elsewhere" } } }),
    },
    422,
    /^Expected `recipe\.data\.name` as a path below /,
  ],
  [
    "data through a link",
    "POST",
    "/jobs",
    {
      body: spec({ preset: "imagenette-128-5", recipe: { data: { name: "ROOT/link" } } }),
    },
    422,
    /^Expected `recipe\.data\.name` as a path below /,
  ],
  [
    "weights elsewhere",
    "POST",
    "/jobs",
    {
      body: spec({ recipe: { weights: { from: "/etc/passwd" } } }),
    },
    422,
    /^Expected `recipe\.weights\.from` as a path below /,
  ],
  [
    "data that are not there",
    "POST",
    "/jobs",
    {
      body: spec({ preset: "imagenette-128-5", recipe: { data: { name: "ROOT/none" } } }),
    },
    422,
    /none is there$/,
  ],
  [
    "more than the machine has",
    "POST",
    "/jobs",
    {
      body: spec({ environment: { threads: 9 } }),
    },
    422,
    /^Expected a job of at most 4 threads and 4000 MiB/,
  ],
  ["another type", "POST", "/jobs", { body: "{}", headers: { "content-type": "text/plain" } }, 415, /got text\/plain$/],
  [
    "a large specification",
    "POST",
    "/jobs",
    { body: `{"name": "${"a".repeat(2 ** 20)}"}` },
    413,
    /^Expected a body of/,
  ],
  [
    "a large body by its header",
    "POST",
    "/predict?model=digits",
    {
      body: new Uint8Array([1]),
      headers: { ...jpeg, "content-length": "1000000" },
    },
    413,
    /at most 100000 bytes, got 1000000$/,
  ],
  [
    "a slow body",
    "POST",
    "/jobs",
    {
      body: slow('{"name"'),
      headers: { "content-type": "application/json" },
    },
    408,
    /^Expected the whole body within 1 s, got 7 bytes of it$/,
  ],
  [
    "half an upload",
    "POST",
    "/predict?model=digits",
    {
      body: slow("half", new Error("gone")),
      headers: jpeg,
    },
    400,
    /^The body ended before its end$/,
  ],
  [
    "less than was told",
    "POST",
    "/predict?model=digits",
    {
      body: new Uint8Array([1, 2]),
      headers: { ...jpeg, "content-length": "5" },
    },
    400,
    /^The body ended before its end$/,
  ],
  ["no such path", "GET", "/job", {}, 404, /^Expected a path of this server/],
  ["no such job", "GET", "/jobs/none", {}, 404, /^Expected a job of this server, got "none"/],
  ["a path in a name", "GET", "/jobs/..%2f..%2fetc", {}, 400, /^Expected `id` as 1 to 100 letters/],
  ["a path that climbs", "GET", "/jobs/%2e%2e/%2e%2e/etc/passwd", {}, 404, /^Expected a path of this server/],
  ["NUL in a name", "GET", "/jobs/a%00b", {}, 400, /^Expected `id`/],
  ["a path that cannot be decoded", "GET", "/jobs/%ff", {}, 400, /^Expected a path with %/],
  ["another method", "PATCH", "/jobs", {}, 405, /^Expected POST, GET at \/jobs, got PATCH$/],
  ["OPTIONS, as of a page elsewhere", "OPTIONS", "/jobs", {}, 405, /^Expected POST, GET/],
  [
    "an unknown parameter",
    "GET",
    "/jobs?sate=done",
    {},
    400,
    /^Expected the parameters state, limit, before, got "sate"$/,
  ],
  ["a wrong parameter", "GET", "/jobs?limit=1e9", {}, 400, /^Expected `limit` as a whole number from 1 to 1000/],
  ["a state that there is not", "GET", "/jobs?state=fine", {}, 400, /^Expected `state` as one of queued, running/],
  ["a parameter twice", "GET", "/jobs?limit=1&limit=2", {}, 400, /^Expected `limit` once/],
  [
    "an event that there is not",
    "GET",
    "/jobs/kept/events",
    {
      headers: { "last-event-id": "1000" },
    },
    400,
    /^Expected Last-Event-ID from 0 to \d+/,
  ],
  [
    "an event that is no number",
    "GET",
    "/jobs/kept/events",
    {
      headers: { "last-event-id": "-1" },
    },
    400,
    /^Expected `last-event-id` as a whole number from 0/,
  ],
  ["a page of a job that trained nothing", "GET", "/jobs/kept/report", {}, 404, /nothing to show$/],
  ["a long path", "GET", `/jobs/${"a".repeat(5000)}`, {}, 414, /^Expected a path of at most 4096 bytes/],
  ["long headers", "GET", "/jobs", { headers: { cookie: "a".repeat(20_000) } }, 431, /^Expected headers of at most/],
  [
    "a page of another site",
    "POST",
    "/jobs",
    {
      body: spec(),
      headers: { origin: "https://example.com" },
    },
    403,
    /one of https:\/\/example\.com$/,
  ],
  [
    "a page without a site",
    "POST",
    "/models/digits/rollback",
    { headers: { origin: "null" } },
    403,
    /^Expected a request/,
  ],
  [
    "another name for this machine",
    "GET",
    "/jobs",
    { headers: { host: "evil.example:8470" } },
    403,
    /add a token first$/,
  ],
  ["a model of no job", "PUT", "/models/digits", { body: { job: "none" } }, 404, /^Expected a job of this server/],
  ["a model of a job that failed", "PUT", "/models/digits", { body: { job: "fails-1-a" } }, 409, /which is failed$/],
  [
    "a model by a wrong field",
    "PUT",
    "/models/digits",
    { body: { jab: "kept" } },
    422,
    /^Expected `job` alone, got "jab"$/,
  ],
  ["a model by no name", "PUT", "/models/digits", { body: { job: "../a" } }, 422, /^Expected `job` as a job's name/],
  ["a model by no JSON", "PUT", "/models/digits", { body: "{" }, 400, /^Expected JSON, got other text/],
  ["a model with a path as its name", "PUT", "/models/..%2fa", { body: { job: "kept" } }, 400, /^Expected `name`/],
  ["no version before", "POST", "/models/digits/rollback", {}, 409, /^Expected a version before/],
  [
    "no such model",
    "POST",
    "/predict?model=none",
    { body: new Uint8Array([1]), headers: jpeg },
    404,
    /^Expected a model/,
  ],
  [
    "no such version",
    "POST",
    "/predict?model=digits&version=7",
    {
      body: new Uint8Array([1]),
      headers: jpeg,
    },
    404,
    /^Expected a version of "digits", 1, got 7$/,
  ],
  ["what is no image", "POST", "/predict", { body: new Uint8Array([0]), headers: jpeg }, 422, /it is none$/],
  ["no image", "POST", "/predict", { body: new Uint8Array(0), headers: jpeg }, 422, /it is none$/],
  [
    "a form without a boundary",
    "POST",
    "/predict",
    {
      body: new Uint8Array([1]),
      headers: { "content-type": "multipart/form-data" },
    },
    400,
    /with a boundary/,
  ],
  [
    "a form that is cut",
    "POST",
    "/predict",
    {
      body: '--a\r\ncontent-disposition: form-data; name="x"; filename="y"\r\n\r\n\u0001',
      headers: { "content-type": "multipart/form-data; boundary=a" },
    },
    400,
    /with a boundary/,
  ],
  ["a form with text", "POST", "/predict", { body: formOf("text") }, 400, /^Expected files alone, got text/],
  [
    "too many images",
    "POST",
    "/predict",
    {
      body: formOf(...new Array(5).fill(new Blob(["a"]))),
    },
    413,
    /^Expected 1 to 4 images, got more$/,
  ],
  [
    "an empty form",
    "POST",
    "/predict",
    {
      body: "--a--\r\n",
      headers: { "content-type": "multipart/form-data; boundary=a" },
    },
    400,
    /^Expected/,
  ],
  [
    "a client that takes no JSON",
    "POST",
    "/predict",
    {
      body: new Uint8Array([1]),
      headers: { ...jpeg, accept: "text/html, application/json;q=0" },
    },
    406,
    /^Expected a client that takes application\/json/,
  ],
  [
    "a client that takes all but JSON",
    "POST",
    "/predict",
    {
      body: new Uint8Array([1]),
      headers: { ...jpeg, accept: "application/json;q=0, */*" },
    },
    406,
    /^Expected a client that takes application\/json/,
  ],
];
