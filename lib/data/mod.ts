/**
 * Data sets and their batches.
 *
 * @module
 */
export {
  Batch,
  type Batches,
  type BatchesConfig,
  type BatchOptions,
  type BatchParts,
  type CropKind,
  type Dataset,
  type DataSource,
  type ImageDtype,
} from "./dataset.ts";
export { caches, type CachesOptions, clearCaches, type ClearedCaches, type PixelCache } from "./caches.ts";
export { decodeImage, type DecodeLimits, type DecodeOptions } from "./decode.ts";
export {
  type ClassDescription,
  type DataDescription,
  describe,
  type DescribeOptions,
  type PartDescription,
} from "./describe.ts";
export { DataNotFoundError, type NotFoundReason } from "./errors.ts";
export { type Arrays, type DatasetOptions, fromArrays } from "./memory.ts";
export { imagenetStats, mnistStats, type Normalization, normalize } from "./normalize.ts";
export { cutmix, type MixOptions, mixup } from "./mixing.ts";
export { mnist, type MnistOptions, type Splits } from "./mnist.ts";
export { download, type DownloadOptions, type DownloadProgress } from "./download.ts";
export { findArchive, type FindOptions, importArchive } from "./find_archive.ts";
export { classNames, type KnownSet, knownSet, knownSets } from "./known_sets.ts";
export { type DataPart, open, type OpenOptions, openPart, openValid } from "./open.ts";
export type { UnreadableImage } from "./cache_file.ts";
export { leftOutCounts, leftOutText } from "./left_out.ts";
export { type PrepareProgress } from "../ffi/image.ts";
export { defaultCache, type LeftOut, type LeftOutReason, type ReadOptions } from "./prepare.ts";
export { type BatchSource, type TrainingBatch } from "./batch_source.ts";
export { type DataSetBuilder, type DataSetContext } from "./registry.ts";
export { type BatchTransform, type TransformContext, type TransformInput, type TransformOutput } from "./transform.ts";
export type { Json, JsonOptions } from "../registry/registry.ts";
export { type TargetArrays, type TargetKind } from "./targets.ts";
export { fromSamples, type RawImage, type Sample, type SamplesOptions } from "./samples.ts";
// What the above speak of: whoever imports or reads of this module alone has it whole.
export { DataError, LibtrainError } from "../ffi/errors.ts";
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
