/** Settings as flags: what a command line calls them, and what was given of them. */
import { recipe } from "../../mod.ts";
import { isDataPath } from "./data_names.ts";
import { type Flag, type Flags, type IsPath, UsageError } from "./flags.ts";

/** The name of a setting's flag without its dashes; for one that has none, its path. */
export function flagName(path: string): string {
  return factNames[path] ?? recipe.settings().find((setting) => setting.path === path)?.flag ?? path;
}

/** What is no setting, and is told when a run goes on. */
const factNames: Readonly<Record<string, string>> = {
  "source.sha256": "the archive's SHA-256",
  "source.contents": "the SHA-256 of the images",
  "weightsSha256": "the SHA-256 of the weights",
};

/** Options of the library's calls that commands have flags for, beside the settings, and calls that are commands. */
const optionFlags: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    ["force", "cache", "out", "runs", "split", "nested", "strict", "list", "noise", "kind", "shifts", "square"]
      .map((n) => [n, `--${n}`]),
  ),
  maxUnreadable: "--max-unreadable",
  "data.describe": "`deno task data`",
};

/** A text of the library, in which settings stand by their paths in backticks, with the flags in their place. */
export function inFlags(text: string): string {
  const flags = new Map(recipe.settings().map(({ path, flag }) => [path, flag]));
  return text.replaceAll(/`([\w.]+)`/g, (whole, path: string) => {
    const flag = flags.get(path);
    return flag === undefined ? optionFlags[path] ?? whole : `--${flag}`;
  });
}

function flagOf(setting: recipe.Setting, usual: string | number | undefined): Flag {
  const { kind, min, max, above, below, placeholder } = setting;
  const help = inFlags(setting.help) + (usual === undefined ? "" : ` (default ${usual})`);
  const choices = setting.choices?.() ?? [];
  switch (kind) {
    case "boolean":
      return { kind: "switch", help };
    case "number":
    case "integer":
      return { kind, help, min, max, above, below };
    case "choice":
      return { kind, help, choices, placeholder };
    // Names are looked up once everything is registered, by the recipe.
    case "name":
      return { kind: "string", help, placeholder: placeholder ?? choices.join("|") };
    case "names":
      return { kind: "string", help: choices.length === 0 ? help : `${help}: ${choices.join(", ")}`, placeholder };
    case "text":
      return { kind: "string", help, placeholder, path: placeholder === "path" ? isPathOf(setting.path) : undefined };
    case "amount":
    case "numbers":
    case "normalize":
      return { kind: "string", help, placeholder };
  }
}

/** Some of a recipe's paths may be names. */
function isPathOf(path: string): IsPath {
  return path === "data.name" ? isDataPath : true;
}

/**
 * A flag for each setting that has one, beside a command's own; `usual` says what some are unless they are given, by their
 * paths.
 */
export function settingFlags<Own extends Flags>(
  own: Own,
  usual: Readonly<Record<string, string | number>> = {},
): Flags & Own {
  const taken = [...Object.keys(own), "json", "help", "register"];
  const twice = recipe.settings().find(({ flag }) => flag !== undefined && taken.includes(flag));
  if (twice !== undefined) {
    throw new UsageError(
      `Expected the setting ${twice.path} under a flag of its own, got --${twice.flag}, which the command has: register ` +
        "it under another",
    );
  }
  const settings = recipe.settings().flatMap((setting) =>
    setting.flag === undefined ? [] : [[setting.flag, flagOf(setting, usual[setting.path])]]
  );
  return { ...Object.fromEntries(settings), ...own };
}

/** The changes of a recipe that flags ask for. */
export function changesOf(values: Readonly<Record<string, unknown>>): recipe.RecipeChanges {
  const changes: Record<string, unknown> = {};
  for (const setting of recipe.settings()) {
    const { flag, path, kind } = setting;
    const given = flag === undefined ? undefined : values[flag];
    if (given === undefined) continue;
    const listed = kind === "normalize" || kind === "numbers" || kind === "names" || kind === "amount";
    const value = listed ? recipe.parseSetting(setting, String(given)) : given;
    if (value === undefined) {
      throw new UsageError(`Expected --${flag} to be ${recipe.wantedOf(setting)}, got "${given}"`);
    }
    place(changes, path.split("."), value);
  }
  return changes as recipe.RecipeChanges;
}

function place(target: Record<string, unknown>, [name = "", ...rest]: readonly string[], value: unknown): void {
  if (rest.length === 0) {
    target[name] = value;
    return;
  }
  const inner = (target[name] ?? {}) as Record<string, unknown>;
  target[name] = inner;
  place(inner, rest, value);
}

function valueAt(value: unknown, path: string): unknown {
  return path.split(".").reduce<unknown>(
    (inner, name) => (inner as Record<string, unknown> | undefined)?.[name],
    value,
  );
}

/** Whether two values are the same, lists by what is in them. */
function same(a: unknown, b: unknown): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}

/** A word of a command line as a shell takes it. */
export function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** Settings that the machine decides rather than who trains. */
const ofMachine = ["device", "threads", "preset"];

/**
 * The flags with which `deno task train` trains a configuration: its preset, and what it has other than that; undefined
 * where it began from none.
 */
export function flagsFor(config: recipe.Recipe): string[] | undefined {
  const { preset } = config;
  if (preset === null || recipe.presetOf(preset) === undefined) return undefined;
  const base = recipe.preset(preset);
  const words = preset === "mnist" ? [] : ["--preset", preset];
  for (const { path, flag, kind } of recipe.settings()) {
    if (flag === undefined || ofMachine.includes(path)) continue;
    const value = valueAt(config, path);
    const usual = valueAt(base, path) ?? (kind === "names" ? [] : undefined);
    if (value === undefined || value === null || same(value, usual)) continue;
    if (kind === "boolean") words.push(`--${value === true ? "" : "no-"}${flag}`);
    else if (kind === "normalize" && typeof value !== "string") {
      const { mean, std } = value as { mean: readonly number[]; std: readonly number[] };
      words.push(`--${flag}`, `${mean.join()}/${std.join()}`);
    } else words.push(`--${flag}`, quoted(String(value)));
  }
  return words;
}
