/** The table of settings: from it follow flags, help, JSON Schema, checks, and what is told when a run goes on. */
import { lossRegistry } from "../nn/losses.ts";
import { metricRegistry } from "../nn/metrics.ts";
import { modelRegistry } from "../models/registry.ts";
import { actNames, blurNames, poolKinds } from "../models/options.ts";
import { optimizerRegistry, scheduleRegistry } from "../optim/registry.ts";
import { presetFamilies, presetNames } from "./presets.ts";
import type { Setting } from "./setting.ts";

const rows: Setting[] = [
  {
    path: "preset",
    flag: "preset",
    kind: "name",
    choices: presetNames,
    families: presetFamilies,
    placeholder: "name",
    nullable: true,
    help: "What to train",
  },
  {
    path: "data.name",
    flag: "data",
    kind: "text",
    placeholder: "path",
    help: "A data set's name, a folder with train/ and val/, or an archive",
  },
  { path: "epochs", flag: "epochs", kind: "integer", min: 1, help: "Times through the training data" },
  { path: "bs", flag: "bs", kind: "integer", min: 1, help: "Images a step" },
  {
    path: "size",
    flag: "size",
    kind: "integer",
    min: 8,
    max: 1024,
    nullable: true,
    help: "Height and width of the images",
  },
  { path: "schedule.lr", flag: "lr", kind: "number", min: 0, help: "Learning rate" },
  {
    path: "schedule.name",
    flag: "schedule",
    kind: "name",
    choices: () => scheduleRegistry.names,
    help: "How the learning rate moves",
  },
  {
    path: "schedule.start",
    flag: "start",
    kind: "number",
    min: 0,
    max: 1,
    help: "Share of the steps before it falls (flatCos, oneCycle)",
  },
  {
    path: "schedule.warmup",
    flag: "warmup",
    kind: "number",
    min: 0,
    max: 1,
    help: "Share of the steps in which it rises (linearWarmup)",
  },
  {
    path: "schedule.every",
    flag: "every",
    kind: "number",
    above: 0,
    max: 1,
    help: "Share of the steps after which it falls, again and again (stepDecay; 1/3 unless given)",
  },
  {
    path: "schedule.milestones",
    flag: "milestones",
    kind: "numbers",
    min: 0,
    max: 1,
    placeholder: "shares",
    help: "Shares of the steps at which it falls, from low to high (multiStepDecay; 0.5,0.75 unless given)",
  },
  {
    path: "schedule.gamma",
    flag: "gamma",
    kind: "number",
    min: 0,
    help: "What it is multiplied by where it falls (stepDecay, multiStepDecay; 0.1 unless given)",
  },
  {
    path: "optimizer.name",
    flag: "opt",
    kind: "name",
    choices: () => optimizerRegistry.names,
    help: "Optimizer",
  },
  {
    path: "optimizer.mom",
    flag: "mom",
    kind: "number",
    min: 0,
    below: 1,
    help: "Decay of the gradients' average",
  },
  {
    path: "optimizer.sqrMom",
    flag: "sqrmom",
    kind: "number",
    min: 0,
    below: 1,
    help: "Decay of the squared gradients' average",
  },
  {
    path: "optimizer.eps",
    flag: "eps",
    kind: "number",
    above: 0,
    help: "Added to the root of the squared gradients' average",
  },
  {
    path: "optimizer.restLr",
    flag: "rest-lr",
    kind: "number",
    above: 0,
    max: 1000,
    help: "Learning rate of biases and norms, as a multiple of `schedule.lr` (muon)",
  },
  { path: "optimizer.wd", flag: "wd", kind: "number", min: 0, help: "Weight decay" },
  {
    path: "loss.name",
    flag: "loss",
    kind: "name",
    choices: () => lossRegistry.names,
    help: "What is made small",
  },
  {
    path: "loss.labelSmoothing",
    flag: "label-smoothing",
    kind: "number",
    min: 0,
    max: 1,
    help: "Share of the target spread over all classes",
  },
  {
    path: "loss.weights",
    flag: "class-weights",
    kind: "numbers",
    min: 0,
    // Losses are summed over all samples.
    max: 1e30,
    placeholder: "numbers",
    help: "How much each class counts in the loss, a number a class with commas between",
  },
  {
    path: "model.name",
    flag: "arch",
    kind: "name",
    choices: () => modelRegistry.names,
    placeholder: "name",
    help: "Network, by fastai's name, say xresnet18 or xse_resnext50",
  },
  { path: "model.act", flag: "act", kind: "choice", choices: () => actNames, help: "Activation" },
  { path: "model.pool", flag: "pool", kind: "choice", choices: () => poolKinds, help: "What subsamples" },
  {
    path: "model.blur",
    flag: "blur",
    kind: "choice",
    choices: () => blurNames,
    help: "Filter of the `model.pool` maxblur (tri3 unless given)",
  },
  { path: "model.sa", flag: "sa", kind: "boolean", help: "Self-attention after the first stage" },
  { path: "model.sym", flag: "sym", kind: "boolean", help: "Its matrix is made symmetric" },
  {
    path: "weights.from",
    flag: "weights",
    kind: "text",
    placeholder: "path",
    nullable: true,
    help: "Weights to begin with: a run, a checkpoint, or a safetensors file, of fastai's too",
  },
  {
    path: "weights.except",
    flag: "except",
    kind: "text",
    placeholder: "parts",
    nullable: true,
    help: "Parts that keep their initial weights, say head where classes are others",
  },
  {
    path: "weights.freeze",
    flag: "freeze",
    kind: "integer",
    min: 0,
    help: "Epochs at the beginning in which what came from `weights.from` is not trained",
  },
  {
    path: "weights.lrScale",
    flag: "weights-lr",
    kind: "number",
    above: 0,
    max: 1000,
    help: "Multiplies the learning rate of what came from `weights.from`, say 0.1",
  },
  {
    path: "transforms.crop",
    flag: "crop",
    kind: "choice",
    choices: () => ["random", "centre", "resized"],
    help: "Which square of a training image is taken; resized is RandomResizedCrop",
  },
  {
    path: "transforms.minScale",
    flag: "min-scale",
    kind: "number",
    above: 0,
    max: 1,
    help: "Smallest share of an image's area that `transforms.crop` resized takes (0.35 unless given)",
  },
  {
    path: "transforms.flip",
    flag: "flip",
    kind: "number",
    min: 0,
    max: 1,
    help: "Probability of mirroring a training image",
  },
  {
    path: "transforms.shift",
    flag: "shift",
    kind: "integer",
    min: 0,
    max: 1024,
    help: "Pixels by which a training image is moved at most (images in arrays, such as mnist)",
  },
  {
    path: "transforms.erase",
    flag: "erase",
    kind: "number",
    min: 0,
    max: 1,
    help: "Probability of boxes of noise over a training image (RandomErasing)",
  },
  {
    path: "transforms.eraseCount",
    flag: "erase-count",
    kind: "integer",
    min: 1,
    max: 16,
    help: "How many boxes at most",
  },
  {
    path: "transforms.normalize",
    flag: "normalize",
    kind: "normalize",
    placeholder: "stats",
    nullable: true,
    help: "Normalise pixels: imagenet, mnist, none, or mean and deviation, say 0.5,0.5,0.5/0.2,0.2,0.2",
  },
  {
    path: "transforms.mixup.alpha",
    flag: "mixup",
    kind: "number",
    min: 0,
    help: "Mixes pairs of training images: shares from Beta(alpha, alpha); 0 for none",
  },
  {
    path: "transforms.cutmix.alpha",
    flag: "cutmix",
    kind: "number",
    min: 0,
    help: "Puts a box of one training image into another: areas from Beta(alpha, alpha); 0 for none",
  },
  {
    path: "clipNorm",
    flag: "clip-norm",
    kind: "number",
    above: 0,
    nullable: true,
    help: "Largest norm that all gradients have together",
  },
  {
    path: "accumulate",
    flag: "accumulate",
    kind: "integer",
    min: 1,
    help: "Batches of `bs` images for each step of the optimizer",
  },
  {
    path: "metrics",
    flag: "metrics",
    kind: "names",
    choices: () => metricRegistry.names,
    placeholder: "names",
    help: "What to measure beside the loss, names with commas between",
  },
  {
    path: "ema",
    flag: "ema",
    kind: "number",
    min: 0,
    max: 0.999999,
    nullable: true,
    help: "Measure an average of the weights too, of this decay, say 0.999",
  },
  {
    path: "scaleLr",
    flag: "scale-lr",
    kind: "boolean",
    transient: true,
    help: "Multiply the learning rate by `bs` over the preset's",
  },
  {
    path: "seed",
    flag: "seed",
    kind: "integer",
    min: 0,
    max: 2 ** 32 - 1,
    help: "Weights, order and augmentation follow from it",
  },
  {
    path: "device",
    flag: "device",
    kind: "choice",
    choices: () => ["auto", "cpu", "cuda"],
    help: "Where to train",
  },
  {
    path: "threads",
    flag: "threads",
    kind: "integer",
    min: 1,
    max: 256,
    nullable: true,
    free: true,
    help: "CPU threads, all unless given",
  },
  {
    path: "dtype",
    flag: "dtype",
    kind: "choice",
    choices: () => ["f32", "bf16", "f64", "auto"],
    help: "Numbers to compute in; auto takes f32 or bf16 after a short trial, f64 is slow and exact",
  },
  {
    path: "data.limit",
    flag: "limit",
    kind: "integer",
    min: 1,
    nullable: true,
    help: "Use only the first images of each part of the data",
  },
  {
    path: "data.keep",
    flag: "keep",
    kind: "choice",
    choices: () => ["size", "source"],
    nullable: true,
    help: "What the cache keeps of training images: at `size`, or as they are (for `transforms.crop` resized)",
  },
  {
    path: "data.split",
    flag: "split",
    kind: "number",
    above: 0,
    below: 1,
    nullable: true,
    help: "Share of the images set aside to measure with, where there is no val/, by their names: say 0.2",
  },
  {
    path: "data.nested",
    flag: "nested",
    kind: "boolean",
    help: "Take images of a class from folders in its folder too",
  },
  {
    path: "data.maxUnreadable",
    flag: "max-unreadable",
    kind: "amount",
    placeholder: "N|P%",
    nullable: true,
    free: true,
    help: "How many images of each part may not be readable (1% unless given)",
  },
  {
    path: "data.noise",
    flag: "noise",
    kind: "integer",
    min: 0,
    max: 100,
    nullable: true,
    help: "Percent of wrong labels to train with, by the set's noisy_….csv: 1, 5, 25 or 50 of Imagenette and Imagewoof",
  },
  { path: "validBs", flag: "valid-bs", kind: "integer", min: 1, help: "Images at a time when measuring" },
  {
    path: "capture",
    flag: "capture",
    kind: "boolean",
    free: true,
    help: "Record each step once, and replay it",
  },
];

