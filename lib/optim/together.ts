/** Several optimizers as one. */
import { kindOf, requireNumber } from "../tensor/ops/checks.ts";
import { matches, type ParameterGroup, requirePattern } from "./groups.ts";
import { requireKnown } from "./known_options.ts";
import type { Optimizer, OptimizerConfig } from "./optimizer.ts";
import type { Rule } from "./rule.ts";
import { RuleSet } from "./rule_set.ts";

/** An optimizer beside others. */
export interface OptimizerPart {
  /** The optimizer. */
  readonly optimizer: Optimizer;
  /** Multiplies the learning rate, beside the groups' own scales; by default 1. */
  readonly lrScale?: number;
  /** Which parameters of those that it takes, by path: a pattern, or a function; by default all. */
  readonly match?: ParameterGroup["match"];
}

/**
 * Several optimizers as one, with one learning rate, one step and one state: the first that takes a parameter has it.
 *
 * Each is one of this room, or made by {@linkcode defineOptimizer}; the names of its state begin with its own, say
 * `muon.momentum.fc.weight`. A gradient that is not finite leaves the weights and the state of all as they were. `bind()`
 * throws a StateError where none takes a parameter.
 *
 * @example
 * ```ts
 * import { models, optim } from "@libtrain/libtrain";
 *
 * using model = models.mnistNet({ seed: 0 });
 * const both = optim.together(optim.muon(), { optimizer: optim.adamw(), lrScale: 0.2 });
 * using opt = both.bind(model, { lr: 2e-2 });
 * ```
 */
export function together(...optimizers: readonly (Optimizer | OptimizerPart)[]): Optimizer {
  if (optimizers.length === 0) throw new TypeError("together(): Expected optimizers, got none");
  const parts = optimizers.map(partOf);
  const config = { name: "together", optimizers: parts.map((part) => part.config) };
  return new RuleSet(config, distinct(parts.flatMap(({ rules }) => rules)));
}

function partOf(entry: Optimizer | OptimizerPart): { config: OptimizerConfig; rules: readonly Rule[] } {
  if (entry instanceof RuleSet) return entry;
  const { optimizer, lrScale = 1, match } = (entry ?? {}) as OptimizerPart;
  if (!(optimizer instanceof RuleSet)) {
    throw new TypeError(
      "together(): Expected optimizers of optim or of defineOptimizer(), or { optimizer, lrScale, match } with one, got " +
        kindOf(entry),
    );
  }
  requireKnown("together", entry, ["optimizer", "lrScale", "match"]);
  requireNumber("together", "lrScale", lrScale, {
    fits: (number) => number > 0 && number < Infinity,
    wanted: "above 0",
  });
  if (match !== undefined) requirePattern("together", match);
  const rules = optimizer.rules.map((rule): Rule => ({
    ...rule,
    lrScale: lrScale * rule.lrScale,
    takes: (parameter, path) =>
      rule.takes(parameter, path) && (match === undefined || matches({ match }, path, parameter)),
  }));
  return { config: { ...optimizer.config, lrScale, ...(match === undefined ? {} : { match: `${match}` }) }, rules };
}

/** Rules whose names differ: a second adamw is called adamw2. */
function distinct(rules: readonly Rule[]): Rule[] {
  const taken = new Set<string>();
  return rules.map((rule) => {
    let name = rule.name;
    for (let count = 2; taken.has(name); count++) name = `${rule.name}${count}`;
    taken.add(name);
    return { ...rule, name };
  });
}
