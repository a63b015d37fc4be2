/** The optimizers: their settings, and the op that does a step. */
import { requireFlag, requireNumber, requireWhole } from "../tensor/ops/checks.ts";
import { fusedRule, type FusedStep } from "./fused_rule.ts";
import { requireKnown } from "./known_options.ts";
import type { Optimizer } from "./optimizer.ts";
import { RuleSet } from "./rule_set.ts";

/** Settings of {@linkcode ranger}, under fastai's names. */
export interface RangerOptions {
  /** Decay of the gradients' average; by default 0.95. */
  mom?: number;
  /** Decay of the squared gradients' average; by default 0.99. */
  sqrMom?: number;
  /** By default 1e-6. */
  eps?: number;
  /** Decoupled weight decay of weights (none on biases and norms); by default 0.01. */
  wd?: number;
  /** Whether to rectify the variance early on (RAdam); by default true. */
  rectify?: boolean;
  /** Steps between Lookahead's; 0 turns it off; by default 6. */
  k?: number;
  /** How far Lookahead moves towards the weights; by default 0.5. */
  alpha?: number;
  /** Whether to subtract each filter's mean from its gradient (gradient centralisation); by default false. */
  centralise?: boolean;
}

/**
 * Ranger: RAdam (Liu 2020) inside Lookahead (Zhang 2019), with optional gradient centralisation (Yong 2020).
 *
 * @example
 * ```ts
 * import { models, optim } from "@libtrain/libtrain";
 *
 * using model = models.mnistNet();
 * using opt = optim.ranger({ wd: 1e-2 }).bind(model);
 * opt.lr = 8e-3;
 * ```
 */
export function ranger(options: RangerOptions = {}): Optimizer {
  requireKnown("ranger", options, ["mom", "sqrMom", "eps", "wd", "rectify", "k", "alpha", "centralise"]);
  const { mom = 0.95, sqrMom = 0.99, eps = 1e-6, wd = 0.01, rectify = true, k = 6, alpha = 0.5, centralise = false } =
    options;
  within("ranger", { mom, sqrMom, alpha }, 0, 1);
  within("ranger", { eps, wd }, 0, Infinity);
  requireWhole("ranger", "k", k);
  requireFlag("ranger", "rectify", rectify);
  requireFlag("ranger", "centralise", centralise);
  return optimizer("ranger", { mom, sqrMom, eps, wd, rectify, k, alpha, centralise }, {
    op: "ranger_step",
    states: ["average", "averageSquare", "slow"],
    copies: ["slow"],
    wd,
    params: { mom, sqrMom, eps, rectify, k, alpha, centralise },
  });
}

/** Settings of {@linkcode adamw}. */
export interface AdamWOptions {
  /** By default 0.9. */
  mom?: number;
  /** By default 0.99, as in fastai. */
  sqrMom?: number;
  /** By default 1e-5, as in fastai. */
  eps?: number;
  /** Decoupled weight decay of weights; by default 0.01. */
  wd?: number;
}

/** AdamW (Loshchilov and Hutter 2019). */
export function adamw(options: AdamWOptions = {}): Optimizer {
  requireKnown("adamw", options, ["mom", "sqrMom", "eps", "wd"]);
  const { mom = 0.9, sqrMom = 0.99, eps = 1e-5, wd = 0.01 } = options;
  within("adamw", { mom, sqrMom }, 0, 1);
  within("adamw", { eps, wd }, 0, Infinity);
  const params = { mom, sqrMom, eps };
  return optimizer("adamw", { ...params, wd }, { op: "adamw_step", states: ["average", "averageSquare"], wd, params });
}

/** Settings of {@linkcode sgd}. */
export interface SgdOptions {
  /** By default 0. */
  mom?: number;
  /** Whether the gradient is weighted by 1 - mom; by default false. */
  dampening?: boolean;
  /** Whether to look ahead along the momentum (Nesterov); by default false. */
  nesterov?: boolean;
  /** Decoupled weight decay of weights; by default 0. */
  wd?: number;
}

/** Stochastic gradient descent with momentum. */
export function sgd(options: SgdOptions = {}): Optimizer {
  requireKnown("sgd", options, ["mom", "dampening", "nesterov", "wd"]);
  const { mom = 0, dampening = false, nesterov = false, wd = 0 } = options;
  within("sgd", { mom }, 0, 1);
  within("sgd", { wd }, 0, Infinity);
  requireFlag("sgd", "dampening", dampening);
  requireFlag("sgd", "nesterov", nesterov);
  const params = { mom, dampening, nesterov };
  return optimizer("sgd", { ...params, wd }, { op: "sgd_step", states: ["momentumBuffer"], wd, params });
}

function optimizer(name: string, settings: Record<string, number | boolean>, step: FusedStep): Optimizer {
  return new RuleSet({ name, ...settings }, [fusedRule(step)]);
}

function within(op: string, values: Record<string, number>, low: number, high: number): void {
  for (const [name, value] of Object.entries(values)) {
    requireNumber(op, name, value, {
      fits: (number) => number >= low && number <= high && number < Infinity,
      wanted: `from ${low} to ${high}`,
    });
  }
}
