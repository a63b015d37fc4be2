/** Running jobs in this process: endings, events, idempotence; as processes of their own they are in tests/tasks. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { DeviceError, loadCheckpoint, OutOfMemoryError, RunFolderError, serve } from "../../../../mod.ts";
import { fingerprint } from "../../train/tiny.ts";
import { tempFolder } from "../../../temp_folder.ts";

/** Two epochs of four steps. */
const job = (folder: string, more: Partial<serve.JobSpec> = {}): serve.JobSpec =>
  serve.checkJob({
    name: "digits",
    preset: "mnist",
    recipe: { epochs: 2, bs: 32, data: { limit: 128 } },
    output: join(folder, "digits"),
    environment: { threads: 1 },
    ...more,
  });

async function eventsOf(output: string): Promise<serve.JobEvent[]> {
  const text = await Deno.readTextFile(join(output, "events.ndjson"));
  assert(text.endsWith("\n"));
  return text.trimEnd().split("\n").map((line) => JSON.parse(line));
}

async function stateOf(output: string): Promise<string> {
  return fingerprint((await loadCheckpoint(join(output, "run", "checkpoint", "state.safetensors"))).state);
}

function existsIn(output: string, name: string): boolean {
  return [...Deno.readDirSync(output)].some((entry) => entry.name === name);
}

/** Aborts at the first event that fits. */
function stopAt(fits: (event: serve.JobEvent) => boolean): serve.RunJobOptions {
  const stop = new AbortController();
  return { signal: stop.signal, onEvent: (event) => fits(event) ? stop.abort() : undefined };
}

Deno.test("runJob(): trains, tells events with numbers, and a job that is done does nothing again", async () => {
  using folder = tempFolder();
  const spec = job(folder.path, { artefacts: ["model", "predictions"] });
  const told: serve.JobEvent[] = [];
  const ending = await serve.runJob(spec, { onEvent: (event) => void told.push(event) });
  assert(ending.type === "done" && !ending.again);
  assertEquals(ending.result.steps, 8);
  const events = await eventsOf(ending.output);
  assertEquals(told, events);
  assertEquals(events.map(({ n }) => n), events.map((_, at) => at + 1));
  assertEquals([...new Set(events.map(({ attempt, job }) => `${job} ${attempt}`))], ["digits 1"]);
  const types = events.map(({ type }) => type).filter((type) => type !== "progress");
  const epoch = ["saved", "epoch"];
  assertEquals(types, ["started", "prepared", ...epoch, ...epoch, "artefact", "artefact", "done"]);
  const files = [...Deno.readDirSync(ending.output)].map(({ name }) => name).sort();
  assertEquals(files, [
    "events.ndjson",
    "job.json",
    "job.lock",
    "model.safetensors",
    "predictions.csv",
    "run",
  ]);
  const again = await serve.runJob(spec, { onEvent: (event) => void told.push(event) });
  assertEquals(again, { ...ending, again: true });
  assertEquals([told.length, await eventsOf(ending.output)], [events.length, events]);
});

Deno.test("runJob(): stopped anywhere and gone on with, it ends with the bits of a job that was not", async () => {
  using folder = tempFolder();
  const whole = await serve.runJob(job(folder.path, { name: "whole", output: join(folder.path, "whole") }));
  const wanted = await stateOf(whole.output);
  const moments: ((event: serve.JobEvent) => boolean)[] = [
    ({ type }) => type === "started",
    ({ type }) => type === "prepared",
    (event) => event.type === "progress" && event.stage === "train",
    (event) => event.type === "saved" && event.step === 4,
    (event) => event.type === "epoch" && event.epoch === 2,
  ];
  for (const [at, fits] of moments.entries()) {
    const spec = job(folder.path, { output: join(folder.path, `${at}`) });
    const first = await serve.runJob(spec, stopAt(fits));
    if (at < 4) assertEquals([first.type, "why" in first && first.why], ["stopped", "signal"], `${at}`);
    const { output } = await serve.runJob(spec);
    assertEquals(await stateOf(output), wanted, `${at}`);
    const events = await eventsOf(output);
    assertEquals(events.map(({ n }) => n), events.map((_, at) => at + 1));
    const endings = events.filter(({ type }) => ["done", "failed", "stopped", "lost"].includes(type));
    assertEquals(endings.map(({ type }) => type), at < 4 ? ["stopped", "done"] : ["done"]);
    assertEquals(endings.map(({ attempt }) => attempt), at < 4 ? [1, 2] : [1]);
  }
});

