import { adviceOn } from "./advice.ts";
import { Endings, noteStack, wantsJson } from "./endings.ts";
import { exitCodes } from "./exit_codes.ts";
import type { BooleanFlag, CommandLine, Flags, FlagValues } from "./flags.ts";
import { helpText } from "./help.ts";
import { parseFlags } from "./parse_flags.ts";
import { Paths } from "./paths.ts";
import { registerFlag, registerModules } from "./register_modules.ts";
import { Report, type Streams } from "./report.ts";
import { sweepHint } from "./sweep_hint.ts";

export { messageOf } from "./advice.ts";

const jsonFlag: BooleanFlag = { kind: "boolean", help: "Print one JSON object on stdout, everything else on stderr" };

/** What a command's body gets. */
export interface CommandContext<F extends Flags> {
  /** Their values; those that are paths as the library takes them, wherever the person stands. */
  readonly flags: FlagValues<F>;
  /** The words, likewise. */
  readonly words: readonly string[];
  readonly report: Report;
  /** Aborts where a signal ends the process at once, for children that are to end with it. */
  readonly signal: AbortSignal;
  /** Calls a function where a signal ends the process at once. */
  onStop(cleanup: () => void): void;
}

/** A command: its command line (`--json` and `--help` come by themselves) and its body, which gives the exit status. */
export interface Command<F extends Flags> extends CommandLine<F> {
  readonly run: (context: CommandContext<F>) => Promise<number> | number;
  /** Whether it takes `--register`: scripts imported before its flags are read, to which they may add. */
  readonly registers?: boolean;
}

/** What a command is run with; in a test, streams and paths of its own. */
export interface RunCommandOptions {
  readonly streams?: Streams;
  readonly paths?: Paths;
  /** What watches over the process, where the command has it to itself. */
  readonly endings?: Endings;
}

/**
 * Runs a command and gives its exit status; never throws. A wrong command line gives 2, any other error 1, each with
 * its message alone on stderr; its stack follows where the environment has `LIBTRAIN_DEBUG`.
 */
export async function runCommand<F extends Flags>(
  args: readonly string[],
  command: Command<F>,
  { streams, paths = new Paths(), endings }: RunCommandOptions = {},
): Promise<number> {
  const begun = (json: boolean): Report => {
    const report = new Report({ json, streams: streams ?? endings?.report.streams, paths });
    if (endings !== undefined) endings.report = report;
    return report;
  };
  paths.line = args;
  let report = begun(wantsJson(args));
  try {
    if (command.registers) await registerModules(args, paths);
    // Now: what was registered may have flags and names of its own.
    const own = command.registers ? { ...command.flags, register: registerFlag } : command.flags;
    const line = { ...command, flags: { ...own, json: jsonFlag } };
    const parsed = parseFlags(args, line, paths);
    if (parsed.help) {
      const help = helpText(line);
      if (report.json) report.result({ help });
      else report.streams.out(`${help}\n`);
      return exitCodes.done;
    }
    // The report knows it: a command may hand all of its own flags on.
    const { json, ...flags } = parsed.values;
    if (json !== report.json) report = begun(json);
    return await command.run({
      flags: flags as unknown as FlagValues<F>,
      words: parsed.words,
      report,
      signal: endings?.signal ?? new AbortController().signal,
      onStop: (cleanup) => endings?.onStop(cleanup),
    });
  } catch (error) {
    const { message: told, exitCode } = adviceOn(error);
    const message = await sweepHint(error) ?? told;
    report.note(`error: ${message}`);
    noteStack(report, error);
    report.ended({ error: message, exitCode });
    return exitCode;
  }
}

/** A task's last line, `if (import.meta.main) await main(command)`: runs it as the process's only command, and exits. */
export async function main<F extends Flags>(
  command: Command<F>,
  args: readonly string[] = Deno.args,
  endings: Endings = new Endings(args).watch(),
): Promise<never> {
  Deno.exit(await runCommand(args, command, { endings }));
}
