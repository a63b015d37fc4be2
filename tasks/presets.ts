/** What `deno task train` trains: every hyper-parameter of each preset, in one place. */
import type { RunConfig } from "./run_config.ts";

/** A preset: a run's configuration without what a machine or a command line decides. */
export type Preset = Omit<RunConfig, "preset" | "seed" | "device" | "threads" | "dtype" | "capture">;

/** The presets by name. */
export const presets = {
  /** Digits, 28 x 28: a small xresnet with squeeze-excitation, max-blur pools and Mish. */
  mnist: {
    data: { name: "mnist", limit: null },
    model: { name: "mnistNet", options: {} },
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
} as const satisfies Readonly<Record<string, Preset>>;

/** The name of a preset. */
export type PresetName = keyof typeof presets;

/** All names. */
export const presetNames = Object.keys(presets) as PresetName[];
