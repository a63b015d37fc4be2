/**
 * Checkpoints: the state of a training in files, and weights to and from other frameworks.
 *
 * @module
 */
// Types of the rooms below that signatures here speak of, so that this room's documentation stands by itself.
export type { BatchesConfig, CropKind, ImageDtype, Normalization } from "../data/mod.ts";
export type { BoundOptimizer, Ema, GroupSettings, ParameterGroup } from "../optim/mod.ts";
export type { AnyModule, Buffer, Module, NamedTensors, Parameter } from "../nn/mod.ts";
export type {
  BudgetSource,
  Device,
  DeviceMemory,
  DeviceStats,
  DtypeName,
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
export { FileError } from "../io/atomic_file.ts";
export { JsonFileError } from "../io/json_file.ts";
export { type Checkpoint, loadCheckpoint, saveCheckpoint } from "./checkpoint.ts";
export { type CheckpointInfo, type Checkpoints } from "./checkpoints.ts";
export { type Except } from "./except.ts";
export { exportFastai, importFastai, type ImportOptions } from "./fastai.ts";
export {
  readSafetensors,
  type SafeArrays,
  type SafeDtype,
  type SafeTensor,
  SafetensorsError,
  type SafetensorsFile,
  writeSafetensors,
} from "./safetensors.ts";
export { type Counters, type SamplerConfig, type State, writeTensors } from "./state.ts";
export { type LoadedWeights, loadWeights, type LoadWeightsOptions, saveWeights } from "./weights.ts";
