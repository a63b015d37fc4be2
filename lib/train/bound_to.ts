/** What a trainer makes of its options for a model. */
import type { Module } from "../nn/module.ts";
import { Ema } from "../optim/ema.ts";
import type { BoundOptimizer } from "../optim/optimizer.ts";
import type { Tensors } from "../tensor/tensors.ts";
import type { TrainerOptions } from "./trainer_options.ts";

/** Optimizer and average of a model; where one cannot be made, neither is left. */
export function boundTo<In extends Tensors, Out extends Tensors, Targets extends Tensors>(
  model: Module<In, Out>,
  { optimizer, groups, ema }: TrainerOptions<In, Out, Targets>,
): { optimizer: BoundOptimizer; ema: Ema | undefined } {
  const bound = optimizer.bind(model, { groups });
  try {
    bound.prepare();
    return { optimizer: bound, ema: ema === undefined ? undefined : new Ema(model, { decay: ema }) };
  } catch (error) {
    bound.dispose();
    throw error;
  }
}
