/** Places that cannot be written are told in one line before any work, and not in the system's words. */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { type Command, runCommand } from "../../../lib/cli/command.ts";
import type { Flags } from "../../../lib/cli/flags.ts";
import { RunFolder } from "../../../mod.ts";
import { evaluateCommand } from "../../../tasks/evaluate.ts";
import { exportCommand } from "../../../tasks/export.ts";
import { importCommand } from "../../../tasks/import.ts";
import { dataCommand } from "../../../tasks/data.ts";
import { trainCommand } from "../../../tasks/train.ts";
import { tempFolder } from "../../temp_folder.ts";
import { keptStreams } from "./streams.ts";

Deno.test("out: a file where a folder is needed, a folder where a file is, and names that are too long", async () => {
  using folder = tempFolder();
  const file = join(folder.path, "file");
  await Deno.writeTextFile(file, "mine");
  const long = "n".repeat(300);
  const rows: readonly (readonly [command: unknown, args: string[], message: string])[] = [
    [trainCommand, ["--out", file], `"${file}" is a file where a folder is needed: give another --out`],
    [trainCommand, ["--out", join(file, "runs")], `"${file}" is a file where a folder is needed`],
    [
      trainCommand,
      ["--out", join(folder.path, long)],
      "Expected --out with a name of at most 255 bytes, got one of 300",
    ],
    [trainCommand, ["--cache", file], `"${file}" is a file where a folder is needed: give another --cache`],
    [dataCommand, ["set", "--out", file], `"${file}" is a file where a folder is needed`],
    [exportCommand, ["run", "--out", folder.path], `got "${folder.path}", which is a folder: add a file's name`],
    [exportCommand, ["run", "--out", `${folder.path}/`], "got the folder"],
    [exportCommand, ["run", "--out", join(file, "w.safetensors")], `"${file}" is a file where a folder is needed`],
    [exportCommand, ["run", "--out", join(folder.path, "é".repeat(130))], "got one of 268"],
    [importCommand, ["w", "--arch", "xresnet18", "--out", join(folder.path, long)], "at most 255 bytes"],
    [evaluateCommand, ["run", "--predictions", folder.path], "Expected --predictions as a file"],
  ];
  for (const [command, args, message] of rows) {
    const streams = keptStreams();
    const code = await runCommand(args, command as Command<Flags>, { streams });
    assertEquals(code, 2, `${args.join(" ")}: ${streams.text.err}`);
    assertStringIncludes(streams.text.err, message);
    assertMatch(streams.text.err, /^error: [^\n]+\n$/);
  }
  assertEquals([...Deno.readDirSync(folder.path)].map(({ name }) => name), ["file"]);
  assertEquals(await Deno.readTextFile(file), "mine");
});

Deno.test("out: what the system says of a run's folder comes with its path", async () => {
  using folder = tempFolder();
  const file = join(folder.path, "file");
  await Deno.writeTextFile(file, "");
  const error = await RunFolder.create({ root: join(file, "runs"), name: "tiny", config: {} }).then(
    () => undefined,
    (error) => error,
  );
  assertEquals(error?.name, "RunFolderError");
  assertStringIncludes(error.message, `Cannot make the run's folder "${join(file, "runs")}": `);
});
