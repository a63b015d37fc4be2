/**
 * Studies: what is measured of trained models beside their accuracy, and what several of them decide.
 *
 * @module
 */
export { answersOf, type ClassProbabilities, type ImageAnswers, type PerImage } from "./answers/answers.ts";
export { type ClassAnswers, type Mistake } from "./answers/by_class.ts";
export { type Calibration, type CalibrationBin, type Reliability } from "./answers/calibration.ts";
export { type AnswerReport, answerReport, type AnswerReportOptions, type LostImage } from "./answers/report.ts";
export { answerSections } from "./answers/sections.ts";
export {
  answersFolder,
  type StudiedAnswers,
  studyAnswers,
  type StudyAnswersOptions,
  writeAnswers,
  type WrittenAnswers,
} from "./answers/study_run.ts";
export { type EntryRun, type LeaderboardEntry } from "./leaderboard/entries.ts";
export { type RunData } from "./leaderboard/found_run.ts";
export { type Leaderboard, leaderboard, type LeaderboardRow } from "./leaderboard/leaderboard.ts";
export { type PublishedEntry, type PublishedRow, publishedRows } from "./leaderboard/published.ts";
export { type Refused, type RuleName } from "./leaderboard/rules.ts";
export { lrFind, type LrFindOptions, type LrFound } from "./lr_find/lr_find.ts";
export {
  type LrFindReady,
  lrFindRecipe,
  type RecipeLrFindOptions,
  type RecipeLrFound,
  writeLrFind,
  type WriteLrFindOptions,
  type WrittenLrFind,
} from "./lr_find/recipe_lr_find.ts";
export { lrFindSections } from "./lr_find/sections.ts";
export { type RatePoint, type RateSuggestions } from "./lr_find/suggestions.ts";
export { type ShiftKind, shiftKinds, shiftMargin } from "./shift/canvases.ts";
export { type Agreeing, type ShiftComparison, type ShiftDifference, type ShiftMeasure } from "./shift/compare.ts";
export { type Consistency, shiftConsistency, type ShiftOptions } from "./shift/consistency.ts";
export { type CurveOptions, type MeanCurve, type ShiftAxis, shiftCurve } from "./shift/curves.ts";
export { type FeatureLayer } from "./shift/features.ts";
export { readShift } from "./shift/file.ts";
export {
  type InteractionOptions,
  type NetworkDifference,
  type PoolGain,
  type ShiftCase,
  type ShiftCell,
  type ShiftInteraction,
  shiftInteraction,
  type TwoWayDifference,
} from "./shift/interaction.ts";
export { interactionSections } from "./shift/interaction_sections.ts";
export { type LayerShift, type ShiftMap } from "./shift/maps.ts";
export { measureShift } from "./shift/measure.ts";
export {
  type MeasureShiftOptions,
  type ModelShift,
  type ShiftConditions,
  type ShiftedImage,
  type ShiftMeasurement,
  type ShiftModel,
  type ShiftProgress,
  type ShiftStage,
} from "./shift/measurement.ts";
export {
  type ShiftedRun,
  shiftFile,
  type ShiftReady,
  shiftRuns,
  type ShiftRunsOptions,
  type ShiftRunsResult,
} from "./shift/runs.ts";
export { shiftSections, type ShiftSectionsOptions } from "./shift/sections.ts";
export { type ShiftFigure, shiftFigure, type ShiftSeries, shiftSvg } from "./shift/svg.ts";
export { type WindowOptions } from "./shift/windows.ts";
export {
  type Datum,
  type Figure,
  type Page,
  type Picture,
  type Pictures,
  type Section,
  type Table,
} from "./report/page.ts";
export { writePage, type WrittenFigure, type WrittenPage } from "./report/write_page.ts";
export { type AugmentedOptions, augmentedPictures, type AugmentingRecipe } from "./runs/augmented.ts";
export { compareRuns, type RunComparison } from "./runs/compare_runs.ts";
export {
  type RemovableRun,
  removableRuns,
  removeRuns,
  type RemoveRunsOptions,
  type TagChanges,
  tagRun,
} from "./runs/keep_runs.ts";
export { listRuns, type ListRunsOptions } from "./runs/list_runs.ts";
export { readRun, type RunState, type RunSummary, type StudiedRun } from "./runs/read_run.ts";
export { type ReportedRuns, reportFolder, reportRuns, type ReportRunsOptions } from "./runs/report.ts";
export { runSections } from "./runs/sections.ts";
export { type McNemar, mcnemar, type Proportion, proportion } from "./statistics/counts.ts";
export { holm } from "./statistics/holm.ts";
export { type Interval } from "./statistics/intervals.ts";
export { type AlphaOptions, type PairedOptions, type SummaryOptions } from "./statistics/options.ts";
export { type ByKey, type Paired, paired } from "./statistics/paired.ts";
export { type SignFlip } from "./statistics/sign_flip.ts";
export { type Summary, summary } from "./statistics/summary.ts";
export { type Decision } from "./statistics/verdict.ts";
export { type Answers, packAnswers, rightAnswers } from "./sweep/answers.ts";
export { type AnswersRecord, compareAnswers, type CompareAnswersOptions } from "./sweep/compare_answers.ts";
export { armsOf, type Grid, parseAxis } from "./sweep/grid.ts";
export { hashOf, type Identity, identityOf } from "./sweep/identity.ts";
export { isSweep, SweepError } from "./sweep/journal.ts";
export { type Arm, gridOf, type GridOptions, type Plan, planOf, type PlanOptions } from "./sweep/plan.ts";
export { readResults, type ReadResultsOptions } from "./sweep/read_results.ts";
export { type Divergence, type EpochRecord, readRecord, type SweepRun } from "./sweep/record.ts";
export {
  type ArmResult,
  type ComparisonResult,
  type RunResult,
  type SeedAnswers,
  type SweepResult,
} from "./sweep/results.ts";
export { type ArmStatus, type Running, type SweepStatus } from "./sweep/status.ts";
export { type Comparison, define, type Measure, type Study } from "./sweep/study.ts";
export {
  previewSweep,
  readSweep,
  sweep,
  type SweepOptions,
  type SweepPreview,
  type SweepReady,
} from "./sweep/sweep.ts";
export { type SweepRunFolder, sweepRuns } from "./sweep/run_folders.ts";
export { type SweepUse } from "./sweep/folder_use.ts";
export { sweepSections } from "./sweep/sections.ts";
export {
  answersText,
  armColumns,
  armRows,
  comparisonColumns,
  comparisonRows,
  comparisonText,
  countText,
  csvOf,
  markdownOf,
  markdownTables,
  noteLines,
  unitOf,
} from "./sweep/texts.ts";
export { type Cell } from "./sweep/cells.ts";
export { type ArmCost } from "./sweep/costs.ts";
export { type CellName, type WorkEvent } from "./sweep/work.ts";
// What the above speak of: whoever reads of this module alone has it whole.
export type {
  Batch,
  Batches,
  BatchesConfig,
  BatchOptions,
  BatchParts,
  BatchSource,
  CropKind,
  DataPart,
  Dataset,
  DataSource,
  DownloadProgress,
  FindOptions,
  ImageDtype,
  Json,
  LeftOutReason,
  Normalization,
  OpenOptions,
  PrepareProgress,
  ReadOptions,
  TargetKind,
  TrainingBatch,
} from "../data/mod.ts";
export type { NumberRow, NumberTable } from "../run/mod.ts";
export type { AnyModule, Buffer, Module, NamedTensors, Parameter } from "../nn/mod.ts";
export type {
  BudgetSource,
  Device,
  DeviceMemory,
  DeviceStats,
  DtypeName,
  FloatName,
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
  FitOptions,
  Listener,
  Predictions,
  Trainer,
  TrainerConfig,
  TriedRates,
  TryRatesOptions,
} from "../train/mod.ts";
export type {
  BatchEnd,
  ComputeDtype,
  Counters,
  DataChoice,
  DataRecipe,
  DtypeChoice,
  EpochBegin,
  EpochEnd,
  EvaluateBatch,
  EvaluateRunOptions,
  Evaluation,
  FitBegin,
  FitResult,
  Guess,
  JsonOptions,
  LeaderboardTask,
  LibtrainError,
  ModelChoice,
  Named,
  NormalizeRecipe,
  OpenData,
  OpenDataOptions,
  OpenPartOptions,
  OpenRunOptions,
  OpenValid,
  PredictFailure,
  Prediction,
  PredictOptions,
  PredictResult,
  Ready,
  Recipe,
  RecipeChanges,
  RecipeError,
  RunConfig,
  RunOptions,
  SamplerConfig,
  Saved,
  ScheduleRecipe,
  Splits,
  StepLoss,
  Trained,
  TrainedConfig,
  TrainerEvents,
  TrainingEvent,
  TransformsRecipe,
  WeightsRecipe,
} from "../recipe/mod.ts";
export type {
  BoundOptimizer,
  Ema,
  GroupSettings,
  OptimizerConfig,
  ParameterGroup,
  ScheduleConfig,
} from "../optim/mod.ts";
export type { SafeArrays, SafeDtype, SafeTensor, State } from "../checkpoint/mod.ts";
export type { Row, RunFolder } from "../run/mod.ts";
