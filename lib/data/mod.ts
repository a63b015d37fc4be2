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
  type Dataset,
} from "./dataset.ts";
export { decodeImage, type DecodeOptions } from "./decode.ts";
export { DataFileError } from "./idx.ts";
export { type Arrays, type DatasetOptions, fromArrays } from "./memory.ts";
export { mnist, type Splits } from "./mnist.ts";
