/** Grids: axes of settings, and an arm for each combination of their values. */
import { shown } from "../../io/shown.ts";
import { RecipeError, SettingError } from "../../recipe/errors.ts";
import type { RecipeChanges } from "../../recipe/recipe.ts";
import { isAllowed, parseSetting, type Setting, wantedOf } from "../../recipe/setting.ts";
import { settings } from "../../recipe/settings.ts";
import { isName } from "./study.ts";
import { kindOf, nearest, requireOptions, requireText } from "../../tensor/ops/checks.ts";

/** The values of each axis; an axis is a setting's path or its flag's name. */
export type Grid = Readonly<Record<string, readonly unknown[]>>;

/** Settings that decide nothing of what a training comes to, or that a sweep decides. */
const noAxis: Readonly<Record<string, string>> = {
  seed: "seeds are the sweep's own: give how many runs there are",
  preset: "a sweep has one preset: begin another for another preset",
  device: "it is no part of what is trained",
  threads: "it is no part of what is trained",
  capture: "it is no part of what is trained",
  "data.maxUnreadable": "it is no part of what is trained",
};

/** The setting of an axis. */
function settingOf(axis: string): Setting {
  const all = settings();
  const found = all.find(({ path, flag }) => path === axis || flag === axis);
  if (found === undefined) {
    const names = all.flatMap(({ path, flag = path }) => [path, flag]);
    const near = nearest(axis, names);
    throw new RecipeError(
      `Expected a setting's path or flag as an axis, got "${shown(axis)}"` +
        (near === undefined ? "" : `: it may be ${near} that is meant`),
    );
  }
  const why = noAxis[found.path];
  if (why !== undefined) throw new RecipeError(`Expected another axis than \`${found.path}\`: ${why}`);
  return found;
}

/** Whether a text of several values has `;` between them, as each may have commas itself. */
function isListed({ kind }: Setting): boolean {
  return kind === "numbers" || kind === "names" || kind === "normalize";
}

/**
 * An axis and its values from a text as a command line has it: `bs=32,64`, `model.pool=max,maxblur`. Settings whose values
 * have commas themselves take `;` between two values: `milestones=0.5,0.75;0.3,0.6`.
 *
 * Throws a RecipeError for an axis that is no setting, with the nearest name, and a SettingError for a value that is none.
 */
export function parseAxis(text: string): [axis: string, values: unknown[]] {
  requireText("parseAxis", "text", text);
  const at = text.indexOf("=");
  if (at < 1 || at === text.length - 1) {
    throw new RecipeError(`Expected an axis as a setting and its values, say bs=32,64, got "${shown(text)}"`);
  }
  const axis = text.slice(0, at);
  const setting = settingOf(axis);
  const values = text.slice(at + 1).split(isListed(setting) ? ";" : ",").map((one) => {
    const value = one === "null" && setting.nullable ? null : parseSetting(setting, one.trim());
    if (value === undefined) refuse(setting, one);
    return value;
  });
  return [axis, values];
}

function refuse(setting: Setting, value: unknown): never {
  const got = typeof value === "string" ? `"${shown(value)}"` : typeof value === "number" ? `${value}` : kindOf(value);
  throw new SettingError(setting.path, `Expected \`${setting.path}\` to be ${wantedOf(setting)}, got ${got}`);
}

/** A value as a part of an arm's name. */
function valueName(value: unknown): string {
  return (typeof value === "string" ? value : JSON.stringify(value)).replaceAll(/[^\w.+-]+/g, "-");
}

function placed(changes: RecipeChanges, path: string, value: unknown): RecipeChanges {
  const [name = "", ...rest] = path.split(".");
  const before = (changes as Record<string, unknown>)[name];
  const inner = rest.length === 0 ? value : placed((before ?? {}) as RecipeChanges, rest.join("."), value);
  return { ...changes, [name]: inner };
}

/**
 * The arms of a grid, one a combination of its axes' values, the last axis moving first; each is called by its values, say
 * `pool=max,bs=32`. `scaleLr` scales the learning rate linearly with the batch, from that of what is swept.
 *
 * Throws a RecipeError for an axis that is no setting, with the nearest name, and a SettingError for a value that is none.
 */
export function armsOf(grid: Grid): Record<string, RecipeChanges> {
  requireOptions("armsOf", grid, "armsOf({ bs: [32, 64] })");
  const axes = Object.entries(grid).map(([axis, values]) => {
    const setting = settingOf(axis);
    if (!Array.isArray(values) || values.length === 0) {
      throw new RecipeError(`Expected the values of the axis ${axis} as an array, got ${kindOf(values)}`);
    }
    for (const value of values) if (!isAllowed(setting, value)) refuse(setting, value);
    const texts = values.map((value) => JSON.stringify(value));
    const twice = texts.find((text, at) => texts.indexOf(text) !== at);
    if (twice !== undefined) throw new RecipeError(`Expected each value of the axis ${axis} once, got ${twice} twice`);
    return { setting, values };
  });
  const twice = axes.find(({ setting }, at) => axes.findIndex((other) => other.setting === setting) !== at);
  if (twice !== undefined) throw new RecipeError(`Expected each axis once, got ${twice.setting.path} twice`);
  if (axes.length === 0) throw new RecipeError("Expected at least one axis, got none: say bs=32,64");
  let arms: { name: string; changes: RecipeChanges }[] = [{ name: "", changes: {} }];
  for (const { setting: { path, flag = path }, values } of axes) {
    arms = arms.flatMap(({ name, changes }) =>
      values.map((value: unknown) => ({
        name: `${name === "" ? "" : `${name},`}${flag}=${valueName(value)}`,
        changes: placed(changes, path, value),
      }))
    );
  }
  for (const { name } of arms) {
    if (isName(name)) continue;
    throw new RecipeError(
      `Expected arms of a grid whose names have up to 100 letters, digits, -, _, ., +, = and commas, as files have them, got "${
        shown(name)
      }": take fewer axes or shorter values, or write a study, whose arms have names of your own`,
    );
  }
  const named = Object.fromEntries(arms.map(({ name, changes }) => [name, changes]));
  if (Object.keys(named).length < arms.length) {
    throw new RecipeError("Expected values whose names differ in more than marks: give them to sweeps of their own");
  }
  return named;
}
