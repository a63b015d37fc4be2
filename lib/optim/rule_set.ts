/** The optimizers of this room: rules to be bound together. */
import { BoundRules } from "./bound_rules.ts";
import type { BindOptions, BoundOptimizer, Optimizer, OptimizerConfig, Trainable } from "./optimizer.ts";
import type { Rule } from "./rule.ts";

/** One rule or several, of which the first that takes a parameter has it. */
export class RuleSet implements Optimizer {
  readonly config: OptimizerConfig;
  readonly rules: readonly Rule[];

  constructor(config: OptimizerConfig, rules: readonly Rule[]) {
    this.config = config;
    this.rules = rules;
  }

  bind(model: Trainable, options?: BindOptions): BoundOptimizer {
    return new BoundRules(model, this.rules, options);
  }
}
