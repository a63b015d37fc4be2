/** Noise that a network is trained with, and its gradients. */
import { applyOne } from "../apply.ts";
import type { GradientRule } from "../rules.ts";
import type { Tensor } from "../tensor.ts";
import { kindOf, requireOptionsOf, requireTensor } from "./checks.ts";

/** What is dropped, and by which random numbers. */
export interface DropoutOptions {
  /** The probability with which a value, or a sample, is dropped, 0 to 1. */
  p: number;
  /** The draw, i32 [3], of `nn.RandomCounter.next()`: the same draw gives the same mask. */
  draw: Tensor;
}

/**
 * Each value of x as 0 with probability p, else x / (1 - p) (Srivastava 2014); nothing is left at p = 1.
 *
 * The mask follows from the draw alone, on every device and in every dtype; the gradient has the same. As a layer:
 * `nn.Dropout`.
 *
 * @example
 * ```ts
 * import { dropout, nn, ones } from "@libtrain/libtrain";
 *
 * using counter = nn.RandomCounter.make({ seed: 0 });
 * using draw = counter.next();
 * using x = ones([2, 4]);
 * using y = dropout(x, { p: 0.5, draw });
 * console.log(await y.data()); // 0 or 2
 * ```
 */
export function dropout(x: Tensor, options: DropoutOptions): Tensor {
  const { p, draw } = checked("dropout", x, options);
  return applyOne("dropout", [x, draw], { p });
}

/**
 * Each sample of x [n, …] as zeros with probability p, else as x / (1 - p): stochastic depth (Huang 2016), for the branch
 * beside a shortcut. As a layer: `nn.StochasticDepth`.
 *
 * @example
 * ```ts
 * import { nn, ones, stochasticDepth } from "@libtrain/libtrain";
 *
 * using counter = nn.RandomCounter.make({ seed: 0 });
 * using draw = counter.next();
 * using x = ones([4, 2]);
 * using y = stochasticDepth(x, { p: 0.5, draw });
 * console.log(await y.data()); // rows of 0 or of 2
 * ```
 */
export function stochasticDepth(x: Tensor, options: DropoutOptions): Tensor {
  const { p, draw } = checked("stochasticDepth", x, options);
  return applyOne("stochastic_depth", [x, draw], { p });
}

function checked(op: string, x: Tensor, options: DropoutOptions): DropoutOptions {
  requireTensor(op, "x", x);
  requireOptionsOf(op, options, { example: `${op}(x, { p: 0.5, draw })`, known: ["p", "draw"] });
  requireTensor(op, "draw", options.draw);
  requireShare(op, options.p);
  return options;
}

/** Throws where a probability is none. */
export function requireShare(op: string, p: unknown): asserts p is number {
  if (typeof p === "number" && p >= 0 && p <= 1) return;
  throw new RangeError(`${op}(): Expected \`p\` from 0 to 1, got ${kindOf(p)}`);
}

/** Both are linear in x: the gradient is the op itself with the same draw. */
function linearRule<Name extends "dropout" | "stochastic_depth">(name: Name): GradientRule<Name> {
  return {
    saveInputs: () => [1],
    backward: ([dy], { params, input }) => [applyOne(name, [dy!, input(1)], params), null],
  };
}

export const dropoutRule = linearRule("dropout");
export const stochasticDepthRule = linearRule("stochastic_depth");
