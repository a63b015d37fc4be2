/**
 * Recipes: trainings as plain data, run folders opened again, and names of a script's own.
 *
 * @module
 */
export {
  buildLoss,
  buildModel,
  buildOptimizer,
  buildTrainer,
  type ModelChoice,
  trainBatches,
  validBatches,
} from "./build.ts";
export { change, define, preset, type RecipeParts } from "./change.ts";
export {
  type DataChoice,
  type OpenData,
  openData,
  type OpenDataOptions,
  type OpenPartOptions,
  type OpenValid,
  openValidData,
} from "./data.ts";
export { differences } from "./differences.ts";
export { chooseDtype, type DtypeChoice, masterDtype } from "./dtype.ts";
export {
  ChangedSettingsError,
  changeList,
  EditedConfigError,
  NotRegisteredHereError,
  RecipeError,
  RunNotFoundError,
  type SettingChange,
  SettingError,
} from "./errors.ts";
export { type Ready, type TrainingEvent } from "./events.ts";
export { type LeaderboardTask } from "./image_presets.ts";
export { cpuFacts } from "./machine.ts";
export { type ModelBuilder, type ModelContext } from "../models/registry.ts";
export { pack, type PackedModel, type PackOptions } from "./pack.ts";
export {
  type Guess,
  type PredictFailure,
  type Prediction,
  type PredictOptions,
  type PredictResult,
} from "./predict.ts";
export { rehearse, type RehearseOptions } from "./prepare.ts";
export { type Preset, presetFamilies, presetNames, presetOf } from "./presets.ts";
export type {
  ComputeDtype,
  DataRecipe,
  Named,
  NormalizeRecipe,
  Recipe,
  RecipeChanges,
  RunConfig,
  ScheduleRecipe,
  TransformsRecipe,
  WeightsRecipe,
} from "./recipe.ts";
export { type Json, type JsonOptions, type Registered } from "../registry/registry.ts";
export {
  type Builders,
  type NameKind,
  type OwnOptions,
  register,
  registered,
  type Registration,
  type Registrations,
} from "./register.ts";
export { type ResumeOptions, type RunOptions, type TrainOptions, type TrainResult } from "./run.ts";
export { createRun, type CreateRunOptions, ScriptRun } from "./script_run.ts";
export { check, type Schema, schema } from "./schema.ts";
export {
  isSeeds,
  resumeSeeds,
  type ResumeSeedsOptions,
  type SeedsOptions,
  type SeedsResult,
  spread,
  trainSeeds,
} from "./seeds.ts";
export { parseSetting, type Setting, wantedOf } from "./setting.ts";
export { settings } from "./settings.ts";
export {
  type EvaluateRunOptions,
  findCheckpoint,
  open,
  type OpenRunOptions,
  Trained,
  type TrainedConfig,
} from "./trained.ts";
export { resume, train, Training } from "./training.ts";
export { type ExportResult, exportWeights, type ImportOptions, type ImportResult, importWeights } from "./weights.ts";
// Types of the rooms below that signatures here speak of, so that this room's documentation stands by itself.
export type {
  BatchEnd,
  EpochBegin,
  EpochEnd,
  EvaluateBatch,
  Evaluation,
  FitBegin,
  FitOptions,
  FitResult,
  Listener,
  Predictions,
  Saved,
  StepLoss,
  Trainer,
  TrainerConfig,
  TrainerEvents,
  TriedRates,
  TryRatesOptions,
} from "../train/mod.ts";
export type {
  Batch,
  Batches,
  BatchesConfig,
  BatchOptions,
  BatchParts,
  BatchSource,
  BatchTransform,
  CropKind,
  DataPart,
  Dataset,
  DataSetBuilder,
  DataSetContext,
  DataSource,
  DownloadProgress,
  FindOptions,
  ImageDtype,
  LeftOutReason,
  Normalization,
  OpenOptions,
  PrepareProgress,
  ReadOptions,
  Splits,
  TargetKind,
  TrainingBatch,
  TransformContext,
  TransformInput,
  TransformOutput,
} from "../data/mod.ts";
export type {
  Checkpoint,
  CheckpointInfo,
  Counters,
  SafeArrays,
  SafeDtype,
  SafeTensor,
  SamplerConfig,
  State,
} from "../checkpoint/mod.ts";
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
export type { Row, RunFolder } from "../run/mod.ts";
