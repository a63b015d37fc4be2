import { assert, assertEquals, assertMatch } from "@std/assert";
import { Ajv2020 } from "ajv/dist/2020.js";
import { type Answered, type Served, served } from "../../../support/service.ts";
import { eventsOf, until, untilState } from "../../../support/supervised.ts";
import { requestOf } from "../../../support/service.ts";
import { tempFolder } from "../../../temp_folder.ts";
import { eventMessages } from "../../../../tools/torture/event_messages.ts";

const spec = (name: string, more: Record<string, unknown> = {}): Record<string, unknown> => ({
  name,
  preset: "mnist",
  recipe: { epochs: 1 },
  ...more,
});
const image = (...bytes: number[]): { body: Uint8Array<ArrayBuffer>; headers: Record<string, string> } => (
  { body: new Uint8Array(bytes), headers: { "content-type": "image/png" } }
);

async function numbersOf(response: Response, most = Infinity): Promise<{ ids: number[]; end: string | undefined }> {
  const ids: number[] = [];
  let end: string | undefined;
  for await (const { id, event, data } of eventMessages(response)) {
    if (id !== undefined) {
      ids.push(Number(id));
      assertEquals(JSON.parse(data!).n, Number(id));
    }
    if (event === "end") end = data;
    if (ids.length >= most) break;
  }
  return { ids, end };
}

const upTo = (last: number, from = 1): number[] => Array.from({ length: last - from + 1 }, (_, at) => at + from);

async function event(server: Served, id: string, last?: number): Promise<Response> {
  const headers: Record<string, string> = last === undefined ? {} : { "last-event-id": `${last}` };
  return await server.service.handle(requestOf("GET", `/jobs/${id}/events`, { headers }));
}

Deno.test("a job's name stands for one job: asked again it is the same, goes on, or is refused by what differs", async () => {
  using folder = tempFolder();
  await using server = await served(folder.path, { jobs: 1 });
  const submit = (...given: Parameters<typeof spec>): Promise<Answered> =>
    server.ask("POST", "/jobs", { body: spec(...given) });
  const first = await submit("ok-100-a");
  assertEquals([first.status, first.headers.get("location")], [201, "/jobs/ok-100-a"]);
  assertEquals((await submit("ok-100-a")).status, 200);
  const other = await submit("ok-100-a", { recipe: { epochs: 2 } });
  assertEquals(other.status, 409);
  assertMatch(other.body.error, /got recipe\.epochs 1, now 2: give another name, or remove it$/);
  assertMatch((await submit("OK-100-A")).body.error, /got name "ok-100-a", now "OK-100-A"/);
  const later = await submit("ok-100-a", { deadline: 60 });
  assertEquals(later.status, 409);
  assertMatch(later.body.error, /^Expected the job "ok-100-a", which is running, as it was submitted, got deadline/);
  await until(() => server.service.supervisor.running("ok-100-a")?.latest.has("progress") ?? false, "progress");
  assertEquals((await server.ask("DELETE", "/jobs/ok-100-a")).status, 202);
  await untilState(server.store, "ok-100-a", "cancelled");
  assertEquals((await server.ask("DELETE", "/jobs/ok-100-a")).status, 200);
  const again = await submit("ok-100-a", { deadline: 60 });
  assertEquals([again.status, again.body.state, again.body.spec.deadline], [200, "running", 60]);
  const done = await untilState(server.store, "ok-100-a", "done");
  assertEquals([done.attempts, (await submit("ok-100-a", { deadline: 60 })).body.state], [2, "done"]);
  assertEquals((await server.ask("DELETE", "/jobs/ok-100-a?purge=true")).status, 200);
  assertEquals((await server.ask("GET", "/jobs/ok-100-a")).status, 404);
});

Deno.test("events come once each and in their order, also to a client that comes again, until the job rests", async () => {
  using folder = tempFolder();
  await using server = await served(folder.path, { jobs: 1 });
  for (const name of ["ok-60-a", "ok-10-waits"]) await server.ask("POST", "/jobs", { body: spec(name) });
  const [whole, waiting, ...parts] = await Promise.all([
    numbersOf(await event(server, "ok-60-a")),
    numbersOf(await event(server, "ok-10-waits")),
    (async (): Promise<number[]> => {
      const ids: number[] = [];
      for (let response = await event(server, "ok-60-a", 0); response.status === 200;) {
        ids.push(...(await numbersOf(response, 7)).ids);
        response = await event(server, "ok-60-a", ids.at(-1));
      }
      return ids;
    })(),
  ]);
  const count = eventsOf(server.store, "ok-60-a").length;
  assertEquals(whole, { ids: upTo(count), end: '{"state":"done"}' });
  assertEquals(parts, [upTo(count)]);
  assertEquals(waiting.ids, upTo(eventsOf(server.store, "ok-10-waits").length));
  const late = await event(server, "ok-60-a", count - 2);
  assertEquals((await numbersOf(late)).ids, upTo(count, count - 1));
  assertEquals((await event(server, "ok-60-a", count)).status, 204, "which tells EventSource not to come again");
  assertEquals(server.service.streams, 0);
});

