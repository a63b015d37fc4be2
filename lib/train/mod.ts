/**
 * Training: the loop, what it measures, and what it leaves behind.
 *
 * @module
 */
export { type Checkpoint, loadCheckpoint, saveCheckpoint } from "./checkpoint.ts";
export { NonFiniteError } from "./diagnose.ts";
export { evaluate, type Evaluation } from "./evaluate.ts";
export type { BatchEnd, EpochBegin, EpochEnd, FitBegin, FitResult, Listener, TrainerEvents } from "./events.ts";
export { exportFastai, importFastai } from "./fastai.ts";
export { RunFolder, type RunFolderOptions } from "./run_folder.ts";
export { type SafeArrays, type SafeDtype, type SafeTensor } from "./safetensors.ts";
export { type Counters, type State, type StateOwners, writeTensors } from "./state.ts";
export { type FitOptions, Trainer, type TrainerOptions } from "./trainer.ts";
