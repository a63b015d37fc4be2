/** examples/deploy before a real `deno task serve`, with real trainings. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { handle, RefusedError, type Target, tick } from "../../examples/deploy/control.ts";
import { serve } from "../../mod.ts";
import { type ServerProcess, serverProcess } from "../support/server_process.ts";
import { until } from "../support/supervised.ts";
import { tempFolder } from "../temp_folder.ts";
import { long } from "../long.ts";

const spec = { preset: "mnist", recipe: { epochs: 1, bs: 32, data: { limit: 256 } } };
const noon = Date.parse("2026-12-31T12:00:00Z");

async function started(state: string): Promise<{ server: ServerProcess; token: string }> {
  const token = await serve.addToken(state, "deploy");
  const own = ["-P=serve", "--allow-net=127.0.0.1", `--allow-run=${Deno.execPath()}`, "tasks/main.ts", "serve"];
  const server = await serverProcess(state, [...own, "--port", "0", "--state", state]);
  return { server, token };
}

Deno.test("example deploy: one job a day, whatever becomes of answers; what is done comes into service once", async () => {
  using folder = tempFolder();
  const { server, token } = await started(join(folder.path, "state"));
  await using _server = server;
  // In between: the first answer of each kind is lost after the server has given it, the second one is a 503.
  const seen = new Map<string, number>();
  await using between = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, async (request) => {
    const { pathname } = new URL(request.url);
    const count = (seen.get(`${request.method} ${pathname}`) ?? 0) + 1;
    seen.set(`${request.method} ${pathname}`, count);
    if (count === 2) return new Response(null, { status: 503, headers: { "retry-after": "0" } });
    const body = request.method === "GET" ? undefined : await request.text();
    const answer = await fetch(`${server.url}${pathname}`, { method: request.method, headers: request.headers, body });
    if (count > 1) return answer;
    await answer.body?.cancel();
    return new Response(null, { status: 502 });
  });
  const target: Target = { url: `http://127.0.0.1:${between.addr.port}`, token, pause: 5 };
  const at = { spec, model: "digits", now: noon };

  const first = await tick(target, at);
  assertEquals([first.job.id, first.inService], ["digits-2026-12-31", undefined]);
  assertEquals(seen.get("POST /jobs"), 3);
  let last = first;
  await until(async () => (last = await tick(target, at)).job.state === "done", "the job to be done", 120);
  assertEquals(last.inService, "digits-2026-12-31");
  // Again, and the day after, before that day's is done: the same version answers.
  await tick(target, at);
  const after = await tick(target, { ...at, now: noon + 86_400_000 });
  assertEquals(after.job.id, "digits-2027-01-01");
  const own = (request: Request): Promise<Response> => handle(request, target, "mine");
  const asked = (path: string, init: RequestInit = {}): Request =>
    new Request(`http://localhost${path}`, { headers: { authorization: "Bearer mine" }, ...init });
  const headers = { authorization: `Bearer ${token}` };
  const { models } = await (await fetch(`${server.url}/models`, { headers })).json();
  assertEquals(models.length, 1);
  assertEquals(models[0].versions.length, after.inService === "digits-2026-12-31" ? 1 : 2);

  // Clients of the control plane.
  assertEquals((await own(new Request("http://localhost/jobs", { method: "POST", body: "{}" }))).status, 401);
  assertEquals((await own(asked("/models"))).status, 404);
  assertEquals((await own(asked("/jobs/..%2fmodels"))).status, 404);
  const events = await own(asked("/jobs/digits-2026-12-31/events"));
  assert((await events.text()).includes("event: end"));
  const found = await own(asked("/jobs/digits-2026-12-31"));
  assertEquals([found.status, (await found.json()).state], [200, "done"]);

  // What is refused is not sent again; where nobody listens is told.
  seen.clear();
  await assertRejects(() => tick({ ...target, token: "lt_no" }, at), RefusedError, "401");
  const away: Target = { url: "http://127.0.0.1:9", token, tries: 2, pause: 1 };
  assertEquals((await handle(asked("/jobs/a"), away, "mine")).status, 502);
});

long("example deploy: the schedule itself has a job trained", "waits for a minute to begin", async () => {
  using folder = tempFolder();
  const { server, token } = await started(join(folder.path, "state"));
  await using _server = server;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "--no-prompt", "--unstable-cron", "--allow-net", "--allow-env", "examples/deploy/main.ts"],
    env: {
      ...{ SERVE_URL: server.url, SERVE_TOKEN: token, CONTROL_TOKEN: "mine", PORT: "0", NO_COLOR: "1" },
      ...{ JOB: JSON.stringify(spec), MODEL: "digits", SCHEDULE: "* * * * *" },
    },
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  let told = "";
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    told += text;
    if (/in service: digits-/.test(told)) break;
  }
  child.kill("SIGTERM");
  await child.status;
  assert(/in service: digits-\d{4}-\d\d-\d\d/.test(told), told);
});
