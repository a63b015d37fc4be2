/** A job's name under several requests at once, and under a state that cannot be written: one job, whole or not there. */
import { assertEquals, assertRejects } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { StoreError } from "../../../../lib/serve/store/database.ts";
import { Store } from "../../../../lib/serve/store/store.ts";
import { spec } from "../../../support/bad_requests.ts";
import { served } from "../../../support/service.ts";
import { supervisorOf, untilState } from "../../../support/supervised.ts";
import { tempFolder } from "../../../temp_folder.ts";

Deno.test("of several specifications under a new name at once one is taken, and the others are told of it", async () => {
  using folder = tempFolder();
  await using server = await served(folder.path, { jobs: 1 });
  await server.ask("POST", "/jobs", { body: spec({ name: "ok-3000-runs" }) });
  for (let round = 0; round < 10; round++) {
    const name = `several${round}`;
    const answers = await Promise.all(
      [1, 2, 3, 4].map((epochs) => server.ask("POST", "/jobs", { body: spec({ name, recipe: { epochs } }) })),
    );
    assertEquals(answers.map(({ status }) => status).sort(), [201, 409, 409, 409]);
    const taken = answers.find(({ status }) => status === 201)!;
    assertEquals(taken.body.spec, server.store.jobs.find(name)!.spec);
    const same = await Promise.all([1, 2].map(() => server.ask("POST", "/jobs", { body: taken.body.spec })));
    assertEquals(same.map(({ status }) => status), [200, 200]);
  }
});

Deno.test("a job that is removed and submitted at once is there whole, or not at all", async () => {
  using folder = tempFolder();
  await using server = await served(folder.path, { jobs: 1 });
  for (let round = 0; round < 6; round++) {
    const name = `ok-2-round${round}`;
    await server.ask("POST", "/jobs", { body: spec({ name }) });
    await untilState(server.store, name, "done");
    const orders = [["DELETE", "POST"], ["POST", "DELETE"], ["DELETE", "POST", "DELETE"]][round % 3]!;
    const answers = await Promise.all(
      orders.map((method) =>
        method === "POST"
          ? server.ask("POST", "/jobs", { body: spec({ name, artefacts: ["model"] }) })
          : server.ask("DELETE", `/jobs/${name}?purge=true`)
      ),
    );
    const told = orders.map((method, at) => `${method} ${answers[at]!.status}`);
    assertEquals(told.filter((one) => one.startsWith("POST 20")).length, 1, told.join());
    // What was answered with yes is trained to its end.
    await untilState(server.store, name, "done");
    assertEquals(server.store.jobs.find(name)!.spec["artefacts"], ["model"], told.join());
  }
  assertEquals(server.notes.filter((note) => !note.endsWith(": done")), []);
});

Deno.test("a job that cannot be forgotten keeps its files; on a full disk they make the room", async () => {
  using folder = tempFolder();
  using store = await Store.open(folder.path, { hold: true });
  const supervisor = supervisorOf(store, []);
  supervisor.start();
  await supervisor.submit("ok-10-a", { name: "ok-10-a" });
  const job = await untilState(store, "ok-10-a", "done");
  const files = (): string[] => [...Deno.readDirSync(store.jobFolder(job.id))].map(({ name }) => name).sort();
  const before = files();
  const other = new DatabaseSync(`${folder.path}/state.sqlite`);
  other.exec("BEGIN IMMEDIATE");
  await assertRejects(() => supervisor.purge(job), StoreError, "database is locked");
  other.exec("ROLLBACK");
  other.close();
  assertEquals([files(), store.jobs.find(job.id)], [before, job]);
  const remove = store.jobs.remove.bind(store.jobs);
  store.jobs.remove = (id): void => {
    if (Deno.readDirSync(`${folder.path}/trash`)[Symbol.iterator]().next().done !== true) {
      throw new StoreError("full", "database or disk is full");
    }
    remove(id);
  };
  await supervisor.purge(job);
  assertEquals(store.jobs.find(job.id), undefined);
  assertEquals([...Deno.readDirSync(`${folder.path}/jobs`), ...Deno.readDirSync(`${folder.path}/trash`)], []);
  await supervisor.drain();
});
