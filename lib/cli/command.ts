import { advised } from "./advice.ts";
import { exitCodes } from "./exit_codes.ts";
import { type BooleanFlag, type CommandLine, type Flags, type FlagValues, UsageError } from "./flags.ts";
import { helpText } from "./help.ts";
import { parseFlags } from "./parse_flags.ts";
import { processStreams, Report, type Streams } from "./report.ts";

const jsonFlag: BooleanFlag = { kind: "boolean", help: "Print one JSON object on stdout, everything else on stderr" };

/** What a command's body gets. */
export interface CommandContext<F extends Flags> {
  readonly flags: FlagValues<F>;
  readonly words: readonly string[];
  readonly report: Report;
}

/** A command: its command line (`--json` and `--help` come by themselves) and its body, which gives the exit status. */
export interface Command<F extends Flags> extends CommandLine<F> {
  readonly run: (context: CommandContext<F>) => Promise<number> | number;
}

/** An error's text, whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? advised(error) : String(error);
}

/** With `--json`, a reader that parses stdout gets an object on failure too. */
function answerError(report: Report, message: string, exitCode: number): void {
  if (!report.answered) report.result({ error: message, exitCode });
}

/** Asks for the permission first: reading a variable without it would prompt on a terminal. */
function debugging(): boolean {
  const variable = "LIBTRAIN_DEBUG";
  const granted = Deno.permissions.querySync({ name: "env", variable }).state === "granted";
  return granted && (Deno.env.get(variable) ?? "") !== "";
}

/**
 * Runs a command and gives its exit status; never throws. A wrong command line gives 2, any other error 1, each with
 * its message alone on stderr; its stack follows where the environment has `LIBTRAIN_DEBUG`.
 *
 * A task ends with `if (import.meta.main) Deno.exit(await runCommand(Deno.args, command));`
 */
export async function runCommand<F extends Flags>(
  args: readonly string[],
  command: Command<F>,
  options: { streams?: Streams } = {},
): Promise<number> {
  const streams = options.streams ?? processStreams();
  const line = { ...command, flags: { ...command.flags, json: jsonFlag } };
  let report = new Report({ json: args.includes("--json"), streams });
  try {
    const parsed = parseFlags(args, line);
    if (parsed.help) {
      streams.out(`${helpText(line)}\n`);
      return exitCodes.done;
    }
    report = new Report({ json: parsed.values.json, streams });
    return await command.run({ flags: parsed.values as unknown as FlagValues<F>, words: parsed.words, report });
  } catch (error) {
    const exitCode = error instanceof UsageError ? exitCodes.usage : exitCodes.failed;
    report.note(`error: ${messageOf(error)}`);
    if (debugging() && error instanceof Error && error.stack !== undefined) report.note(error.stack);
    answerError(report, messageOf(error), exitCode);
    return exitCode;
  }
}
