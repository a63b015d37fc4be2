/** A run's configuration: plain values from which data, model and training can be built again. */
import { UsageError } from "../lib/cli/flags.ts";
import { data, type Device, models, optim, StateError, Trainer } from "../mod.ts";
import { masterDtype, type RunDtype } from "./dtype.ts";

/** From what a model is built again. */
export interface ModelConfig {
  /** A network by fastai's name, or `mnistNet`, and its options. */
  readonly model: { readonly name: models.ArchName | "mnistNet"; readonly options: Partial<models.ModelOptions> };
  /** Weights, order and augmentation follow from it. */
  readonly seed: number;
  /** What it computes in; its parameters are f64 for f64, else f32. */
  readonly dtype: RunDtype;
}

/** Which data. */
export interface DataConfig {
  /** `mnist`, another set's name, a folder or an archive. */
  readonly path: string;
  /** Height and width of the images; null where the data have one size. */
  readonly size: number | null;
  /** Only so many images of each part; null for all. */
  readonly limit: number | null;
  /** What the cache keeps of training images, see data.open; by default `size`. */
  readonly keep?: "size" | "source";
}

const optimizers = { ranger: optim.ranger, adamw: optim.adamw, sgd: optim.sgd };
const schedules = {
  flatCos: optim.flatCos,
  oneCycle: optim.oneCycle,
  cosine: optim.cosine,
  constant: optim.constant,
};

/** One of a table's functions by name, and its options beside it. */
type Named<Table extends Record<string, (options: never) => unknown>> = {
  readonly [Name in keyof Table]: { readonly name: Name } & NonNullable<Parameters<Table[Name]>[0]>;
}[keyof Table];

/** An optimizer and its settings. */
export type OptimizerConfig = Named<typeof optimizers>;

/** The name of an optimizer. */
export type OptimizerName = OptimizerConfig["name"];

/** All of them. */
export const optimizerNames = Object.keys(optimizers) as OptimizerName[];

/** What is known of a run before its data and device are open. */
export interface RunPlan extends Omit<ModelConfig, "dtype"> {
  /** `auto`: what is faster on the device. */
  readonly dtype: RunDtype | "auto";
  readonly preset: string;
  readonly data: DataConfig;
  readonly optimizer: OptimizerConfig;
  readonly schedule: Named<typeof schedules>;
  readonly labelSmoothing: number;
  readonly epochs: number;
  /** Images a step. */
  readonly bs: number;
  /** What training images go through, as options of their batches. */
  readonly augmentation: Omit<data.BatchOptions, "seed" | "shuffle" | "dropLast" | "epoch" | "from" | "dtype">;
  /** Images at a time when measuring. */
  readonly validBs: number;
  /** Decay of the weights' average; null for none. */
  readonly ema: number | null;
  readonly device: "auto" | "cpu" | "cuda";
  /** CPU threads; null for LIBTRAIN_THREADS or all. */
  readonly threads: number | null;
  /** Whether steps are recorded and replayed. */
  readonly capture: boolean;
}

/** What is kept as `config.json` and in each checkpoint. */
export interface RunConfig extends RunPlan {
  readonly dtype: RunDtype;
  /** The classes' names. */
  readonly classes: readonly string[];
  /** [h, w, c] of the images. */
  readonly imageShape: readonly [number, number, number];
  /** What the images were read from; null for arrays. */
  readonly source: data.DataSource | null;
  /** The instruction set of the kernels: another one gives other bits. */
  readonly isa: string;
  /** The version of the code; null outside a git checkout. */
  readonly commit: string | null;
}

const builders: Readonly<Record<ModelConfig["model"]["name"], models.ModelFactory>> = {
  ...models.archs,
  mnistNet: models.mnistNet,
};

/** The names of all networks. */
export const archNames = Object.keys(builders) as ModelConfig["model"]["name"][];

/** Says which part of a configuration from a file names nothing that is known here. */
function known<Table extends object>(table: Table, what: string, name: unknown): Table[keyof Table] {
  if (typeof name === "string" && Object.hasOwn(table, name)) return table[name as keyof Table];
  const wanted = Object.keys(table).join(", ");
  throw new StateError(
    `Expected a configuration whose ${what} is one of ${wanted}, got ${name}: was it made by this version?`,
  );
}

/** A plan with what the data say of the model. */
export function withData<Plan extends RunPlan>(
  plan: Plan,
  { classes, imageShape, source }: Pick<data.Dataset, "classes" | "imageShape" | "source">,
): Plan & Pick<RunConfig, "classes" | "imageShape" | "source"> {
  const options = { ...plan.model.options, classes: classes.length, inChannels: imageShape[2] };
  return { ...plan, model: { ...plan.model, options }, classes, imageShape, source: source ?? null };
}

/** The model of a configuration, with its initial weights. */
export function buildModel({ model, seed, dtype }: ModelConfig, device: Device): models.XResNet {
  // A configuration from a file without `classes` is refused as the model is built.
  const options = { ...model?.options, seed, dtype: masterDtype(dtype), device } as models.ModelOptions;
  return known(builders, "model", model?.name)(options);
}

/** The trainer of a configuration. */
export function buildTrainer(config: RunConfig, model: models.XResNet): Trainer {
  const { optimizer: { name: optimizer, ...optimizerOptions }, labelSmoothing, capture } = config;
  const { name: schedule, ...scheduleOptions } = config.schedule;
  return new Trainer(model, {
    optimizer: known(optimizers, "optimizer", optimizer)(optimizerOptions as never),
    schedule: known(schedules, "schedule", schedule)(scheduleOptions as never),
    labelSmoothing,
    capture,
    ema: config.ema ?? undefined,
    dtype: config.dtype,
  });
}

/** Refuses more images a step than there are to train on. */
export function requireImages(bs: number, most: number): void {
  if (bs <= most) return;
  throw new UsageError(
    `Expected at most ${most} images a step, all that there are to train on, got ${bs}: lower --bs or raise --limit`,
  );
}

/** The batches to train on. */
export function trainBatches({ bs, augmentation, seed, dtype }: RunConfig, set: data.Dataset): data.Batches {
  requireImages(bs, set.length);
  return set.batches(bs, { ...augmentation, seed, dtype: masterDtype(dtype) });
}

/** The batches to measure with. */
export function validBatches(
  { validBs, dtype }: Pick<RunConfig, "validBs" | "dtype">,
  set: data.Dataset,
): data.Batches {
  return set.batches(Math.min(validBs, set.length), { dtype: masterDtype(dtype) });
}
