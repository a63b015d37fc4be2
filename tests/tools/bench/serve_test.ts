/** Clients that ask a server at once, and what is said of their answers. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { benchCommandOf } from "../../../tools/bench.ts";
import { runCommand } from "../../../lib/cli/command.ts";
import { type Asked, load, percentile } from "../../../tools/bench/load.ts";
import { jobLines, jobRatios, type JobRow } from "../../../tools/bench/job.ts";
import { serveLines, serveRatios, type ServeRow } from "../../../tools/bench/serve.ts";
import { keptStreams } from "../../lib/cli/streams.ts";

const question = { body: new Uint8Array([7]), type: "image/png" };

/** A server that answers after some milliseconds by what its body's first byte says. */
function answering(milliseconds: number, probability: (count: number) => number): Deno.HttpServer<Deno.NetAddr> {
  let count = 0;
  return Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, async (request) => {
    await request.arrayBuffer();
    await new Promise((resolve) => setTimeout(resolve, milliseconds));
    return Response.json({ predictions: [{ guesses: [{ label: 3, probability: probability(count++) }] }] });
  });
}

function askedOf({ addr }: Deno.HttpServer<Deno.NetAddr>): Asked {
  return { url: `http://127.0.0.1:${addr.port}/`, questions: [question], wanted: [0.5], tolerance: 0.01 };
}

const { signal } = new AbortController();

Deno.test("load: clients ask one thing after the other, and each answer counts for its part of the time", async () => {
  await using server = answering(100, () => 0.505);
  const found = await load(askedOf(server), { clients: 4, seconds: 1, signal });
  assert(found.p50_ms >= 99, `${found.p50_ms}`);
  assert(found.p99_ms >= found.p50_ms);
  // Each client has one question under way at any time, so that they are four over the time of an answer.
  assert(found.per_s <= 40.5 && found.per_s > 4, `${found.per_s}`);
  assert(found.answers >= found.per_s);
});

Deno.test("load: an answer that is another than before, or none, ends it", async () => {
  await using server = answering(1, (count) => count < 5 ? 0.5 : 0.6);
  await assertRejects(
    () => load(askedOf(server), { clients: 1, seconds: 5, signal }),
    Error,
    "answered image 0 by 0.6, and by 0.5 when it was asked alone",
  );
  await using broken = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen: () => {} },
    () => Response.json({ error: "No" }, { status: 429 }),
  );
  const asked = { ...askedOf(server), url: `http://127.0.0.1:${broken.addr.port}/` };
  await assertRejects(() => load(asked, { clients: 1, seconds: 5, signal }), Error, 'got 429 {"error":"No"}');
});

Deno.test("percentile: the smallest value that so many are not above", () => {
  const values = Array.from({ length: 200 }, (_, i) => i + 1);
  assertEquals([0.5, 0.99, 1].map((part) => percentile(values, part)), [100, 198, 200]);
  assertEquals(percentile([4], 0.99), 4);
  assertEquals(percentile([], 0.5), NaN);
});

const row = (part: Partial<ServeRow>): ServeRow => ({
  what: "mnist",
  dtype: "f32",
  who: "own",
  clients: 8,
  per_s: 100,
  p50_ms: 10,
  p99_ms: 20,
  answers: 300,
  rounds: [100],
  ...part,
});

Deno.test("bench serve: ours are compared with the best of the others at each figure, and with evaluation alone", () => {
  const rows = [
    row({}),
    row({ who: "peer", way: "each", per_s: 50, p50_ms: 30, p99_ms: 30 }),
    row({ who: "peer", way: "batched", per_s: 80, p50_ms: 20, p99_ms: 50 }),
    row({ who: "peer", way: "batched", clients: 1, per_s: 1000 }),
  ];
  const bare = [{ what: "mnist", dtype: "f32", img_per_s: 125, rounds: [125] }] as const;
  assertEquals(serveRatios(rows, bare), [
    { what: "mnist", dtype: "f32", clients: 8, overPeer: 1.25, overBare: 0.8, p50: 2, p99: 1.5 },
  ]);
  assertEquals(serveRatios([row({})], []), [
    { what: "mnist", dtype: "f32", clients: 8, overPeer: null, overBare: null, p50: null, p99: null },
  ]);
  assertStringIncludes(serveLines(rows, bare).join("\n"), "mnist f32, 8 clients: 1.25x FastAPI's answers");
});

Deno.test("bench serve: a model that a job made answers clients", async () => {
  const streams = keptStreams();
  const args = ["--models", "mnist", "--clients", "2", "--seconds", "1", "--rounds", "1", "--threads", "1", "--json"];
  const code = await runCommand(args, await benchCommandOf("serve"), { streams });
  assertEquals(code, 0, streams.text.err);
  const { rows: [first], bare: [bare], ratios } = JSON.parse(streams.text.out);
  assertEquals([first.what, first.who, first.clients, ratios.length], ["mnist", "own", 2, 1]);
  assert(first.per_s > 0 && first.p99_ms >= first.p50_ms && bare.img_per_s > 0);
});

Deno.test("bench job: a job is compared with the command's training of the same model", () => {
  const each = (who: JobRow["who"], img_per_s: number, dtype = "f32"): JobRow => (
    { what: "mnist", dtype, who, img_per_s, rounds: [img_per_s] }
  );
  const rows = [each("train", 200), each("job", 196), each("train", 100, "bf16"), each("job", 101, "bf16")];
  assertEquals(jobRatios(rows), [
    { what: "mnist", dtype: "f32", job: 0.98 },
    { what: "mnist", dtype: "bf16", job: 1.01 },
  ]);
  assertStringIncludes(jobLines(rows).join("\n"), "mnist f32: the job at 0.98x of the command");
});
