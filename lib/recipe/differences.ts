/** What differs between two configurations. */
import { isObject } from "./check.ts";
import type { SettingChange } from "./errors.ts";
import { settingAt } from "./settings.ts";

/** The leaves of a value by their paths, as text; arrays are leaves. */
function leaves(value: unknown, path = "", found = new Map<string, string>()): Map<string, string> {
  if (!isObject(value)) return found.set(path, typeof value === "string" ? value : `${JSON.stringify(value)}`);
  for (const [name, inner] of Object.entries(value)) {
    if (inner !== undefined) leaves(inner, path === "" ? name : `${path}.${name}`, found);
  }
  return found;
}

/** Settings that are not the same; what changes no bit ({@linkcode Setting.free}) is left out, unless `all` are wanted. */
export function differences(before: object, now: object, { all = false }: { all?: boolean } = {}): SettingChange[] {
  const [old, fresh] = [leaves(before), leaves(now)];
  const brief = (text = "not set"): string => text.length > 60 ? `${text.slice(0, 57)}...` : text;
  return [...new Set([...old.keys(), ...fresh.keys()])]
    .filter((path) => (all || settingAt(path)?.free !== true) && old.get(path) !== fresh.get(path))
    .map((path) => ({ path, before: brief(old.get(path)), now: brief(fresh.get(path)) }));
}
