import { type Command, runCommand } from "../lib/cli/command.ts";
import { exitCodes } from "../lib/cli/exit_codes.ts";
import { processStreams } from "../lib/cli/report.ts";
import { addCounts, type Counts, noCounts, type Skip } from "./test_counts.ts";
import { runTests } from "./test_runner.ts";

/** What a run of the tests came to. */
export interface TestResult extends Counts {
  readonly skips: readonly Skip[];
  /** What went wrong besides failed tests, say a runner that crashed; each counts as one failure. */
  readonly troubles: readonly string[];
}

/** What to test, and where the runners' output goes. */
export interface TestOptions {
  /** Part of the tests' names. */
  readonly filter?: string;
  readonly only?: "rust" | "typescript";
  readonly show?: (text: string) => void;
  /** No colors. */
  readonly plain?: boolean;
}

/** Runs Rust's and TypeScript's tests, one after the other, and sums their counts. */
export async function test(options: TestOptions = {}): Promise<TestResult> {
  const languages = options.only === undefined ? ["rust", "typescript"] as const : [options.only];
  const show = options.show ?? processStreams().out;
  let counts = noCounts;
  const skips: Skip[] = [];
  const troubles: string[] = [];
  for (const language of languages) {
    const result = await runTests(language, { filter: options.filter, show, plain: options.plain ?? false });
    counts = addCounts(counts, result.counts);
    skips.push(...result.skips);
    if (result.trouble !== undefined) troubles.push(result.trouble);
  }
  if (counts.passed + counts.failed + counts.skipped === 0 && troubles.length === 0) {
    troubles.push(`No test has "${options.filter}" in its name: run \`deno task test\` alone to see the names`);
  }
  return { ...counts, failed: counts.failed + troubles.length, skips, troubles };
}

const flags = {
  only: { kind: "choice", choices: ["rust", "typescript"], help: "Run one language's tests" },
} as const;

/** `deno task test`. */
export const testCommand: Command<typeof flags> = {
  name: "deno task test",
  about: "Runs all tests, Rust's and TypeScript's, and counts them together.",
  flags,
  words: { name: "filter", help: "Run only tests with this in their names", max: 1 },
  examples: ["deno task test", "deno task test conv", "deno task test --only rust"],
  async run({ flags, words, report }): Promise<number> {
    const result = await test({
      filter: words[0],
      only: flags.only,
      show: report.json ? report.streams.err : report.streams.out,
      plain: !report.streams.terminal,
    });
    for (const { name, reason } of result.skips) report.line(`skipped: ${name}: ${reason}`);
    for (const trouble of result.troubles) report.line(`failed: ${trouble}`);
    report.line(`${result.passed} passed, ${result.failed} failed, ${result.skipped} skipped`);
    report.result({ ...result });
    return result.failed > 0 ? exitCodes.failed : exitCodes.done;
  },
};

if (import.meta.main) Deno.exit(await runCommand(Deno.args, testCommand));