/** All settings, those that scripts have added among them. */
export function settings(): readonly Setting[] {
  return [...rows];
}

/** The setting at a place; undefined for an option that has no row, say one of a script's own network. */
export function settingAt(path: string): Setting | undefined {
  return rows.find((row) => row.path === path);
}

/** Sections whose options a script may add settings for. */
const sections = ["data", "model", "optimizer", "schedule", "loss", "transforms"];

const kinds: readonly Setting["kind"][] = [
  "number",
  "integer",
  "numbers",
  "boolean",
  "choice",
  "name",
  "names",
  "text",
  "amount",
  "normalize",
];

/** Adds a setting: a row of the table. Throws a TypeError where its place or its flag is taken, or is none. */
export function addSetting(setting: Setting): void {
  const { path, flag, kind, choices } = setting;
  if (!kinds.includes(kind)) {
    throw new TypeError(`register(): Expected the kind of ${path} as one of ${kinds.join(", ")}, got "${kind}"`);
  }
  if ((kind === "choice" || kind === "name" || kind === "names") && typeof choices !== "function") {
    throw new TypeError(
      `register(): Expected \`choices\` of ${path} as a function that gives them, got ${typeof choices}`,
    );
  }
  if (flag !== undefined && (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(flag) || flag.startsWith("no-"))) {
    throw new TypeError(
      `register(): Expected the flag of ${path} in lower-case letters, digits and -, not beginning with no-, got "${flag}"`,
    );
  }
  const [section = "", ...rest] = path.split(".");
  if (!sections.includes(section) || rest.length === 0) {
    throw new TypeError(
      `register(): Expected a setting's path below ${sections.join(", ")}, got "${path}": say model.width`,
    );
  }
  const taken = rows.find((row) => row.path === path || flag !== undefined && row.flag === flag);
  if (taken !== undefined && JSON.stringify(taken) !== JSON.stringify(setting)) {
    throw new TypeError(`register(): Expected a setting that is free, got ${path}: ${taken.path} has its path or flag`);
  }
  if (taken === undefined) rows.push(setting);
}
