import { data, serve } from "../mod.ts";
import { type Command, type CommandContext, main } from "../lib/cli/command.ts";
import { exitCodes } from "../lib/cli/exit_codes.ts";
import { type Flags, UsageError } from "../lib/cli/flags.ts";
import { jobLine } from "../lib/cli/job_report.ts";
import { checkOut } from "../lib/cli/out_path.ts";
import type { Report } from "../lib/cli/report.ts";
import { stopSignals } from "../lib/cli/stop_signals.ts";

const flags = {
  schema: { kind: "boolean", help: "Print the JSON Schema of a specification, and run nothing" },
  check: { kind: "boolean", help: "Check the specification, and run nothing" },
  force: {
    kind: "boolean",
    help: "Go on although the specification, data, code or instruction set are others than before",
  },
} as const satisfies Flags;

/** Milliseconds between two lines of progress on stderr. */
const plainEvery = 60_000;

/** Bytes of a specification that are read: one more than may be. */
const most = 2 ** 20 + 1;

/** A specification's text, from a file, from a pipe, or for `-` from stdin. */
async function textOf(path: string): Promise<string> {
  let bytes = new Uint8Array(0);
  try {
    using file = path === "-" ? undefined : await Deno.open(path);
    for await (const chunk of (file ?? Deno.stdin).readable) {
      bytes = new Uint8Array([...bytes, ...chunk]);
      if (bytes.length >= most) break;
    }
  } catch (error) {
    const reason = error instanceof Deno.errors.NotFound ? "it is not there" : (error as Error).message;
    throw new UsageError(`Cannot read the specification "${path}": ${reason}`);
  }
  try {
    // What is too large for one may be cut within a letter, and is refused by its size.
    return new TextDecoder("utf-8", { fatal: bytes.length < most }).decode(bytes);
  } catch {
    throw new UsageError(`Cannot read the specification "${path}": Expected text in UTF-8, got other bytes`);
  }
}

/** Events on stdout, each a line of JSON, and what a reader wants of them on stderr. */
function teller(report: Report): (event: serve.JobEvent) => void {
  let nextAt = performance.now() + plainEvery;
  return (event) => {
    if (!report.json) report.streams.out(`${JSON.stringify(event)}\n`);
    if (event.type === "progress") {
      if (performance.now() < nextAt) return;
      nextAt = performance.now() + plainEvery;
    }
    report.note(jobLine(event));
  };
}

/** The exit status of an ending. */
function exitCodeOf(ending: serve.JobEnding, signalled: number | undefined): number {
  switch (ending.type) {
    case "done":
      return exitCodes.done;
    case "failed":
      return ending.specification ? exitCodes.usage : exitCodes.failed;
    case "lost":
      return exitCodes.lost;
    case "stopped":
      return ending.why === "deadline" ? exitCodes.later : signalled ?? exitCodes.interrupted;
  }
}

/** An ending as `--json` prints it. */
function named(ending: serve.JobEnding, exitCode: number): Record<string, unknown> {
  const code = exitCode === exitCodes.done ? {} : { exitCode };
  if (ending.type !== "failed" && ending.type !== "lost") return { ...ending, ...code };
  return { ...ending, error: ending.error.message, ...code };
}

async function run({ flags: given, words: [path], report }: CommandContext<typeof flags>): Promise<number> {
  if (given.schema) {
    const schema = serve.jobSchema();
    if (report.json) report.result(schema);
    else report.streams.out(`${JSON.stringify(schema, null, 2)}\n`);
    return exitCodes.done;
  }
  if (path === undefined) throw new UsageError("Expected a job's specification, got none: give a file, or - for stdin");
  const text = await textOf(path);
  const job = serve.checkJob(serve.parseJob(text));
  const output = serve.jobOutput(job);
  if (given.check) {
    report.line(`A job "${job.name}" for the folder ${output}`);
    report.result({ job: job.name, output });
    return exitCodes.done;
  }
  const { paths } = report;
  checkOut("job", output, { paths, named: "`output`" });
  const cache = job.environment?.cache ?? data.defaultCache;
  checkOut("job", cache, { paths, named: "`environment.cache`" });
  using stop = stopSignals(report, "saving and stopping after this step; once more ends at once, without saving");
  const ending = await serve.runJob(job, { signal: stop.signal, onEvent: teller(report), force: given.force });
  if (ending.type === "done" && ending.again) report.note(`Job "${job.name}" is done already: nothing is left to do`);
  const exitCode = exitCodeOf(ending, stop.exitCode);
  report.result({ job: job.name, ...named(ending, exitCode) });
  return exitCode;
}

/** `deno task job`. */
export const jobCommand: Command<typeof flags> = {
  name: "deno task job",
  about:
    "Runs a job's specification: trains it, goes on with it where it was stopped or killed, or says that it is done.\n" +
    "Events are lines of JSON on stdout, everything else is on stderr. Exit codes: 0 done, 1 failed, 2 the specification\n" +
    "cannot be trained, 70 the device is lost, 75 stopped at its deadline, 130 and 143 stopped by a signal. After 70, 75,\n" +
    "130 and 143 everything is saved, and the same command goes on.",
  flags,
  registers: true,
  words: {
    name: "spec",
    help: "A JSON file, or - for stdin; paths in it are relative to the project's folder",
    max: 1,
    path: (text) => text !== "-",
  },
  examples: [
    "deno task job digits.json",
    "deno task job --schema > job.schema.json",
    'echo \'{ "name": "digits", "preset": "mnist", "deadline": 600 }\' | deno task job -',
  ],
  run,
};

if (import.meta.main) await main(jobCommand);
