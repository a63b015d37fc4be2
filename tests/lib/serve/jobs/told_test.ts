/** Telling a job's process to stop: once, whoever wishes it how often, as a second signal ends it with nothing saved. */
import { assert, assertEquals } from "@std/assert";
import { Store } from "../../../../lib/serve/store/store.ts";
import { serverProcess } from "../../../support/server_process.ts";
import { eventsOf, fakeJob, supervisorOf, until, untilState } from "../../../support/supervised.ts";
import { tempFolder } from "../../../temp_folder.ts";

const lastTypes = (store: Store, id: string): string[] => eventsOf(store, id).slice(-2).map(({ type }) => type);

Deno.test("a job that is cancelled twice while it saves, and whose server ends meanwhile, is saved", async () => {
  using folder = tempFolder();
  using store = await Store.open(folder.path, { hold: true });
  const supervisor = supervisorOf(store, []);
  supervisor.start();
  supervisor.submit("slow-3000-a", { name: "slow-3000-a" });
  await until(() => supervisor.running("slow-3000-a")?.latest.has("progress") ?? false, "progress");
  for (let count = 0; count < 2; count++) await supervisor.cancel(store.jobs.find("slow-3000-a")!);
  await supervisor.drain();
  assertEquals(store.jobs.find("slow-3000-a")!.state, "cancelled");
  assertEquals(lastTypes(store, "slow-3000-a"), ["saved", "stopped"]);
});

Deno.test("a job that a server has told to stop before it was killed is not told again by the next one", async () => {
  using folder = tempFolder();
  let server = await serverProcess(folder.path);
  const ask = async (method: string, path: string, body?: string): Promise<{ state: string; latest: unknown }> => {
    const headers: Record<string, string> = body === undefined ? {} : { "content-type": "application/json" };
    return await (await fetch(`${server.url}${path}`, { method, body, headers })).json();
  };
  const name = "slow-9000-a";
  await ask("POST", "/jobs", JSON.stringify({ name, preset: "mnist", recipe: { epochs: 1 } }));
  await until(async () => JSON.stringify((await ask("GET", `/jobs/${name}`)).latest)?.includes("progress"), "progress");
  assertEquals((await ask("DELETE", `/jobs/${name}`)).state, "stopping");
  server.kill("SIGKILL");
  await server[Symbol.asyncDispose]();
  server = await serverProcess(folder.path);
  await until(async () => (await ask("GET", `/jobs/${name}`)).state === "cancelled", "it to be cancelled");
  await server[Symbol.asyncDispose]();
  using store = await Store.open(folder.path);
  assertEquals(lastTypes(store, name), ["saved", "stopped"]);
});

Deno.test("a job whose wish to be cancelled was written down and not told is told after its time", async () => {
  using folder = tempFolder();
  using store = await Store.open(folder.path, { hold: true });
  const id = "ok-9000-a";
  const output = store.jobFolder(id);
  Deno.mkdirSync(output, { recursive: true });
  Deno.writeTextFileSync(`${output}/spec.json`, JSON.stringify({ name: id, output }));
  store.jobs.add(id, { name: id }, Date.now());
  const args = ["run", "-q", "-A", "--no-config", fakeJob, `${output}/spec.json`];
  const child = new Deno.Command(Deno.execPath(), { args, stderr: "null" }).spawn();
  await until(() => Deno.readDirSync(output).some(({ name }) => name === "saved.json"), "it to run");
  store.jobs.change(id, { state: "stopping", wish: "cancel", attempts: 1, base: 0 });
  const notes: string[] = [];
  const supervisor = supervisorOf(store, notes, { grace: 1 });
  supervisor.start();
  await untilState(store, id, "cancelled");
  assertEquals(lastTypes(store, id), ["saved", "stopped"]);
  assert(!notes.some((note) => note.includes("is killed")), notes.join());
  await supervisor.drain();
  await child.status;
});

Deno.test("a job whose time is longer than a timer takes runs on, and has all of its time to save", async () => {
  using folder = tempFolder();
  using store = await Store.open(folder.path, { hold: true });
  const supervisor = supervisorOf(store, [], { timeLimit: 10_000 * 3600, grace: 30 * 86_400 });
  supervisor.start();
  supervisor.submit("slow-40-a", { name: "slow-40-a" });
  assertEquals((await untilState(store, "slow-40-a", "done", "stopped")).state, "done");
  supervisor.submit("slow-3000-b", { name: "slow-3000-b" });
  await until(() => supervisor.running("slow-3000-b")?.latest.has("progress") ?? false, "progress");
  await supervisor.cancel(store.jobs.find("slow-3000-b")!);
  await untilState(store, "slow-3000-b", "cancelled");
  assertEquals(lastTypes(store, "slow-3000-b"), ["saved", "stopped"]);
  await supervisor.drain();
});

Deno.test("a job that cannot be looked after for a while is taken up again, and is not run twice", async () => {
  using folder = tempFolder();
  // It kills itself after each save, so that the server looks for who has its lock.
  const id = "shaky-30-a";
  using store = await Store.open(folder.path, { hold: true });
  const notes: string[] = [];
  const supervisor = supervisorOf(store, notes);
  supervisor.start();
  const { open } = Deno;
  let failures = 0;
  Deno.open = (path, options): Promise<Deno.FsFile> => {
    if (!String(path).endsWith("job.lock") || failures++ >= 2) return open(path, options);
    return Promise.reject(new Error("Too many open files (os error 24)"));
  };
  try {
    supervisor.submit(id, { name: id });
    await untilState(store, id, "done");
  } finally {
    Deno.open = open;
  }
  assert(failures > 2);
  assertEquals(notes.filter((note) => note.includes("Too many open files")).length, 1, notes.join("\n"));
  const events = eventsOf(store, id);
  assertEquals(events.map(({ n }) => n), events.map((_, at) => at + 1));
  assertEquals(events.filter(({ type }) => type === "started").length, 4);
  await supervisor.drain();
});
