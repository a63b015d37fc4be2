/**
 * Studies: what is measured of trained models beside their accuracy.
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
export type {
  ComputeDtype,
  DataChoice,
  DataRecipe,
  Named,
  NormalizeRecipe,
  OpenDataOptions,
  OpenPartOptions,
  OpenRunOptions,
  OpenValid,
  Recipe,
  ScheduleRecipe,
  TransformsRecipe,
  WeightsRecipe,
} from "../recipe/mod.ts";
