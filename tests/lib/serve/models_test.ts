/** Models whose files are damaged or gone: what is wrong is said, and the same request puts it right. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { httpErrorOf } from "../../../lib/serve/http/http_error.ts";
import { ModelError, ModelService } from "../../../lib/serve/models/service.ts";
import { Store } from "../../../lib/serve/store/store.ts";
import { spec } from "../../support/bad_requests.ts";
import { fakePredictor, served } from "../../support/service.ts";
import { untilState } from "../../support/supervised.ts";
import { tempFolder } from "../../temp_folder.ts";

const image = { body: new Uint8Array([7]), headers: { "content-type": "image/png" } };

Deno.test("a version whose file is gone is told by its name, and is written anew by the same request", async () => {
  using folder = tempFolder();
  const path = `${folder.path}/models/digits/1.safetensors`;
  {
    await using server = await served(folder.path);
    await server.ask("POST", "/jobs", { body: spec() });
    await untilState(server.store, "ok-10-a", "done");
    const put = await server.ask("PUT", "/models/digits", { body: { job: "ok-10-a" } });
    assertEquals((await server.ask("PUT", "/models/digits", { body: { job: "ok-10-a" } })).body, put.body);
    assertEquals([...Deno.readDirSync(`${folder.path}/models/digits`)].map(({ name }) => name), ["1.safetensors"]);
  }
  Deno.removeSync(path);
  await using server = await served(folder.path);
  const { status, body } = await server.ask("POST", "/predict", image);
  assertEquals(status, 500);
  assertStringIncludes(body.error, 'Cannot open version 1 of the model "digits": ');
  assertStringIncludes(body.error, path);
  const again = await server.ask("PUT", "/models/digits", { body: { job: "ok-10-a" } });
  assertEquals([again.status, again.body.version], [200, 2]);
  const answer = await server.ask("POST", "/predict", image);
  assertEquals([answer.status, answer.body.version], [200, 2]);
  // One that is open answers on, and its file is looked after all the same.
  Deno.removeSync(path.replace("1.", "2."));
  assertEquals((await server.ask("POST", "/predict", image)).status, 200);
  assertEquals((await server.ask("PUT", "/models/digits", { body: { job: "ok-10-a" } })).body.version, 3);
  assertEquals(server.notes.filter((note) => note.includes("POST")), [], "it is no mistake of the server's");
});

Deno.test("a job whose run is damaged gives no model, and the reason; one that the disk has no room for is 507", async () => {
  using folder = tempFolder();
  using store = await Store.open(folder.path);
  let reason: Error = new Error('Cannot read "state.safetensors" as safetensors: it may be damaged');
  await using models = new ModelService(store, {
    pack: () => Promise.reject(reason),
    open: (path) => Promise.resolve(fakePredictor(path, [])),
    mostOpen: 2,
    now: Date.now,
  });
  const put = (): Promise<unknown> => models.put("digits", { job: "a", run: "run" });
  const damaged = await assertRejects(put, ModelError, 'Cannot take the model of the job "a": Cannot read "state');
  assertEquals([httpErrorOf(damaged)!.status, httpErrorOf(damaged)!.message], [500, damaged.message]);
  reason = new Error("Cannot write", { cause: Object.assign(new Error("No space left"), { code: "ENOSPC" }) });
  assertEquals(httpErrorOf(await assertRejects(put, ModelError))!.status, 507);
  assertEquals(store.models.list(), []);
});
