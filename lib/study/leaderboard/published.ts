/**
 * The published leaderboards of Imagenette and Imagewoof (github.com/fastai/imagenette, README at commit 0239486), with the
 * entry at 128 pixels and 5 epochs of Osmulski, "How to reach the top of the imagenette leaderboard?".
 *
 * Those for wrong labels are of tmabraham/noisy_imagenette, baseline of 2021-01-18, of which that README has 5 and 50 % for
 * Imagenette.
 */
import { leaderboardEpochs, type LeaderboardTask, leaderboardTasks, taskName } from "../../recipe/image_presets.ts";

/** What stands in a row of a leaderboard. */
export interface PublishedEntry {
  /** Top-1, 0 to 1. */
  readonly top1: number;
  /** Of how many runs it is the mean. */
  readonly runs: number;
  /** How it was made. */
  readonly by: string;
}

/** A row of a leaderboard. */
export interface PublishedRow extends LeaderboardTask {
  /** Its preset's name, say `imagewoof-192-20`. */
  readonly name: string;
  /** What stands there; null where nothing does. */
  readonly published: PublishedEntry | null;
}

/** An entry: top-1 in percent, runs, how it was made. */
type Entry = readonly [top1: number, runs: number, by: string];

const baseline = "fastai2 train_imagenette.py 2020-01";
const blur = `${baseline} + MaxBlurPool`;
const trick = "Resnet Trick + Mish + Sa + MaxBlurPool";

/** By data set, size and epochs. */
const clean: Readonly<Record<string, Entry>> = {
  "imagenette-128-5": [87.43, 5, "fastai xse_resnext50 + MaxBlurPool, batch 32 (Osmulski)"],
  "imagenette-128-20": [91.57, 5, blur],
  "imagenette-128-80": [93.55, 1, baseline],
  "imagenette-128-200": [94.24, 1, baseline],
  "imagenette-192-5": [86.76, 5, blur],
  "imagenette-192-20": [92.50, 5, blur],
  "imagenette-192-80": [94.50, 1, baseline],
  "imagenette-192-200": [95.03, 1, baseline],
  "imagenette-256-5": [86.85, 5, blur],
  "imagenette-256-20": [93.53, 5, blur],
  "imagenette-256-80": [94.90, 1, baseline],
  "imagenette-256-200": [95.11, 1, baseline],
  "imagewoof-128-5": [76.61, 5, "depthwise (x6)"],
  "imagewoof-128-20": [86.27, 5, "depthwise (x4)"],
  "imagewoof-128-80": [87.83, 1, "depthwise (x4)"],
  "imagewoof-128-200": [87.20, 1, baseline],
  "imagewoof-192-5": [81.15, 5, "depthwise (x4)"],
  "imagewoof-192-20": [88.37, 5, "depthwise (x4)"],
  "imagewoof-192-80": [90.30, 1, "depthwise (x2)"],
  "imagewoof-192-200": [89.54, 1, baseline],
  "imagewoof-256-5": [78.84, 5, trick],
  "imagewoof-256-20": [88.58, 5, trick],
  "imagewoof-256-80": [90.48, 1, baseline],
  "imagewoof-256-200": [90.38, 1, baseline],
};

/** Top-1 of the baseline with wrong labels, one run each: by size, then by epochs. */
const noisy: Readonly<Record<string, Readonly<Record<number, readonly number[]>>>> = {
  "imagenette-5": {
    128: [83.4395, 89.5287, 89.2994, 90.0382],
    192: [84.1274, 90.6497, 91.0064, 91.0828],
    256: [84.6115, 91.3885, 91.5924, 92.0255],
  },
  "imagenette-50": {
    128: [66.5987, 79.3631, 50.8025, 52.1783],
    192: [67.5414, 79.3376, 52.5096, 53.7070],
    256: [65.0446, 79.2102, 53.9618, 55.4140],
  },
};

function entryOf(task: LeaderboardTask): Entry | undefined {
  const { set, size, epochs, noise } = task;
  if (noise === 0) return clean[taskName(task)];
  const top1 = noisy[`${set}-${noise}`]?.[size]?.[leaderboardEpochs.indexOf(epochs)];
  return top1 === undefined ? undefined : [top1, 1, "baseline of noisy_imagenette 2021-01-18"];
}

/**
 * Every row with what is published of it, rows with wrong labels after those without.
 *
 * @example
 * ```ts
 * import { study } from "@libtrain/libtrain";
 *
 * const [first] = study.publishedRows();
 * console.log(first?.name, first?.published?.top1, first?.published?.runs); // imagenette-128-5 0.8743 5
 * ```
 */
export function publishedRows(): readonly PublishedRow[] {
  return leaderboardTasks.map((task) => {
    const entry = entryOf(task);
    if (entry === undefined) return { name: taskName(task), ...task, published: null };
    const [percent, runs, by] = entry;
    // What was published, and not what the division by 100 makes of it.
    return { name: taskName(task), ...task, published: { top1: Number((percent / 100).toFixed(6)), runs, by } };
  });
}
