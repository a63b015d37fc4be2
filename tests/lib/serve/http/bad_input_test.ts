/** Everything that can be wrong with a request: its documented status, one line, and nothing lost. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { link } from "../../../support/links.ts";
import { type Answered, type AskOptions, type Served, served } from "../../../support/service.ts";
import { until, untilState } from "../../../support/supervised.ts";
import { tempFolder } from "../../../temp_folder.ts";

const spec = (more: Record<string, unknown> = {}): Record<string, unknown> => ({
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
function slow(first: string, end?: Error): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller): void {
      controller.enqueue(new TextEncoder().encode(first));
      if (end !== undefined) controller.error(end);
    },
  });
}

type Case = readonly [what: string, method: string, path: string, asked: AskOptions, status: number, error: RegExp];

const cases: readonly Case[] = [
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
  ["a place of its own", "POST", "/jobs", { body: spec({ output: "/tmp/a" }) }, 422, /^Expected no `output`/],
  [
    "a cache of its own",
    "POST",
    "/jobs",
    {
      body: spec({ environment: { cache: "/tmp/a" } }),
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
    /^Expected 1 to 4 images, got 5$/,
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
];

/** What a service holds: nothing of it may change by a wrong request. */
function holdings({ store }: Served): unknown {
  return [
    store.jobs.list({ limit: 1000 }),
    store.models.list(),
    [...Deno.readDirSync(store.folder)].map(({ name }) => name),
  ];
}

function inRoot(asked: AskOptions, root: string): AskOptions {
  if (asked.body === undefined || Object.getPrototypeOf(asked.body) !== Object.prototype) return asked;
  return { ...asked, body: JSON.parse(JSON.stringify(asked.body).replaceAll("ROOT", root)) };
}

Deno.test("each wrong request has its status and one line, and changes nothing", async (t) => {
  using folder = tempFolder();
  const root = `${folder.path}/data`;
  Deno.mkdirSync(root);
  Deno.mkdirSync(`${folder.path}/elsewhere`);
  await link(`${folder.path}/elsewhere`, `${root}/link`);
  await using server = await served(`${folder.path}/state`, { roots: [root] });
  const { ask, store } = server;
  for (const name of ["fails-1-a", "kept"]) await ask("POST", "/jobs", { body: spec({ name }) });
  await untilState(store, "fails-1-a", "failed");
  await untilState(store, "kept", "done");
  assertEquals((await ask("PUT", "/models/digits", { body: { job: "kept" } })).status, 200);
  const before = holdings(server);
  for (const [what, method, path, asked, status, wanted] of cases) {
    await t.step(what, async () => {
      const answer = await ask(method, path, inRoot(asked, root));
      assertEquals([answer.status, Object.keys(answer.body)], [status, ["error"]], JSON.stringify(answer.body));
      const { error } = answer.body as Answered;
      assertMatch(error, wanted);
      assert(!error.includes("\n") && error.length < 1000, error);
      assertEquals(holdings(server), before);
      assertEquals(server.service.bodies.held, 0);
    });
  }
  assertEquals(server.notes.filter((note) => note.includes("/")), [], "none of them is a mistake of the server's");
});

Deno.test("tokens: none, another one, another form; health and the document need none", async () => {
  using folder = tempFolder();
  await using server = await served(folder.path);
  const token = server.store.tokens.add("ci", Date.now())!;
  const wrong = [
    "Bearer",
    "Bearer ",
    `Basic ${token}`,
    `Bearer ${token}x`,
    `Bearer ${token.slice(0, -1)}`,
    `Bearer lt_`,
  ];
  for (const authorization of [undefined, ...wrong]) {
    const headers: Record<string, string> = authorization === undefined ? {} : { authorization };
    for (const path of ["/jobs", "/metrics", "/nothing", "/jobs/a/events"]) {
      const { status, body, headers: answered } = await server.ask("GET", path, { headers });
      assertEquals(
        [status, answered.get("www-authenticate")],
        [401, 'Bearer realm="libtrain"'],
        `${authorization} ${path}`,
      );
      assertMatch(body.error, /^Expected (the header Authorization|a token of this server)/);
    }
    for (const path of ["/healthz", "/readyz", "/openapi.json"]) {
      assertEquals((await server.ask("GET", path, { headers })).status, 200);
    }
  }
  const right = { headers: { authorization: `Bearer ${token}`, host: "train.example.com" } };
  assertEquals((await server.ask("GET", "/jobs", right)).status, 200);
  server.store.tokens.remove("ci");
  server.store.tokens.add("other", Date.now());
  assertEquals((await server.ask("GET", "/jobs", right)).status, 401, "one that was removed is none at once");
});

Deno.test("a queue that is full answers 429 with Retry-After, and loses none that waits", async () => {
  using folder = tempFolder();
  await using server = await served(folder.path, { maxQueued: 3, jobs: 1 });
  const submit = (name: string): Promise<Answered> => server.ask("POST", "/jobs", { body: spec({ name }) });
  assertEquals((await submit("ok-3000-runs")).status, 201);
  for (const name of ["a", "b", "c"]) assertEquals((await submit(name)).status, 201);
  const late = await submit("d");
  assertEquals([late.status, late.headers.get("retry-after")], [429, "10"]);
  assertEquals(server.store.jobs.counts().queued, 3);
});

