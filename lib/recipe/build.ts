/** From a recipe to what trains it: network, optimizer, schedule, loss, batches. */
import type { Batches, BatchOptions, Dataset } from "../data/dataset.ts";
import { type BatchTransform, transformRegistry } from "../data/registry.ts";
import { modelRegistry } from "../models/registry.ts";
import { type Loss, lossRegistry } from "../nn/losses.ts";
import type { Module } from "../nn/module.ts";
import type { Optimizer } from "../optim/optimizers.ts";
import { optimizerRegistry, scheduleOf } from "../optim/registry.ts";
import type { JsonOptions } from "../registry/registry.ts";
import type { Device } from "../tensor/device.ts";
import { allOrNothing } from "../tensor/scope.ts";
import { Trainer } from "../train/trainer.ts";
import { ownTransforms } from "./check.ts";
import { masterDtype } from "./dtype.ts";
import { SettingError } from "./errors.ts";
import { normalizeOf } from "./normalize.ts";
import type { ComputeDtype, Recipe } from "./recipe.ts";

/** From what a network is built again. */
export interface ModelChoice extends Pick<Recipe, "model" | "seed"> {
  /** What it computes in. */
  readonly dtype: ComputeDtype;
  /** The classes' names, or how many there are where the names are not known. */
  readonly classes: readonly string[] | number;
  /** [h, w, c] of the images; three channels where that is not known. */
  readonly imageShape?: readonly number[];
}

/** The network of a recipe, with its initial weights; it belongs to the caller. */
export function buildModel(choice: ModelChoice, device: Device): Module {
  const { model: { name, ...options }, seed, dtype, classes, imageShape } = choice;
  const { build } = modelRegistry.get(name);
  return allOrNothing(() =>
    build({
      ...options as JsonOptions,
      classes: typeof classes === "number" ? classes : classes.length,
      inChannels: imageShape?.[2] ?? 3,
      seed,
      dtype: masterDtype(dtype),
      device,
    })
  );
}

/** The optimizer of a recipe, to be bound to its network. */
export function buildOptimizer({ optimizer: { name, ...options } }: Pick<Recipe, "optimizer">): Optimizer {
  return optimizerRegistry.get(name).build(options as JsonOptions);
}

/** The loss of a recipe. */
export function buildLoss({ loss: { name, ...options } }: Pick<Recipe, "loss">): Loss {
  return lossRegistry.get(name).build(options as JsonOptions);
}

/** The trainer of a recipe; the model stays the caller's. */
export function buildTrainer(recipe: Recipe & { readonly dtype: ComputeDtype }, model: Module): Trainer {
  return new Trainer(model, {
    optimizer: buildOptimizer(recipe),
    schedule: scheduleOf(recipe.schedule),
    loss: buildLoss(recipe),
    transformBatch: batchTransform(recipe.transforms),
    capture: recipe.capture,
    ema: recipe.ema ?? undefined,
    dtype: recipe.dtype,
  });
}

/** The registered transforms of a recipe, one after the other; undefined for none. */
function batchTransform(transforms: Recipe["transforms"]): BatchTransform | undefined {
  const steps = ownTransforms(transforms).map(([name, options]) =>
    transformRegistry.get(name).build(options as JsonOptions)
  );
  if (steps.length === 0) return undefined;
  return (batch) => steps.reduce((changed, step) => step(changed), batch);
}

/** Refuses more images a step than there are to train on. */
export function requireImages(bs: number, most: number): void {
  if (bs <= most) return;
  throw new SettingError(
    "bs",
    `Expected at most ${most} images a step, all that there are to train on, got ${bs}: lower \`bs\` or raise ` +
      "`data.limit`",
  );
}

/** The batches to train on. */
export function trainBatches(
  { bs, transforms, seed, dtype }: Pick<Recipe, "bs" | "transforms" | "seed"> & { readonly dtype: ComputeDtype },
  set: Dataset,
): Batches {
  requireImages(bs, set.length);
  const { flip, shift, crop, minScale, erase, eraseCount, normalize } = transforms;
  const images: BatchOptions = { flip, shift, crop, minScale, erase, eraseCount, normalize: normalizeOf(normalize) };
  return set.batches(bs, { ...images, seed, dtype: masterDtype(dtype) });
}

/** The batches to measure with. */
export function validBatches(
  { validBs, transforms, dtype }: Pick<Recipe, "validBs"> & {
    readonly transforms?: Recipe["transforms"];
    readonly dtype: ComputeDtype;
  },
  set: Dataset,
): Batches {
  return set.batches(Math.min(validBs, set.length), {
    dtype: masterDtype(dtype),
    normalize: normalizeOf(transforms?.normalize),
  });
}
