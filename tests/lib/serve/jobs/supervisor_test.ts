import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { JobQueueFullError } from "../../../../lib/serve/jobs/supervisor.ts";
import { Store } from "../../../../lib/serve/store/store.ts";
import { eventsOf, supervisorOf, until, untilState } from "../../../support/supervised.ts";
import { tempFolder } from "../../../temp_folder.ts";

/** Numbers of events without a gap. */
function assertCounted(events: readonly { n: number }[]): void {
  assertEquals(events.map(({ n }) => n), events.map((_, at) => at + 1));
}

Deno.test("jobs come to rest as their processes end", async () => {
  using folder = tempFolder();
  using store = await Store.open(folder.path, { hold: true });
  const notes: string[] = [];
  const supervisor = supervisorOf(store, notes, { jobs: 4, whole: { threads: 8, memory: 8000 } });
  supervisor.start();
  for (const name of ["ok-20-a", "fails-1-a", "wrong-1-a", "deadline-20-a", "shaky-40-a", "torn-10-a", "lost-5-a"]) {
    await supervisor.submit(name, { name });
  }
  const done = await untilState(store, "ok-20-a", "done");
  assertEquals((done.result as { steps: number }).steps, 20);
  assertEquals((await untilState(store, "fails-1-a", "failed")).reason, "The loss is not finite");
  assertMatch((await untilState(store, "wrong-1-a", "failed")).reason!, /status 2: error: Expected a job as an object/);
  assertEquals((await untilState(store, "deadline-20-a", "stopped")).reason, "its deadline came");
  const stopped = store.jobs.find("deadline-20-a")!;
  await supervisor.submit(stopped.id, stopped.spec, stopped);
  await untilState(store, "deadline-20-a", "done");
  const shaky = await untilState(store, "shaky-40-a", "done");
  assertEquals(shaky.attempts, 5, "each process saved something, so each is followed by one more");
  assertCounted(eventsOf(store, "shaky-40-a"));
  assertMatch((await untilState(store, "torn-10-a", "failed")).reason!, /^4 processes in a row saved nothing.*SIGKILL/);
  assertCounted(eventsOf(store, "torn-10-a"));
  assertMatch((await untilState(store, "lost-5-a", "failed")).reason!, /of the last, its device was lost$/);
  assertEquals(supervisor.shares.taken, { jobs: 0, threads: 0, memory: 0 });
  await supervisor.drain();
});

Deno.test("a job is cancelled in the queue, while it runs with its state saved, and while it takes no notice", async () => {
  using folder = tempFolder();
  using store = await Store.open(folder.path, { hold: true });
  const notes: string[] = [];
  const supervisor = supervisorOf(store, notes, { jobs: 1, grace: 1 });
  supervisor.start();
  for (const name of ["ok-3000-a", "deaf-3000-a", "ok-10-waits"]) await supervisor.submit(name, { name });
  const found = (id: string): NonNullable<ReturnType<typeof store.jobs.find>> => store.jobs.find(id)!;
  assertEquals((await supervisor.cancel(found("ok-10-waits"))).state, "cancelled");
  await until(() => supervisor.running("ok-3000-a")?.latest.has("progress") ?? false, "progress");
  assertEquals((await supervisor.cancel(found("ok-3000-a"))).state, "stopping");
  await untilState(store, "ok-3000-a", "cancelled");
  assertEquals(eventsOf(store, "ok-3000-a").slice(-2).map(({ type }) => type), ["saved", "stopped"]);
  await until(() => supervisor.running("deaf-3000-a")?.latest.has("progress") ?? false, "progress");
  await supervisor.cancel(found("deaf-3000-a"));
  await untilState(store, "deaf-3000-a", "cancelled");
  assert(notes.some((note) => note.includes("did not stop within 1 s")));
  assertEquals((await supervisor.cancel(found("deaf-3000-a"))).state, "cancelled", "once more changes nothing");
  await supervisor.drain();
});

