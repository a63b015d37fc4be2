/**
 * Training: the loop, what it tells, and what it measures.
 *
 * @module
 */
export { NonFiniteError } from "./diagnose.ts";
export { type Predictions } from "./predictions.ts";
export {
  type ClassEvaluation,
  evaluate,
  type EvaluateOptions,
  type Evaluation,
  type MeasuredBatches,
} from "./evaluate.ts";
export type {
  BatchEnd,
  EpochBegin,
  EpochEnd,
  EvaluateBatch,
  FitBegin,
  FitResult,
  Listener,
  Saved,
  StepLoss,
  TrainerEvents,
} from "./events.ts";
export { Trainer } from "./trainer.ts";
export { type FitOptions, type TrainerConfig, type TrainerOptions } from "./trainer_options.ts";
export { type TriedRates, type TryRatesOptions } from "./try_rates.ts";
export { logitsOf } from "./precision.ts";
// Types of the rooms below that signatures here speak of, so that this room's documentation stands by itself.
export type {
  Batch,
  Batches,
  BatchesConfig,
  BatchOptions,
  BatchParts,
  BatchSource,
  BatchTransform,
  CropKind,
  Dataset,
  DataSource,
  ImageDtype,
  LeftOutReason,
  Normalization,
  TargetKind,
  TrainingBatch,
  TransformContext,
  TransformInput,
  TransformOutput,
} from "../data/mod.ts";
export type {
  BindOptions,
  BoundOptimizer,
  Ema,
  GroupSettings,
  Optimizer,
  OptimizerConfig,
  ParameterGroup,
  Schedule,
  ScheduleConfig,
  Trainable,
} from "../optim/mod.ts";
export type { Counters, SafeArrays, SafeDtype, SafeTensor, SamplerConfig, State } from "../checkpoint/mod.ts";
export type {
  AnyModule,
  Buffer,
  Loss,
  LossBatch,
  Metric,
  Metrics,
  Module,
  NamedTensors,
  Parameter,
} from "../nn/mod.ts";
export type { Row, RunFolder } from "../run/mod.ts";
export type {
  BudgetSource,
  Device,
  DeviceMemory,
  DeviceStats,
  DtypeName,
  FloatName,
  LibtrainError,
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
