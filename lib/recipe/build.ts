/** From a recipe to what trains it: network, optimizer, schedule, loss, batches. */
import { kindOf, requireNamed, requireOptions } from "../tensor/ops/checks.ts";
import { StateError } from "../ffi/errors.ts";
import type { Batches, BatchOptions, Dataset } from "../data/dataset.ts";
import { transformRegistry } from "../data/registry.ts";
import type { TargetKind } from "../data/targets.ts";
import { type BatchTransform, transformed, type TransformInput } from "../data/transform.ts";
import { type ModelContext, modelRegistry } from "../models/registry.ts";
import { type Loss, lossRegistry } from "../nn/losses.ts";
import { metricRegistry, type Metrics } from "../nn/metrics.ts";
import { Module } from "../nn/module.ts";
import type { Optimizer } from "../optim/optimizer.ts";
import { optimizerRegistry, scheduleOf } from "../optim/registry.ts";
import type { Schedule } from "../optim/schedules.ts";
import type { JsonOptions } from "../registry/registry.ts";
import { withSeed, zeros } from "../tensor/create.ts";
import { type Device, setDefaultDevice } from "../tensor/device.ts";
import { noGrad } from "../tensor/graph.ts";
import { allOrNothing, scope } from "../tensor/scope.ts";
import { inEvaluation } from "../train/evaluate.ts";
import { logitsOf } from "../train/precision.ts";
import { Trainer } from "../train/trainer.ts";
import { largestF32, ownTransforms } from "./check.ts";
import { metricThatFails, requireLossFits } from "./fits.ts";
import { fineTuning } from "./fine_tuning.ts";
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

/**
 * The network of a recipe, with its initial weights; it belongs to the caller. What its builder draws or makes without a
 * seed or device of its own follows the recipe's.
 *
 * Throws a StateError where it makes parameters of another device or dtype than it is told.
 */
export function buildModel(choice: ModelChoice, device: Device): Module {
  requireNamed("buildModel", "model", choice?.model);
  if (typeof choice.classes !== "number" && !Array.isArray(choice.classes)) {
    throw new TypeError(`buildModel(): Expected \`classes\` as their number or names, got ${kindOf(choice.classes)}`);
  }
  const { model: { name, ...options }, seed, classes, imageShape } = choice;
  const { build } = modelRegistry.get(name);
  const dtype = masterDtype(choice.dtype);
  const context: ModelContext = {
    classes: typeof classes === "number" ? classes : classes.length,
    inChannels: imageShape?.[2] ?? 3,
    seed,
    dtype,
    device,
  };
  return allOrNothing(() => {
    const made = onDevice(device, () => withSeed(seed, () => build({ ...options as JsonOptions, ...context })));
    requireMade(name, made, context);
    return made;
  });
}

/** Runs a synchronous function whose tensors are made on a device unless it names another. */
function onDevice<Made extends Module>(device: Device, make: () => Made): Made {
  const before = setDefaultDevice(device);
  try {
    return make();
  } finally {
    setDefaultDevice(before);
  }
}

/** Refuses what is no module, and parameters that a training could not use. */
function requireMade(name: string, made: unknown, { device, dtype }: ModelContext): asserts made is Module {
  if (!(made instanceof Module)) {
    throw new StateError(
      `Expected the model "${name}" to be built as a Module, got ${
        made instanceof Promise ? "a promise" : typeof made
      }`,
    );
  }
  if (made.namedParameters().size === 0) {
    throw new StateError(`Expected the model "${name}" to have parameters, got none`);
  }
  for (const [path, parameter] of made.namedParameters()) {
    if (parameter.device !== device) {
      throw new StateError(
        `Expected the model "${name}" to make "${path}" on the device that it is given, got another: pass \`device\` on`,
      );
    }
    if (parameter.dtype !== dtype) {
      throw new StateError(
        `Expected the model "${name}" to make "${path}" as ${dtype}, got ${parameter.dtype}: pass \`dtype\` on`,
      );
    }
  }
}

/**
 * Refuses a network that does not take the images, or does not answer with a logit a class, before anything is trained: it
 * is run once, in evaluation, on an image of zeros. What it answers is given to the metrics, which must be for the targets.
 */
