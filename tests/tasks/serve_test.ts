/** `deno task serve` with its own permissions, and real trainings. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { runCommand } from "../../lib/cli/command.ts";
import { loadCheckpoint, recipe } from "../../mod.ts";
import { serveCommand } from "../../tasks/serve.ts";
import { keptStreams } from "../lib/cli/streams.ts";
import { fingerprint } from "../lib/train/tiny.ts";
import { eventsIn, jobProcess } from "../support/job_process.ts";
import { type ServerProcess, taskServer } from "../support/server_process.ts";
import { until } from "../support/supervised.ts";
import { tempFolder } from "../temp_folder.ts";

const images = fromFileUrl(new URL("../fixtures/images/", import.meta.url));

/** Three epochs of sixteen steps: about a second. */
const settings = { epochs: 3, bs: 32, data: { limit: 512 } };

// deno-lint-ignore no-explicit-any
async function ask(server: ServerProcess, method: string, path: string, body?: unknown): Promise<any> {
  const headers: Record<string, string> = body === undefined ? {} : { "content-type": "application/json" };
  const response = await fetch(`${server.url}${path}`, { method, body: JSON.stringify(body), headers });
  const answer = await response.json();
  assert(response.ok, `${method} ${path}: ${response.status} ${JSON.stringify(answer)}`);
  return answer;
}

async function stateOf(output: string): Promise<string> {
  return fingerprint((await loadCheckpoint(join(output, "run", "checkpoint", "state.safetensors"))).state);
}

Deno.test("serve: two jobs at once have the bits of one alone, over a kill and a stop; their model answers", async () => {
  using folder = tempFolder();
  const state = join(folder.path, "state");
  let server = await taskServer(state, "--jobs", "2", "--threads", "2");
  const [name, other] = ["digits", "others"];
  const spec = (name: string, seed: number): Record<string, unknown> => (
    { name, preset: "mnist", recipe: { ...settings, seed }, saveEvery: 0 }
  );
  await ask(server, "POST", "/jobs", spec(name, 1));
  await ask(server, "POST", "/jobs", spec(other, 2));
  const saved = async (): Promise<boolean> => (await ask(server, "GET", `/jobs/${name}`)).latest?.saved !== undefined;
  await until(saved, "something to be saved");
  server.kill("SIGKILL");
  await server[Symbol.asyncDispose]();
  server = await taskServer(state, "--jobs", "2", "--threads", "2");
  await new Promise((resolve) => setTimeout(resolve, 300));
  server.kill("SIGTERM");
  assertEquals((await server.status).code, 143);
  await server[Symbol.asyncDispose]();
  server = await taskServer(state, "--jobs", "2", "--threads", "2");
  await until(async () => (await ask(server, "GET", "/jobs")).counts.done === 2, "both jobs to be done", 120);

  const alone = join(folder.path, "alone.json");
  for (const [job, seed] of [[name, 1], [other, 2]] as const) {
    const output = join(folder.path, job);
    Deno.writeTextFileSync(alone, JSON.stringify({ ...spec(job, seed), output, environment: { threads: 1 } }));
    assertEquals((await jobProcess([alone])).code, 0);
    assertEquals(await stateOf(join(state, "jobs", job)), await stateOf(output));
    assertEquals(eventsIn(join(state, "jobs", job)).at(-1)!.type, "done");
  }

  await ask(server, "PUT", "/models/digits", { job: name });
  const form = new FormData();
  const files = ["grey.jpg", "png_grey.png"];
  for (const file of files) form.append("image", new File([Deno.readFileSync(join(images, file))], file));
  const answered = await (await fetch(`${server.url}/predict?top=10`, { method: "POST", body: form })).json();
  using trained = await recipe.open(join(state, "jobs", name, "run"), { device: "cpu", threads: 1 });
  const { predictions } = await trained.predict(files.map((file) => join(images, file)), { top: 10 });
  for (const [at, { guesses }] of predictions.entries()) {
    const found = answered.predictions[at];
    assertEquals(found.image, files[at]);
    for (const [place, { label, probability }] of guesses.entries()) {
      const { probability: served } = found.guesses.find((guess: { label: number }) => guess.label === label);
      assert(Math.abs(served - probability) < 1e-5, `${place}: ${served} and ${probability}`);
    }
  }
  const page = await fetch(`${server.url}/jobs/${name}/report`);
  assertEquals(page.status, 200, await (page.ok ? "" : page.text()));
  assertStringIncludes(await page.text(), "<svg");
  await server[Symbol.asyncDispose]();
});

Deno.test("serve: tokens are made, listed and taken back", async () => {
  using folder = tempFolder();
  const command = async (...args: string[]): Promise<{ code: number; out: string; err: string }> => {
    const streams = keptStreams();
    const code = await runCommand(["--state", folder.path, ...args], serveCommand, { streams });
    return { code, ...streams.text };
  };
  const made = await command("--add-token", "ci");
  assertEquals(made.code, 0, made.err);
  assertMatch(made.out, /^lt_[\w-]{43}\n$/);
  assertMatch((await command("--list-tokens")).out, /^ci {2}\d{4}-/);
  const twice = await command("--add-token", "ci");
  assertEquals([twice.code, twice.out], [1, ""]);
  assertEquals((await command("--remove-token", "ci")).code, 0);
  assertEquals((await command("--remove-token", "ci")).code, 2);
  assertEquals((await command("--list-tokens", "--json")).out, '{"tokens":[]}\n');
});

Deno.test("serve: a port or a state that it may not have is refused with the command that may", async () => {
  const command = async (...args: string[]): Promise<string> => {
    const streams = keptStreams();
    assertEquals(await runCommand(args, serveCommand, { streams }), 2);
    return streams.text.err;
  };
  const host = await command("--host", "0.0.0.0", "--state", ".cache/test/serve");
  assertMatch(host, /^error: Cannot listen on 0\.0\.0\.0:8470: .* run `deno run -P=serve --allow-net=0\.0\.0\.0:8470 /);
  const state = await command("--state", "/somewhere", "--port", "0");
  assertMatch(state, /^error: Cannot write to "\/somewhere": .* --allow-write=\/somewhere,runs,\.cache --allow-run=/);
});
