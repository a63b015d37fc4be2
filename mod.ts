/**
 * libtrain: deep-learning training for Deno.
 *
 * ```ts
 * import { tensor } from "@libtrain/libtrain";
 *
 * using x = tensor([1, 2, 3]);
 * using y = x.mul(2);
 * console.log(await y.data()); // Float32Array [2, 4, 6]
 * ```
 *
 * @module
 */
export * from "./lib/tensor/mod.ts";
export * as data from "./lib/data/mod.ts";
export * as nn from "./lib/nn/mod.ts";
export * as models from "./lib/models/mod.ts";
export * as optim from "./lib/optim/mod.ts";
export {
  type Checkpoint,
  type CheckpointInfo,
  type Counters,
  type Except,
  exportFastai,
  importFastai,
  type ImportOptions,
  loadCheckpoint,
  type LoadedWeights,
  loadWeights,
  type LoadWeightsOptions,
  readSafetensors,
  type SafeArrays,
  type SafeDtype,
  type SafeTensor,
  SafetensorsError,
  type SafetensorsFile,
  saveCheckpoint,
  saveWeights,
  type State,
  writeSafetensors,
  writeTensors,
} from "./lib/checkpoint/mod.ts";
export * from "./lib/run/mod.ts";
export * from "./lib/train/mod.ts";
export * as recipe from "./lib/recipe/mod.ts";
export * as study from "./lib/study/mod.ts";
export * as serve from "./lib/serve/mod.ts";