export async function requireFit(
  choice: ModelChoice & Pick<Recipe, "loss" | "metrics">,
  model: Module,
  { device, targets }: { device: Device; targets: TargetKind },
): Promise<void> {
  const { model: { name }, imageShape = [], classes, dtype } = choice;
  const count = typeof classes === "number" ? classes : classes.length;
  requireLossFits(choice.loss, { count, targets });
  let shape: readonly number[];
  let wrongMetric: SettingError | undefined;
  try {
    // The modes that its builder set stay: a part may be frozen in evaluation.
    shape = await inEvaluation(model, () =>
      Promise.resolve(scope(() => {
        const images = zeros([1, ...imageShape], { device, dtype: masterDtype(dtype) });
        const output = noGrad(() => logitsOf(model, images, dtype));
        wrongMetric = metricThatFails(buildMetrics(choice.metrics), { output, images, targets, count });
        return [...output.shape];
      })));
  } catch (error) {
    throw new SettingError(
      "model.name",
      `Expected a \`model.name\` for images of ${imageShape.join(" x ")}, got ${name}: ${(error as Error).message}`,
      { cause: error },
    );
  }
  const named = ["crossEntropy", "bceWithLogits", "mse"].includes(choice.loss.name);
  if (named && !(shape.length === 2 && shape[1] === count)) {
    throw new SettingError(
      "model.name",
      `Expected the \`model.name\` ${name} to answer with ${count} logits an image, got [${shape.join(", ")}]: pass ` +
        "`classes` on",
    );
  }
  if (wrongMetric !== undefined) throw wrongMetric;
}

/** What a builder made, if it is a function, or has the method that such a thing has; a StateError otherwise. */
function requireBuilt<Made>(kind: string, name: string, made: Made, method?: string): Made {
  const tried: unknown = method === undefined ? made : (made as Record<string, unknown> | null | undefined)?.[method];
  if (typeof tried === "function") return made;
  const wanted = method === undefined ? "a function" : `an object with the method ${method}()`;
  const got = made === null ? "null" : made instanceof Promise ? "a promise" : typeof made;
  throw new StateError(`Expected the ${kind} "${name}" to be built as ${wanted}, got ${got}`);
}

/** The schedule of a recipe. */
function buildSchedule({ schedule }: Pick<Recipe, "schedule">): Schedule {
  return requireBuilt("schedule", schedule.name, scheduleOf(schedule), "over");
}

/** An option that a builder refuses, by the setting that it is. */
function refusedOption(section: string, error: unknown): unknown {
  if (!(error instanceof RangeError || error instanceof TypeError)) return error;
  const message = error.message.replace(/^\w+\(\): /, "").replace(/`(\w+)`/, `\`${section}.$1\``);
  const path = /`([\w.]+)`/.exec(message)?.[1] ?? section;
  return new SettingError(path, message, { cause: error });
}

/**
 * Refuses what optimizer, schedule, loss and transforms would refuse, before data are opened and a folder is made; a
 * SettingError names the option.
 */
export function requireBuildable(recipe: Recipe): void {
  const builds: Record<string, () => unknown> = {
    optimizer: () => buildOptimizer(recipe),
    schedule: () => buildSchedule(recipe),
    loss: () => buildLoss(recipe),
    transforms: () => batchTransform(recipe.transforms),
  };
  for (const [section, build] of Object.entries(builds)) {
    try {
      build();
    } catch (error) {
      throw refusedOption(section, error);
    }
  }
}

/** Steps whose rates are looked at, evenly spread. */
const lookedAt = 1000;

/** Refuses a schedule whose rates grow out of f32 on the way. */
export function requireRates({ schedule }: Pick<Recipe, "schedule">, steps: number): void {
  const rate = buildSchedule({ schedule }).over(steps);
  for (let look = 0; look <= lookedAt; look++) {
    const step = Math.round(look / lookedAt * (steps - 1));
    const lr = rate(step);
    if (lr >= 0 && Number.isFinite(Math.fround(lr))) continue;
    throw new SettingError(
      "schedule",
      `Expected a \`schedule.name\` of rates from 0 to ${largestF32}, got ${lr} for step ${step + 1} of ${steps}`,
    );
  }
}

/** The optimizer of a recipe, to be bound to its network. */
export function buildOptimizer(recipe: Pick<Recipe, "optimizer">): Optimizer {
  requireNamed("buildOptimizer", "optimizer", recipe?.optimizer);
  const { name, ...options } = recipe.optimizer;
  return requireBuilt("optimizer", name, optimizerRegistry.get(name).build(options as JsonOptions), "bind");
}

/** The loss of a recipe. */
export function buildLoss(recipe: Pick<Recipe, "loss">): Loss {
  requireNamed("buildLoss", "loss", recipe?.loss);
  const { name, ...options } = recipe.loss;
  return requireBuilt("loss", name, lossRegistry.get(name).build(options as JsonOptions));
}

