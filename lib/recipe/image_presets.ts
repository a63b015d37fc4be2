/** The presets of Imagenette and Imagewoof: one for every row of their leaderboards, made by a rule. */
import type { Preset } from "./presets.ts";

/** What a row of a leaderboard asks for. */
export interface LeaderboardTask {
  /** The data set. */
  readonly set: "imagenette" | "imagewoof";
  /** Height and width of the images, pixels. */
  readonly size: 128 | 192 | 256;
  /** Times through the training data. */
  readonly epochs: 5 | 20 | 80 | 200;
  /** Percent of wrong labels among those that are trained on; 0 for none. */
  readonly noise: 0 | 1 | 5 | 25 | 50;
}

/** The data sets that have leaderboards, by the names that presets begin with. */
export const leaderboardSets: readonly LeaderboardTask["set"][] = ["imagenette", "imagewoof"];
/** Height and width of the images in training and measuring, pixels. */
export const leaderboardSizes: readonly LeaderboardTask["size"][] = [128, 192, 256];
/** Times through the training data. */
export const leaderboardEpochs: readonly LeaderboardTask["epochs"][] = [5, 20, 80, 200];
/** Percent of wrong labels among those that are trained on, 0 for none: what `noisy_….csv` has. */
export const leaderboardNoises: readonly LeaderboardTask["noise"][] = [0, 1, 5, 25, 50];

/** The name of a row's preset: `imagewoof-192-20`, with wrong labels `imagewoof-192-20-noise25`. */
export function taskName({ set, size, epochs, noise }: LeaderboardTask): string {
  return `${set}-${size}-${epochs}${noise === 0 ? "" : `-noise${noise}`}`;
}

/** All rows: by wrong labels, data set, size and epochs. */
export const leaderboardTasks: readonly LeaderboardTask[] = leaderboardNoises.flatMap((noise) =>
  leaderboardSets.flatMap((set) =>
    leaderboardSizes.flatMap((size) => leaderboardEpochs.map((epochs) => ({ set, size, epochs, noise })))
  )
);

/** The names of all of their presets in two words, as a shell expands them. */
export const taskFamilies: readonly string[] = ["", `-noise{${leaderboardNoises.slice(1).join()}}`].map((noise) =>
  `{${leaderboardSets.join()}}-{${leaderboardSizes.join()}}-{${leaderboardEpochs.join()}}${noise}`
);

/** The largest size for which images with a shorter side of 320 pixels are enough: half of it may be cut away. */
const largestOf320 = 224;
/** From so many epochs on, mixup helps. */
const longFrom = 80;

/**
 * The recipe of a row: that of the entry at 128 pixels and 5 epochs, without test-time augmentation (Osmulski, "How to reach
 * the top of the imagenette leaderboard?"). Images are resized to the size along their shorter side, then a random square is
 * cut out for training and the centre for measuring; pixels are 0 to 1, without normalisation.
 *
 * As in the leaderboard's own runs (fastai/imagenette, 2020-01-train.md), sizes above 224 take the images at full size, and
 * 80 and 200 epochs mixup; its strength is not told there, so it is the default of fastai's `MixUp`.
 */
export function taskPreset({ set, size, epochs, noise }: LeaderboardTask): Preset {
  return {
    data: {
      name: `${set}2${size <= largestOf320 ? "-320" : ""}`,
      limit: null,
      keep: null,
      ...(noise === 0 ? {} : { noise }),
    },
    size,
    model: { name: "xse_resnext50", act: "mish", sa: true, sym: false, pool: "maxblur" },
    optimizer: { name: "ranger", mom: 0.95, sqrMom: 0.99, eps: 1e-6, wd: 1e-2 },
    schedule: { name: "flatCos", lr: 8e-3, start: 0.75 },
    loss: { name: "crossEntropy", labelSmoothing: 0.1 },
    transforms: { flip: 0.5, ...(epochs >= longFrom ? { mixup: { alpha: 0.4 } } : {}) },
    epochs,
    bs: 32,
    validBs: 64,
  };
}
