/** RMSprop. */
import { where } from "../tensor/ops/select.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { defineOptimizer, type ParameterUpdate } from "./define_optimizer.ts";
import type { Optimizer } from "./optimizer.ts";

/** Settings of {@linkcode rmsprop}. */
export interface RmspropOptions {
  /** Decay of the squared gradients' average, PyTorch's `alpha`; by default 0.99. */
  sqrMom?: number;
  /** Momentum of the steps; by default 0. */
  mom?: number;
  /** Added to the square root; by default 1e-8. */
  eps?: number;
  /** Whether to divide by the deviation of the gradients and not by their root mean square; by default false. */
  centered?: boolean;
  /** Decoupled weight decay of weights, unlike PyTorch's, which is part of the gradient; by default 0. */
  wd?: number;
}

const defaults = { sqrMom: 0.99, mom: 0, eps: 1e-8, centered: false, wd: 0 };

type State = "averageSquare" | "average" | "buffer";

function update(
  { value, gradient, states, lr, wd }: ParameterUpdate<State>,
  { sqrMom, mom, eps, centered }: typeof defaults,
): void {
  const { averageSquare, average, buffer } = states;
  averageSquare.assign(averageSquare.mul(sqrMom).add(gradient.mul(gradient).mul(1 - sqrMom)));
  let variance: Tensor = averageSquare;
  if (centered) {
    average.assign(average.mul(sqrMom).add(gradient.mul(1 - sqrMom)));
    // Rounding may take it below 0 where the gradients hardly differ.
    variance = averageSquare.sub(average.mul(average)).maximum(0);
  }
  const spread = variance.sqrt().add(eps);
  const quotient = gradient.div(spread);
  // Without eps, a parameter whose every gradient so far was 0 stays where it is.
  let direction = eps > 0 ? quotient : where(spread.greater(0), quotient, 0);
  if (mom > 0) direction = buffer.assign(buffer.mul(mom).add(direction));
  const kept = wd === 0 ? value : value.sub(value.mul(lr.mul(wd)));
  value.assign(kept.sub(direction.mul(lr)));
}

/**
 * RMSprop (Tieleman and Hinton 2012) as PyTorch has it, with momentum and centering, but with decoupled weight decay.
 *
 * @example
 * ```ts
 * import { nn, optim } from "@libtrain/libtrain";
 *
 * using model = new nn.Linear(4, 2);
 * using opt = optim.rmsprop({ mom: 0.9 }).bind(model, { lr: 1e-3 });
 * ```
 */
export function rmsprop(options: RmspropOptions = {}): Optimizer {
  const { mom = 0, centered = false } = options ?? {};
  const states: State[] = ["averageSquare"];
  // What is not used takes no memory.
  if (centered) states.push("average");
  if (mom !== 0) states.push("buffer");
  const limits = { sqrMom: [0, 1], mom: [0, 1], eps: [0, Infinity] } as const;
  return defineOptimizer({ name: "rmsprop", states, options: defaults, limits, update })(options);
}
