/** examples/batch_job.ts behind HTTP, with its own permissions and real trainings. */
import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { loadCheckpoint } from "../../mod.ts";
import { fingerprint } from "../lib/train/tiny.ts";
import { eventsIn, jobProcess } from "../support/job_process.ts";
import { serverProcess } from "../support/server_process.ts";
import { until } from "../support/supervised.ts";
import { tempFolder } from "../temp_folder.ts";

const recipe = { epochs: 3, bs: 32, threads: 1, data: { limit: 512 } };

async function stateOf(output: string): Promise<string> {
  return fingerprint((await loadCheckpoint(join(output, "run", "checkpoint", "state.safetensors"))).state);
}

// deno-lint-ignore no-explicit-any
function linesOf(text: string): any[] {
  assert(text.endsWith("\n"), text);
  return text.trimEnd().split("\n").map((line) => JSON.parse(line));
}

Deno.test("example batch_job: a job goes on from request to request to the bits of one alone; who leaves stops it", async () => {
  using folder = tempFolder();
  const args = ["-P=examples", "--allow-net=127.0.0.1", "tasks/example.ts", "batch_job", "--port", "0"];
  await using server = await serverProcess("", [...args, "--folder", folder.path]);
  using _end = { [Symbol.dispose]: (): void => server.kill("SIGKILL") };
  const post = (body: unknown, signal?: AbortSignal): Promise<Response> =>
    fetch(server.url, { method: "POST", body: typeof body === "string" ? body : JSON.stringify(body), signal });
  const spec = { name: "digits", preset: "mnist", recipe, saveEvery: 0 };
  const output = join(folder.path, "digits");

  for (const [body, status] of [["{", 422], [{ ...spec, preset: "mnits" }, 422]] as const) {
    const answer = await post(body);
    assertEquals([answer.status, Object.keys(await answer.json())], [status, ["error"]]);
  }

  // A client that leaves once an epoch is over.
  const leaving = new AbortController();
  const answer = await post(spec, leaving.signal);
  assertEquals([answer.status, answer.headers.get("content-type")], [200, "application/x-ndjson"]);
  let told = "";
  try {
    for await (const text of answer.body!.pipeThrough(new TextDecoderStream())) {
      told += text;
      if (told.includes('"type":"epoch"')) leaving.abort();
    }
  } catch (error) {
    assertEquals((error as Error).name, "AbortError");
  }
  await until(() => eventsIn(output).at(-1)!.type === "stopped", "the training to stop");
  assertEquals(eventsIn(output).at(-2)!.type, "saved");

  // A deadline, another specification, and the rest.
  const short = linesOf(await (await post({ ...spec, deadline: 0.01 })).text());
  assertEquals([short.at(-2).why, short.at(-1)], ["deadline", { ending: "stopped" }]);
  const other = await post({ ...spec, recipe: { ...recipe, seed: 7 } });
  assertEquals(other.status, 409);
  await other.body?.cancel();
  const rest = linesOf(await (await post(spec)).text());
  assertEquals(rest.at(-1), { ending: "done" });
  assertEquals(eventsIn(output).map(({ n }) => n), eventsIn(output).map((_, at) => at + 1));
  // Once more: nothing is left to do.
  assertEquals(linesOf(await (await post(spec)).text()), [{ ending: "done" }]);

  const alone = join(folder.path, "alone.json");
  const { saveEvery: _, ...whole } = spec;
  Deno.writeTextFileSync(alone, JSON.stringify({ ...whole, output: join(folder.path, "alone") }));
  assertEquals((await jobProcess([alone])).code, 0);
  assertEquals(await stateOf(output), await stateOf(join(folder.path, "alone")));
});
