/** What `deno task bench` says without the name of what to measure, or with a wrong one. */
import type { Command } from "../../lib/cli/command.ts";
import { type Flags, UsageError } from "../../lib/cli/flags.ts";
import { nearest } from "../../lib/tensor/ops/checks.ts";
import { benchNames } from "./bench_names.ts";

const names = benchNames.join(", ");

/** The command line of `deno task bench`. */
export const namesCommand: Command<Flags> = {
  name: "deno task bench",
  about: "Measures speed; each NAME tells its flags with --help.",
  words: { name: "NAME", help: `What to measure: ${names}`, max: 1, required: true },
  examples: benchNames.map((name) => `deno task bench ${name} --help`),
  flags: {},
  run({ words: [name] }): never {
    const near = name === undefined ? undefined : nearest(name, benchNames);
    const got = name === undefined ? "nothing" : `"${name}"`;
    throw new UsageError(
      `Expected what to measure as one of ${names}, got ${got}${near === undefined ? "" : `: did you mean ${near}?`}`,
    );
  },
};
