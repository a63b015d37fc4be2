import { fromFileUrl, join } from "@std/path";
import { type Command, main } from "../lib/cli/command.ts";
import { exitCodes } from "../lib/cli/exit_codes.ts";
import { formatDuration } from "../lib/cli/format.ts";
import { sourceHash } from "./source_hash.ts";

const root = fromFileUrl(new URL("..", import.meta.url));
const howToGetCargo = "install Rust (https://rustup.rs), open a new shell, and run `deno task build` again";

/** What a build did. */
export interface BuildResult {
  /** The native library's path. */
  readonly library: string;
  /** False when it was fresh already. */
  readonly built: boolean;
  readonly seconds: number;
}

/** The library's file name on this platform. */
function libraryName(): string {
  switch (Deno.build.os) {
    case "windows":
      return "libtrain.dll";
    case "darwin":
      return "liblibtrain.dylib";
    default:
      return "liblibtrain.so";
  }
}

/** Runs a tool of the Rust toolchain; its stdout is dropped or handed back, so that ours stays clean. */
async function rustTool(
  name: string,
  args: readonly string[],
  { stdout, signal }: { stdout: "null" | "piped"; signal?: AbortSignal },
): Promise<Deno.CommandOutput> {
  const command = new Deno.Command(name, { args: [...args], cwd: root, stdout, stderr: "inherit", signal });
  try {
    return await command.output();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new Error(`Cannot build the native library: ${name} was not found on PATH: ${howToGetCargo}`, {
      cause: error,
    });
  }
}

/** Size and time of the library, kept in the stamp: a cargo run by hand may have put another one in its place. */
async function fileMark(path: string): Promise<string> {
  try {
    const { size, mtime } = await Deno.stat(path);
    return `${size} ${mtime?.getTime()}`;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "none";
    throw error;
  }
}

async function readStamp(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}

/**
 * Builds the native library in `target/release`, unless its sources, the compiler and the compiler's flags are those of
 * the last build. Prints on stderr only.
 */
export async function build(options: { force?: boolean; signal?: AbortSignal } = {}): Promise<BuildResult> {
  const start = performance.now();
  const { signal } = options;
  const library = join(root, "target", "release", libraryName());
  const stampPath = join(root, "target", "libtrain.stamp");
  const rustc = new TextDecoder().decode((await rustTool("rustc", ["-vV"], { stdout: "piped", signal })).stdout);
  const extra = [rustc, Deno.env.get("RUSTFLAGS") ?? ""];
  const hash = await sourceHash(root, extra);
  const seconds = (): number => (performance.now() - start) / 1000;

  const mark = await fileMark(library);
  if (!options.force && mark !== "none" && await readStamp(stampPath) === `${hash} ${mark}\n`) {
    return { library, built: false, seconds: seconds() };
  }

  console.error("Building the native library (cargo build --release) …");
  const target = ["--target-dir", join(root, "target")];
  const { code } = await rustTool("cargo", ["build", "--release", "--package", "libtrain", ...target], {
    stdout: "null",
    signal,
  });
  if (code !== 0) {
    throw new Error(`Cannot build the native library: cargo ended with status ${code}, its messages are above`);
  }
  const built = await fileMark(library);
  if (built === "none") {
    throw new Error(`Expected cargo to write ${library}, found no such file: unset CARGO_BUILD_TARGET and build again`);
  }
  // Cargo.lock may have been written by this very build.
  await Deno.writeTextFile(`${stampPath}.new`, `${await sourceHash(root, extra)} ${built}\n`);
  await Deno.rename(`${stampPath}.new`, stampPath);
  console.error(`Built ${libraryName()} in ${formatDuration(seconds() * 1000)}`);
  return { library, built: true, seconds: seconds() };
}

const flags = {
  force: { kind: "boolean", help: "Run cargo even when nothing changed" },
} as const;

/** `deno task build`. */
export const buildCommand: Command<typeof flags> = {
  name: "deno task build",
  about: "Builds the native library with cargo, when its sources changed.",
  flags,
  async run({ flags, report, signal }): Promise<number> {
    const result = await build({ force: flags.force, signal });
    report.result({ ...result });
    return exitCodes.done;
  },
};

if (import.meta.main) await main(buildCommand);
