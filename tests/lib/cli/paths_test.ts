import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { type Command, runCommand } from "../../../lib/cli/command.ts";
import type { Flags } from "../../../lib/cli/flags.ts";
import { Paths } from "../../../lib/cli/paths.ts";
import { dataCommand } from "../../../tasks/data.ts";
import { evaluateCommand } from "../../../tasks/evaluate.ts";
import { exportCommand } from "../../../tasks/export.ts";
import { importCommand } from "../../../tasks/import.ts";
import { predictCommand } from "../../../tasks/predict.ts";
import { shiftCommand } from "../../../tasks/shift.ts";
import { trainCommand } from "../../../tasks/train.ts";
import { writeFolder } from "../../support/image_files.ts";
import { tempFolder } from "../../temp_folder.ts";
import { keptStreams } from "./streams.ts";

const root = fromFileUrl(new URL("../../../", import.meta.url)).replace(/\/$/, "");

Deno.test("Paths: what is typed is relative to where the person stands, and is shown so", () => {
  const paths = new Paths({ work: "/project", stand: "/project/tests" });
  assertEquals(paths.given("../runs/x"), "/project/runs/x");
  assertEquals(paths.given("image.jpg"), "/project/tests/image.jpg");
  assertEquals(paths.given("/elsewhere/x"), "/elsewhere/x");
  assertEquals(paths.ofProject("runs"), "/project/runs");
  assertEquals(paths.given("../photos/"), "/project/photos");
  assertEquals(
    paths.told(
      'Cannot find "/project/runs/x/checkpoint": see /project/runs/1, not /project/runs/xy or /a/project/runs/x',
    ),
    'Cannot find "../runs/x/checkpoint": see ../runs/1, not ../runs/xy or /a/project/runs/x',
  );
  assertEquals(paths.told("/project/photos/train /project/photos.tgz"), "../photos/train /project/photos.tgz");
  assertEquals(paths.toldIn({ run: "/project/runs/x", n: 1, all: ["/project/runs/x"], none: null }), {
    run: "../runs/x",
    n: 1,
    all: ["../runs/x"],
    none: null,
  });
  assertEquals(
    paths.told("run `cd /project && deno run x /project/runs`"),
    "run `cd /project && deno run x /project/runs`",
  );
});

Deno.test("Paths: nothing changes for one who stands where the process works", () => {
  const paths = new Paths({ work: "/project", stand: "/project" });
  assertEquals([paths.given("../x"), paths.ofProject("runs"), paths.told("/project/runs"), paths.elsewhere], [
    "../x",
    "runs",
    "/project/runs",
    false,
  ]);
  assertEquals(new Paths({ work: "/project", stand: "no absolute path" }).elsewhere, false);
});

/** A command of one who stands in a folder below the project's, or elsewhere. */
async function from(
  stand: string,
  command: unknown,
  args: readonly string[],
): Promise<{ code: number; out: string; err: string }> {
  const streams = keptStreams();
  const paths = new Paths({ work: root, stand });
  const code = await runCommand(args, command as Command<Flags>, { streams, paths });
  return { code, ...streams.text };
}

