/**
 * Studies: what is measured of trained models beside their accuracy, and what several of them decide.
 *
 * @module
 */
export { shiftMargin } from "./canvases.ts";
export {
  measureShift,
  type MeasureShiftOptions,
  type ModelShift,
  type ShiftedImage,
  shiftFigure,
  type ShiftMeasurement,
  type ShiftModel,
  type ShiftProgress,
} from "./measure_shift.ts";
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
export {
  type Consistency,
  type CurveOptions,
  shiftConsistency,
  shiftCurve,
  type ShiftOptions,
  type WindowOptions,
} from "./shift.ts";
export {
  type ShiftedRun,
  shiftFile,
  type ShiftReady,
  shiftRuns,
  type ShiftRunsOptions,
  type ShiftRunsResult,
} from "./shift_runs.ts";
export { type McNemar, mcnemar, type Proportion, proportion } from "./statistics/counts.ts";
export { holm } from "./statistics/holm.ts";
export { type Interval } from "./statistics/intervals.ts";
export { type AlphaOptions, type PairedOptions, type SummaryOptions } from "./statistics/options.ts";
export { type ByKey, type Paired, paired } from "./statistics/paired.ts";
export { type SignFlip } from "./statistics/sign_flip.ts";
export { type Summary, summary } from "./statistics/summary.ts";
export { type Decision } from "./statistics/verdict.ts";
export { type Answers, packAnswers, rightAnswers } from "./sweep/answers.ts";
export { armsOf, type Grid, parseAxis } from "./sweep/grid.ts";
export { hashOf, type Identity, identityOf } from "./sweep/identity.ts";
export { isSweep, SweepError } from "./sweep/journal.ts";
export { type Arm, gridOf, type GridOptions, type Plan, planOf, type PlanOptions } from "./sweep/plan.ts";
export { type Divergence, type EpochRecord, readRecord, type SweepRun } from "./sweep/record.ts";
export { type ArmResult, type ComparisonResult, type RunResult, type SweepResult } from "./sweep/results.ts";
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
export { armColumns, armRows, comparisonText, countText, csvOf, markdownOf, noteLines } from "./sweep/texts.ts";
export { type Cell } from "./sweep/cells.ts";
export { type CellName, type WorkEvent } from "./sweep/work.ts";
export { type ShiftFigure, type ShiftSeries, shiftSvg } from "./shift_figure.ts";
// What the above speak of: whoever reads of this module alone has it whole.
export type {
  Batch,
  Batches,
  BatchesConfig,
  BatchOptions,
  BatchParts,
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
} from "../data/mod.ts";
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
export type { Predictions } from "../train/mod.ts";
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
  Evaluation,
  FitBegin,
  FitResult,
  JsonOptions,
  LibtrainError,
  Named,
  NormalizeRecipe,
  OpenData,
  OpenDataOptions,
  OpenPartOptions,
  OpenRunOptions,
  OpenValid,
  Ready,
  Recipe,
  RecipeChanges,
  RecipeError,
  RunConfig,
  RunOptions,
  SamplerConfig,
  ScheduleRecipe,
  Splits,
  StepLoss,
  TrainerEvents,
  TrainingEvent,
  TransformsRecipe,
  WeightsRecipe,
} from "../recipe/mod.ts";
