import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { Database, StoreError } from "../../../../lib/serve/store/database.ts";
import { JobTable } from "../../../../lib/serve/store/jobs.ts";
import { scheme } from "../../../../lib/serve/store/scheme.ts";
import { Store } from "../../../../lib/serve/store/store.ts";
import { tempFolder } from "../../../temp_folder.ts";

Deno.test("a list holds so many bytes of specifications, and one at least; the rest is on the next pages", async () => {
  using folder = tempFolder();
  using store = await Store.open(folder.path);
  for (const [at, length] of [10, 10, 5000, 10, 900, 10].entries()) {
    store.jobs.add(`job${at}`, { name: `job${at}`, filler: "x".repeat(length) }, 0);
  }
  const pages: string[][] = [];
  let before: number | undefined;
  while (true) {
    const page = store.jobs.list({ before, limit: 3, bytes: 1000 });
    if (page.length === 0) break;
    pages.push(page.map(({ id }) => id));
    before = page.at(-1)!.made;
  }
  assertEquals(pages, [["job5", "job4"], ["job3"], ["job2"], ["job1", "job0"]]);
  store.jobs.change("job4", { state: "failed" });
  const failed = store.jobs.list({ state: "failed", limit: 3, bytes: 1 });
  assertEquals(failed.map(({ id }) => id), ["job4"]);
});

Deno.test("a job goes through the queue and is found whatever the case of its name", async () => {
  using folder = tempFolder();
  using store = await Store.open(folder.path);
  store.jobs.add("first", { name: "first" }, 1);
  store.jobs.add("Second", { name: "Second" }, 2);
  assertEquals(store.jobs.head()!.id, "first");
  assertEquals(store.jobs.find("SECOND")!.id, "Second");
  assertThrows(() => store.jobs.add("FIRST", {}, 3), StoreError);
  store.jobs.change("first", { state: "done", result: { top1: 1 }, endedAt: 5 });
  assertEquals(store.jobs.find("first")!.result, { top1: 1 });
  assertEquals(store.jobs.head()!.id, "Second");
  store.jobs.queueAgain("first", { name: "first" }, 0);
  assertEquals(store.jobs.head()!.id, "Second", "by its place, whatever the clock says");
  assertEquals(store.jobs.list({ limit: 10 }).map(({ id }) => id), ["Second", "first"]);
  assertEquals(store.jobs.list({ limit: 10, before: 2 }).map(({ id }) => id), ["first"]);
  assertEquals(store.jobs.counts(), {
    queued: 2,
    running: 0,
    stopping: 0,
    done: 0,
    failed: 0,
    stopped: 0,
    cancelled: 0,
  });
});

Deno.test("a state outlives its process, with tokens as hashes alone", async () => {
  using folder = tempFolder();
  let token: string;
  {
    using store = await Store.open(folder.path, { hold: true });
    token = store.tokens.add("ci", 1)!;
    assertMatch(token, /^lt_[\w-]{43}$/);
    assertEquals(store.tokens.add("ci", 2), undefined);
    store.jobs.add("one", { name: "one" }, 1);
  }
  using store = await Store.open(folder.path, { hold: true });
  assertEquals(store.tokens.nameOf(token), "ci");
  for (const wrong of ["", "lt_", token.slice(0, -1), `${token}a`, token.toUpperCase()]) {
    assertEquals(store.tokens.nameOf(wrong), undefined);
  }
  assertEquals(store.jobs.find("one")!.state, "queued");
  const files = [...Deno.readDirSync(folder.path)].filter(({ isFile }) => isFile);
  for (const { name } of files) {
    assert(!Deno.readTextFileSync(`${folder.path}/${name}`).includes(token.slice(3)), name);
  }
  assert(store.tokens.remove("ci"));
  assertEquals([store.tokens.nameOf(token), store.tokens.count, store.tokens.remove("ci")], [undefined, 0, false]);
});

