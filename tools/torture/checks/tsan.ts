/** The concurrency tests of the crate under ThreadSanitizer. */
import { join } from "@std/path";
import { type Check, type Control, Skipped } from "../check.ts";
import { lastLines, root, runProgram } from "../child.ts";
import { cargo, requireSanitizers, rustc } from "../sanitized.ts";

const FLAGS = ["-Zsanitizer=thread", "-Cunsafe-allow-abi-mismatch=sanitizer"];

/** Tests of queues, handles, owners and the pool: where threads meet. */
const TESTS = ["runtime::", "cpu::pool::", "image::job::"];

/** A report of a data race. */
const RACE = /WARNING: ThreadSanitizer: .*/;

/**
 * Throws where the standard library cannot be built with the sanitizer too: its contended locks, `Once` and the counts of
 * `Arc` order threads, and of code that is not instrumented the sanitizer sees nothing, so that all of them look like races.
 */
async function requireStdSources(): Promise<void> {
  const { out } = await runProgram("rustc", ["--print", "sysroot"]);
  try {
    await Deno.stat(join(out.trim(), "lib", "rustlib", "src", "rust", "library", "Cargo.lock"));
  } catch {
    throw new Skipped("the standard library's sources are not here: `rustup component add rust-src`");
  }
}

/** Each test as often as this. */
export const tsan: Check = {
  name: "tsan",
  promise: "Queues, handles, owners and the thread pool have no data race.",
  unit: "tests under ThreadSanitizer",
  sizes: { quick: 1, long: 5 },
  async run({ quick, rounds, note }, tally): Promise<void> {
    await requireSanitizers();
    if (quick) throw new Skipped("its build takes minutes: the long run has it");
    await requireStdSources();
    note("building the crate's tests with ThreadSanitizer");
    for (const _ of rounds()) {
      const { code, out, err } = await cargo(
        ["test", "-Zbuild-std", "--release", "--package", "libtrain", "--lib", "--", ...TESTS],
        FLAGS,
        "tsan",
      );
      const passed = Number(/test result: \w+\. (\d+) passed/.exec(out)?.[1] ?? 0);
      const race = RACE.exec(err + out)?.[0];
      if (passed === 0 && race === undefined) throw new Error(`no test ran: ${lastLines(err)}`);
      const wrong = race ?? (code === 0 ? undefined : `status ${code}: ${lastLines(out)}`);
      tally.count(wrong, passed);
    }
  },
  async control({ folder }): Promise<Control> {
    const planted = "two threads that write one number";
    const binary = join(folder, "race");
    await rustc(join(root, "tools", "torture", "planted_race.rs"), binary, FLAGS);
    const { err } = await runProgram(binary, []);
    const said = RACE.exec(err)?.[0];
    return { planted, caught: said !== undefined, said: said?.split(" (pid")[0] ?? "no race" };
  },
};
