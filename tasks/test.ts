import { type Command, runCommand } from "../lib/cli/command.ts";
import { exitCodes } from "../lib/cli/exit_codes.ts";
import { processStreams } from "../lib/cli/report.ts";
import { buildEmulator, NoCompiler } from "../tests/emulated/build.ts";
import { addCounts, type Counts, needsCuda, noCounts, type Skip } from "./test_counts.ts";
import { runTests, type Suite } from "./test_runner.ts";

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
  readonly only?: Suite;
  readonly show?: (text: string) => void;
  /** No colors. */
  readonly plain?: boolean;
}

const suites = ["rust", "typescript", "emulated"] as const;

/** The emulated driver's folder, or why there is none: no compiler, or one that refuses it. */
async function emulatedDriver(): Promise<{ folder?: string; missing?: string; trouble?: string }> {
  try {
    return { folder: await buildEmulator() };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return error instanceof NoCompiler ? { missing: reason } : { trouble: `The emulated driver: ${reason}` };
  }
}

/** Runs the suites, one after the other, and sums their counts. */
export async function test(options: TestOptions = {}): Promise<TestResult> {
  const show = options.show ?? processStreams().out;
  const { folder: emulator, missing, trouble } = await emulatedDriver();
  let counts = noCounts;
  const skips: Skip[] = [];
  const troubles: string[] = trouble === undefined ? [] : [trouble];
  for (const suite of options.only === undefined ? suites : [options.only]) {
    if (suite === "emulated" && emulator === undefined) {
      if (missing !== undefined) {
        counts = addCounts(counts, { ...noCounts, skipped: 1 });
        skips.push({ name: "tests/emulated", reason: `the emulated driver cannot be built: ${missing}` });
      }
      continue;
    }
    const result = await runTests(suite, { filter: options.filter, show, plain: options.plain ?? false, emulator });
    counts = addCounts(counts, result.counts);
    skips.push(...result.skips);
    if (result.trouble !== undefined) troubles.push(result.trouble);
  }
  if (Deno.env.get("REQUIRE_CUDA") === "1") {
    const lacking = skips.filter(({ reason }) => needsCuda(reason));
    troubles.push(...lacking.map(({ name, reason }) => `REQUIRE_CUDA: ${name} was skipped: ${reason}`));
  }
  if (counts.passed + counts.failed + counts.skipped === 0 && troubles.length === 0) {
    troubles.push(`No test has "${options.filter}" in its name: run \`deno task test\` alone to see the names`);
  }
  return { ...counts, failed: counts.failed + troubles.length, skips, troubles };
}

const flags = {
  only: { kind: "choice", choices: suites, help: "Run one suite: the crate, TypeScript, or both on the emulated GPU" },
} as const;

/** `deno task test`. */
export const testCommand: Command<typeof flags> = {
  name: "deno task test",
  about: "Runs all tests, Rust's, TypeScript's and those on the emulated GPU, and counts them together.",
  flags,
  words: { name: "filter", help: "Run only tests with this in their names", max: 1 },
  examples: ["deno task test", "deno task test conv", "deno task test --only rust", "deno task test --only emulated"],
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