Deno.test("clients that follow events are counted, and end when the server does", async () => {
  using folder = tempFolder();
  await using server = await served(folder.path, { jobs: 1 });
  await server.ask("POST", "/jobs", { body: spec("ok-3000-a") });
  const streams = await Promise.all(Array.from({ length: 4 }, () => event(server, "ok-3000-a")));
  const fifth = await event(server, "ok-3000-a");
  assertEquals([fifth.status, fifth.headers.get("retry-after")], [429, "10"]);
  await fifth.body?.cancel();
  await streams.pop()!.body!.cancel();
  assertEquals(server.service.streams, 3);
  const ends = Promise.all(streams.map((stream) => numbersOf(stream)));
  await until(() => server.service.supervisor.running("ok-3000-a")?.latest.has("progress") ?? false, "progress");
  server.service.drain();
  for (const { end } of await ends) assertEquals(end, undefined, "the client is to come again");
  assertEquals(server.service.streams, 0);
});

Deno.test("a model is put, answers one image and several, is followed by a version, and is taken back", async () => {
  using folder = tempFolder();
  await using server = await served(folder.path);
  for (const name of ["ok-10-a", "ok-10-b"]) {
    await server.ask("POST", "/jobs", { body: spec(name) });
    await untilState(server.store, name, "done");
  }
  const none = await server.ask("POST", "/predict", image(7));
  assertEquals([none.status, none.body.error], [404, "Expected `model`, got none: none is in service"]);
  const put = await server.ask("PUT", "/models/digits", { body: { job: "ok-10-a" } });
  assertEquals([put.body.version, put.body.versions.length, put.body.versions[0].job], [1, 1, "ok-10-a"]);
  assertEquals((await server.ask("PUT", "/models/digits", { body: { job: "ok-10-a" } })).body, put.body, "once more");
  const one = await server.ask("POST", "/predict?top=2", image(7));
  assertEquals(one.body.predictions.map((each: Answered) => [each.image, each.guesses.length, each.guesses[0].class]), [
    ["0", 2, "7"],
  ]);
  assertEquals((await server.ask("PUT", "/models/digits", { body: { job: "ok-10-b" } })).body.version, 2);
  const form = new FormData();
  form.append("image", new File([new Uint8Array([5])], "five.png"));
  form.append("image", new File([new Uint8Array([0])], "zero.png"));
  form.append("image", new File([new Uint8Array([6])], "six.png"));
  const several = await server.ask("POST", "/predict?model=digits&version=1", { body: form });
  assertEquals([several.status, several.body.version], [200, 1]);
  assertEquals(several.body.predictions.map(({ image }: Answered) => image), ["five.png", "six.png"]);
  assertEquals(several.body.failures.map(({ image }: Answered) => image), ["zero.png"]);
  assertEquals((await server.ask("POST", "/predict", image(1))).body.version, 2);
  assertEquals((await server.ask("POST", "/models/digits/rollback")).body.version, 1);
  assertEquals((await server.ask("POST", "/predict", image(1))).body.version, 1);
  assertEquals((await server.ask("POST", "/models/digits/rollback")).status, 409);
  await server.ask("PUT", "/models/letters", { body: { job: "ok-10-b" } });
  const which = await server.ask("POST", "/predict", image(1));
  assertEquals([which.status, which.body.error], [400, "Expected `model`, got none: there are digits, letters"]);
  await Promise.all(
    ["1", "2"].map((version) => server.ask("POST", `/predict?model=digits&version=${version}`, image(1))),
  );
  assertEquals(server.opened.length, 2, "the others were closed");
  assertEquals((await server.ask("GET", "/models")).body.models.map(({ name }: Answered) => name), [
    "digits",
    "letters",
  ]);
});

Deno.test("a page is made when it is asked for, and anew once there is more to show", async () => {
  using folder = tempFolder();
  await using server = await served(folder.path);
  await server.ask("POST", "/jobs", { body: spec("ok-10-a") });
  await untilState(server.store, "ok-10-a", "done");
  const run = `${server.store.jobFolder("ok-10-a")}/run`;
  Deno.mkdirSync(run);
  Deno.writeTextFileSync(`${run}/metrics.csv`, "epoch\n");
  const { status, body, headers } = await server.ask("GET", "/jobs/ok-10-a/report");
  assertEquals([status, body, headers.get("content-type")], [200, run, "text/html; charset=utf-8"]);
  assertMatch(headers.get("content-security-policy")!, /^sandbox allow-scripts/);
});

