/**
 * Jobs: trainings that a batch system, a container or a service runs; a server of them and of the models they trained.
 *
 * @module
 */
export { JobChangedError, JobError, JobLockedError } from "./job/errors.ts";
export {
  type JobEvent,
  type JobEventOf,
  type JobEvents,
  type JobEventType,
  jobEventTypes,
  type JobFailure,
  type JobProgress,
  type JobResult,
  type StopReason,
} from "./job/events.ts";
export { type JobEnvironment, type JobField, jobFields, type JobSpec } from "./job/fields.ts";
export { type ArtefactName, artefactNames, type FieldKind } from "./job/kinds.ts";
export { parseJob } from "./job/parse.ts";
export { type JobEnding, jobOutput, runJob, type RunJobOptions } from "./job/run_job.ts";
export { checkJob, jobRecipe, jobSchema } from "./job/spec.ts";
export { type CommandLine } from "./jobs/process.ts";
export {
  type BatchedOptions,
  Batcher,
  type BatcherOptions,
  type BatcherStats,
  QueueFullError,
} from "./predict/batcher.ts";
export { type OpenPredictor, type Pack, type Predictor } from "./models/service.ts";
export { ServeError, type ServeOptions, Server, startServer } from "./server.ts";
export { StoreError, type StoreFault } from "./store/database.ts";
export { addToken, removeToken, tokenNames } from "./tokens.ts";
export { type TokenName } from "./store/tokens.ts";
// Types of the rooms below that signatures here speak of, so that this room's documentation stands by itself.
export type {
  Batch,
  Batches,
  BatchesConfig,
  BatchOptions,
  BatchParts,
  BudgetSource,
  ComputeDtype,
  Counters,
  CropKind,
  DataChoice,
  DataRecipe,
  Dataset,
  DataSource,
  Device,
  DeviceMemory,
  DeviceStats,
  DownloadProgress,
  DtypeName,
  EpochEnd,
  Evaluation,
  FindOptions,
  FitResult,
  Guess,
  ImageDtype,
  Json,
  JsonOptions,
  LeftOutReason,
  LibtrainError,
  MemoryHolders,
  Named,
  Normalization,
  NormalizeRecipe,
  OpenData,
  OpenDataOptions,
  OpenOptions,
  Prediction,
  PrepareProgress,
  QueueStats,
  ReadOptions,
  Recipe,
  RecipeChanges,
  RecipeError,
  RecipeParts,
  ReduceOptions,
  SamplerConfig,
  Saved,
  ScheduleRecipe,
  Schema,
  SettingChange,
  Splits,
  TargetKind,
  Tensor,
  TensorData,
  TensorMethods,
  TrainResult,
  TransformsRecipe,
  TypedArrayOf,
  VarianceOptions,
  WeightsRecipe,
} from "../recipe/mod.ts";
export type { CodeVersion } from "../run/mod.ts";