Deno.test("models keep their versions, and the one before is taken back", async () => {
  using folder = tempFolder();
  using store = await Store.open(folder.path);
  const put = (version: number): void =>
    void store.models.put({
      name: "digits",
      version,
      job: `job${version}`,
      madeAt: version,
      bytes: 1,
      sha256: `${version}`,
    });
  assertEquals(store.models.rollback("digits"), undefined);
  for (const version of [1, 2, 3]) {
    assertEquals(store.models.nextVersion("digits"), version);
    put(version);
  }
  assertEquals(store.models.find("Digits")!.versions.map(({ version, before }) => [version, before]), [
    [3, 2],
    [2, 1],
    [1, null],
  ]);
  assertEquals(store.models.rollback("digits")!.version, 2);
  assertEquals(store.models.rollback("digits")!.version, 1);
  assertEquals(store.models.rollback("digits"), null);
  put(4);
  assertEquals(store.models.rollback("digits")!.version, 1, "what was in service before, not the number before");
});

Deno.test("two servers do not share a state; who looks something up may", async () => {
  using folder = tempFolder();
  using _first = await Store.open(folder.path, { hold: true });
  const error = await assertRejects(() => Store.open(folder.path, { hold: true }), StoreError);
  assertEquals(error.fault, "held");
  assertMatch(
    error.message,
    new RegExp(`^Cannot serve the state ".*": another server has it \\(process ${Deno.pid}\\): `),
  );
  using second = await Store.open(folder.path);
  assertEquals(second.jobs.head(), undefined);
});

Deno.test("a full disk, a lock of another process and damage are one line each, and lose nothing", async () => {
  using folder = tempFolder();
  const path = `${folder.path}/state.sqlite`;
  {
    using store = await Store.open(folder.path);
    store.jobs.add("kept", { name: "kept" }, 1);
    const other = new DatabaseSync(path);
    other.exec("BEGIN IMMEDIATE");
    const locked = assertThrows(() => store.jobs.add("late", {}, 2), StoreError);
    assertEquals([locked.fault, locked.message.includes("\n")], ["locked", false]);
    assertEquals(store.jobs.find("kept")!.state, "queued", "reading goes on");
    other.exec("ROLLBACK");
    other.close();
    store.jobs.add("late", {}, 2);
  }
  {
    using database = new Database(path, scheme);
    const jobs = new JobTable(database);
    // A file that may not grow is a full disk to SQLite.
    const pages = Number(database.get("PRAGMA page_count")!["page_count"]);
    database.get(`PRAGMA max_page_count = ${pages + 20}`);
    const added: string[] = [];
    const full = assertThrows(() => {
      for (let count = 0; count < 1000; count++) added.push(jobs.add(`job${count}`, { text: "x".repeat(3000) }, 1).id);
    }, StoreError);
    assertEquals([full.fault, full.message.includes("\n")], ["full", false]);
    assert(added.length > 3, `${added.length} jobs`);
    assertEquals(jobs.counts().queued, added.length + 2);
    database.get(`PRAGMA max_page_count = ${pages + 1000}`);
    jobs.add("after", {}, 2);
    assertEquals(jobs.list({ limit: 1 })[0]!.id, "after");
  }
  Deno.writeTextFileSync(path, "no database ".repeat(1000));
  for (const name of ["state.sqlite-wal", "state.sqlite-shm"]) {
    try {
      Deno.removeSync(`${folder.path}/${name}`);
    } catch { /* It is gone with its last user. */ }
  }
  const damaged = await assertRejects(() => Store.open(folder.path), StoreError);
  assertEquals(damaged.fault, "damaged");
});

Deno.test("a file of a newer version, or of another program, is refused and left as it is", async () => {
  for (
    const [change, wanted] of [
      ["PRAGMA user_version = 2", /^Expected a state of version 1 in ".*", got 2: use the newer libtrain/],
      ["PRAGMA user_version = 0", /^Expected a state of version 1 in ".*", got 0: begin with another folder/],
      ["PRAGMA application_id = 7", /^Expected the state of a server in ".*", got another program's file/],
    ] as const
  ) {
    using folder = tempFolder();
    (await Store.open(folder.path))[Symbol.dispose]();
    const file = new DatabaseSync(`${folder.path}/state.sqlite`);
    file.exec(change);
    file.close();
    const error = await assertRejects(() => Store.open(folder.path, { hold: true }), StoreError);
    assertEquals(error.fault, "version");
    assertMatch(error.message, wanted);
  }
});
