import { parseArgs } from "@std/cli/parse-args";
import { closestString } from "@std/text/closest-string";
import { levenshteinDistance } from "@std/text/levenshtein-distance";
import {
  type CommandLine,
  type Flag,
  type Flags,
  type FlagValues,
  type IsPath,
  type NumberFlag,
  UsageError,
} from "./flags.ts";
import type { Paths } from "./paths.ts";

/** A command line after parsing. */
export interface ParsedFlags<F extends Flags> {
  /** True when `--help` was given; the values are then of no use. */
  readonly help: boolean;
  readonly values: FlagValues<F>;
  /** The words that belong to no flag. */
  readonly words: readonly string[];
}

/** What other toolkits call a flag. */
const synonyms: Readonly<Record<string, string>> = {
  "batch-size": "bs",
  "learning-rate": "lr",
  "weight-decay": "wd",
  momentum: "mom",
  optimizer: "opt",
  optim: "opt",
  model: "arch",
  network: "arch",
  workers: "threads",
};

function unknownFlag(arg: string, names: readonly string[], command: string): UsageError {
  const typed = arg.replace(/=.*$/s, "");
  const closest = closestString(typed, names.map((name) => `--${name}`));
  // What shares no more than a letter or two helps nobody.
  const near = levenshteinDistance(typed, closest) <= Math.max(1, Math.floor((typed.length - 2) / 3));
  const other = synonyms[typed.slice(2)];
  const meant = other !== undefined && names.includes(other) ? `--${other}` : near ? closest : undefined;
  const hint = meant === undefined ? "see" : `did you mean ${meant}? See`;
  return new UsageError(`Unknown flag ${typed}: ${hint} \`${command} --help\` for all flags`);
}

function noValue(name: string): UsageError {
  return new UsageError(`Expected a value after --${name} (--${name}=-1 for one that starts with a minus), got none`);
}

function range({ min, max, above, below }: NumberFlag): string {
  if (below !== undefined) return ` from ${min ?? above} to below ${below}`;
  if (above !== undefined) return ` above ${above}${max === undefined ? "" : ` to ${max}`}`;
  if (min !== undefined && max !== undefined) return ` from ${min} to ${max}`;
  if (min !== undefined) return ` of at least ${min}`;
  return max !== undefined ? ` of at most ${max}` : "";
}

function isWithin(value: number, { min, max, above, below }: NumberFlag): boolean {
  return value >= (min ?? -Infinity) && value <= (max ?? Infinity) && value > (above ?? -Infinity) &&
    value < (below ?? Infinity);
}

/** A number as people write it: no hexadecimal digits, no words. */
const decimal = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/** A text as the library takes it. */
function placed(text: string, path: IsPath | undefined, paths: Paths | undefined): string {
  const isPath = typeof path === "function" ? path(text) : path === true;
  return isPath && paths !== undefined ? paths.given(text) : text;
}

function flagValue(
  name: string,
  flag: Flag,
  raw: unknown,
  paths?: Paths,
): string | number | boolean | readonly string[] | undefined {
  if (flag.kind === "boolean") return raw === true;
  if (flag.kind === "strings") {
    return ((raw ?? []) as readonly unknown[]).map((one) => {
      if (one === "") throw noValue(name);
      return placed(String(one), flag.path, paths);
    });
  }
  if (raw === undefined) return undefined;
  if (flag.kind === "switch") return raw === true;
  const text = String(raw);
  if (text === "") throw noValue(name);
  if (flag.kind === "string") return placed(text, flag.path, paths);
  if (flag.kind === "choice") {
    if (flag.choices.includes(text)) return text;
    throw new UsageError(`Expected --${name} to be one of ${flag.choices.join(", ")}, got "${text}"`);
  }
  const value = Number(text);
  const whole = flag.kind === "integer";
  const valid = decimal.test(text.trim()) && (whole ? Number.isSafeInteger(value) : Number.isFinite(value));
  if (!valid || !isWithin(value, flag)) {
    const kind = whole ? "a whole number" : "a number";
    throw new UsageError(`Expected --${name} to be ${kind}${range(flag)}, got "${text}"`);
  }
  return value;
}

/**
 * Parses a command line by its declaration.
 *
 * Throws {@linkcode UsageError} for an unknown flag (naming the closest known one), a missing value, a number out of
 * its range and a word too many. Where a flag is given twice, the last one counts, unless it takes several. Flags and words that are paths are
 * resolved by `paths`, if given.
 */
export function parseFlags<F extends Flags>(
  args: readonly string[],
  command: CommandLine<F>,
  paths?: Paths,
): ParsedFlags<F> {
  const flags = Object.entries(command.flags);
  const booleans = flags.filter(([, flag]) => flag.kind === "boolean" || flag.kind === "switch");
  const negatable = booleans.filter(([, flag]) => flag.kind === "switch" || flag.default === true).map(([name]) =>
    name
  );
  const names = [...flags.map(([name]) => name), "help"];
  const parsed = parseArgs(args, {
    boolean: [...booleans.map(([name]) => name), "help"],
    string: ["_", ...flags.filter((flag) => !booleans.includes(flag)).map(([name]) => name)],
    collect: flags.filter(([, { kind }]) => kind === "strings").map(([name]) => name),
    negatable,
    default: Object.fromEntries(flags.map(([name, flag]) => [name, flag.default])),
    alias: { help: "h" },
    unknown(arg, key): boolean {
      const before = args[args.indexOf(arg) - 1]?.slice(2) ?? "";
      if (/^-[\d.]/.test(arg) && Object.hasOwn(command.flags, before)) throw noValue(before);
      if (key !== undefined) throw unknownFlag(arg, names, command.name);
      return true;
    },
  });
  const help = parsed["help"] === true;
  const words = parsed._.map(String);
  const values: Record<string, unknown> = {};
  // A wrong value must not keep someone from the help text.
  if (help) return { help, values: values as FlagValues<F>, words };
  for (const [name, flag] of flags) values[name] = flagValue(name, flag, parsed[name], paths);
  const max = command.words?.max ?? 0;
  if (words.length > max) {
    const wanted = max === 0 ? "no words" : max === 1 ? "at most one word" : `at most ${max} words`;
    throw new UsageError(`Expected ${wanted} besides flags, got "${words.join(" ")}": see \`${command.name} --help\``);
  }
  if (words.includes("")) {
    throw new UsageError(
      `Expected ${command.words?.name ?? "words"} with letters, got an empty text: see \`${command.name} --help\``,
    );
  }
  const placedWords = words.map((word) => placed(word, command.words?.path, paths));
  return { help, values: values as FlagValues<F>, words: placedWords };
}