Deno.test("10,000 jobs wait, page by page, and cost neither memory nor answers", async () => {
  using folder = tempFolder();
  await using server = await served(folder.path, { maxQueued: 10_000, jobs: 1 });
  await server.ask("POST", "/jobs", { body: spec({ name: "ok-9000-runs" }) });
  // In one transaction: each by itself is synced to the disk.
  const other = new DatabaseSync(`${folder.path}/state.sqlite`);
  const add = other.prepare(
    "INSERT INTO jobs (id, place, made, spec, state, queued_at) VALUES (?, ?, ?, ?, 'queued', 0)",
  );
  other.exec("BEGIN IMMEDIATE");
  for (let count = 0; count < 10_000; count++) {
    add.run(`job${count}`, count + 2, count + 2, JSON.stringify(spec({ name: `job${count}` })));
  }
  other.exec("UPDATE counters SET value = 10001; COMMIT");
  other.close();
  const start = performance.now();
  const seen = new Set<string>();
  let next: number | null = null;
  do {
    const { body }: { body: Answered } = await server.ask(
      "GET",
      `/jobs?limit=1000${next === null ? "" : `&before=${next}`}`,
    );
    assertEquals(body.counts.queued, 10_000);
    for (const { id } of body.jobs) seen.add(id);
    next = body.next;
  } while (next !== null);
  assertEquals(seen.size, 10_001);
  assert(performance.now() - start < 10_000, `${performance.now() - start} ms`);
  assertEquals((await server.ask("POST", "/jobs", { body: spec({ name: "late" }) })).status, 429);
  assertEquals((await server.ask("DELETE", "/jobs/ok-9000-runs")).status, 202);
  // The next one begins, in the order in which they came.
  await until(() => server.store.jobs.find("job0")!.state === "done", "the first of them to be done");
});

Deno.test("a state that another process locks is 503, a full disk 507, and what was there stays", async () => {
  using folder = tempFolder();
  await using server = await served(folder.path, { jobs: 1 });
  await server.ask("POST", "/jobs", { body: spec({ name: "ok-3000-runs" }) });
  await until(() => server.service.supervisor.running("ok-3000-runs")?.latest.has("progress") ?? false, "progress");
  const other = new DatabaseSync(`${folder.path}/state.sqlite`);
  other.exec("BEGIN IMMEDIATE");
  const locked = await server.ask("POST", "/jobs", { body: spec() });
  assertEquals([locked.status, locked.headers.get("retry-after")], [503, "1"]);
  assertMatch(locked.body.error, /database is locked\): another process writes to it: try again$/);
  assertEquals((await server.ask("GET", "/jobs/ok-3000-runs")).body.state, "running");
  other.exec("ROLLBACK");
  other.close();
  assertEquals((await server.ask("POST", "/jobs", { body: spec() })).status, 201);
  server.store.limitPages(2);
  const answers: number[] = [];
  for (let count = 0; count < 40; count++) {
    const name = `big${count}`;
    answers.push(
      (await server.ask("POST", "/jobs", { body: spec({ name, recipe: { loss: { weights: numbers } } }) })).status,
    );
  }
  const full = answers.indexOf(507);
  assert(full >= 0, answers.join());
  assertEquals(answers.slice(full), answers.slice(full).fill(507));
  server.store.limitPages(1000);
  assertEquals((await server.ask("POST", "/jobs", { body: spec({ name: "after" }) })).status, 201);
  assertEquals(server.store.jobs.counts().queued, 1 + full + 1);
});

/** Makes a specification large. */
const numbers = Array.from({ length: 2000 }, (_, at) => at + 0.5);

Deno.test("many bodies at once are 429 before they fill the memory", async () => {
  using folder = tempFolder();
  await using server = await served(folder.path);
  const asked = Array.from(
    { length: 4 },
    () =>
      server.ask("POST", "/jobs", { body: slow("x".repeat(90_000)), headers: { "content-type": "application/json" } }),
  );
  const statuses = (await Promise.all(asked)).map(({ status }) => status);
  assertEquals(statuses.sort(), [408, 408, 429, 429]);
  assertEquals(server.service.bodies.held, 0);
});

Deno.test("a server that is about to end answers what looks, and refuses what changes with 503", async () => {
  using folder = tempFolder();
  await using server = await served(folder.path);
  await server.ask("POST", "/jobs", { body: spec() });
  await untilState(server.store, "ok-10-a", "done");
  server.service.drain();
  for (
    const [method, path, body] of [
      ["POST", "/jobs", spec({ name: "late" })],
      ["DELETE", "/jobs/ok-10-a", undefined],
      ["PUT", "/models/a", { job: "ok-10-a" }],
      ["GET", "/readyz", undefined],
    ] as const
  ) {
    const { status, headers } = await server.ask(method, path, { body });
    assertEquals([status, headers.get("retry-after")], [503, "10"], `${method} ${path}`);
  }
  for (const path of ["/jobs", "/jobs/ok-10-a", "/healthz", "/metrics"]) {
    assertEquals((await server.ask("GET", path)).status, 200);
  }
});

Deno.test("a clock that jumps takes no job out of its turn, and no time from it", async () => {
  using folder = tempFolder();
  let now = Date.parse("2026-01-01");
  await using server = await served(folder.path, { jobs: 1, now: () => now });
  for (const [at, name] of ["ok-30-first", "ok-10-second", "ok-10-third"].entries()) {
    assertEquals((await server.ask("POST", "/jobs", { body: spec({ name }) })).status, 201);
    now += at % 2 === 0 ? -10 * 365 * 86_400_000 : 20 * 365 * 86_400_000;
  }
  await untilState(server.store, "ok-10-third", "done");
  const { body } = await server.ask("GET", "/jobs");
  assertEquals(body.jobs.map(({ id, state }: Answered) => `${id} ${state}`), [
    "ok-10-third done",
    "ok-10-second done",
    "ok-30-first done",
  ]);
  assertEquals(body.jobs.map(({ attempts }: Answered) => attempts), [1, 1, 1]);
});
