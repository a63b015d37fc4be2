/** What `deno task train` trains: every hyper-parameter of each preset, in one place. */
import type { RunPlan } from "./run_config.ts";

/** A preset: a run's plan without what a machine or a command line decides. */
export type Preset = Omit<RunPlan, "preset" | "ema" | "seed" | "device" | "threads" | "dtype" | "capture">;

/** The presets by name. */
export const presets = {
  /** Digits, 28 x 28: a small xresnet with squeeze-excitation, max-blur pools and Mish. */
  mnist: {
    data: { path: "mnist", size: null, limit: null },
    model: { name: "mnistNet", options: { act: "mish", pool: "maxblur" } },
    optimizer: { name: "ranger", mom: 0.95, sqrMom: 0.99, eps: 1e-6, wd: 1e-2 },
    // Flat for the first three quarters of the steps, then half a cosine down.
    schedule: { name: "flatCos", lr: 8e-3, start: 0.75 },
    labelSmoothing: 0.1,
    epochs: 3,
    bs: 64,
    // Digits are moved by up to two pixels; a mirrored digit would be another sign, so none is.
    augmentation: { shift: 2, flip: 0 },
    validBs: 256,
  },
  /**
   * The leaderboard's entry for Imagenette at 128 pixels and 5 epochs, without test-time augmentation (Osmulski, "How to
   * reach the top of the imagenette leaderboard?"). Images are resized to 128 along their shorter side, then a random square
   * is cut out for training and the centre for measuring; pixels are 0 to 1, without normalisation.
   */
  "imagenette-128-5": {
    data: { path: "imagenette2-320", size: 128, limit: null },
    model: { name: "xse_resnext50", options: { act: "mish", sa: true, sym: false, pool: "maxblur" } },
    optimizer: { name: "ranger", mom: 0.95, sqrMom: 0.99, eps: 1e-6, wd: 1e-2 },
    schedule: { name: "flatCos", lr: 8e-3, start: 0.75 },
    labelSmoothing: 0.1,
    epochs: 5,
    bs: 32,
    augmentation: { flip: 0.5 },
    validBs: 64,
  },
} as const satisfies Readonly<Record<string, Preset>>;

/** The name of a preset. */
export type PresetName = keyof typeof presets;

/** All names. */
export const presetNames = Object.keys(presets) as PresetName[];
