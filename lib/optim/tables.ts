/** What a rule keeps for its parameters: a table of them, flat state tensors, and counts of steps. */
import type { Parameter } from "../nn/module.ts";
import { tensor, zeros } from "../tensor/create.ts";
import { noGrad } from "../tensor/graph.ts";
import { scope } from "../tensor/scope.ts";
import { type Tensor, versionOf } from "../tensor/tensor.ts";
import type { GroupSettings, Segment } from "./groups.ts";
import type { Rule } from "./rule.ts";

/** A rule's parameters, and their state. */
export interface Tables {
  rule: Rule;
  segments: Segment[];
  /** Flat: the segments one after the other. */
  states: Map<string, Tensor>;
  /** One count a segment, and last the count of calls. */
  steps: Tensor;
}

/** A parameter that a rule takes, and what holds for it. */
export interface Member extends GroupSettings {
  path: string;
  parameter: Parameter;
}

/** The tables of some parameters, at least one, before anything happened to them. */
export function makeTables(rule: Rule, members: readonly Member[]): Tables {
  const { dtype, device } = members[0]!.parameter;
  let start = 0;
  const segments = members.map((member): Segment => {
    const segment = { ...member, start };
    start += member.parameter.size;
    return segment;
  });
  const states = new Map(
    rule.states.map((name) => [
      name,
      scope(() => zeros([start], { dtype, device })).detachFromScope().heldAs("optimizer"),
    ]),
  );
  const steps = scope(() => tensor(new Int32Array(segments.length + 1), { device })).detachFromScope()
    .heldAs("optimizer");
  return { rule, segments, states, steps };
}

/**
 * Fills new tables. State is kept for parameters that stay, and for others that take over the name and shape of one that is
 * gone; except the copies of its values, which would pull the new ones back to the old.
 */
export function fillTables(
  { rule, segments, states, steps }: Tables,
  before: Tables | undefined,
  staying: ReadonlySet<Parameter>,
): void {
  segments.forEach(({ path, parameter, start }, index) => {
    const heir = (old: Segment): boolean =>
      old.path === path && !staying.has(old.parameter) && String(old.parameter.shape) === String(parameter.shape);
    const old = before?.segments.find((segment) => segment.parameter === parameter) ?? before?.segments.find(heir);
    for (const [name, flat] of states) {
      const target = flat.narrow(start, parameter.size);
      if (rule.copies.includes(name) && old?.parameter !== parameter) target.assign(valuesOf(parameter));
      else if (old) target.assign(before!.states.get(name)!.narrow(old.start, parameter.size));
    }
    if (old) steps.narrow(index, 1).assign(before!.steps.narrow(before!.segments.indexOf(old), 1));
  });
}

/** Starts the states that begin as copies of the parameters. */
export function copyWeights({ rule, segments, states }: Tables): void {
  for (const name of rule.copies) {
    for (const { parameter, start } of segments) {
      states.get(name)!.narrow(start, parameter.size).assign(valuesOf(parameter));
    }
  }
}

/** How often the states that begin as copies were written. */
export function copyVersions(tables: readonly Tables[]): string {
  return tables.flatMap(({ rule, states }) => rule.copies.map((name) => versionOf(states.get(name)!))).join();
}

/** The count of calls, a view. */
export function callsOf({ segments, steps }: Tables): Tensor {
  return steps.narrow(segments.length, 1);
}

/** Views of everything by name, behind a prefix. */
export function namedState(tables: Tables, prefix: string): [string, Tensor][] {
  const { segments, states, steps } = tables;
  return scope(() =>
    noGrad(() => [
      ...[...states].flatMap(([name, flat]) =>
        segments.map(({ path, parameter, start }): [string, Tensor] => [
          `${prefix}${name}.${path}`,
          flat.narrow(start, parameter.size).reshape(parameter.shape),
        ])
      ),
      ...segments.map(({ path }, index): [string, Tensor] => [`${prefix}steps.${path}`, steps.narrow(index, 1)]),
      [`${prefix}steps`, callsOf(tables)],
    ])
  );
}

/** Lets go of the state. */
export function disposeTables({ states, steps }: Tables): void {
  for (const state of states.values()) state.dispose();
  steps.dispose();
}

/** A parameter's values as its part of a flat state. */
function valuesOf(parameter: Parameter): Tensor {
  return parameter.detach().reshape([parameter.size]);
}
