import type { BatchSource } from "../data/batch_source.ts";
import type { BatchTransform } from "../data/transform.ts";
import type { FloatName } from "../ffi/codes.ts";
import { crossEntropyLoss, type Loss, requireLabelSmoothing } from "../nn/losses.ts";
import type { Metrics } from "../nn/metrics.ts";
import type { ParameterGroup } from "../optim/groups.ts";
import type { Optimizer, OptimizerConfig } from "../optim/optimizer.ts";
import type { Schedule, ScheduleConfig } from "../optim/schedules.ts";
import type { RunFolder } from "../run/run_folder.ts";
import {
  kindOf,
  requireChoice,
  requireFlag,
  requireFunction,
  requireNumber,
  requireOptionsOf,
  requireSignal,
} from "../tensor/ops/checks.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Tensors } from "../tensor/tensors.ts";

/** How a model is trained. */
export interface TrainerOptions<
  In extends Tensors = Tensor,
  Out extends Tensors = Tensor,
  Targets extends Tensors = Tensor,
> {
  /** By {@linkcode optim.ranger} and its like, or one of the script's own. */
  optimizer: Optimizer;
  /** The learning rate over the whole training, by steps of the optimizer. */
  schedule: Schedule;
  /** Settings for some of the parameters. */
  groups?: readonly ParameterGroup[];
  /**
   * What is made small: a scalar, the mean over the batch; by default cross entropy of logits [n, classes]. A model is
   * measured by it too; one that is trained by cross entropy, by that without label smoothing and weights.
   */
  loss?: Loss<In, Out, Targets>;
  /** For cross entropy: share of the target spread over all classes, 0 to 1; by default 0. */
  labelSmoothing?: number;
  /**
   * What is measured beside the loss, in training and in validation: scalars, each a mean over the batch, by their names.
   * Where the targets are classes, accuracy is measured as well.
   */
  metrics?: Metrics<In, Out, Targets>;
  /**
   * Changes each training batch, with ops alone, as it is part of the step that is recorded and replayed; by default it
   * stays. {@linkcode data.mixup} and {@linkcode data.cutmix} are such.
   */
  transformBatch?: BatchTransform<In, Targets>;
  /** The seed of a batch transform's draws; by default that of the batches, else 0. */
  seed?: number;
  /**
   * The largest norm that all gradients have together, above 0: larger ones are scaled down to it
   * ({@linkcode optim.clipGradNorm}); by default they stay.
   */
  clipNorm?: number;
  /**
   * Batches an optimizer step, from 1; by default 1. The gradient is the mean over all of their samples, so that without
   * batch norm it is that of one large batch; what is left at an epoch's end is a step of its own. A loss that divides by
   * something else than the samples, as cross entropy of labels with weights does, is averaged over the batches as it is.
   */
  accumulate?: number;
  /** Whether each step is recorded once and then replayed by one native call; by default true. */
  capture?: boolean;
  /**
   * What the model computes in; by default what the inputs come in. With bf16 the model's parameters are f32, and so are the
   * optimizer's state, the statistics of batch norms and the loss.
   */
  dtype?: FloatName;
  /** Decay of an average of the weights ({@linkcode Ema}), which is measured beside them; by default there is none. */
  ema?: number;
}

const trainerNames = [
  "optimizer",
  "schedule",
  "groups",
  "loss",
  "labelSmoothing",
  "metrics",
  "transformBatch",
  "seed",
  "clipNorm",
  "accumulate",
  "capture",
  "dtype",
  "ema",
] as const satisfies readonly (keyof TrainerOptions)[];

const clip = "it is called clipNorm here";
const accumulation = "it is called accumulate here";
const rate = "the learning rate is the schedule's: schedule: optim.flatCos({ lr: 8e-3 })";
const decay = "weight decay is the optimizer's: optimizer: optim.adamw({ wd: 1e-2 })";
const ofFit = "it is an option of fit()";
const validation = "it is called valid, and an option of fit()";

