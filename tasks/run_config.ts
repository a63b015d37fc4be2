/** A run's configuration: plain values from which data, model and training can be built again. */
import { data, type Device, models, optim, StateError, Trainer } from "../mod.ts";

/** What is kept as `config.json` and in each checkpoint. */
export interface RunConfig {
  readonly preset: string;
  /** Which data, and how many images of each part; null for all. */
  readonly data: { readonly name: "mnist"; readonly limit: number | null };
  /** A function of `models` and its options. */
  readonly model: { readonly name: "mnistNet"; readonly options: Partial<models.ModelOptions> };
  readonly optimizer: { readonly name: "ranger" } & optim.RangerOptions;
  readonly schedule: { readonly name: "flatCos" } & Parameters<typeof optim.flatCos>[0];
  readonly labelSmoothing: number;
  readonly epochs: number;
  /** Images a step. */
  readonly bs: number;
  readonly augmentation: { readonly shift: number; readonly flip: number };
  /** Images at a time when measuring. */
  readonly validBs: number;
  /** Weights, order and augmentation follow from it. */
  readonly seed: number;
  readonly device: "auto" | "cpu" | "cuda";
  /** CPU threads; null for LIBTRAIN_THREADS or all. */
  readonly threads: number | null;
  readonly dtype: "f32" | "f64";
  /** Whether steps are recorded and replayed. */
  readonly capture: boolean;
}

const builders = { mnistNet: models.mnistNet };
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
export function buildModel({ model, seed, dtype }: RunConfig, device: Device): models.XResNet {
  return known(builders, "model", model?.name)({ ...model.options, seed, dtype, device });
}

/** The data of a configuration, on a device. */
export async function openData({ data: { name, limit } }: RunConfig, device: Device): Promise<data.Splits> {
  return await known(opened, "data", name)({ device, limit: limit ?? undefined });
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
