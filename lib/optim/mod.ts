/**
 * Optimizers and learning-rate schedules.
 *
 * @module
 */
export { Ema, type EmaOptions } from "./ema.ts";
export { type ParameterGroup } from "./groups.ts";
export { type BindOptions, type BoundOptimizer } from "./optimizer.ts";
export {
  adamw,
  type AdamWOptions,
  type Optimizer,
  ranger,
  type RangerOptions,
  sgd,
  type SgdOptions,
} from "./optimizers.ts";
export { constant, cosine, flatCos, linearWarmup, oneCycle, type Schedule, type ScheduleConfig } from "./schedules.ts";