Deno.test("runJob(): stops at its deadline, by seconds and by the clock, and an instant that has passed is refused", async () => {
  using folder = tempFolder();
  const long = { recipe: { epochs: 100, bs: 32, data: { limit: 128 } } };
  const output = join(folder.path, "digits");
  const seconds = await serve.runJob(job(folder.path, { ...long, deadline: 1 }));
  assertEquals([seconds.type, "why" in seconds && seconds.why], ["stopped", "deadline"]);
  // A clock that jumps ahead in the middle of the training.
  let now = Date.parse("2030-01-01T00:00:00Z");
  const jump = (event: serve.JobEvent): void => void (event.type === "prepared" ? now += 7_200_000 : undefined);
  const instant = { ...long, deadline: "2030-01-01T02:00:00+01:00" };
  const clock = await serve.runJob(job(folder.path, instant), { now: () => now, onEvent: jump });
  assertEquals([clock.type, "why" in clock && clock.why], ["stopped", "deadline"]);
  const passed = await serve.runJob(job(folder.path, instant), { now: () => now });
  assert(passed.type === "failed" && passed.specification);
  assertStringIncludes(passed.error.message, "got 2030-01-01T02:00:00+01:00, which has passed");
  const times = (await eventsOf(output)).filter(({ attempt }) => attempt > 1).map(({ time }) => time);
  assertEquals(times[0], "2030-01-01T00:00:00.000Z");
});

Deno.test("runJob(): another specification in the same folder is refused by what changed; what changes no bit is not", async () => {
  using folder = tempFolder();
  const spec = job(folder.path);
  const { output, events } = await serve.runJob(spec, stopAt(({ type }) => type === "prepared"));
  const before = await Deno.readTextFile(join(output, "job.json"));
  const changed = job(folder.path, {
    name: "others",
    recipe: { epochs: 3, bs: 32, data: { limit: 128 }, schedule: { lr: 0.01 } },
  });
  const error = await assertRejects(() => serve.runJob(changed), serve.JobChangedError);
  assertEquals(error.changes.map(({ path, before, now }) => [path, before, now]), [
    ["name", "digits", "others"],
    ["recipe.schedule.lr", "0.008", "0.01"],
    ["recipe.epochs", "2", "3"],
  ]);
  assertStringIncludes(error.message, "recipe.schedule.lr 0.008, now 0.01, and recipe.epochs 2, now 3: give another");
  assertEquals(await Deno.readTextFile(join(output, "job.json")), before);
  assertEquals((await eventsOf(output)).length, events);
  const free = { saveEvery: 1, deadline: 600, environment: { threads: 2, cache: ".cache/data" }, artefacts: ["model"] };
  const ending = await serve.runJob(job(folder.path, free as Partial<serve.JobSpec>));
  assertEquals(ending.type, "done");
  const forced = await serve.runJob(job(folder.path, { recipe: { epochs: 3, bs: 32, data: { limit: 128 } } }), {
    force: true,
  });
  assertEquals(forced.type === "done" && forced.result.epochs, 3);
  // What was made of the training before is not this one's.
  assert(!existsIn(output, "model.safetensors"));
});

Deno.test("runJob(): an artefact that is asked for later, or was removed, is made", async () => {
  using folder = tempFolder();
  const { output } = await serve.runJob(job(folder.path));
  const spec = job(folder.path, { artefacts: ["model"] });
  const ending = await serve.runJob(spec);
  assertEquals(ending.type === "done" && ending.again, false);
  const model = join(output, "model.safetensors");
  const bytes = await Deno.readFile(model);
  await Deno.remove(model);
  await serve.runJob(spec);
  assertEquals(await Deno.readFile(model), bytes);
  const types = (await eventsOf(output)).filter(({ attempt }) => attempt === 3).map(({ type }) => type);
  assertEquals(types, ["started", "note", "artefact", "done"]);
});

Deno.test("runJob(): stopped between and within its artefacts it makes the rest, each whole", async () => {
  using folder = tempFolder();
  const artefacts = ["model", "predictions", "report"] as const;
  const spec = job(folder.path, { artefacts, recipe: { epochs: 1, bs: 32, validBs: 16, data: { limit: 128 } } });
  const first = await serve.runJob(spec, stopAt(({ type }) => type === "artefact"));
  assertEquals([first.type, existsIn(first.output, "predictions.csv")], ["stopped", false]);
  // While the predictions are measured.
  const second = await serve.runJob(spec, stopAt((event) => event.type === "progress" && event.stage === "measure"));
  assertEquals([second.type, existsIn(first.output, "predictions.csv")], ["stopped", false]);
  const third = await serve.runJob(spec);
  assertEquals(third.type, "done");
  const made = (await eventsOf(first.output)).flatMap((event) => event.type === "artefact" ? event : []);
  assertEquals(made.map(({ attempt, name }) => `${attempt} ${name}`), [
    "1 model",
    "2 model",
    ...artefacts.map((name) => `3 ${name}`),
  ]);
  for (const { path, bytes } of made) assertEquals((await Deno.stat(join(first.output, path))).size, bytes);
  assertEquals((await Deno.readTextFile(join(first.output, "predictions.csv"))).trimEnd().split("\n").length, 129);
  assertStringIncludes(await Deno.readTextFile(join(first.output, "report", "report.html")), "Right answers");
});

