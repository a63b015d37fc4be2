/** Pages of jobs that go on, are removed, or come again while their page is made. */
import { assertEquals, assertRejects } from "@std/assert";
import { HttpError } from "../../../../lib/serve/http/http_error.ts";
import { Reports } from "../../../../lib/serve/http/reports.ts";
import type { StoredJob } from "../../../../lib/serve/store/jobs.ts";
import { Store } from "../../../../lib/serve/store/store.ts";
import { supervisorOf, until } from "../../../support/supervised.ts";
import { tempFolder } from "../../../temp_folder.ts";

/** Makes a page of a run's metrics as they are, tells that it has begun, and ends once it may. */
const program = `
const [run, out, state] = Deno.args;
const text = Deno.readTextFileSync(run + "/metrics.csv");
Deno.writeTextFileSync(state + "/begun", "x", { append: true });
while (true) try { Deno.statSync(state + "/go"); break; } catch { await new Promise((resolve) => setTimeout(resolve, 20)); }
if (text === "fails") Deno.exit(3);
Deno.mkdirSync(out, { recursive: true });
Deno.writeTextFileSync(out + "/report.html", text);
`;

function reportsOf(store: Store): Reports {
  return new Reports(store, {
    command: (run, out) => [Deno.execPath(), "eval", "-q", "--no-config", program, run, out, store.folder],
    cwd: Deno.cwd(),
    env: {},
  });
}

function trained(store: Store, id: string, metrics: string): StoredJob {
  store.jobs.add(id, { name: id }, Date.now());
  Deno.mkdirSync(`${store.jobFolder(id)}/run`, { recursive: true });
  Deno.writeTextFileSync(`${store.jobFolder(id)}/run/metrics.csv`, metrics);
  return store.jobs.change(id, { state: "failed" });
}

const begun = (store: Store, times: number): Promise<void> =>
  until(() => {
    try {
      return Deno.readTextFileSync(`${store.folder}/begun`).length === times;
    } catch {
      return false;
    }
  }, "a page to be begun");

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

Deno.test("what is trained while a page is made is on the next one, whichever way the clock goes", async () => {
  using folder = tempFolder();
  using store = await Store.open(folder.path);
  const reports = reportsOf(store);
  const job = trained(store, "a", "1");
  const first = reports.of(job);
  await begun(store, 1);
  const metrics = `${store.jobFolder("a")}/run/metrics.csv`;
  Deno.writeTextFileSync(metrics, "1 2");
  Deno.writeTextFileSync(`${folder.path}/go`, "");
  assertEquals(text(await first), "1");
  assertEquals(text(await reports.of(job)), "1 2");
  assertEquals(text(await reports.of(job)), "1 2");
  await begun(store, 2);
  Deno.writeTextFileSync(metrics, "1 2 3");
  Deno.utimeSync(metrics, new Date("2001-01-01"), new Date("2001-01-01"));
  assertEquals(text(await reports.of(job)), "1 2 3");
  assertEquals([...Deno.readDirSync(`${folder.path}/trash`)], []);
});

Deno.test("a job that is removed while its page is made leaves nothing to one that takes its name", async () => {
  using folder = tempFolder();
  using store = await Store.open(folder.path);
  const reports = reportsOf(store);
  const job = trained(store, "a", "before");
  const asked = assertRejects(() => reports.of(job), HttpError, 'got "a", which was removed meanwhile');
  await begun(store, 1);
  await supervisorOf(store, []).purge(job);
  const after = trained(store, "a", "after");
  const next = reports.of(after);
  Deno.writeTextFileSync(`${folder.path}/go`, "");
  assertEquals((await asked).status, 404);
  assertEquals(text(await next), "after");
  const away = assertRejects(() => reports.of({ ...after, made: after.made + 1 }), HttpError, "removed meanwhile");
  store.jobs.remove("a");
  Deno.removeSync(store.jobFolder("a"), { recursive: true });
  assertEquals((await away).status, 404);
});

Deno.test("a page that cannot be made says so, also where its program could not", async () => {
  using folder = tempFolder();
  using store = await Store.open(folder.path);
  Deno.writeTextFileSync(`${folder.path}/go`, "");
  const wanted = 'Cannot make the page of "a": its program ended with 3 and said nothing, as where the disk is full';
  const error = await assertRejects(() => reportsOf(store).of(trained(store, "a", "fails")), HttpError, wanted);
  assertEquals(error.status, 500);
});
