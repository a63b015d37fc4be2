/**
 * A server of fake jobs, to be killed: `fake_server.ts STATE [JOBS]` prints its address, and is drained by SIGTERM.
 *
 * @module
 */
import { startServer } from "../../lib/serve/server.ts";
import { fakePredictor } from "./service.ts";
import { fakeJob } from "./supervised.ts";

const [state = "", jobs = "2"] = Deno.args;
const server = await startServer({
  state,
  port: 0,
  jobCommand: (spec) => [Deno.execPath(), "run", "-q", "-A", "--no-config", fakeJob, spec],
  reportCommand: () => [Deno.execPath(), "--version"],
  jobs: Number(jobs),
  threads: 4,
  memory: 4000,
  bodyBytes: 100_000,
  bodySeconds: 1,
  openModel: (path) => Promise.resolve().then(() => fakePredictor(path, [])),
  onNote: (message) => console.error(message),
});
console.log(server.url);
Deno.addSignalListener("SIGTERM", async () => {
  await server.drain();
  Deno.exit(143);
});