/** Throws where something is no data set. */
function requireSet(op: string, set: unknown): void {
  if (typeof (set as Partial<Dataset> | null | undefined)?.batches === "function") return;
  throw new TypeError(`${op}(): Expected \`set\` as a data set, got ${kindOf(set)}`);
}

/** The metrics of a recipe, by their names. */
export function buildMetrics(names: readonly string[]): Metrics {
  return Object.fromEntries(
    names.map((name) => [name, requireBuilt("metric", name, metricRegistry.get(name).build())]),
  );
}

/**
 * The trainer of a recipe; the model stays the caller's. What came from `weights.from` is frozen for the first epochs and has
 * its own rate, as the recipe says.
 */
export function buildTrainer(recipe: Recipe & { readonly dtype: ComputeDtype }, model: Module): Trainer {
  for (const part of ["optimizer", "schedule", "loss"] as const) requireNamed("buildTrainer", part, recipe?.[part]);
  const fine = fineTuning(recipe.weights);
  const trainer = new Trainer(model, {
    groups: fine.groups,
    optimizer: buildOptimizer(recipe),
    schedule: buildSchedule(recipe),
    loss: buildLoss(recipe),
    metrics: buildMetrics(recipe.metrics),
    transformBatch: batchTransform(recipe.transforms),
    clipNorm: recipe.clipNorm ?? undefined,
    accumulate: recipe.accumulate,
    capture: recipe.capture,
    ema: recipe.ema ?? undefined,
    dtype: recipe.dtype,
  });
  fine.follow(trainer);
  return trainer;
}

/** The registered transforms of a recipe, one after the other; undefined for none. */
export function batchTransform(transforms: Recipe["transforms"]): BatchTransform | undefined {
  const steps = ownTransforms(transforms).flatMap(([name, options]) => {
    const made = transformRegistry.get(name).build(options as JsonOptions);
    return made === undefined ? [] : [requireBuilt("transform", name, made)];
  });
  if (steps.length === 0) return undefined;
  return (batch, context) =>
    steps.reduce<Pick<TransformInput, "inputs" | "targets">>(
      (changed, step) => transformed(changed, step, context),
      batch,
    );
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

/** Refuses statistics of other images. */
function requireStatistics({ normalize }: Recipe["transforms"], { imageShape: [, , channels] }: Dataset): void {
  const statistics = normalizeOf(normalize);
  if (statistics === undefined || [1, channels].includes(statistics.mean.length)) return;
  throw new SettingError(
    "transforms.normalize",
    `Expected \`transforms.normalize\` of images with ${channels} channel${
      channels === 1 ? "" : "s"
    }, got statistics of ` +
      `${statistics.mean.length}`,
  );
}

/** Refuses to move images by as much as they measure. */
function requireShift({ shift = 0 }: Recipe["transforms"], { imageShape: [height, width] }: Dataset): void {
  const most = Math.min(height, width) - 1;
  if (typeof shift === "number" && shift <= most) return;
  throw new SettingError("transforms.shift", `Expected \`transforms.shift\` from 0 to ${most}, got ${shift}`);
}

/** The batches to train on. */
export function trainBatches(
  recipe: Pick<Recipe, "bs" | "transforms" | "seed"> & { readonly dtype: ComputeDtype },
  set: Dataset,
): Batches {
  requireOptions("trainBatches", recipe, "trainBatches(recipe, set)");
  requireSet("trainBatches", set);
  const { bs, transforms, seed, dtype } = recipe;
  requireOptions("trainBatches", transforms, "{ bs, transforms: {}, seed, dtype }");
  requireImages(bs, set.length);
  requireStatistics(transforms, set);
  requireShift(transforms, set);
  const { flip, shift, crop, minScale, erase, eraseCount, normalize } = transforms;
  const images: BatchOptions = { flip, shift, crop, minScale, erase, eraseCount, normalize: normalizeOf(normalize) };
  try {
    return set.batches(bs, { ...images, seed, dtype: masterDtype(dtype) });
  } catch (error) {
    throw refusedOption("transforms", error);
  }
}

/** The batches to measure with. */
export function validBatches(
  recipe: Pick<Recipe, "validBs"> & {
    readonly transforms?: Recipe["transforms"];
    readonly dtype: ComputeDtype;
  },
  set: Dataset,
): Batches {
  requireOptions("validBatches", recipe, "validBatches(recipe, set)");
  requireSet("validBatches", set);
  const { validBs, transforms, dtype } = recipe;
  if (transforms !== undefined) requireStatistics(transforms, set);
  return set.batches(Math.min(validBs, set.length), {
    dtype: masterDtype(dtype),
    normalize: normalizeOf(transforms?.normalize),
  });
}
