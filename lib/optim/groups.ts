/** Groups of parameters: what an optimizer does with some of a model's. */
import type { Parameter } from "../nn/module.ts";
import { kindOf } from "../tensor/ops/checks.ts";
import { requireKnown } from "./known_options.ts";
import type { Rule } from "./rule.ts";

/** Settings for some of a model's parameters. */
export interface ParameterGroup {
  /** Which parameters, by path: a pattern, or a function. */
  match: RegExp | ((path: string, parameter: Parameter) => boolean);
  /** Multiplies the learning rate; by default 1. */
  lrScale?: number;
  /** Weight decay; by default the optimizer's. */
  wd?: number;
  /**
   * Whether they stay as they are; by default false. Their gradients are not computed then, so that what lies before the first
   * parameter that is trained costs no backward. Batch norms all of whose parameters are frozen evaluate: they use their
   * running statistics and do not move them, whatever `train()` says.
   */
  frozen?: boolean;
}

/** What holds for a parameter. */
export interface GroupSettings {
  /** Multiplies the learning rate. */
  lrScale: number;
  /** Weight decay. */
  wd: number;
  /** Whether it stays as it is. */
  frozen: boolean;
}

/** One parameter in the flat state. */
export interface Segment extends GroupSettings {
  path: string;
  parameter: Parameter;
  /** Elements before it in the flat state. */
  start: number;
}

/** Whether a parameter is in a group. */
export function matches(group: ParameterGroup, path: string, parameter: Parameter): boolean {
  // search() and not test(), which goes on from where a pattern with the flag g matched last.
  return group.match instanceof RegExp ? path.search(group.match) >= 0 : group.match(path, parameter);
}

/** What holds for a parameter from now on; throws where its rule knows nothing of what the group sets. */
export function settingsOf(group: ParameterGroup, before: GroupSettings, op: string, rule: Rule): GroupSettings {
  if (group.wd !== undefined && group.wd !== 0 && rule.wd === undefined) {
    throw new TypeError(
      `${op}(): Expected a group without \`wd\` for ${rule.name}, which has no weight decay, got ${group.wd}`,
    );
  }
  return { lrScale: group.lrScale ?? before.lrScale, wd: group.wd ?? before.wd, frozen: group.frozen ?? before.frozen };
}

/** Throws where something says of no path whether it matches. */
export function requirePattern(op: string, match: unknown): void {
  if (match instanceof RegExp || typeof match === "function") return;
  throw new TypeError(`${op}(): Expected \`match\` as a pattern or a function, got ${kindOf(match)}`);
}

/** Throws where a group sets what cannot be. */
function requireSettings(op: string, group: ParameterGroup): void {
  for (const name of ["lrScale", "wd"] as const) {
    const value = group[name];
    if (value === undefined || Number.isFinite(value) && value >= 0) continue;
    throw new RangeError(`${op}(): Expected a group's \`${name}\` as a number from 0, got ${kindOf(value)}`);
  }
  if (group.frozen === undefined || typeof group.frozen === "boolean") return;
  throw new TypeError(`${op}(): Expected a group's \`frozen\` as true or false, got ${kindOf(group.frozen)}`);
}

/** Throws where a group applies to no parameter: it would be a setting without effect. */
export function requireMatch(
  op: string,
  groups: readonly ParameterGroup[],
  parameters: ReadonlyMap<string, Parameter>,
): void {
  if (!Array.isArray(groups)) throw new TypeError(`${op}(): Expected \`groups\` as an array, got ${kindOf(groups)}`);
  const open = new Map(parameters);
  for (const group of groups) {
    requireKnown(op, group, ["match", "lrScale", "wd", "frozen"]);
    requireSettings(op, group);
    requirePattern(op, group.match);
    const matched = [...parameters].filter(([path, parameter]) => matches(group, path, parameter));
    if (matched.length === 0) {
      const paths = [...parameters.keys()];
      const some = paths.slice(0, 4).map((path) => `"${path}"`).join(", ");
      throw new RangeError(
        `${op}(): Expected ${describe(group)} to match a parameter's path, it matches none: the model has ${some}` +
          (paths.length > 4 ? ` and ${paths.length - 4} more` : ""),
      );
    }
    // The first group that matches a parameter is the one that counts.
    if (!matched.map(([path]) => open.delete(path)).includes(true)) {
      throw new RangeError(
        `${op}(): Expected ${
          describe(group)
        } to match a parameter that no group before it has, it matches only others': ` +
          "put it first",
      );
    }
  }
}

function describe({ match }: ParameterGroup): string {
  return match instanceof RegExp ? `the group's pattern ${match}` : "the group's function `match`";
}
