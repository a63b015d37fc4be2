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

interface Runner {
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  readonly read: (output: string) => Counts | undefined;
}

/**
 * Both test runners. Cargo tests in the release profile: it shares the dependencies with the library just built, where
 * a debug build would compile all of them anew (and run the numeric tests ten times slower).
 */
function runner(language: "rust" | "typescript", filter: string | undefined): Runner {
  if (language === "rust") {
    const target = ["--target-dir", join(root, "target")];
    const names = filter === undefined ? [] : [filter];
    return {
      name: "cargo test",
      program: "cargo",
      args: ["test", "--release", "--workspace", "--no-fail-fast", ...target, ...names],
      read: cargoCounts,
    };
  }
  const names = filter === undefined ? [] : ["--filter", filter];
  const deno = Deno.execPath();
  // Tests start deno by the path it runs from, since `deno` may not be on PATH (npx); such a path cannot stand in
  // deno.json, and a flag takes the place of the set's own list.
  // A Python with torch, where one is named, checks what is exported to it.
  const python = Deno.env.get("LIBTRAIN_PYTHON") ?? "";
  const programs = ["cargo", deno, ...(python === "" ? [] : [python])];
  const permissions = ["-P=test", "--no-prompt", `--allow-run=${programs}`];
  // Opened before the first test: the library stays open, and a test that opens it would count as leaking.
  const preload = "--preload=./tests/support/library.ts";
  return {
    name: "deno test",
    program: deno,
    args: ["test", "-q", ...permissions, preload, "--sanitize-ops", "--sanitize-resources", "--doc", ...names],
    read: denoCounts,
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

/** Runs one language's tests, whose stdout goes to `show` as it comes. */
export async function runTests(
  language: "rust" | "typescript",
  options: { filter?: string; show: (text: string) => void; plain: boolean },
): Promise<RunnerResult> {
  const chosen = runner(language, options.filter);
  const folder = join(root, ".cache", "test");
  await Deno.mkdir(folder, { recursive: true });
  const log = join(folder, `skips-${language}-${Deno.pid}.tsv`);
  await Deno.writeTextFile(log, "");
  try {
    const child = new Deno.Command(chosen.program, {
      args: [...chosen.args],
      cwd: root,
      env: { LIBTRAIN_SKIP_LOG: log, ...(options.plain ? { NO_COLOR: "1" } : {}) },
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
