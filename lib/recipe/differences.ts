/** What differs between two configurations. */
import { requireOptions } from "../tensor/ops/checks.ts";
import { isObject } from "./check.ts";
import type { SettingChange } from "./errors.ts";
import type { RunConfig } from "./recipe.ts";
import { settingAt } from "./settings.ts";

/** The leaves of a value by their paths, as text; arrays are leaves. */
function leaves(value: unknown, path = "", found = new Map<string, string>()): Map<string, string> {
  if (!isObject(value)) return found.set(path, typeof value === "string" ? value : `${JSON.stringify(value)}`);
  for (const [name, inner] of Object.entries(value)) {
    if (inner !== undefined) leaves(inner, path === "" ? name : `${path}.${name}`, found);
  }
  return found;
}

/** What is told of the data, and is none of what a training comes to. */
const toldOnly = /^source\.(leftOut|listing)\b/;

/** What says where the data lie, and how they are packed: of no matter where their contents are the same. */
const whereabouts: readonly string[] = ["data.name", "source.name", "source.sha256"];

/** Whether two configurations are of the same images, by their contents; undefined where that is not known. */
export function sameImages(before: object, now: object): boolean | undefined {
  const [old, fresh] = [before, now].map((config) => (config as Partial<RunConfig>).source?.contents);
  return old === undefined || fresh === undefined ? undefined : old === fresh;
}

/**
 * Settings that are not the same; what changes no bit ({@linkcode Setting.free}) is left out, and of the same images where
 * they lie, unless `all` are wanted.
 */
export function differences(before: object, now: object, { all = false }: { all?: boolean } = {}): SettingChange[] {
  requireOptions("differences", before, "differences(config, other)");
  requireOptions("differences", now, "differences(config, other)");
  const same = !all && sameImages(before, now) === true;
  const [old, fresh] = [leaves(before), leaves(now)];
  const brief = (text = "not set"): string => text.length > 60 ? `${text.slice(0, 57)}...` : text;
  return [...new Set([...old.keys(), ...fresh.keys()])]
    .filter((path) =>
      (all || settingAt(path)?.free !== true) && !toldOnly.test(path) && !(same && whereabouts.includes(path)) &&
      old.get(path) !== fresh.get(path)
    )
    .map((path) => ({ path, before: brief(old.get(path)), now: brief(fresh.get(path)) }));
}
