/** With `--json` stdout has exactly one object, whatever a command ends by; and its text is not its work. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { type Command, runCommand } from "../../lib/cli/command.ts";
import type { Flags } from "../../lib/cli/flags.ts";
import { tolerant } from "../../lib/cli/streams.ts";
import { benchCommand } from "../../tasks/bench.ts";
import { dataCommand } from "../../tasks/data.ts";
import { doctorCommand } from "../../tasks/doctor.ts";
import { evaluateCommand } from "../../tasks/evaluate.ts";
import { exportCommand } from "../../tasks/export.ts";
import { importCommand } from "../../tasks/import.ts";
import { jobCommand } from "../../tasks/job.ts";
import { leaderboardCommand } from "../../tasks/leaderboard.ts";
import { lrFindCommand } from "../../tasks/lr_find.ts";
import { packCommand } from "../../tasks/pack.ts";
import { predictCommand } from "../../tasks/predict.ts";
import { reportCommand } from "../../tasks/report.ts";
import { runsCommand } from "../../tasks/runs.ts";
import { serveCommand } from "../../tasks/serve.ts";
import { shiftCommand } from "../../tasks/shift.ts";
import { trainCommand } from "../../tasks/train.ts";
import { buildCommand } from "../../tools/build.ts";
import { okCommand } from "../../tools/ok.ts";
import { testCommand } from "../../tools/test.ts";
import { keptStreams } from "../lib/cli/streams.ts";
import { tempFolder } from "../temp_folder.ts";

const root = fromFileUrl(new URL("../../", import.meta.url));

/** Where runs are begun that a signal ends; commands may write below .cache. */
const runs = ".cache/test/endings";

/** Each command with the file that defines it, and words that let it begin. */
const commands: readonly [file: string, name: string, command: Command<Flags>, words: readonly string[]][] = [
  ["tasks/train.ts", "trainCommand", trainCommand, ["--limit", "64", "--threads", "1", "--out", runs]],
  ["tasks/job.ts", "jobCommand", jobCommand, ["nowhere"]],
  ["tasks/pack.ts", "packCommand", packCommand, ["nowhere"]],
  ["tasks/serve.ts", "serveCommand", serveCommand, ["--state", `${runs}/serve`]],
  ["tasks/data.ts", "dataCommand", dataCommand, ["nowhere"]],
  ["tasks/evaluate.ts", "evaluateCommand", evaluateCommand, ["nowhere"]],
  ["tasks/predict.ts", "predictCommand", predictCommand, ["nowhere", "image.jpg"]],
  ["tasks/shift.ts", "shiftCommand", shiftCommand, ["nowhere"]],
  ["tasks/lr_find.ts", "lrFindCommand", lrFindCommand, ["--limit", "256", "--threads", "1", "--out", runs]],
  ["tasks/report.ts", "reportCommand", reportCommand, ["nowhere"]],
  ["tasks/runs.ts", "runsCommand", runsCommand, ["nowhere"]],
  ["tasks/leaderboard.ts", "leaderboardCommand", leaderboardCommand, ["nowhere"]],
  ["tasks/import.ts", "importCommand", importCommand, [
    "nowhere",
    "--arch",
    "xresnet18",
    "--out",
    "runs/x.safetensors",
  ]],
  ["tasks/export.ts", "exportCommand", exportCommand, ["nowhere", "--out", "runs/x.safetensors"]],
  ["tasks/doctor.ts", "doctorCommand", doctorCommand, []],
  ["tasks/bench.ts", "benchCommand", benchCommand, ["step", "--threads", "1"]],
  ["tools/build.ts", "buildCommand", buildCommand, []],
  ["tools/test.ts", "testCommand", testCommand, ["no such test"]],
  ["tools/ok.ts", "okCommand", okCommand, ["--no-tests"]],
] as unknown as readonly [string, string, Command<Flags>, readonly string[]][];

/** The one object on stdout. */
function only(out: string, of: string): Record<string, unknown> {
  assertEquals(out.split("\n").length, 2, `${of}: ${out}`);
  return JSON.parse(out);
}

async function inProcess(command: Command<Flags>, args: readonly string[]): Promise<[number, Record<string, unknown>]> {
  const streams = keptStreams();
  const code = await runCommand([...args, "--json"], command, { streams });
  return [code, only(streams.text.out, `${command.name} ${args.join(" ")}`)];
}

