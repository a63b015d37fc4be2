/** Gradients that pass through a module and not into it. */
import { muting } from "../tensor/muted.ts";
import type { Sync } from "../tensor/scope.ts";
import { kindOf } from "../tensor/ops/checks.ts";
import { type AnyModule, Module } from "./module.ts";

/**
 * Runs a synchronous function in which the parameters of a module, or of several, get no gradient: none is computed for
 * them by a later `backward()`, while it still goes through to the module's input.
 *
 * For a network that another is trained through, as the critic in a generator's step. `requireGrad(false)` does the same
 * for good.
 *
 * @example
 * ```ts
 * import { nn, optim, randn, scope } from "@libtrain/libtrain";
 *
 * using generator = new nn.Linear(4, 2);
 * using critic = new nn.Linear(2, 1);
 * using generating = optim.adamw().bind(generator);
 * scope(() => {
 *   const made = generator.forward(randn([8, 4], { seed: 0 }));
 *   nn.noGradOf(critic, () => critic.forward(made).mean()).backward();
 *   generating.step();
 * });
 * console.log(critic.weight.grad); // null
 * ```
 */
export function noGradOf<Result>(
  modules: AnyModule | readonly AnyModule[],
  fn: () => Result extends PromiseLike<unknown> ? never : Result,
): Result {
  const list: readonly unknown[] = Array.isArray(modules) ? modules : [modules];
  const parameters = list.flatMap((module) => {
    if (module instanceof Module) return [...module.namedParameters().values()];
    throw new TypeError(`noGradOf(): Expected a module, or a list of modules, got ${kindOf(module)}`);
  });
  if (typeof fn !== "function") throw new TypeError(`noGradOf(): Expected a function, got ${typeof fn}`);
  return muting<Result>(parameters, () => {
    const result: Result = fn();
    if (typeof (result as PromiseLike<unknown> | undefined)?.then === "function") {
      throw new TypeError(
        "noGradOf(): Expected a synchronous function, got one that returns a promise: call it around each forward",
      );
    }
    return result as Sync<Result>;
  });
}
