import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { type Command, type CommandContext, runCommand } from "../../../lib/cli/command.ts";
import { exitCodes } from "../../../lib/cli/exit_codes.ts";
import { Report } from "../../../lib/cli/report.ts";
import { keptStreams } from "./streams.ts";

const flags = { n: { kind: "integer", default: 1, help: "A number" } } as const;

function command(run: (context: CommandContext<typeof flags>) => number): Command<typeof flags> {
  return { name: "deno task try", about: "Tries.", flags, run };
}

const works = command(({ flags, report }) => {
  report.line("a line");
  report.note("a note");
  report.result({ n: flags.n });
  return exitCodes.done;
});

const fails = command(() => {
  throw new Error("Cannot do it: try again");
});

Deno.test("runCommand: lines on stdout, notes on stderr, no JSON unless asked", async () => {
  const streams = keptStreams();
  assertEquals(await runCommand([], works, { streams }), 0);
  assertEquals(streams.text, { out: "a line\n", err: "a note\n" });
});

Deno.test("runCommand: with --json stdout has exactly one object", async () => {
  const streams = keptStreams();
  assertEquals(await runCommand(["--n", "3", "--json"], works, { streams }), 0);
  assertEquals(streams.text, { out: '{"n":3}\n', err: "a line\na note\n" });
});

Deno.test("runCommand: an error gives 1 and its message alone, with --json an object too", async () => {
  const plain = keptStreams();
  assertEquals(await runCommand([], fails, { streams: plain }), 1);
  assertEquals(plain.text, { out: "", err: "error: Cannot do it: try again\n" });
  const json = keptStreams();
  assertEquals(await runCommand(["--json"], fails, { streams: json }), 1);
  assertEquals(JSON.parse(json.text.out), { error: "Cannot do it: try again", exitCode: 1 });
});

Deno.test("runCommand: a wrong command line gives 2, with --json an object too", async () => {
  const streams = keptStreams();
  assertEquals(await runCommand(["--json", "--m", "1"], works, { streams }), 2);
  assertEquals(JSON.parse(streams.text.out).exitCode, 2);
  assertStringIncludes(streams.text.err, "Unknown flag --m: did you mean --n?");
});

Deno.test("runCommand: --help prints the text on stdout and runs nothing", async () => {
  const streams = keptStreams();
  assertEquals(await runCommand(["--help"], fails, { streams }), 0);
  assertStringIncludes(streams.text.out, "Usage: deno task try [flags]");
  assertStringIncludes(streams.text.out, "--json");
});

Deno.test("runCommand: passes on the status of a command that was stopped", async () => {
  assertEquals(await runCommand([], command(() => exitCodes.interrupted), { streams: keptStreams() }), 130);
});

Deno.test("Report: a second result is refused with --json, ignored without", () => {
  const json = new Report({ json: true, streams: keptStreams() });
  json.result({});
  assertThrows(() => json.result({}), Error, "Expected one result a command");
  const plain = new Report({ streams: keptStreams() });
  plain.result({});
  plain.result({});
});