Deno.test("one object: for help, a wrong flag, a wrong value and a word too many of every command", async () => {
  for (const [, , command, words] of commands) {
    const [helped, help] = await inProcess(command, ["--help"]);
    assertEquals(helped, 0);
    assertStringIncludes(String(help["help"]), `Usage: ${command.name}`);
    const wrong = [["--no-such-flag"], ["--no-such-flag=3", ...words], Array(10_001).fill("word")];
    const [flag] = Object.entries(command.flags).find(([, { kind }]) => kind === "integer") ?? [];
    if (flag !== undefined) wrong.push([...words, `--${flag}=many`]);
    for (const args of wrong) {
      const [code, { error, exitCode }] = await inProcess(command, args);
      assertEquals([code, exitCode, typeof error], [2, 2, "string"], command.name);
    }
  }
});

Deno.test("one object: for what a command looks for and does not find", async () => {
  for (const [, , command, words] of commands) {
    if (!words.includes("nowhere")) continue;
    const [code, { error, exitCode }] = await inProcess(command, words);
    assertEquals([code, exitCode], [2, 2], `${command.name}: ${error}`);
    assertMatch(String(error), /nowhere/);
  }
});

Deno.test("one object: --json=true asks for it, --json=false and what follows -- do not", async () => {
  for (
    const [args, wanted] of [[["--json=true"], true], [["--json=false"], false], [["--", "--json"], false]] as const
  ) {
    const streams = keptStreams();
    assertEquals(await runCommand([...args, "--bogus"].toSorted(), doctorCommand, { streams }), 2);
    assertEquals(streams.text.out !== "", wanted, args.join(" "));
  }
});

/** A command as a process of its own, which is given a signal once it listens. */
async function signalled(
  [file, name, , words]: (typeof commands)[number],
  { signal, wait, after }: { signal: Deno.Signal; wait: number; after: number },
): Promise<{ code: number; out: string; err: string }> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-q", "--no-prompt", "-P=train", "tests/support/slow_start.ts"],
      ...[file, name, `${wait}`, ...words, "--json"],
    ],
    cwd: root,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const decoder = new TextDecoder();
  let err = "";
  const heard = Promise.withResolvers<void>();
  const listening = (async (): Promise<void> => {
    for await (const bytes of child.stderr) {
      err += decoder.decode(bytes, { stream: true });
      if (err.includes("ready\n")) heard.resolve();
    }
    heard.resolve();
  })();
  await heard.promise;
  await new Promise((resolve) => setTimeout(resolve, after));
  try {
    child.kill(signal);
  } catch {
    // It is over already.
  }
  const [out] = await Promise.all([new Response(child.stdout).text(), listening]);
  const { code } = await child.status;
  return { code, out, err };
}

for (const [signal, status] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
  Deno.test(`one object: ${signal} before a command's work, of every command`, async () => {
    for (const each of commands) {
      const { code, out, err } = await signalled(each, { signal, wait: 60_000, after: 0 });
      assertEquals(only(out, each[1]), { stopped: true, exitCode: status }, err);
      assertEquals(code, status, err);
    }
  });
}

Deno.test("one object: SIGTERM while a command is loaded or at work", async () => {
  for (const name of ["trainCommand", "benchCommand", "doctorCommand"]) {
    const each = commands.find(([, own]) => own === name)!;
    for (const after of [20, 120, 400]) {
      const { code, out, err } = await signalled(each, { signal: "SIGTERM", wait: 0, after });
      const object = only(out, `${name} after ${after} ms: ${err}`);
      // A short command may have been done by then.
      assert(code === 143 && object["exitCode"] === 143 || code === 0 && object["stopped"] !== true, err + out);
    }
  }
  await Deno.remove(runs, { recursive: true }).catch(() => {});
});

Deno.test("one object: SIGTERM while data are made ready, of every command that opens some", async () => {
  using folder = tempFolder();
  const archive = join(folder.path, "large.tar");
  {
    // A hole: it takes no room on the disk, but long to read.
    using file = await Deno.open(archive, { write: true, create: true });
    await file.truncate(2 ** 36);
  }
  const run = await trained(folder.path);
  const own = ["--size", "24", "--threads", "1"];
  const lines: Record<string, string[]> = {
    dataCommand: [archive, ...own],
    evaluateCommand: [run, "--data", archive, ...own],
    shiftCommand: [run, "--data", archive, "--out", "runs/shift.svg", ...own],
    trainCommand: ["--preset", "imagenette-128-5", "--data", archive, ...own],
  };
  for (const [name, words] of Object.entries(lines)) {
    const [file, , command] = commands.find(([, own]) => own === name)!;
    const how = { signal: "SIGTERM", wait: 0, after: 1500 } as const;
    const { code, out, err } = await signalled([file, name, command, words], how);
    const { stopped, exitCode } = only(out, `${name}: ${err}`);
    assertEquals([code, stopped, exitCode], [143, true, 143], err);
  }
});