/** Other libraries' names for what a trainer calls otherwise, or takes elsewhere. */
const trainerElsewhere: Readonly<Record<string, string>> = {
  clip_grad: clip,
  clipGrad: clip,
  clip_norm: clip,
  max_grad_norm: clip,
  maxGradNorm: clip,
  gradientClipVal: clip,
  gradient_clip_val: clip,
  accumulate_grad_batches: accumulation,
  accumulateGradBatches: accumulation,
  gradientAccumulation: accumulation,
  gradient_accumulation_steps: accumulation,
  label_smoothing: "it is called labelSmoothing here",
  loss_fn: "it is called loss here",
  lossFn: "it is called loss here",
  loss_func: "it is called loss here",
  criterion: "it is called loss here",
  opt: "it is called optimizer here",
  scheduler: "it is called schedule here",
  lrScheduler: "it is called schedule here",
  lr: rate,
  learningRate: rate,
  learning_rate: rate,
  wd: decay,
  weightDecay: decay,
  weight_decay: decay,
  precision: 'it is called dtype here, say dtype: "bf16"',
  amp: 'it is dtype: "bf16" here',
  fp16: 'it is dtype: "bf16" here',
  bf16: 'it is dtype: "bf16" here',
  emaDecay: "it is called ema here",
  ema_decay: "it is called ema here",
  transform: "it is called transformBatch here",
  callbacks: "trainer.on(event, listener) is told what happens",
  device: "a training is where the model is: give the model its device",
  epochs: ofFit,
  maxEpochs: "it is called epochs, and an option of fit()",
  max_epochs: "it is called epochs, and an option of fit()",
  valid: ofFit,
  validation,
  signal: ofFit,
  runFolder: ofFit,
};

const fitNames = [
  "epochs",
  "valid",
  "signal",
  "runFolder",
  "saveEvery",
  "resume",
  "force",
] as const satisfies readonly (keyof FitOptions)[];

const valid = "it is called valid here";
const ofTrainer = "it is an option of new Trainer()";

/** Other libraries' names for what `fit()` calls otherwise. */
const fitElsewhere: Readonly<Record<string, string>> = {
  validation: valid,
  validationData: valid,
  validation_data: valid,
  validSet: valid,
  val: valid,
  val_dataloaders: valid,
  nEpochs: "it is called epochs here",
  n_epochs: "it is called epochs here",
  maxEpochs: "it is called epochs here",
  max_epochs: "it is called epochs here",
  callbacks: "trainer.on(event, listener) is told what happens",
  batchSize: "it is the data set's: train.batches(32)",
  batch_size: "it is the data set's: train.batches(32)",
  checkpoint: "runFolder keeps the state",
  ...Object.fromEntries(trainerNames.map((name) => [name, ofTrainer])),
};

/** Throws where options of a training are none, or one is not known. */
export function requireFitOptions(options: object): void {
  requireOptionsOf("fit", options, { example: "fit(train, { epochs: 5 })", known: fitNames, names: fitElsewhere });
  const { signal, saveEvery, resume, force } = options as Readonly<Record<string, unknown>>;
  requireSignal("fit", signal);
  if (saveEvery !== undefined) {
    requireNumber("fit", "saveEvery", saveEvery, { fits: (seconds) => seconds >= 0, wanted: "in seconds, from 0" });
  }
  for (const [name, value] of Object.entries({ resume, force })) {
    if (value !== undefined) requireFlag("fit", name, value);
  }
}

/** What a run's configuration keeps of how a trainer trains. */
export interface TrainerConfig {
  /** The optimizer with its settings. */
  readonly optimizer: OptimizerConfig;
  /** The schedule with its settings. */
  readonly schedule: ScheduleConfig;
  /** Settings for some of the parameters, their patterns and functions as text. */
  readonly groups: readonly (Omit<ParameterGroup, "match"> & { readonly match: string })[];
  /** Share of the target spread over all classes; null for a loss of the script's own. */
  readonly labelSmoothing: number | null;
  /** By what a batch transform of the script's own draws, null for the batches' seed; null where there is none. */
  readonly transformBatch: { readonly seed: number | null } | null;
  /** The largest norm that all gradients have together; null for any. */
  readonly clipNorm: number | null;
  /** Batches an optimizer step. */
  readonly accumulate: number;
  /** Decay of the weights' average; null for none. */
  readonly ema: number | null;
  /** Whether steps are recorded once and replayed. */
  readonly capture: boolean;
  /** What the model computes in; null for what the images come in. */
  readonly dtype: FloatName | null;
}

/** Refuses options that are none of a trainer's, which would have no effect, and those of another type. */
export function requireTrainerOptions(options: object): void {
  requireOptionsOf("Trainer", options, {
    example: "new Trainer(model, { optimizer: optim.ranger(), schedule: optim.flatCos({ lr: 8e-3 }) })",
    known: trainerNames,
    names: trainerElsewhere,
  });
  const { transformBatch, seed, capture, dtype } = options as Readonly<Record<string, unknown>>;
  if (capture !== undefined) requireFlag("Trainer", "capture", capture);
  if (dtype !== undefined) requireChoice("Trainer", "dtype", dtype, ["f32", "f64", "bf16"]);
  if (transformBatch !== undefined) requireFunction("Trainer", "transformBatch", transformBatch);
  if (seed === undefined || Number.isInteger(seed) && (seed as number) >= 0 && (seed as number) < 2 ** 32) return;
  throw new RangeError(`Trainer(): Expected \`seed\` as a whole number from 0 to 2^32 - 1, got ${kindOf(seed)}`);
}

