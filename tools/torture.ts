/**
 * Tries to break what the library promises: `deno task torture`. See docs/reliability.md.
 *
 * @module
 */
import { nearest } from "../lib/tensor/ops/checks.ts";
import { type Command, runCommand } from "../lib/cli/command.ts";
import { exitCodes } from "../lib/cli/exit_codes.ts";
import { UsageError } from "../lib/cli/flags.ts";
import type { Report } from "../lib/cli/report.ts";
import type { Check } from "./torture/check.ts";
import { checks } from "./torture/checks.ts";
import { originOf } from "./torture/machine.ts";
import { updatePage } from "./torture/page.ts";
import { type Origin, readResults, resultsPath, withEntry, writeResults } from "./torture/results.ts";
import { type CheckResult, isGood, runCheck, runChecks } from "./torture/runner.ts";
import { table } from "./torture/table.ts";

const flags = {
  quick: { kind: "boolean", help: "A few tries each, in minutes, as CI does" },
  list: { kind: "boolean", help: "Print the checks and what they promise, and try nothing" },
  seed: { kind: "integer", min: 0, max: 2 ** 32 - 1, default: 0, help: "What is tried, and when, follows from it" },
  minutes: { kind: "number", above: 0, help: "The most minutes that the tries of each check may take" },
  only: { kind: "string", placeholder: "names", help: "Only these checks, joined by commas" },
  out: {
    kind: "string",
    placeholder: "file",
    path: true,
    help: `Put the results into this JSON file; the long run's is ${resultsPath} unless given`,
  },
} as const;

/** The checks of a list of names. */
function picked(only: string | undefined): readonly Check[] {
  if (only === undefined) return checks;
  return only.split(",").map((name) => {
    const check = checks.find((each) => each.name === name.trim());
    if (check !== undefined) return check;
    const near = nearest(name, checks.map((each) => each.name));
    throw new UsageError(
      `Expected --only with names of checks, got "${name}"` +
        (near === undefined ? ": see --list" : `: did you mean ${near}?`),
    );
  });
}

/** Says what went wrong, by the check's name, as others may have begun meanwhile. */
function tell({ name, losses, skipped, control }: CheckResult, report: Report): void {
  for (const loss of losses) report.note(`LOST ${name}: ${loss}`);
  for (const part of skipped) report.note(`skipped ${name}: ${part}`);
  if (control !== null && !control.caught) report.note(`MISSED ${name}: ${control.planted}: ${control.said}`);
}

/** Puts a result into its file; what docs/reliability.md says follows the file that is committed. */
async function keep(result: CheckResult, origin: Origin, path: string): Promise<void> {
  const file = withEntry(await readResults(path), { ...result, ...origin }, checks.map(({ name }) => name));
  await writeResults(path, file);
  if (path === resultsPath) await updatePage(checks, file);
}

/** `deno task torture`. */
export const tortureCommand: Command<typeof flags> = {
  name: "deno task torture",
  about: "Tries to break what the library promises, counts what was lost, and shows by planted bugs that it can tell.",
  flags,
  examples: [
    "deno task torture --quick",
    "deno task torture",
    "deno task torture --only resume,signals --seed 7",
    "deno task torture --only fuzz-jpeg --minutes 60",
  ],
  async run({ flags, report }): Promise<number> {
    const chosen = picked(flags.only);
    if (flags.list) {
      const width = Math.max(...chosen.map(({ name }) => name.length));
      for (const { name, promise } of chosen) report.line(`${name.padEnd(width)}  ${promise}`);
      report.result({ checks: chosen.map(({ name, promise }) => ({ name, promise })) });
      return exitCodes.done;
    }
    const { quick, seed, minutes } = flags;
    const origin = await originOf(quick ? "quick" : "long");
    const out = flags.out ?? (quick ? undefined : resultsPath);
    const note = (line: string): void => report.note(line);
    let begun = 0;
    let keeping: Promise<void> = Promise.resolve();
    const results = await runChecks(chosen, async (check) => {
      note(`[${++begun}/${chosen.length}] ${check.name}: ${check.promise}`);
      const result = await runCheck(check, { quick, seed, minutes, note });
      tell(result, report);
      // One after another: each reads the file that the one before has written.
      if (out !== undefined) await (keeping = keeping.then(() => keep(result, origin, out)));
      return result;
    });
    for (const line of table(results)) report.line(line);
    const good = results.every(isGood);
    report.result({ ok: good, seed, ...origin, checks: results });
    return good ? exitCodes.done : exitCodes.failed;
  },
};

if (import.meta.main) Deno.exit(await runCommand(Deno.args, tortureCommand));
