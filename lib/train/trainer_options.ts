import type { Batches } from "../data/dataset.ts";
import type { BatchTransform } from "../data/registry.ts";
import type { FloatName } from "../ffi/codes.ts";
import { crossEntropyLoss, type Loss } from "../nn/losses.ts";
import type { ParameterGroup } from "../optim/groups.ts";
import type { Optimizer, OptimizerConfig } from "../optim/optimizer.ts";
import type { Schedule, ScheduleConfig } from "../optim/schedules.ts";
import type { RunFolder } from "../run/run_folder.ts";

/** How a model is trained. */
export interface TrainerOptions {
  /** By {@linkcode optim.ranger} and its like. */
  optimizer: Optimizer;
  /** The learning rate over the whole training. */
  schedule: Schedule;
  /** Settings for some of the parameters. */
  groups?: readonly ParameterGroup[];
  /** What is made small; by default cross entropy of logits [n, classes]. */
  loss?: Loss;
  /** For cross entropy: share of the target spread over all classes, 0 to 1; by default 0. */
  labelSmoothing?: number;
  /**
   * Changes the images of each training batch, with ops alone, as it is part of the step that is recorded and replayed; by
   * default they stay.
   */
  transformBatch?: BatchTransform;
  /** Whether each step is recorded once and then replayed by one native call; by default true. */
  capture?: boolean;
  /**
   * What the model computes in; by default what the images come in. With bf16 the model's parameters are f32, and so are the
   * optimizer's state, the statistics of batch norms and the loss.
   */
  dtype?: FloatName;
  /** Decay of an average of the weights ({@linkcode Ema}), which is measured beside them; by default there is none. */
  ema?: number;
}

/** What a run's configuration keeps of how a trainer trains. */
export interface TrainerConfig {
  /** The optimizer with its settings. */
  readonly optimizer: OptimizerConfig;
  /** The schedule with its settings. */
  readonly schedule: ScheduleConfig;
  /** Decay of the weights' average; null for none. */
  readonly ema: number | null;
  /** Whether steps are recorded once and replayed. */
  readonly capture: boolean;
  /** What the model computes in; null for what the images come in. */
  readonly dtype: FloatName | null;
}

/** What of a trainer's options a run's configuration keeps. */
export function trainerConfig({ optimizer, schedule, ema, capture, dtype }: TrainerOptions): TrainerConfig {
  return {
    optimizer: optimizer.config,
    schedule: schedule.config,
    ema: ema ?? null,
    capture: capture ?? true,
    dtype: dtype ?? null,
  };
}

/** How long to train, and what to do beside it. */
export interface FitOptions {
  /** Epochs in all, from 1. */
  epochs: number;
  /** What to measure with after each epoch. */
  valid?: Batches;
  /** Stops the training after the step under way; it can go on later, exactly. */
  signal?: AbortSignal;
  /** Where to keep metrics, losses, events, results and, after each epoch, at a stop and now and then, the whole state. */
  runFolder?: RunFolder;
  /** Seconds after which the state is saved in the middle of an epoch; by default 600. */
  saveEvery?: number;
  /** Only goes on with the training whose state was loaded: one that is over is measured, and none is begun. */
  resume?: boolean;
  /** Goes on with other epochs or batches than the training was begun with, at the same place; by default it refuses. */
  force?: boolean;
}

/** The loss of some options: cross entropy, or one of the script's own. */
export function lossOf({ loss, labelSmoothing }: TrainerOptions): Loss {
  if (loss === undefined) {
    if (labelSmoothing === undefined || labelSmoothing >= 0 && labelSmoothing <= 1) {
      return crossEntropyLoss({ labelSmoothing });
    }
    throw new RangeError(`Trainer(): Expected \`labelSmoothing\` from 0 to 1, got ${labelSmoothing}`);
  }
  if (labelSmoothing === undefined) return loss;
  throw new TypeError(
    "Trainer(): Expected `loss` or `labelSmoothing`, got both: give the loss with its smoothing, say " +
      "nn.crossEntropyLoss({ labelSmoothing })",
  );
}
