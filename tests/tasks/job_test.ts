/** `deno task job`, as whoever runs batch jobs meets it: as a process with signals, exit codes and files. */
import { assert, assertEquals, assertLess, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { runCommand } from "../../lib/cli/command.ts";
import { loadCheckpoint, serve } from "../../mod.ts";
import { jobCommand } from "../../tasks/job.ts";
import { keptStreams } from "../lib/cli/streams.ts";
import { fingerprint } from "../lib/train/tiny.ts";
import { eventsIn, eventsOf, jobProcess } from "../support/job_process.ts";
import { tempFolder } from "../temp_folder.ts";

/** Three epochs of sixteen steps: about a second. */
const settings = { epochs: 3, bs: 32, data: { limit: 512 } };

/** Writes a specification, and gives its path and its folder. */
function written(
  folder: string,
  more: Record<string, unknown> = {},
  name = "digits",
): { spec: string; output: string } {
  const output = join(folder, name);
  const job = { name, preset: "mnist", recipe: settings, output, environment: { threads: 1 }, ...more };
  const spec = join(folder, `${name}-${crypto.randomUUID().slice(0, 8)}.json`);
  Deno.writeTextFileSync(spec, JSON.stringify(job));
  return { spec, output };
}

async function stateOf(output: string): Promise<string> {
  return fingerprint((await loadCheckpoint(join(output, "run", "checkpoint", "state.safetensors"))).state);
}

/** The command in this process. */
async function command(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const streams = keptStreams();
  const code = await runCommand(args, jobCommand, { streams });
  return { code, ...streams.text };
}

/** The bits of a job that nothing disturbs; computed once. */
let undisturbed: Promise<string> | undefined;
function wanted(): Promise<string> {
  return undisturbed ??= (async (): Promise<string> => {
    using folder = tempFolder();
    const { spec, output } = written(folder.path);
    const { code, out, err } = await jobProcess([spec]);
    assertEquals(code, 0, err);
    assertEquals(eventsOf(out), eventsIn(output));
    return await stateOf(output);
  })();
}

/** Runs a job again and again, each time ended by a signal at another moment, until it is done. */
async function disturbed(signal: Deno.Signal, times: number): Promise<void> {
  using folder = tempFolder();
  const { spec, output } = written(folder.path);
  const codes: number[] = [];
  const told: number[] = [];
  for (let count = 0; count < times; count++) {
    const after = Math.floor(400 * Math.random());
    const lines = 1 + Math.floor(4 * Math.random());
    const { code, out, err, stopped = 0 } = await jobProcess([spec], { signal: { name: signal, lines, after } });
    codes.push(code);
    told.push(...eventsOf(out.slice(0, out.lastIndexOf("\n") + 1)).map(({ n }) => n));
    assertLess(stopped, 5000, `${signal}: ${stopped} ms\n${err}`);
    if (code === 0) break;
  }
  const last = await jobProcess([spec]);
  assertEquals(last.code, 0, last.err);
  told.push(...eventsOf(last.out).map(({ n }) => n));
  assertEquals(await stateOf(output), await wanted(), `${signal} ${codes}`);
  const events = eventsIn(output);
  // Nothing is told twice, nor before it is in the file.
  assertEquals(told, [...new Set(told)].sort((a, b) => a - b));
  assert(told.every((n) => n <= events.length));
  const stopping: Partial<Record<Deno.Signal, number>> = { SIGINT: 130, SIGTERM: 143 };
  const right = stopping[signal] ?? 137;
  assert(codes.every((code) => code === right || code === 0), `${signal} ${codes}`);
  if (signal !== "SIGKILL") {
    const endings = events.filter(({ type }) => type === "stopped");
    assertEquals(endings.length, codes.filter((code) => code === right).length, `${codes}`);
  }
}

for (const signal of ["SIGTERM", "SIGINT", "SIGKILL"] as const) {
  Deno.test(`job: ${signal} at any moment, and the same command again ends with the same bits and all events`, async () => {
    await disturbed(signal, 4);
  });
}

Deno.test("job: stopped at its deadline with 75, gone on with, done with 0, and done again at once", async () => {
  using folder = tempFolder();
  const { output } = written(folder.path);
  const codes: number[] = [];
  for (let count = 0; count < 40 && codes.at(-1) !== 0; count++) {
    // A busy machine may take longer than the first ones to begin.
    const { spec } = written(folder.path, { deadline: 0.6 * 1.1 ** count });
    codes.push((await jobProcess([spec])).code);
  }
  assert(codes.length > 1 && codes.at(-1) === 0 && codes.slice(0, -1).every((code) => code === 75), `${codes}`);
  assertEquals(await stateOf(output), await wanted());
  const events = eventsIn(output);
  assertEquals(
    events.filter((event) => event.type === "stopped").map(({ why }) => why),
    codes.slice(1).map(() => "deadline"),
  );
  const { spec } = written(folder.path);
  const again = await jobProcess([spec]);
  assertEquals([again.code, again.out], [0, ""]);
  assertStringIncludes(again.err, 'Job "digits" is done already: nothing is left to do');
  assertEquals(eventsIn(output).length, events.length);
});

Deno.test("job: a specification from stdin; --json gives one object, and the events are in the file alone", async () => {
  using folder = tempFolder();
  const { spec, output } = written(folder.path, { recipe: { ...settings, epochs: 1 }, artefacts: ["model"] });
  const stdin = await Deno.readTextFile(spec);
  const { code, out, err } = await jobProcess(["-", "--json"], { stdin });
  assertEquals([code, out.split("\n").length], [0, 2], err);
  const { job, type, again, events, result, ...rest } = JSON.parse(out);
  assertEquals([job, type, again, result.steps, rest], ["digits", "done", false, 16, { output }]);
  assertEquals(eventsIn(output).length, events);
  const second = await command(spec, "--json");
  assertEquals([second.code, JSON.parse(second.out).again], [0, true]);
});

Deno.test("job: what is wrong with a specification is one line on stderr, with 2 and nothing on stdout", async () => {
  using folder = tempFolder();
  const { spec, output } = written(folder.path);
  const begun = await jobProcess([spec], { signal: { name: "SIGTERM", lines: 2, after: 0 } });
  assertEquals(begun.code, 143, begun.err);
  const before = eventsIn(output).length;
  const file = (text: string): string => {
    const path = join(folder.path, "wrong.json");
    Deno.writeTextFileSync(path, text);
    return path;
  };
  const cases: readonly [args: () => string[], message: RegExp][] = [
    [() => [], /^error: Expected a job's specification, got none/],
    [() => [join(folder.path, "none.json")], /^error: Cannot read the specification ".*": it is not there$/m],
    [() => [folder.path], /^error: Cannot read the specification/],
    [() => [file("{\n  name: 1")], /^error: Expected a job as JSON, got .* at line 2, column 3$/m],
    [
      () => [file('{ "name": "a", "preset": "mnits" }')],
      /^error: Expected `preset` to be .*: it may be mnist that is meant$/m,
    ],
    [() => [file('{ "name": "a", "preset": "mnist", "recipe": { "bs": 0 } }')], /^error: Expected `recipe\.bs` to be/],
    [
      () => [file('{ "name": "a", "preset": "mnist", "output": "/nowhere/at/all" }')],
      /^error: Cannot write to "\/nowhere\/at\/all": `deno task job` may write below runs and \.cache only/,
    ],
    [() => [file('{ "name": "a", "preset": "mnist", "output": "runs/../../up" }')], /^error: Cannot write to "runs/],
    [
      () => [written(folder.path, { recipe: { ...settings, bs: 64 } }).spec],
      /^error: The job in ".*digits" was started with recipe\.bs 32, now 64: give another `output`, or pass --force/m,
    ],
  ];
  for (const [args, message] of cases) {
    const { code, out, err } = await command(...args());
    assertEquals([code, out], [2, ""], err);
    assertMatch(err, message);
  }
  assertEquals(eventsIn(output).length, before);
  const invalid = join(folder.path, "bytes.json");
  await Deno.writeFile(invalid, new Uint8Array([0x22, 0xff, 0x22]));
  assertStringIncludes((await command(invalid)).err, "Expected text in UTF-8");
  // Cut within a letter where no more of it is read.
  await Deno.writeTextFile(invalid, "é".repeat(2 ** 20) + "x");
  assertStringIncludes((await command(invalid)).err, "Expected a job of at most 1048576 bytes");
  await Deno.writeTextFile(invalid, "x" + "é".repeat(2 ** 20));
  assertStringIncludes((await command(invalid)).err, "Expected a job of at most 1048576 bytes");
  // Found only once the data are looked for: the attempt has its ending, and the same code.
  const nowhere = written(folder.path, { recipe: { data: { name: join(folder.path, "nowhere") } } }, "nowhere");
  const { code, out } = await command(nowhere.spec);
  assertEquals([code, eventsOf(out).map(({ type }) => type)], [2, ["started", "failed"]]);
});

Deno.test("job: --schema prints the JSON Schema, --check looks at a specification and runs nothing", async () => {
  using folder = tempFolder();
  const { code, out } = await command("--schema");
  assertEquals([code, JSON.parse(out)], [0, serve.jobSchema() as unknown]);
  assertEquals(JSON.parse((await command("--schema", "--json")).out), serve.jobSchema() as unknown);
  const { spec, output } = written(folder.path);
  const checked = await command("--check", spec, "--json");
  assertEquals([checked.code, JSON.parse(checked.out)], [0, { job: "digits", output }]);
  assertEquals([...Deno.readDirSync(folder.path)].length, 1);
});

Deno.test("job: a device that is lost ends it with 70, anything else that fails with 1, and another attempt goes on", async () => {
  using folder = tempFolder();
  const { spec, output } = written(folder.path, { recipe: { ...settings, loss: { name: "dying" } } });
  const register = join(folder.path, "register.ts");
  const script = (body: string): void =>
    Deno.writeTextFileSync(
      register,
      `import { crossEntropy, DeviceError, recipe } from "${new URL("../../mod.ts", import.meta.url)}";
let steps = 0;
recipe.register({ losses: { dying: () => (output, { targets }) => {
  ${body}
  return crossEntropy(output, targets);
} } });
`,
    );
  const words = [spec, "--register", register];
  script('if (++steps === 4) throw new DeviceError("The GPU has fallen off the bus", { lost: true });');
  const lost = await jobProcess(words);
  assertEquals([lost.code, eventsOf(lost.out).at(-1)!.type], [70, "lost"], lost.err);
  script('if (++steps === 4) throw new Error("a mistake");');
  const failed = await jobProcess(words);
  assertEquals([failed.code, eventsOf(failed.out).at(-1)!.type], [1, "failed"], failed.err);
  script("");
  assertEquals((await jobProcess(words)).code, 0);
  assertEquals(eventsIn(output).flatMap(({ type, attempt }) => type === "started" ? attempt : []), [1, 2, 3]);
});

Deno.test("job: while another process has it, the same command says whose it is, with 75", async () => {
  using folder = tempFolder();
  const { spec, output } = written(folder.path, { recipe: { ...settings, epochs: 1000 } });
  const first = jobProcess([spec], { signal: { name: "SIGTERM", lines: 2, after: 3000 } });
  while (!existsIn(output, "job.json")) await new Promise((resolve) => setTimeout(resolve, 20));
  const second = await jobProcess([spec]);
  assertEquals([second.code, second.out], [75, ""], second.err);
  const { code, out } = await first;
  const [started] = eventsOf(out);
  assert(started?.type === "started");
  assertStringIncludes(second.err, `process ${started.pid} runs it: wait for it, or stop it first`);
  assertEquals(code, 143);
  eventsIn(output);
});

function existsIn(output: string, name: string): boolean {
  try {
    return Deno.statSync(join(output, name)).isFile;
  } catch {
    return false;
  }
}
