import { fromFileUrl, join } from "@std/path";
import { cargoCounts, type Counts, denoCounts, moveSkips, noCounts, parseSkips, type Skip } from "./test_counts.ts";
import { tee } from "./tee.ts";

const root = fromFileUrl(new URL("..", import.meta.url));

/** What one test runner did. */
export interface RunnerResult {
  readonly counts: Counts;
  readonly skips: readonly Skip[];
  /** Why the counts are not the whole story, say a crash. */
  readonly trouble?: string;
}

/** What is tested, one process each: the crate, the TypeScript, and both on the emulated GPU. */
export type Suite = "rust" | "typescript" | "emulated";

interface Runner {
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  readonly read: (output: string) => Counts | undefined;
}

/** How a run is told what to do. */
export interface RunOptions {
  /** Part of the tests' names. */
  readonly filter?: string;
  readonly show: (text: string) => void;
  readonly plain: boolean;
  /** The folder of the emulated driver. */
  readonly emulator?: string;
}

/**
 * Cargo tests in the release profile: it shares the dependencies with the library just built, where a debug build would
 * compile all of them anew (and run the numeric tests ten times slower).
 */
function cargo(filter: string | undefined): Runner {
  const target = ["--target-dir", join(root, "target")];
  const names = filter === undefined ? [] : [filter];
  return {
    name: "cargo test",
    program: "cargo",
    args: ["test", "--release", "--workspace", "--no-fail-fast", ...target, ...names],
    read: cargoCounts,
  };
}

/** `deno test` with the permissions of the tests. */
function deno(args: readonly string[], filter: string | undefined, more: readonly string[] = []): Runner {
  const names = filter === undefined ? [] : ["--filter", filter];
  const program = Deno.execPath();
  // Tests start deno by the path it runs from, since `deno` may not be on PATH (npx); such a path cannot stand in
  // deno.json, and a flag takes the place of the set's own list.
  // A Python with torch, where one is named, checks what is exported to it.
  const python = Deno.env.get("LIBTRAIN_PYTHON") ?? "";
  const programs = ["cargo", program, ...more, ...(python === "" ? [] : [python])];
  const permissions = ["-P=test", "--no-prompt", `--allow-run=${programs}`];
  // Opened before the first test: the library stays open, and a test that opens it would count as leaking.
  const preload = "--preload=./tests/support/library.ts";
  const sanitizers = ["--sanitize-ops", "--sanitize-resources"];
  return {
    name: "deno test",
    program,
    args: ["test", "-q", ...permissions, preload, ...sanitizers, ...names, ...args],
    read: denoCounts,
  };
}

function runner(suite: Suite, { filter, emulator }: RunOptions): Runner {
  if (suite === "rust") return cargo(filter);
  if (suite === "typescript") return deno(["--doc", "--ignore=tests/emulated"], filter);
  if (emulator === undefined) throw new Error("The emulated tests need the emulated driver");
  const libraries = ["target/release/liblibtrain.so", join(emulator, "libcuda.so")];
  const { name, program, args, read } = deno([`--allow-ffi=${libraries}`, "tests/emulated"], filter, ["env"]);
  // The loader reads its path when a process starts, and Deno lets only `env` set it.
  return {
    name: `${name} (emulated GPU)`,
    program: "env",
    args: [`LD_LIBRARY_PATH=${emulator}`, program, ...args],
    read,
  };
}

/** What the emulated driver is found by; compiled kernels are not kept on disk, where a real driver would take them. */
function environment(suite: Suite, { emulator, plain }: RunOptions): Record<string, string> {
  return {
    ...(plain ? { NO_COLOR: "1" } : {}),
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

/** Runs one suite, whose stdout goes to `show` as it comes. */
export async function runTests(suite: Suite, options: RunOptions): Promise<RunnerResult> {
  const chosen = runner(suite, options);
  const folder = join(root, ".cache", "test");
  await Deno.mkdir(folder, { recursive: true });
  const log = join(folder, `skips-${suite}-${Deno.pid}.tsv`);
  await Deno.writeTextFile(log, "");
  try {
    const child = new Deno.Command(chosen.program, {
      args: [...chosen.args],
      cwd: root,
      env: { ...environment(suite, options), LIBTRAIN_SKIP_LOG: log },
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const [output, { code }] = await Promise.all([tee(child.stdout, options.show), child.status]);
    const found = chosen.read(output);
    const skips = parseSkips(await Deno.readTextFile(log));
    const trouble = troubleOf(chosen, found, code, options.filter !== undefined);
    return { counts: moveSkips(found ?? noCounts, skips), skips, trouble };
  } finally {
    await Deno.remove(log);
  }
}
