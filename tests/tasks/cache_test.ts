/** Caches elsewhere than below the working folder. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { type Command, runCommand } from "../../lib/cli/command.ts";
import type { Flags } from "../../lib/cli/flags.ts";
import { dataCommand } from "../../tasks/data.ts";
import { evaluateCommand } from "../../tasks/evaluate.ts";
import { shiftCommand } from "../../tasks/shift.ts";
import { trainCommand } from "../../tasks/train.ts";
import { keptStreams } from "../lib/cli/streams.ts";
import { writeFolder } from "../support/image_files.ts";
import { tempFolder } from "../temp_folder.ts";

async function done<F extends Flags>(command: Command<F>, ...args: string[]): Promise<Record<string, unknown>> {
  const streams = keptStreams();
  assertEquals(await runCommand([...args, "--json"], command, { streams }), 0, streams.text.err);
  return JSON.parse(streams.text.out);
}

Deno.test("--cache: train, evaluate and shift take what data --out has prepared", async () => {
  using folder = tempFolder();
  const cache = join(folder.path, "cache");
  const files = (): string[] => [...Deno.readDirSync(cache)].map(({ name }) => name).sort();
  const set = await writeFolder(join(folder.path, "set"));
  await done(dataCommand, set, "--size", "24", "--out", cache);
  const prepared = files();
  assertEquals(prepared.length, 2);
  const own = ["--cache", cache, "--threads", "1"];
  const network = ["--preset", "imagenette-128-5", "--arch", "mnistNet", "--no-sa", "--size", "24", "--bs", "2"];
  const { run } = await done(trainCommand, ...network, "--data", set, "--epochs", "1", "--out", folder.path, ...own);
  const { n } = await done(evaluateCommand, String(run), ...own);
  assertEquals([n, files()], [4, prepared]);
  await done(shiftCommand, String(run), "--shifts", "2", "--images", "1", ...own);
  assertEquals([files().length, files().filter((name) => name.startsWith("val-26-")).length], [3, 1]);
});

async function refused<F extends Flags>(command: Command<F>, ...words: string[]): Promise<void> {
  const streams = keptStreams();
  assertEquals(await runCommand([...words, "--cache", "/elsewhere"], command, { streams }), 2);
  assertStringIncludes(streams.text.err, 'Cannot write to "/elsewhere"');
  assertStringIncludes(streams.text.err, '--allow-write="/elsewhere,runs,.cache"');
  assertStringIncludes(streams.text.err, [...words, "--cache", "/elsewhere"].join(" "));
}

Deno.test("--cache: where a task may not write, it says which command may", async () => {
  using folder = tempFolder();
  await refused(trainCommand, "--out", folder.path);
  await refused(evaluateCommand, folder.path);
  await refused(shiftCommand, folder.path, "--out", `${folder.path}/shift.svg`);
});
