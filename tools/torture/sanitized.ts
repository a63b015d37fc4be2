/** Builds of the native code with a sanitizer, below `target/` and apart from the usual one. */
import { join } from "@std/path";
import { Skipped } from "./check.ts";
import { type Ended, lastLines, root, runProgram, works } from "./child.ts";

/** Sanitizers are switched on by flags that a stable compiler hides. */
const HIDDEN = { RUSTC_BOOTSTRAP: "1" };

/** Milliseconds that a build may take on a small, busy machine. */
const PATIENCE = 3_600_000;

/** What is built for. */
export async function hostTarget(): Promise<string> {
  const { out } = await runProgram("rustc", ["-vV"]);
  return /^host: (.+)$/m.exec(out)?.[1] ?? "";
}

/** Throws where there are no sanitizers. */
export async function requireSanitizers(): Promise<string> {
  if (!await works("cargo", ["--version"])) throw new Skipped("cargo is not here");
  const target = await hostTarget();
  if (!/^(x86_64|aarch64)-unknown-linux-gnu$/.test(target)) throw new Skipped(`there are no sanitizers for ${target}`);
  return target;
}

/** Runs cargo with flags for the crates of the target alone; build scripts stay as they are. */
export async function cargo(args: readonly string[], flags: readonly string[], folder: string): Promise<Ended> {
  const env = { ...HIDDEN, RUSTFLAGS: flags.join(" ") };
  const where = ["--target", await hostTarget(), "--target-dir", join(root, "target", folder)];
  const [command, ...rest] = args;
  return await runProgram("cargo", [command!, ...where, ...rest], { env, patience: PATIENCE });
}

/** The same, which has to succeed. */
export async function cargoBuild(args: readonly string[], flags: readonly string[], folder: string): Promise<void> {
  const { code, err } = await cargo(args, flags, folder);
  if (code !== 0) throw new Error(`cargo ${args.join(" ")}: ${lastLines(err)}`);
}

/** Compiles one file of Rust with the same hidden flags. */
export async function rustc(source: string, output: string, flags: readonly string[]): Promise<void> {
  const { code, err } = await runProgram("rustc", ["--edition", "2024", "-O", ...flags, "-o", output, source], {
    env: HIDDEN,
  });
  if (code !== 0) throw new Error(`rustc: ${lastLines(err)}`);
}
