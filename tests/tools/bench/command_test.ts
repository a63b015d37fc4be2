/** The command lines of `deno task bench`. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { runCommand } from "../../../lib/cli/command.ts";
import { benchCommandOf } from "../../../tools/bench.ts";
import { benchNames } from "../../../tools/bench/bench_names.ts";
import { keptStreams } from "../../lib/cli/streams.ts";

async function run(name: string | undefined, args: string[]): Promise<{ code: number; out: string; err: string }> {
  const streams = keptStreams();
  const code = await runCommand(args, await benchCommandOf(name), { streams });
  return { code, ...streams.text };
}

Deno.test("bench: each name has a command of that name, and tells its flags", async () => {
  for (const name of benchNames) {
    const { code, out } = await run(name, ["--help"]);
    assertEquals(code, 0);
    assertStringIncludes(out, `deno task bench ${name}`);
  }
});

Deno.test("bench: without a name, or with a wrong one, it tells which there are", async () => {
  const none = await run(undefined, []);
  assertEquals(none.code, 2);
  assertStringIncludes(none.err, "as one of step, ops, shapes, infer, serve, job, scale, decode, peers, got nothing");
  const wrong = await run("steps", ["steps"]);
  assertEquals(wrong.code, 2);
  assertStringIncludes(wrong.err, 'got "steps": did you mean step?');
});

Deno.test("bench: as a process of its own it ends too, as files that wait for one another would not", async () => {
  for (const [args, wanted] of [[[], 2], [["--help"], 0]] as const) {
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-q", "--no-prompt", "-P=bench", "tools/bench.ts", ...args],
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const late = setTimeout(() => child.kill("SIGKILL"), 60_000);
    const { code, stdout, stderr } = await child.output();
    clearTimeout(late);
    assertEquals(code, wanted);
    assertStringIncludes(new TextDecoder().decode(wanted === 0 ? stdout : stderr), "step, ops, shapes, infer, serve");
  }
});

Deno.test("bench step: flags of a comparison are refused without one, and those of a single measurement in one", async () => {
  const wrong: [string[], string][] = [
    [["--rounds", "2"], "Expected --rounds with --peer or --beside, got it alone"],
    [["--modes", "eager"], "Expected --modes with --peer or --beside, got it alone"],
    [["--peer", "--warmup", "5"], "without --warmup"],
    [["--peer", "--dtype", "bf16"], "say --dtypes bf16"],
    [["--peer", "--no-capture"], "got --no-capture: leave it out"],
    [["--beside", ".", "--dtypes", "f16"], "Expected --dtypes as words of f32, bf16"],
    [["--beside", ".", "--out", "/nowhere/step.json"], 'Cannot write to "/nowhere/step.json"'],
  ];
  for (const [args, message] of wrong) {
    const { code, err } = await run("step", args);
    assertEquals(code, 2, err);
    assertStringIncludes(err, message);
  }
});

Deno.test("bench: what cannot be measured beside is refused before anything is", async () => {
  const beside = await run("step", ["--beside", "README.md"]);
  assertEquals(beside.code, 2);
  assertStringIncludes(
    beside.err,
    'Expected --beside with the folder of another checkout of this repository, got "README.md"',
  );
  const folder = await run("decode", ["--data", "README.md"]);
  assertEquals(folder.code, 2);
  assertStringIncludes(folder.err, "Expected --data with a folder of images, got");
  const modes = await run("infer", ["--modes", "eager"]);
  assertEquals(modes.code, 2);
  assertStringIncludes(modes.err, "Expected --modes with --peer, got it alone");
  const ways = await run("serve", ["--ways", "each"]);
  assertEquals(ways.code, 2);
  assertStringIncludes(ways.err, "Expected --ways with --peer, got it alone");
  const data = await run("serve", ["--data", "nowhere.tgz"]);
  assertEquals(data.code, 2);
  assertStringIncludes(data.err, "Expected --data as an archive of Imagenette's family, got ");
});

Deno.test("bench step: one measurement, as before", async () => {
  const { code, out } = await run("step", ["--bs", "2", "--steps", "1", "--warmup", "3", "--threads", "1", "--json"]);
  assertEquals(code, 0);
  const { preset, bs, parameters, img_per_s } = JSON.parse(out);
  assertEquals([preset, bs], ["mnist", 2]);
  assert(parameters > 0 && img_per_s > 0);
});