Deno.test("paths: every command takes them from where the person stands, and shows them as typed", async () => {
  using folder = tempFolder();
  const inner = join(folder.path, "inner");
  await Deno.mkdir(inner);
  await Deno.copyFile(join(root, "tests/fixtures/images/grey.jpg"), join(inner, "grey.jpg"));
  await Deno.writeTextFile(join(inner, "none.ts"), "");
  const one = ["--threads", "1"];
  const trained = await from(inner, trainCommand, [
    ...["--limit", "64", "--epochs", "1", "--bs", "32", "--out", "../out", "--register", "none.ts", ...one],
  ]);
  assertEquals(trained.code, 0, trained.err);
  const [name] = [...Deno.readDirSync(join(folder.path, "out"))].map((entry) => entry.name);
  assertStringIncludes(trained.out, `\nrun       ../out/${name}\n`);
  assertStringIncludes(trained.out, `deno task evaluate ../out/${name} --register none.ts`);
  const run = `../out/${name}`;

  const predicted = await from(inner, predictCommand, [run, "grey.jpg", "--json", ...one]);
  assertEquals(predicted.code, 0, predicted.err);
  const answer = JSON.parse(predicted.out);
  assertEquals([answer.run, answer.predictions[0].image], [run, "grey.jpg"]);
  const measured = await from(inner, evaluateCommand, [run, "--predictions", "../p.csv", ...one]);
  assertEquals(measured.code, 0, measured.err);
  assertStringIncludes(measured.out, `of ${run}`);
  assertEquals((await Deno.stat(join(folder.path, "p.csv"))).isFile, true);
  const shifted = await from(inner, shiftCommand, [run, "--limit", "8", "--images", "1", ...one]);
  assertEquals(shifted.code, 0, shifted.err);
  assertStringIncludes(shifted.out, `figure      ${run}/shift.svg`);

  const set = await writeFolder(join(folder.path, "set"));
  assertEquals(set, join(folder.path, "set"));
  const described = await from(inner, dataCommand, ["../set", "--out", "../caches", "--size", "24", "--json", ...one]);
  assertEquals(described.code, 0, described.err);
  assertMatch(JSON.parse(described.out).train.cache, /^\.\.\/caches\//);

  for (
    const [command, args, message] of [
      [evaluateCommand, ["../none"], 'Cannot find "../none"'],
      [predictCommand, ["../none", "x.jpg"], 'Cannot find "../none"'],
      [shiftCommand, ["../none"], 'Cannot find "../none"'],
      [exportCommand, ["../none", "--out", "../w.safetensors"], 'Cannot find "../none"'],
      [importCommand, ["../none", "--arch", "xresnet18", "--out", "../w.safetensors"], '"../none"'],
      [dataCommand, ["../none"], 'Cannot find "../none"'],
      [trainCommand, ["--resume", "../none"], '"../none"'],
      [trainCommand, ["--weights", "../none", "--out", "../out"], '"../none"'],
      [trainCommand, ["--preset", "imagenette-128-5", "--data", "../none", "--out", "../out"], 'Cannot find "../none"'],
      [trainCommand, ["--register", "../none.ts"], 'Cannot import "../none.ts"'],
    ] as const
  ) {
    const { code, err } = await from(inner, command, args);
    assertEquals(code, 2, `${args.join(" ")}: ${err}`);
    assertStringIncludes(err, message);
  }
});

Deno.test("paths: outputs outside of runs stay refused, with a line for the project's folder", async () => {
  const { code, err } = await from("/elsewhere", trainCommand, ["--out", "there"]);
  assertEquals(code, 2);
  assertStringIncludes(err, 'Cannot write to "there"');
  assertStringIncludes(
    err,
    `cd ${root} && INIT_CWD=/elsewhere deno run -P=train --allow-write="/elsewhere/there,runs,.cache" tasks/train.ts --out there`,
  );
});

Deno.test("paths: a task knows from INIT_CWD where its caller stands, if there is such a folder", async () => {
  for (
    const [stand, typed, out] of [
      [join(root, "tests"), "../deno.json", "../runs/none.csv"],
      [join(root, "nowhere"), "deno.json", "runs/none.csv"],
      ["", "deno.json", "runs/none.csv"],
    ] as const
  ) {
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "-q", "--no-prompt", "-P=evaluate", "tasks/main.ts", "evaluate"],
        ...[typed, "--predictions", out],
      ],
      cwd: root,
      env: { INIT_CWD: stand },
      stdin: "null",
    }).output();
    assertEquals(code, 1);
    // It was found there, and is no checkpoint.
    assertStringIncludes(
      new TextDecoder().decode(stderr),
      `Cannot read "${typed}": Expected a safetensors file, got a JSON`,
    );
  }
});
