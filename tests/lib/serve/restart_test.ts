/** Servers that are killed: no job is lost, no event missed or doubled, and every job ends with the bits it has alone. */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { type ServerProcess, serverProcess } from "../../support/server_process.ts";
import { until } from "../../support/supervised.ts";
import { tempFolder } from "../../temp_folder.ts";
import { eventMessages } from "../../../tools/torture/event_messages.ts";

const spec = (name: string): string => JSON.stringify({ name, preset: "mnist", recipe: { epochs: 1 } });

// deno-lint-ignore no-explicit-any
async function ask(server: ServerProcess, method: string, path: string, body?: string): Promise<any> {
  const headers: Record<string, string> = body === undefined ? {} : { "content-type": "application/json" };
  const response = await fetch(`${server.url}${path}`, { method, body, headers });
  return { status: response.status, body: await response.json() };
}

/** Follows a job's events over all servers that there will be, as a browser's EventSource does. */
async function follow(id: string, server: () => ServerProcess, ended: () => boolean): Promise<number[]> {
  const ids: number[] = [];
  while (true) {
    try {
      const headers: Record<string, string> = ids.length === 0 ? {} : { "last-event-id": `${ids.at(-1)}` };
      const response = await fetch(`${server().url}/jobs/${id}/events`, { headers });
      if (response.status === 204) return ids;
      assertEquals(response.status, 200, await (response.status === 200 ? "" : response.text()));
      for await (const { id: number } of eventMessages(response)) if (number !== undefined) ids.push(Number(number));
    } catch (error) {
      if (error instanceof Error && error.name === "AssertionError" || ended()) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

/** A generator whose numbers are the same each time (mulberry32). */
function draws(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let value = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32;
  };
}

Deno.test("a server that is killed at random moments loses nothing", async () => {
  using folder = tempFolder();
  const names = ["ok-200-a", "ok-200-b", "shaky-60-c", "ok-200-d", "ok-200-e"];
  let server = await serverProcess(folder.path);
  for (const name of names) assertEquals((await ask(server, "POST", "/jobs", spec(name))).status, 201);
  let ended = false;
  const following = names.map((name) => follow(name, () => server, () => ended));
  const draw = draws(23);
  for (let kills = 0; kills < 8; kills++) {
    await new Promise((resolve) => setTimeout(resolve, 1000 * draw()));
    server.kill("SIGKILL");
    await server[Symbol.asyncDispose]();
    server = await serverProcess(folder.path);
    // The answer to what was submitted before was perhaps never heard.
    const again = await ask(server, "POST", "/jobs", spec("ok-200-a"));
    assertEquals([again.status, again.body.id], [200, "ok-200-a"]);
  }
  try {
    await until(async () => (await ask(server, "GET", "/jobs")).body.counts.done === names.length, "all jobs", 120);
  } finally {
    ended = true;
  }
  const { body: { jobs } } = await ask(server, "GET", "/jobs");
  const results = Object.fromEntries(jobs.map((job: { id: string; result: unknown }) => [job.id, job.result]));
  // deno-lint-ignore no-explicit-any
  for (const job of jobs as any[]) assertEquals(job.spec, JSON.parse(spec(job.id)));
  for (const [at, ids] of (await Promise.all(following)).entries()) {
    assert(ids.length > 60, `${ids.length} events of ${names[at]}`);
    assertEquals(ids, ids.map((_, at) => at + 1), names[at]);
  }
  // What nobody has disturbed comes to the same.
  for (const name of ["ok-200-alone", "ok-60-alone"]) await ask(server, "POST", "/jobs", spec(name));
  await until(async () => (await ask(server, "GET", "/jobs")).body.counts.done === names.length + 2, "the last");
  const alone = async (name: string): Promise<unknown> => (await ask(server, "GET", `/jobs/${name}`)).body.result;
  const [long, short] = [await alone("ok-200-alone"), await alone("ok-60-alone")];
  assertEquals(results, { ...Object.fromEntries(names.map((name) => [name, long])), "shaky-60-c": short });
  await server[Symbol.asyncDispose]();
});

Deno.test("a job that was running is followed by the next server, not started again, and can be cancelled", async () => {
  using folder = tempFolder();
  let server = await serverProcess(folder.path);
  await ask(server, "POST", "/jobs", spec("ok-3000-a"));
  await until(
    async () => (await ask(server, "GET", "/jobs/ok-3000-a")).body.latest?.progress !== undefined,
    "progress",
  );
  server.kill("SIGKILL");
  await server[Symbol.asyncDispose]();
  server = await serverProcess(folder.path);
  await until(() => server.told().includes("its process runs, and is followed"), "it to be followed");
  const { body: { attempts, state } } = await ask(server, "GET", "/jobs/ok-3000-a");
  assertEquals([attempts, state], [1, "running"]);
  assertEquals((await ask(server, "DELETE", "/jobs/ok-3000-a")).status, 202);
  await until(
    async () => (await ask(server, "GET", "/jobs/ok-3000-a")).body.state === "cancelled",
    "it to be cancelled",
  );
  const text = Deno.readTextFileSync(`${folder.path}/jobs/ok-3000-a/events.ndjson`).trimEnd();
  const types = text.split("\n").map((line) => JSON.parse(line).type);
  assertEquals([types[0], ...types.slice(-2)], ["started", "saved", "stopped"]);
  await server[Symbol.asyncDispose]();
});

Deno.test("a server that is told to end saves its jobs and exits 143; the next one goes on", async () => {
  using folder = tempFolder();
  let server = await serverProcess(folder.path);
  await ask(server, "POST", "/jobs", spec("ok-200-a"));
  await until(async () => (await ask(server, "GET", "/jobs/ok-200-a")).body.latest?.progress !== undefined, "progress");
  // One that sends half a body, and one that follows events, hold nobody up for long.
  const port = Number(new URL(server.url).port);
  using half = await Deno.connect({ hostname: "127.0.0.1", port });
  await half.write(new TextEncoder().encode("POST /jobs HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 9\r\n\r\nabc"));
  const events = await fetch(`${server.url}/jobs/ok-200-a/events`);
  server.kill("SIGTERM");
  await events.text();
  const { code } = await server.status;
  assertEquals(code, 143, server.told());
  await server[Symbol.asyncDispose]();
  server = await serverProcess(folder.path);
  await until(async () => (await ask(server, "GET", "/jobs/ok-200-a")).body.state === "done", "it to be done");
  assertEquals((await ask(server, "GET", "/jobs/ok-200-a")).body.attempts, 2);
  const error = await assertRejects(() => serverProcess(folder.path), Error);
  assertMatch(error.message, /Cannot serve the state ".*": another server has it \(process \d+\): stop that one/);
  await server[Symbol.asyncDispose]();
});

Deno.test("over a socket: half an upload, a slow one, and bytes that are no HTTP", async () => {
  using folder = tempFolder();
  await using server = await serverProcess(folder.path);
  const port = Number(new URL(server.url).port);
  const answer = async (sent: string, close = false): Promise<string> => {
    using connection = await Deno.connect({ hostname: "127.0.0.1", port });
    await connection.write(new TextEncoder().encode(sent));
    if (close) return "";
    const buffer = new Uint8Array(4096);
    return new TextDecoder().decode(buffer.subarray(0, await connection.read(buffer) ?? 0));
  };
  const head = "POST /jobs HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n";
  assertEquals(await answer(`${head}content-length: 100\r\n\r\n{"name"`, true), "");
  const slow = await answer(`${head}content-length: 100\r\n\r\n{"name"`);
  assertMatch(slow, /^HTTP\/1\.1 408 /);
  assertMatch(slow, /\{"error":"Expected the whole body within 1 s, got 7 bytes of it"\}/);
  assertMatch(await answer(`${head}content-length: 9999999\r\n\r\n`), /^HTTP\/1\.1 413 /);
  assertMatch(await answer("hello\r\n\r\n"), /^HTTP\/1\.1 400 /);
  for (const host of ["[", "a b", "127.999.999.999", "a%zz"]) {
    const odd = await answer(`GET /jobs HTTP/1.1\r\nhost: ${host}\r\n\r\n`);
    assertMatch(odd, /^HTTP\/1\.1 400 [^]*\{"error":"Expected the header Host as a host's name, got another text"\}/);
  }
  assertMatch(await answer(`${head}content-length: 1\r\ncontent-length: 2\r\n\r\n{}`), /^HTTP\/1\.1 400 /);
  assertEquals((await ask(server, "GET", "/jobs")).body.jobs, []);
});
