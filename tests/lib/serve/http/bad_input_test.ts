/** Everything that can be wrong with a request: its documented status, one line, and nothing lost. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { cases, slow, spec } from "../../../support/bad_requests.ts";
import { link } from "../../../support/links.ts";
import { type Answered, type AskOptions, type Served, served } from "../../../support/service.ts";
import { until, untilState } from "../../../support/supervised.ts";
import { tempFolder } from "../../../temp_folder.ts";

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
  server.store.tokens.remove("other");
  assertEquals((await server.ask("GET", "/jobs")).status, 200, "this machine alone is answered without any");
});

Deno.test("a server that others reach answers nobody once its last token is gone", async () => {
  using folder = tempFolder();
  await using server = await served(folder.path, { alone: false });
  assertEquals((await server.ask("GET", "/jobs")).status, 401);
  assertEquals((await server.ask("GET", "/jobs", { headers: { host: "train.example.com" } })).status, 401);
  assertEquals((await server.ask("GET", "/healthz", { headers: { host: "train.example.com" } })).status, 200);
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
