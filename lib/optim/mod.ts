/**
 * Optimizers and learning-rate schedules.
 *
 * @module
 */
// Types of the rooms below that signatures here speak of, so that this room's documentation stands by itself.
export type { AnyModule, Buffer, Module, NamedTensors, Parameter } from "../nn/mod.ts";
export type {
  Device,
  DtypeName,
  QueueStats,
  ReduceOptions,
  Tensor,
  TensorData,
  TensorMethods,
  Tensors,
  TypedArrayOf,
  VarianceOptions,
} from "../tensor/mod.ts";
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
export {
  constant,
  cosine,
  defineSchedule,
  flatCos,
  linearWarmup,
  oneCycle,
  type Schedule,
  type ScheduleConfig,
} from "./schedules.ts";
