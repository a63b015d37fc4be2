/** The tables of docs/serve.md say what the code does. */
import { assert, assertEquals } from "@std/assert";
import { openApi } from "../../lib/serve/http/openapi.ts";
import { schemas } from "../../lib/serve/http/schemas.ts";
import { jobStates } from "../../lib/serve/store/jobs.ts";
import { served } from "../support/service.ts";
import { tempFolder } from "../temp_folder.ts";
import { tableOf } from "../support/doc_tables.ts";

const text = Deno.readTextFileSync(new URL("../../docs/serve.md", import.meta.url));

/** Its rows of cells below a heading. */
const table = (heading: string): string[][] => tableOf(text, heading);

Deno.test("docs/serve.md: every route, every status and every state is there", async () => {
  using folder = tempFolder();
  await using server = await served(folder.path);
  const { routes } = server.service;
  assertEquals(table("Route"), routes.map(({ method, path, about }) => [`\`${method} ${path}\``, about]));
  for (const { method, path } of routes) {
    const called = path.replaceAll(/:\w+/g, "\\w+");
    const flag = method === "GET" || method === "POST" && path === "/predict" ? "" : `-X ${method} `;
    assert(new RegExp(`curl .*${flag}.*\\$U${called}`).test(text), `no curl of ${method} ${path}`);
  }
  const document = openApi(routes, schemas()) as unknown as {
    paths: Record<string, Record<string, { responses: Record<string, unknown> }>>;
  };
  const told = Object.values(document.paths)
    .flatMap((methods) => Object.values(methods).flatMap(({ responses }) => Object.keys(responses)));
  // Whatever the route, an unknown path and another method.
  assertEquals(table("Status").map(([status]) => status), [...new Set([...told, "405"])].sort());
  assertEquals(table("State").map(([state]) => state), jobStates.map((state) => `\`${state}\``));
});

Deno.test("docs/serve.md: every metric is there", async () => {
  using folder = tempFolder();
  await using server = await served(folder.path);
  await server.ask("GET", "/jobs");
  server.service.metrics.count("libtrain_predictions_total", "", {});
  const { body } = await server.ask("GET", "/metrics");
  const names = [...(body as string).matchAll(/^# TYPE (\w+)/gm)].map(([, name]) => name!);
  const listed = table("Metric").flatMap(([cell]) => cell!.split(", ").map((name) => name.replaceAll("`", "")));
  assertEquals(listed.sort(), names.sort());
});