/** What of a trainer's options a run's configuration keeps. */
export function trainerConfig<In extends Tensors, Out extends Tensors, Targets extends Tensors>(
  options: TrainerOptions<In, Out, Targets>,
): TrainerConfig {
  const { optimizer, schedule, groups = [], loss, labelSmoothing = 0, transformBatch, seed = null } = options;
  const { clipNorm, accumulate, ema, capture, dtype } = options;
  return {
    optimizer: optimizer.config,
    schedule: schedule.config,
    groups: groups.map((group) => ({ ...group, match: `${group.match}` })),
    labelSmoothing: loss === undefined ? labelSmoothing : null,
    transformBatch: transformBatch === undefined ? null : { seed },
    clipNorm: clipNorm ?? null,
    accumulate: accumulate ?? 1,
    ema: ema ?? null,
    capture: capture ?? true,
    dtype: dtype ?? null,
  };
}

/** How long to train, and what to do beside it. */
export interface FitOptions<In extends Tensors = Tensor, Targets extends Tensors = Tensor> {
  /** Epochs in all, from 1. */
  epochs: number;
  /** What to measure with after each epoch. */
  valid?: BatchSource<In, Targets>;
  /** Stops the training after the step under way; it can go on later, exactly. */
  signal?: AbortSignal;
  /** Where to keep metrics, losses, events, results and, after each epoch, at a stop and now and then, the whole state. */
  runFolder?: RunFolder;
  /** Seconds after which the state is saved in the middle of an epoch; by default 600. */
  saveEvery?: number;
  /** Only goes on with the training whose state was loaded: one that is over is measured, and none is begun. */
  resume?: boolean;
  /**
   * Goes on with other epochs or batches than the training was begun with, or with batches that cannot be entered where it
   * was, at the same place; by default it refuses.
   */
  force?: boolean;
}

/** Refuses what is no optimizer or schedule: one that is missing, a function that was not called, a bare rate. */
export function requireRules({ optimizer, schedule }: { optimizer: unknown; schedule: unknown }): void {
  requireMade("optimizer", optimizer, { method: "bind", example: "optim.adamw()" });
  requireMade("schedule", schedule, { method: "over", example: "optim.cosine({ lr: 1e-3 })" });
}

function requireMade(name: string, value: unknown, { method, example }: { method: string; example: string }): void {
  // A function has a bind() of its own.
  const made = typeof value === "object" && (value as Record<string, unknown> | null)?.[method];
  if (typeof made === "function") {
    const { config } = value as { config?: unknown };
    if (typeof config === "object" && config !== null) return;
    throw new TypeError(`Trainer(): Expected \`${name}\` with the \`config\` it is recorded by, got ${kindOf(config)}`);
  }
  const wanted = `Trainer(): Expected \`${name}\`, say ${example}`;
  if (value === undefined) throw new TypeError(`${wanted}, got none`);
  if (typeof value === "function") throw new TypeError(`${wanted}, got a function: call it`);
  const cure = name === "schedule" && typeof value === "number" ? `: optim.constant({ lr: ${value} }) keeps it` : "";
  throw new TypeError(`${wanted}, got ${kindOf(value)}${cure}`);
}

/** The loss of some options: cross entropy, or one of the script's own. */
export function lossOf<In extends Tensors, Out extends Tensors, Targets extends Tensors>(
  { loss, labelSmoothing }: TrainerOptions<In, Out, Targets>,
): Loss<In, Out, Targets> {
  if (loss === undefined) {
    if (labelSmoothing !== undefined) requireLabelSmoothing("Trainer", labelSmoothing);
    // A model of several outputs has no logits, and the first step says so.
    return crossEntropyLoss({ labelSmoothing }) as unknown as Loss<In, Out, Targets>;
  }
  requireFunction("Trainer", "loss", loss);
  if (labelSmoothing === undefined) return loss;
  throw new TypeError(
    "Trainer(): Expected `loss` or `labelSmoothing`, got both: give the loss with its smoothing, say " +
      "nn.crossEntropyLoss({ labelSmoothing })",
  );
}

/** Checks how many batches an optimizer step takes. */
export function requireAccumulate(accumulate: number): number {
  if (Number.isInteger(accumulate) && accumulate >= 1) return accumulate;
  throw new RangeError(`Trainer(): Expected \`accumulate\` as a whole number from 1, got ${kindOf(accumulate)}`);
}
