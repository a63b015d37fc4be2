import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { type Command, runCommand } from "../../lib/cli/command.ts";
import type { Flags } from "../../lib/cli/flags.ts";
import { evaluateCommand } from "../../tasks/evaluate.ts";
import { packCommand } from "../../tasks/pack.ts";
import { predictCommand } from "../../tasks/predict.ts";
import { keptStreams } from "../lib/cli/streams.ts";
import { train } from "../support/training.ts";
import { tempFolder } from "../temp_folder.ts";

async function run(
  command: unknown,
  ...args: string[]
): Promise<{ code: number; out: string; err: string }> {
  const streams = keptStreams();
  const code = await runCommand(args, command as Command<Flags>, { streams });
  return { code, ...streams.text };
}

Deno.test("pack: writes a file that evaluate and predict take in the place of the run, with the same answers", async () => {
  using folder = tempFolder();
  const { run: trained } = await train({ epochs: 1, limit: 128, bs: 32, threads: 1, ema: 0.9, out: folder.path });
  const out = join(folder.path, "digits.safetensors");
  const packed = await run(packCommand, trained, "--out", out, "--json");
  assertEquals(packed.code, 0, packed.err);
  const { file, path, run: of, steps } = JSON.parse(packed.out);
  assertEquals([file, path, of, steps], [out, out, trained, 4]);
  const json = async (command: unknown, ...args: string[]): Promise<Record<string, unknown>> => {
    const { code, out, err } = await run(command, ...args, "--threads", "1", "--json");
    assertEquals(code, 0, err);
    const { run: _, ...rest } = JSON.parse(out);
    return rest;
  };
  const image = "tests/fixtures/images/grey.jpg";
  assertEquals(await json(evaluateCommand, out), await json(evaluateCommand, trained));
  assertEquals(await json(predictCommand, out, image), await json(predictCommand, trained, image));
  const average = await run(packCommand, trained, "--ema");
  assertMatch(
    average.out,
    /^model +mnistNet, 4 steps, averaged weights\nfile .*model\.safetensors · 0\.\d+ MB · SHA-256/,
  );
  const inRun = join(trained, "model.safetensors");
  assertEquals(await json(evaluateCommand, inRun), await json(evaluateCommand, trained, "--ema"));
});

Deno.test("pack: what cannot be packed, or written, is one line with 2 and nothing is left", async () => {
  using folder = tempFolder();
  const { run: trained } = await train({ epochs: 1, limit: 64, bs: 32, threads: 1, out: folder.path });
  const state = join(trained, "checkpoint", "state.safetensors");
  const cases: readonly [args: string[], message: string][] = [
    [[], "Expected a run's folder or a checkpoint, got none"],
    [[join(folder.path, "none")], 'Cannot find "'],
    [[state], "Expected --out with"],
    [[trained, "--out", "/nowhere/model.safetensors"], "`deno task pack` may write below runs and .cache only"],
    [[trained, "--out", folder.path], "which is a folder: add a file's name"],
    [[trained, "--ema"], "Expected a run with an average of its weights"],
  ];
  for (const [args, message] of cases) {
    const { code, err } = await run(packCommand, ...args);
    assertEquals(code, 2, err);
    assertStringIncludes(err, message);
    assertEquals(err.trimEnd().split("\n").length, 1);
  }
  assertEquals([...Deno.readDirSync(trained)].some(({ name }) => name.startsWith("model")), false);
});
