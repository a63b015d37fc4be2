/** Scripts that register names of their own before a command reads its command line. */
import { resolve, toFileUrl } from "@std/path";
import { type StringFlag, UsageError } from "./flags.ts";
import type { Paths } from "./paths.ts";

/** `--register` of a command. */
export const registerFlag: StringFlag = {
  kind: "string",
  placeholder: "script",
  path: true,
  help: "Import a script first, which registers networks, data sets and so on of its own",
};

/** The scripts of a command line, which are needed before its flags are known: a script may add some. */
function scriptsOf(args: readonly string[]): string[] {
  const end = args.indexOf("--");
  const flags = end < 0 ? args : args.slice(0, end);
  return flags.flatMap((arg, at) => {
    if (arg.startsWith("--register=")) return arg.slice("--register=".length);
    return arg === "--register" ? flags[at + 1] ?? [] : [];
  });
}

/** What `--register` names, as URLs. */
export function registeredModules(args: readonly string[], paths: Paths): string[] {
  return scriptsOf(args).map((script) => toFileUrl(resolve(paths.given(script))).href);
}

/** Imports what `--register` names. */
export async function registerModules(args: readonly string[], paths: Paths): Promise<void> {
  for (const script of scriptsOf(args)) {
    if (script === "") throw new UsageError("Expected a script's path after --register, got none");
    try {
      await import(toFileUrl(resolve(paths.given(script))).href);
    } catch (error) {
      // One line: a syntax error shows the place below.
      const [reason] = (error instanceof Error ? error.message : String(error)).split("\n", 1);
      throw new UsageError(`Cannot import "${script}", given with --register: ${reason}`);
    }
  }
}
