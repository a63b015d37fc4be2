import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { serve } from "../../../mod.ts";
import { fakeJob } from "../../support/supervised.ts";
import { tempFolder } from "../../temp_folder.ts";

function optionsIn(folder: string): serve.ServeOptions {
  return {
    state: `${folder}/state`,
    port: 0,
    jobCommand: (spec) => [Deno.execPath(), "run", "-q", "-A", "--no-config", fakeJob, spec],
    reportCommand: () => [Deno.execPath(), "--version"],
    threads: 2,
    memory: 2000,
  };
}

Deno.test("startServer(): refuses what its options cannot be, and leaves the state to the next one", async () => {
  using folder = tempFolder();
  const right = optionsIn(folder.path);
  const wrong: readonly [string, unknown, RegExp][] = [
    ["state", "", /`state`/],
    ["state", 3, /`state`/],
    ["jobCommand", "deno task job", /`jobCommand`/],
    ["reportCommand", undefined, /`reportCommand`/],
    ["host", 8470, /`host`/],
    ["port", -1, /`port`/],
    ["port", 65_536, /`port`/],
    ["port", "8470", /`port`/],
    ["jobs", 0, /`jobs`/],
    ["threads", 1.5, /`threads`/],
    ["memory", "2G", /`memory`/],
    ["maxQueued", -1, /`maxQueued`/],
    ["jobSeconds", Infinity, /`jobSeconds`/],
    ["bodyBytes", NaN, /`bodyBytes`/],
    ["dataRoots", "/data", /`dataRoots`/],
    ["env", "HOME=/", /`env`/],
    ["onNote", "console", /`onNote`/],
    ["prot", 8470, /prot/],
  ];
  for (const [name, value, message] of wrong) {
    const options = { ...right, [name]: value } as serve.ServeOptions;
    const error = await assertRejects(() => serve.startServer(options), Error);
    assertMatch(error.message, message);
    assertEquals(error.name === "TypeError" || error.name === "RangeError", true, `${name}: ${error}`);
  }
  await assertRejects(() => serve.startServer(undefined as unknown as serve.ServeOptions), TypeError);
  await assertRejects(() => serve.startServer({ ...right, dataRoots: [`${folder.path}/none`] }), Deno.errors.NotFound);
  await using server = await serve.startServer(right);
  assertMatch(server.url, /^http:\/\/127\.0\.0\.1:\d+$/);
});

Deno.test("startServer(): another host than this machine takes a token first", async () => {
  using folder = tempFolder();
  const options = optionsIn(folder.path);
  const wanted = "Expected a token before others can reach 0.0.0.0, got none: add one, or listen on 127.0.0.1";
  await assertRejects(() => serve.startServer({ ...options, host: "0.0.0.0" }), serve.ServeError, wanted);
  await serve.addToken(options.state, "ci");
  await assertRejects(() => serve.addToken(options.state, "ci"), serve.ServeError, 'that is new, got "ci"');
  await assertRejects(() => serve.addToken(options.state, "a b"), serve.ServeError, 'got "a b"');
  assertEquals((await serve.tokenNames(options.state)).map(({ name }) => name), ["ci"]);
  // What it refuses now is the permission of the tests, which may listen on 127.0.0.1 alone.
  await assertRejects(() => serve.startServer({ ...options, host: "0.0.0.0" }), Deno.errors.NotCapable);
});

Deno.test("startServer(): a port that is taken is told before any job is started, and a token is good at once", async () => {
  using folder = tempFolder();
  await using server = await serve.startServer(optionsIn(folder.path));
  using other = tempFolder();
  const port = Number(new URL(server.url).port);
  await assertRejects(
    () => serve.startServer({ ...optionsIn(other.path), port }),
    serve.ServeError,
    "Cannot listen on http://127.0.0.1:",
  );
  assertEquals((await (await fetch(`${server.url}/jobs`)).json()).jobs, []);
  const token = await serve.addToken(`${folder.path}/state`, "ci");
  const denied = await fetch(`${server.url}/jobs`);
  assertEquals([denied.status, Object.keys(await denied.json())], [401, ["error"]]);
  const allowed = await fetch(`${server.url}/jobs`, { headers: { authorization: `Bearer ${token}` } });
  assertEquals((await allowed.json()).jobs, []);
  assertEquals(await serve.removeToken(`${folder.path}/state`, "ci"), true);
});
