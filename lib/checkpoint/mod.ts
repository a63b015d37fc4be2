/**
 * Checkpoints: the state of a training in files, and weights to and from other frameworks.
 *
 * @module
 */
export { type Checkpoint, loadCheckpoint, saveCheckpoint } from "./checkpoint.ts";
export { type CheckpointInfo } from "./checkpoints.ts";
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
export { type Counters, type State, type StateOwners, writeTensors } from "./state.ts";
export { type LoadedWeights, loadWeights, type LoadWeightsOptions, saveWeights } from "./weights.ts";
