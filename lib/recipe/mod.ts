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
  type OpenValid,
  openValidData,
} from "./data.ts";
export { differences } from "./differences.ts";
export { chooseDtype, type DtypeChoice, masterDtype } from "./dtype.ts";
export {
  ChangedSettingsError,
  changeList,
  EditedConfigError,
  RecipeError,
  RunNotFoundError,
  type SettingChange,
  SettingError,
} from "./errors.ts";
export { type Ready, type TrainingEvent } from "./events.ts";
export { cpuFacts } from "./machine.ts";
export { type ModelBuilder, type ModelContext } from "../models/registry.ts";
export { type Guess, type Prediction, type PredictOptions } from "./predict.ts";
export { type Preset, presetNames, presetOf } from "./presets.ts";
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
} from "./recipe.ts";
export { register, type Registration, type Registrations } from "./register.ts";
export { type ResumeOptions, type RunOptions, type TrainOptions, type TrainResult } from "./run.ts";
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
export { parseSetting, type Setting, settings, wantedOf } from "./settings.ts";
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