/** The folder of a small run. */
async function trained(out: string): Promise<string> {
  const streams = keptStreams();
  const args = ["--limit", "64", "--epochs", "1", "--bs", "32", "--threads", "1", "--out", out, "--json"];
  assertEquals(await runCommand(args, trainCommand, { streams }), 0, streams.text.err);
  return JSON.parse(streams.text.out).run;
}

Deno.test("one object: an error that nobody caught, a promise that nobody awaited, an exit from a script", async () => {
  using folder = tempFolder();
  const ends = {
    thrown: "setTimeout(() => { throw new Error('Late trouble'); });",
    rejected: "Promise.reject(new Error('Late trouble'));",
    left: "Deno.exit(7);",
  };
  for (const [name, line] of Object.entries(ends)) {
    const script = join(folder.path, `${name}.ts`);
    await Deno.writeTextFile(script, `${line}\nawait new Promise((resolve) => setTimeout(resolve, 60_000));\n`);
    const { code, stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-q", "--no-prompt", "-P=train", "tasks/main.ts", "train", "--json", "--register", script],
      cwd: root,
      stdin: "null",
    }).output();
    const { error, exitCode } = only(new TextDecoder().decode(stdout), name);
    assertEquals([code, exitCode], name === "left" ? [7, 7] : [1, 1]);
    assertStringIncludes(String(error), name === "left" ? "ended before" : "Late trouble");
  }
});

Deno.test("output: a disk that is full is told once, and the next text is tried again", () => {
  const told: string[] = [];
  const written: string[] = [];
  let full = false;
  const write = tolerant(
    {
      writeSync: (bytes) => {
        if (full) throw new Error("No space left on device (os error 28)");
        written.push(new TextDecoder().decode(bytes));
        return bytes.length;
      },
    },
    "stdout",
    (line) => void told.push(line),
  );
  write("one\n");
  full = true;
  write("two\n");
  write("three\n");
  full = false;
  write("four\n");
  assertEquals(written.join(""), "one\n\nfour\n");
  assertEquals(told.length, 1);
  assertStringIncludes(told[0]!, "Cannot write to stdout: No space left on device (os error 28). The work goes on");
});

Deno.test("output: a training whose stdout and stderr are a full disk trains, and its files are whole", async () => {
  using folder = tempFolder();
  const full = {
    writeSync(): number {
      throw new Error("No space left on device (os error 28)");
    },
  };
  const told: string[] = [];
  const streams = {
    out: tolerant(full, "stdout", (line) => void told.push(line)),
    err: tolerant(full, "stderr", () => {}),
    terminal: false,
    columns: 80,
  };
  const args = ["--limit", "64", "--epochs", "1", "--bs", "32", "--threads", "1", "--out", folder.path];
  assertEquals(await runCommand(args, trainCommand, { streams }), 0);
  assertEquals(told.length, 1);
  const [run] = [...Deno.readDirSync(folder.path)];
  const result = JSON.parse(await Deno.readTextFile(join(folder.path, run!.name, "result.json")));
  assertEquals([result.epochs, result.stopped], [1, false]);
});

Deno.test("output: a training whose reader has gone trains, and ends by its work", async () => {
  using folder = tempFolder();
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-q", "--no-prompt", "-P=train", `--allow-write=${folder.path}`, "tasks/main.ts", "train"],
      ...["--limit", "64", "--epochs", "1", "--bs", "32", "--threads", "1", "--out", folder.path],
    ],
    cwd: root,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  await Promise.all([child.stdout.cancel(), child.stderr.cancel()]);
  assertEquals((await child.status).code, 0);
  const [run] = [...Deno.readDirSync(folder.path)];
  assertEquals(JSON.parse(await Deno.readTextFile(join(folder.path, run!.name, "result.json"))).epochs, 1);
});