Deno.test("threads and memory are divided and never given twice; a large job is not overtaken for ever", async () => {
  using folder = tempFolder();
  using store = await Store.open(folder.path, { hold: true });
  const supervisor = supervisorOf(store, [], { jobs: 3, whole: { threads: 4, memory: 3000 }, maxQueued: 3 });
  supervisor.start();
  const submit = async (name: string, threads?: number): Promise<void> =>
    void await supervisor.submit(name, { name, environment: { threads } });
  await submit("ok-100-a", 2);
  await submit("ok-100-b");
  await submit("ok-30-large", 4);
  await submit("ok-10-small", 1);
  assertEquals(supervisor.shares.taken, { jobs: 2, threads: 3, memory: 2000 });
  assertEquals(store.jobs.counts().queued, 2, "the large one waits, and the small one behind it");
  await submit("ok-10-many", 9);
  await assertRejects(() => submit("ok-10-late"), JobQueueFullError, "Expected at most 3 jobs that wait");
  await untilState(store, "ok-30-large", "running");
  assertEquals(supervisor.shares.taken.threads, 4);
  await untilState(store, "ok-10-small", "done");
  assertMatch((await untilState(store, "ok-10-many", "failed")).reason!, /^it asks for 9 threads and 1000 MiB, and/);
  const said = Deno.readTextFileSync(`${store.jobFolder("ok-100-b")}/stderr.log`);
  assertMatch(said, /threads 1 memory 1000M/);
  await supervisor.drain();
});

Deno.test("a drained job goes on with the next server, and ends with the bits of one that was left alone", async () => {
  using folder = tempFolder();
  {
    using store = await Store.open(folder.path, { hold: true });
    const supervisor = supervisorOf(store, []);
    supervisor.start();
    for (const name of ["ok-150-a", "ok-150-b"]) await supervisor.submit(name, { name });
    await until(() => supervisor.all.every(({ latest }) => latest.has("progress")), "progress");
    await supervisor.drain();
    assertEquals(store.jobs.counts().queued, 2);
  }
  using store = await Store.open(folder.path, { hold: true });
  const supervisor = supervisorOf(store, []);
  supervisor.start();
  const [a, b] = [await untilState(store, "ok-150-a", "done"), await untilState(store, "ok-150-b", "done")];
  assertEquals([a.attempts, b.attempts], [2, 2]);
  await supervisor.submit("ok-150-alone", { name: "ok-150-alone" });
  const alone = await untilState(store, "ok-150-alone", "done");
  assertEquals([a.result, b.result], [alone.result, alone.result]);
  assertCounted(eventsOf(store, "ok-150-a"));
  await supervisor.drain();
});

Deno.test("a job that runs longer than the server lets it is stopped with its state saved", async () => {
  using folder = tempFolder();
  using store = await Store.open(folder.path, { hold: true });
  const supervisor = supervisorOf(store, [], { timeLimit: 1 });
  supervisor.start();
  await supervisor.submit("ok-3000-a", { name: "ok-3000-a" });
  const job = await untilState(store, "ok-3000-a", "stopped");
  assertEquals(job.reason, "it ran as long as this server lets a job run");
  assertEquals(eventsOf(store, "ok-3000-a").at(-1)!.type, "stopped");
  await supervisor.drain();
});

Deno.test("a job that is forgotten leaves nothing, and a new one of its name begins anew", async () => {
  using folder = tempFolder();
  using store = await Store.open(folder.path, { hold: true });
  const supervisor = supervisorOf(store, []);
  supervisor.start();
  await supervisor.submit("ok-10-a", { name: "ok-10-a" });
  await supervisor.purge(await untilState(store, "ok-10-a", "done"));
  assertEquals([...Deno.readDirSync(`${folder.path}/jobs`)], []);
  assertEquals([...Deno.readDirSync(`${folder.path}/trash`)], []);
  assertEquals(store.jobs.find("ok-10-a"), undefined);
  await supervisor.submit("ok-10-a", { name: "ok-10-a" });
  await untilState(store, "ok-10-a", "done");
  assertEquals(eventsOf(store, "ok-10-a")[0]!.type, "started");
  await supervisor.drain();
});

Deno.test("a program that cannot be started fails its job with the reason", async () => {
  using folder = tempFolder();
  using store = await Store.open(folder.path, { hold: true });
  const supervisor = supervisorOf(store, [], { command: () => ["cargo-that-is-not-there"] });
  supervisor.start();
  await supervisor.submit("ok-10-a", { name: "ok-10-a" });
  const job = await untilState(store, "ok-10-a", "failed");
  assertMatch(job.reason!, /^4 processes in a row saved nothing; of the last, its process ended with status 1: /);
  await supervisor.drain();
});
