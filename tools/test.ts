import { type Command, main } from "../lib/cli/command.ts";
import { exitCodes } from "../lib/cli/exit_codes.ts";
import { processStreams } from "../lib/cli/report.ts";
import { buildEmulator, NoCompiler } from "../tests/emulated/build.ts";
import { fromFileUrl } from "@std/path";
import { addCounts, type Counts, needsCuda, noCounts, type Skip } from "./test_counts.ts";
import { pick, type Suite, suites, testFiles } from "./test_files.ts";
import { allJobs, type Job, pickedJobs } from "./test_jobs.ts";
import { type RunnerResult, runTests } from "./test_runner.ts";

const root = fromFileUrl(new URL("..", import.meta.url));

/** What a run of the tests came to. */
export interface TestResult extends Counts {
  readonly skips: readonly Skip[];
  /** What went wrong besides failed tests, say a runner that crashed; each counts as one failure. */
  readonly troubles: readonly string[];
}

/** What to test, and where the runners' output goes. */
export interface TestOptions {
  /** Part of a file's path, whose tests all run, or of tests' names. */
  readonly word?: string;
  readonly only?: Suite;
  /** Runs the long tests too. */
  readonly all?: boolean;
  readonly show?: (text: string) => void;
  /** No colors. */
  readonly plain?: boolean;
  /** Ends the runners. */
  readonly signal?: AbortSignal;
}

/** More would share memory and the processors' caches for little. */
const MOST_WORKERS = 4;

/** The emulated driver's folder, or why there is none: no compiler, or one that refuses it. */
async function emulatedDriver(): Promise<{ folder?: string; missing?: string; trouble?: string }> {
  try {
    return { folder: await buildEmulator() };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return error instanceof NoCompiler ? { missing: reason } : { trouble: `The emulated driver: ${reason}` };
  }
}

/** Runs jobs on as many processors as there are, then those that measure time, one by one. */
async function runJobs(jobs: readonly Job[], run: (job: Job, live: boolean) => Promise<void>): Promise<void> {
  const together = jobs.filter(({ alone }) => alone !== true);
  const waiting = together.values();
  const worker = async (): Promise<void> => {
    for (const job of waiting) await run(job, together.length === 1);
  };
  await Promise.all(Array.from({ length: Math.min(navigator.hardwareConcurrency, MOST_WORKERS) }, worker));
  for (const job of jobs) if (job.alone === true) await run(job, true);
}

/** Runs what is asked for, and sums the counts. */
export async function test(options: TestOptions = {}): Promise<TestResult> {
  const { word, only, all = false, plain = false } = options;
  const show = options.show ?? processStreams().out;
  const files = await testFiles(root);
  const jobs = word === undefined ? allJobs(files, only) : pickedJobs(await pick(root, files, word), word, only);
  const wanted = jobs.some(({ suite }) => suite === "emulated");
  const { folder: emulator, missing, trouble } = wanted ? await emulatedDriver() : {};
  const results: RunnerResult[] = [];
  if (missing !== undefined) {
    const reason = `the emulated driver cannot be built: ${missing}`;
    results.push({ counts: { ...noCounts, skipped: 1 }, skips: [{ name: "tests/emulated", reason }] });
  }
  if (trouble !== undefined) results.push({ counts: noCounts, skips: [], trouble });
  const possible = jobs.filter(({ suite }) => suite !== "emulated" || emulator !== undefined);
  await runJobs(possible, async (job, live) => {
    // What runs beside others is shown when it is over, as their lines would mix.
    let held = "";
    const result = await runTests(job, {
      show: live ? show : (text) => void (held += text),
      plain,
      all,
      emulator,
      signal: options.signal,
    });
    if (!live) show(held);
    results.push(result);
  });
  return sum(results, word);
}

function sum(results: readonly RunnerResult[], word: string | undefined): TestResult {
  const counts = results.map((result) => result.counts).reduce(addCounts, noCounts);
  const skips = results.flatMap((result) => result.skips);
  const troubles = results.flatMap(({ trouble }) => trouble ?? []);
  if (Deno.env.get("REQUIRE_CUDA") === "1") {
    const lacking = skips.filter(({ reason }) => needsCuda(reason));
    troubles.push(...lacking.map(({ name, reason }) => `REQUIRE_CUDA: ${name} was skipped: ${reason}`));
  }
  if (counts.passed + counts.failed + counts.skipped === 0 && troubles.length === 0) {
    troubles.push(`No test has "${word}" in its name or path: run \`deno task test\` alone to see the names`);
  }
  return { ...counts, failed: counts.failed + troubles.length, skips, troubles };
}

const flags = {
  all: { kind: "boolean", help: "Run the long rehearsals too, as CI does" },
  only: { kind: "choice", choices: suites, help: "Run one suite: the crate, TypeScript, or both on the emulated GPU" },
} as const;

/** `deno task test`. */
export const testCommand: Command<typeof flags> = {
  name: "deno task test",
  about: "Runs the tests, Rust's, TypeScript's and those on the emulated GPU, and counts them together.",
  flags,
  words: {
    name: "word",
    help: "Run only test files with this in their paths, and tests with it in their names",
    max: 1,
  },
  examples: ["deno task test", "deno task test --all", "deno task test conv2d", "deno task test --only emulated"],
  async run({ flags, words, report, signal }): Promise<number> {
    const result = await test({
      word: words[0],
      all: flags.all,
      only: flags.only,
      show: report.json ? report.streams.err : report.streams.out,
      plain: !report.streams.terminal,
      signal,
    });
    for (const { name, reason } of result.skips) report.line(`skipped: ${name}: ${reason}`);
    for (const trouble of result.troubles) report.line(`failed: ${trouble}`);
    report.line(`${result.passed} passed, ${result.failed} failed, ${result.skipped} skipped`);
    report.result({ ...result });
    return result.failed > 0 ? exitCodes.failed : exitCodes.done;
  },
};

if (import.meta.main) await main(testCommand);
