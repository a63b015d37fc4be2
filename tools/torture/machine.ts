/** What the figures of a run belong to. */
import { runProgram } from "./child.ts";
import type { Origin } from "./results.ts";

async function firstLine(program: string, args: readonly string[]): Promise<string> {
  try {
    const { code, out } = await runProgram(program, args);
    return code === 0 ? out.trim().split("\n")[0] ?? "" : "";
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}

/** The processor's name as Linux has it. */
async function processor(): Promise<string> {
  const name = await firstLine("sh", ["-c", "grep -m 1 'model name' /proc/cpuinfo"]);
  return name.split(":").at(-1)?.trim() || `an unnamed ${Deno.build.arch} processor`;
}

/** This machine and this code. */
export async function originOf(run: Origin["run"]): Promise<Origin> {
  const commit = await firstLine("git", ["rev-parse", "--short=12", "HEAD"]);
  const changed = await firstLine("git", ["status", "--porcelain", "--untracked-files=no"]);
  return {
    cpu: await processor(),
    cores: navigator.hardwareConcurrency,
    deno: Deno.version.deno,
    commit: commit === "" ? "unknown" : changed === "" ? commit : `${commit}+`,
    run,
  };
}
