/**
 * Checkpoints: the state of a training in files, and weights to and from other frameworks.
 *
 * @module
 */
export { type Checkpoint, loadCheckpoint, saveCheckpoint } from "./checkpoint.ts";
export { type CheckpointInfo } from "./checkpoints.ts";
export { exportFastai, importFastai } from "./fastai.ts";
export { type SafeArrays, type SafeDtype, type SafeTensor } from "./safetensors.ts";
export { type Counters, type State, type StateOwners, writeTensors } from "./state.ts";
