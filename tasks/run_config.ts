/** A run's configuration: plain values from which data, model and training can be built again. */
import { data, type Device, models, optim, StateError, Trainer } from "../mod.ts";

/** From what a model is built again. */
export interface ModelConfig {
  /** A network by fastai's name, or `mnistNet`, and its options. */
  readonly model: { readonly name: models.ArchName | "mnistNet"; readonly options: Partial<models.ModelOptions> };
  /** Weights, order and augmentation follow from it. */
  readonly seed: number;
  readonly dtype: "f32" | "f64";
}

/** What is kept as `config.json` and in each checkpoint. */
export interface RunConfig extends ModelConfig {
  readonly preset: string;
  /** Which data, and how many images of each part; null for all. */
  readonly data: { readonly name: "mnist"; readonly limit: number | null };
  readonly optimizer: { readonly name: "ranger" } & optim.RangerOptions;
  readonly schedule: { readonly name: "flatCos" } & Parameters<typeof optim.flatCos>[0];
  readonly labelSmoothing: number;
  readonly epochs: number;
  /** Images a step. */
  readonly bs: number;
  readonly augmentation: { readonly shift: number; readonly flip: number };
  /** Images at a time when measuring. */
  readonly validBs: number;
  readonly device: "auto" | "cpu" | "cuda";
  /** CPU threads; null for LIBTRAIN_THREADS or all. */
  readonly threads: number | null;
  /** Whether steps are recorded and replayed. */
  readonly capture: boolean;
}

const builders: Readonly<Record<ModelConfig["model"]["name"], models.ModelFactory>> = {
  ...models.archs,
  mnistNet: models.mnistNet,
};
const opened = { mnist: data.mnist };

/** Says which part of a configuration from a file names nothing that is known here. */
function known<Table extends object>(table: Table, what: string, name: unknown): Table[keyof Table] {
  if (typeof name === "string" && Object.hasOwn(table, name)) return table[name as keyof Table];
  const wanted = Object.keys(table).join(", ");
  throw new StateError(
    `Expected a configuration whose ${what} is one of ${wanted}, got ${name}: was it made by this version?`,
  );
}

/** The model of a configuration, with its initial weights. */
export function buildModel({ model, seed, dtype }: ModelConfig, device: Device): models.XResNet {
  // A configuration from a file without `classes` is refused as the model is built.
  const options = { ...model?.options, seed, dtype, device } as models.ModelOptions;
  return known(builders, "model", model?.name)(options);
}

/** The data of a configuration, on a device. */
export async function openData({ data: source }: RunConfig, device: Device): Promise<data.Splits> {
  return await known(opened, "data", source?.name)({ device, limit: source.limit ?? undefined });
}

/** The trainer of a configuration. */
export function buildTrainer(config: RunConfig, model: models.XResNet): Trainer {
  const { optimizer: { name: optimizer, ...optimizerOptions }, labelSmoothing, capture } = config;
  const { name: schedule, ...scheduleOptions } = config.schedule;
  return new Trainer(model, {
    optimizer: known({ ranger: optim.ranger }, "optimizer", optimizer)(optimizerOptions),
    schedule: known({ flatCos: optim.flatCos }, "schedule", schedule)(scheduleOptions),
    labelSmoothing,
    capture,
  });
}

/** The batches to train on. */
export function trainBatches({ bs, augmentation, seed, dtype }: RunConfig, set: data.Dataset): data.Batches {
  if (bs > set.length) {
    throw new RangeError(
      `Expected at most ${set.length} images a step, all that there are to train on, got ${bs}: lower --bs or raise --limit`,
    );
  }
  return set.batches(bs, { ...augmentation, seed, dtype });
}

/** The batches to measure with. */
export function validBatches({ validBs, dtype }: RunConfig, set: data.Dataset): data.Batches {
  return set.batches(Math.min(validBs, set.length), { dtype });
}
