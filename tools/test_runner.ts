import { fromFileUrl, join } from "@std/path";
import {
  cargoCounts,
  cargoSkips,
  type Counts,
  denoCounts,
  moveSkips,
  noCounts,
  parseSkips,
  type Skip,
} from "./test_counts.ts";
import { tee } from "./tee.ts";
import type { Job } from "./test_jobs.ts";

const root = fromFileUrl(new URL("..", import.meta.url));

/** What one test runner did. */
export interface RunnerResult {
  readonly counts: Counts;
  readonly skips: readonly Skip[];
  /** Why the counts are not the whole story, say a crash. */
  readonly trouble?: string;
}

interface Runner {
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  readonly read: (output: string) => Counts | undefined;
}

/** How a run is told what to do. */
export interface RunOptions {
  readonly show: (text: string) => void;
  readonly plain: boolean;
  /** Runs the long tests too. */
  readonly all: boolean;
  /** The folder of the emulated driver. */
  readonly emulator?: string;
  /** Ends the runner. */
  readonly signal?: AbortSignal;
}

/**
 * Cargo tests in the release profile: it shares the dependencies with the library just built, where a debug build would
 * compile all of them anew (and run the numeric tests ten times slower).
 */
function cargo({ filter }: Job, all: boolean): Runner {
  const target = ["--target-dir", join(root, "target")];
  const names = filter === undefined ? [] : [filter];
  const long = all ? ["--", "--include-ignored"] : [];
  return {
    name: "cargo test",
    program: "cargo",
    args: ["test", "--release", "--workspace", "--no-fail-fast", ...target, ...names, ...long],
    read: cargoCounts,
  };
}

/** `deno test` with the permissions of the tests. */
function deno({ title, files, filter, docs }: Job, args: readonly string[], more: readonly string[] = []): Runner {
  const names = filter === undefined ? [] : ["--filter", filter];
  const program = Deno.execPath();
  // Tests start deno by the path it runs from, since `deno` may not be on PATH (npx); such a path cannot stand in
  // deno.json, and a flag takes the place of the set's own list.
  // A Python with torch, where one is named, checks what is exported to it.
  const python = Deno.env.get("LIBTRAIN_PYTHON") ?? "";
  // `sh` starts the browser that pages are opened in.
  const programs = ["cargo", "sh", program, ...more, ...(python === "" ? [] : [python])];
  const permissions = ["-P=test", "--no-prompt", `--allow-run=${programs}`];
  // Opened before the first test: the library stays open, and a test that opens it would count as leaking.
  const preload = "--preload=./tests/support/library.ts";
  const sanitizers = ["--sanitize-ops", "--sanitize-resources"];
  const kind = docs === true ? ["--doc"] : [];
  return {
    name: `deno test (${title})`,
    program,
    args: ["test", "-q", ...permissions, preload, ...sanitizers, ...kind, ...names, ...args, ...files],
    read: denoCounts,
  };
}

function runner(job: Job, { all, emulator }: RunOptions): Runner {
  if (job.suite === "rust") return cargo(job, all);
  if (job.suite === "typescript") return deno(job, []);
  if (emulator === undefined) throw new Error("The emulated tests need the emulated driver");
  const libraries = ["target/release/liblibtrain.so", join(emulator, "libcuda.so")];
  const { name, program, args, read } = deno(job, [`--allow-ffi=${libraries}`], ["env"]);
  // The loader reads its path when a process starts, and Deno lets only `env` set it.
  return {
    name: `${name} (emulated GPU)`,
    program: "env",
    args: [`LD_LIBRARY_PATH=${emulator}`, program, ...args],
    read,
  };
}

/** What the emulated driver is found by; compiled kernels are not kept on disk, where a real driver would take them. */
function environment({ suite }: Job, { all, emulator, plain }: RunOptions): Record<string, string> {
  return {
    ...(plain ? { NO_COLOR: "1" } : {}),
    ...(all ? { LIBTRAIN_TEST_ALL: "1" } : {}),
    ...(emulator === undefined ? {} : { LIBTRAIN_EMULATED: emulator }),
    ...(suite === "emulated" ? { LIBTRAIN_NVRTC_DIR: "", LIBTRAIN_KERNEL_CACHE: "" } : {}),
  };
}

function troubleOf(runner: Runner, counts: Counts | undefined, code: number, filtered: boolean): string | undefined {
  if (counts === undefined) return `${runner.name} ended with status ${code} before it could count its tests`;
  if (code !== 0 && counts.failed === 0) {
    return `${runner.name} ended with status ${code} though no test failed: a test may have ended the process`;
  }
  const ran = counts.passed + counts.failed + counts.skipped;
  return ran === 0 && !filtered ? `${runner.name} ran no tests` : undefined;
}

/** Runs one job, whose output goes to `show` as it comes. */
export async function runTests(job: Job, options: RunOptions): Promise<RunnerResult> {
  const chosen = runner(job, options);
  const folder = join(root, ".cache", "test");
  await Deno.mkdir(folder, { recursive: true });
  const log = join(folder, `skips-${job.suite}-${crypto.randomUUID()}.tsv`);
  await Deno.writeTextFile(log, "");
  try {
    const child = new Deno.Command(chosen.program, {
      args: [...chosen.args],
      cwd: root,
      // Commands that tests start work in the root, wherever the tests were asked for.
      env: { ...environment(job, options), LIBTRAIN_SKIP_LOG: log, INIT_CWD: root },
      stdout: "piped",
      stderr: "piped",
      signal: options.signal,
    }).spawn();
    const [output, , { code }] = await Promise.all([
      tee(child.stdout, options.show),
      tee(child.stderr, options.show),
      child.status,
    ]);
    const found = chosen.read(output);
    const late = parseSkips(await Deno.readTextFile(log));
    // Cargo counts as skipped what it ignored; Deno's tests find out while they run.
    const skips = [...late, ...(job.suite === "rust" ? cargoSkips(output) : [])];
    const trouble = troubleOf(chosen, found, code, job.filter !== undefined);
    return { counts: moveSkips(found ?? noCounts, late), skips, trouble };
  } finally {
    await Deno.remove(log);
  }
}