Deno.test("answers are as the OpenAPI document says, which names every route with its checks", async () => {
  using folder = tempFolder();
  await using server = await served(folder.path, { jobs: 1 });
  const { body: document } = await server.ask("GET", "/openapi.json");
  assertEquals(Object.keys(document.paths).sort(), [
    "/",
    "/healthz",
    "/jobs",
    "/jobs/{id}",
    "/jobs/{id}/events",
    "/jobs/{id}/report",
    "/metrics",
    "/models",
    "/models/{name}",
    "/models/{name}/rollback",
    "/openapi.json",
    "/page/{file}",
    "/predict",
    "/readyz",
  ]);
  assertEquals(document.paths["/jobs"].post.requestBody.content["application/json"].schema, {
    $ref: "#/components/schemas/JobSpec",
  });
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  ajv.addSchema(document, "document");
  const requireAsTold = async (method: string, path: string, template: string, asked = {}): Promise<Answered> => {
    const { status, body } = await server.ask(method, path, asked);
    const told = document.paths[template][method.toLowerCase()].responses[status];
    assert(told !== undefined, `${method} ${path} answers ${status}`);
    const { $ref } = told.content["application/json"].schema;
    const check = ajv.compile({ $ref: `document${$ref}` });
    assert(check(body), `${method} ${path}: ${JSON.stringify(check.errors)}`);
    return body;
  };
  const valid = ajv.compile({ $ref: "document#/components/schemas/JobSpec" });
  assert(valid(spec("ok-10-a")), JSON.stringify(valid.errors));
  assert(!valid(spec("../a")) && !valid(spec("a", { depth: 1 })));
  await requireAsTold("POST", "/jobs", "/jobs", { body: spec("ok-10-a") });
  await requireAsTold("POST", "/jobs", "/jobs", { body: spec("ok-500-b") });
  await untilState(server.store, "ok-10-a", "done");
  await until(() => server.service.supervisor.running("ok-500-b")?.latest.has("saved") ?? false, "a save");
  await requireAsTold("GET", "/jobs/ok-10-a", "/jobs/{id}");
  const running = await requireAsTold("GET", "/jobs/ok-500-b", "/jobs/{id}");
  assertEquals(Object.keys(running.latest).sort(), ["epoch", "progress", "saved"]);
  await requireAsTold("GET", "/jobs?state=done", "/jobs");
  await requireAsTold("GET", "/jobs/none", "/jobs/{id}");
  await requireAsTold("PUT", "/models/digits", "/models/{name}", { body: { job: "ok-10-a" } });
  await requireAsTold("PUT", "/models/digits", "/models/{name}", { body: { job: "ok-500-b" } });
  await requireAsTold("GET", "/models", "/models");
  await requireAsTold("POST", "/predict", "/predict", image(4));
  await requireAsTold("POST", "/predict", "/predict", image(0));
  await requireAsTold("DELETE", "/jobs/ok-500-b", "/jobs/{id}");
  await requireAsTold("GET", "/healthz", "/healthz");
});

Deno.test("metrics are in the text format of Prometheus", async () => {
  using folder = tempFolder();
  await using server = await served(folder.path);
  await server.ask("POST", "/jobs", { body: spec("ok-500-a") });
  await until(() => server.service.supervisor.running("ok-500-a")?.latest.has("progress") ?? false, "progress");
  await server.ask("GET", "/jobs/none");
  const { body, headers } = await server.ask("GET", "/metrics");
  assertEquals(headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  const lines = (body as string).trimEnd().split("\n");
  const line = /^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{([a-z_]+="[^"\\\n]*",?)+\})? [0-9.e+-]+)$/;
  for (const each of lines) assertMatch(each, line);
  for (
    const wanted of [
      'libtrain_jobs{state="running"} 1',
      'libtrain_requests_total{route="/jobs/:id",method="GET",status="404"} 1',
      'libtrain_request_seconds_count{route="/jobs/:id"} 1',
      'libtrain_request_seconds_bucket{route="/jobs/:id",le="+Inf"} 1',
      "libtrain_threads 4",
      "libtrain_threads_taken 2",
    ]
  ) assert(lines.includes(wanted), `${wanted}\n${body}`);
  assert(lines.some((each) => /^libtrain_job_step\{job="ok-500-a"\} \d+$/.test(each)));
  const typed = lines.filter((each) => each.startsWith("# TYPE")).map((each) => each.split(" ")[2]!);
  assertEquals(new Set(typed).size, typed.length, "each family is told once");
});
