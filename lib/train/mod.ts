/**
 * Training: the loop, what it tells, and what it measures.
 *
 * @module
 */
export { NonFiniteError } from "./diagnose.ts";
export { type Predictions } from "./predictions.ts";
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
export { Trainer } from "./trainer.ts";
export { type FitOptions, type TrainerOptions } from "./trainer_options.ts";
export { logitsOf } from "./precision.ts";
