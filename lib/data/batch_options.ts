/** The options of `batches()`, whose every name must be known: one that is not would be a setting without effect. */
import { requireOptionsOf } from "../tensor/ops/checks.ts";
import type { BatchOptions } from "./dataset.ts";

const names = [
  "seed",
  "shift",
  "flip",
  "crop",
  "minScale",
  "erase",
  "eraseCount",
  "normalize",
  "shuffle",
  "dropLast",
  "epoch",
  "from",
  "dtype",
] as const satisfies readonly (keyof BatchOptions)[];

const size = "it is the argument before the options: batches(32)";

/** Other libraries' names for what has another one here, or none. */
const elsewhere: Readonly<Record<string, string>> = {
  batch_size: size,
  batchSize: size,
  bs: size,
  size,
  drop_last: "it is called dropLast here",
  drop_remainder: "it is called dropLast here",
  num_workers: "batches are made on all cores",
  numWorkers: "batches are made on all cores",
  pin_memory: "images live on the device already",
  mean: "it is a part of normalize: { mean, std }",
  std: "it is a part of normalize: { mean, std }",
  generator: "the order follows from seed",
  augment: "shift, flip, crop and erase say what is done",
};

/** Throws where options are none, or one is not known. */
export function requireBatchOptions(options: object): void {
  requireOptionsOf("batches", options, { example: "batches(32, { seed: 0 })", known: names, names: elsewhere });
}
