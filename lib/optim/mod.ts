/**
 * Optimizers and learning-rate schedules.
 *
 * @module
 */
// Types of the rooms below that signatures here speak of, so that this room's documentation stands by itself.
export type { AnyModule, Buffer, Module, NamedTensors, Parameter } from "../nn/mod.ts";
export type {
  BudgetSource,
  Device,
  DeviceMemory,
  DeviceStats,
  DtypeName,
  MemoryHolders,
  QueueStats,
  ReduceOptions,
  Tensor,
  TensorData,
  TensorMethods,
  Tensors,
  TypedArrayOf,
  VarianceOptions,
} from "../tensor/mod.ts";
export { clipGradNorm } from "./clip.ts";
export {
  defineOptimizer,
  type OptimizerDefinition,
  type OptimizerFactory,
  type OptionValue,
  type ParameterUpdate,
  type Widened,
} from "./define_optimizer.ts";
export { Ema, type EmaOptions } from "./ema.ts";
export { type GroupSettings, type ParameterGroup } from "./groups.ts";
export {
  type BindOptions,
  type BoundOptimizer,
  type Optimizer,
  type OptimizerConfig,
  type Trainable,
} from "./optimizer.ts";
export { adamw, type AdamWOptions, ranger, type RangerOptions, sgd, type SgdOptions } from "./optimizers.ts";
export { muon, type MuonOptions } from "./muon.ts";
export { rmsprop, type RmspropOptions } from "./rmsprop.ts";
export { type OptimizerPart, together } from "./together.ts";
export {
  constant,
  cosine,
  defineSchedule,
  flatCos,
  linearWarmup,
  multiStepDecay,
  oneCycle,
  type Schedule,
  type ScheduleConfig,
  stepDecay,
} from "./schedules.ts";
