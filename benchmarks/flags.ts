/** The flags of the benchmarks' scripts. */
import { parseArgs } from "@std/cli/parse-args";

/** What a script takes: its command line as a person writes it, and which flags take a value or none. */
export interface ScriptFlags {
  readonly usage: string;
  readonly values: readonly string[];
  readonly switches?: readonly string[];
}

/** The values of flags; switches that are given are "true". Tells the usage and exits for --help and for what is no flag. */
export function scriptFlags(
  args: string[],
  { usage, values, switches = [] }: ScriptFlags,
): Record<string, string | undefined> {
  const strange: string[] = [];
  const parsed = parseArgs(args, {
    string: [...values],
    boolean: [...switches, "help"],
    unknown: (word: string) => void strange.push(word),
  });
  if (parsed["help"] === true) {
    console.log(`Usage: ${usage}`);
    Deno.exit(0);
  }
  if (strange.length > 0) {
    console.error(`error: Expected the flags of \`${usage}\`, got ${strange.join(" ")}`);
    Deno.exit(2);
  }
  const given = [...values, ...switches].map((name) => [name, parsed[name]] as const);
  return Object.fromEntries(
    given.filter(([, value]) => value !== undefined && value !== false).map(([name, value]) => [name, String(value)]),
  );
}