Deno.test("runJob(): keeps within the memory that its environment names, and says so where it cannot", async () => {
  using folder = tempFolder();
  const recipe = { epochs: 1, bs: 2048, data: { limit: 2048 } };
  const ending = await serve.runJob(job(folder.path, { recipe, environment: { threads: 1, memory: 64 } }));
  assert(ending.type === "failed" && !ending.specification, JSON.stringify(ending));
  assert(ending.error instanceof OutOfMemoryError);
  assertStringIncludes(ending.error.message, "set `bs` below 2048");
  const enough = await serve.runJob(job(folder.path, { recipe, environment: { threads: 1, memory: 4096 } }));
  assertEquals(enough.type, "done");
});

Deno.test("runJob(): a listener that throws fails the attempt, whose training has ended by then, and is saved", async () => {
  using folder = tempFolder();
  const spec = job(folder.path);
  const ending = await serve.runJob(spec, {
    onEvent: (event) => {
      if (event.type === "epoch" && event.epoch === 1) throw new Error("no ear");
    },
  });
  assert(ending.type === "failed" && !ending.specification);
  assertEquals(ending.error.message, "no ear");
  const { state } = await loadCheckpoint(join(ending.output, "run", "checkpoint", "state.safetensors"));
  assert(state.counters.step < 8, `${state.counters.step}`);
  assertEquals((await serve.runJob(spec)).type, "done");
  assertEquals((await eventsOf(ending.output)).at(-1)!.type, "done");
});

Deno.test("runJob(): a folder that another process has is refused, with its number", async () => {
  using folder = tempFolder();
  const spec = job(folder.path);
  let inner: unknown;
  await serve.runJob(spec, {
    onEvent: async ({ type }) => {
      if (type === "prepared") inner = await serve.runJob(spec).catch((error) => error);
    },
  });
  assert(inner instanceof serve.JobLockedError, `${inner}`);
  assertEquals(inner.pid, Deno.pid);
  assertEquals((await serve.runJob(spec)).type, "done");
});

Deno.test("runJob(): what fails is an ending, by whose fault it is; what it costs to try again is nothing", async () => {
  using folder = tempFolder();
  const missing = job(folder.path, { recipe: { data: { name: join(folder.path, "nowhere") } } });
  const specified = await serve.runJob(missing);
  assert(specified.type === "failed" && specified.specification, JSON.stringify(specified));
  const spec = job(folder.path, { output: join(folder.path, "other") });
  const failing = await serve.runJob(spec, { open: () => Promise.reject(new RunFolderError("No disk")) });
  assert(failing.type === "failed" && !failing.specification);
  const lost = await serve.runJob(spec, {
    open: () => {
      const cause = new DeviceError("The GPU has fallen off the bus", { lost: true });
      return Promise.reject(new Error("Cannot read the data", { cause }));
    },
  });
  assertEquals(lost.type, "lost");
  assertEquals((await serve.runJob(spec)).type, "done");
  const events = await eventsOf(lost.output);
  const failures = events.flatMap((event) => event.type === "failed" || event.type === "lost" ? event.error : []);
  assertEquals(failures, [{ name: "RunFolderError", message: "No disk" }, {
    name: "Error",
    message: "Cannot read the data",
  }]);
  assertEquals(events.filter(({ type }) => type === "started").map(({ attempt }) => attempt), [1, 2, 3]);
});

Deno.test("runJob(): refuses a folder with a run of something else, and one that cannot be made", async () => {
  using folder = tempFolder();
  const output = join(folder.path, "digits");
  await Deno.mkdir(join(output, "run"), { recursive: true });
  const error = await assertRejects(() => serve.runJob(job(folder.path)), serve.JobError);
  assertEquals(error.path, "output");
  await Deno.remove(join(output, "run"));
  await Deno.writeTextFile(join(output, "model.safetensors"), "somebody else's");
  const other = await assertRejects(() => serve.runJob(job(folder.path)), serve.JobError);
  assertStringIncludes(other.message, 'model.safetensors" without a job');
  await Deno.writeTextFile(join(folder.path, "file"), "");
  await assertRejects(
    () => serve.runJob(job(folder.path, { output: join(folder.path, "file", "digits") })),
    Error,
    "Cannot make the job's folder",
  );
});
