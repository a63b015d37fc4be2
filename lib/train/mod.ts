/**
 * Training: the loop, what it measures, and what it leaves behind.
 *
 * @module
 */
export { type Checkpoint, loadCheckpoint, saveCheckpoint } from "./checkpoint.ts";
export { type Found } from "./checkpoints.ts";
export { Ema, type EmaOptions } from "./ema.ts";
export { NonFiniteError } from "./diagnose.ts";
export { type Answers } from "./answers.ts";
export { evaluate, type EvaluateOptions, type Evaluation } from "./evaluate.ts";
export type {
  BatchEnd,
  EpochBegin,
  EpochEnd,
  EvaluateBatch,
  FitBegin,
  FitResult,
  Listener,
  StepLoss,
  TrainerEvents,
} from "./events.ts";
export { exportFastai, importFastai } from "./fastai.ts";
export { RunFolder, type RunFolderOptions, type RunRecord } from "./run_folder.ts";
export { type CodeVersion } from "./git.ts";
export { type Session } from "./session.ts";
export { type SafeArrays, type SafeDtype, type SafeTensor } from "./safetensors.ts";
export { type Counters, type State, type StateOwners, writeTensors } from "./state.ts";
export { Trainer } from "./trainer.ts";
export { type FitOptions, type TrainerOptions } from "./trainer_options.ts";
