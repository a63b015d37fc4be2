/** The presets: every hyper-parameter of each. */
import { leaderboardTasks, taskFamilies, taskName, taskPreset } from "./image_presets.ts";
import type { Recipe } from "./recipe.ts";

/** A recipe without what a machine or a caller decides. */
export type Preset = Omit<
  Recipe,
  "preset" | "clipNorm" | "accumulate" | "metrics" | "ema" | "seed" | "device" | "threads" | "dtype" | "capture"
>;

const own: Readonly<Record<string, Preset>> = {
  /** Digits, 28 x 28: a small xresnet with squeeze-and-excitation, max-blur pools and Mish. */
  mnist: {
    data: { name: "mnist", limit: null, keep: null },
    size: null,
    model: { name: "mnistNet", act: "mish", pool: "maxblur" },
    optimizer: { name: "ranger", mom: 0.95, sqrMom: 0.99, eps: 1e-6, wd: 1e-2 },
    // Flat for the first three quarters of the steps, then half a cosine down.
    schedule: { name: "flatCos", lr: 8e-3, start: 0.75 },
    loss: { name: "crossEntropy", labelSmoothing: 0.1 },
    // Digits are moved by up to two pixels; a mirrored digit would be another sign, so none is.
    transforms: { shift: 2, flip: 0 },
    epochs: 3,
    bs: 64,
    validBs: 256,
  },
};

const presets = new Map<string, Preset>([
  ...Object.entries(own),
  ...leaderboardTasks.map((task): [string, Preset] => [taskName(task), taskPreset(task)]),
]);

/** The names of those that were made by a rule. */
const ruled: ReadonlySet<string> = new Set(leaderboardTasks.map(taskName));

/** The names of all presets. */
export function presetNames(): readonly string[] {
  return [...presets.keys()];
}

/**
 * The names of all presets as a person reads them: those of a family in one word, as a shell expands it, say
 * `{imagenette,imagewoof}-{128,192,256}-{5,20,80,200}`.
 */
export function presetFamilies(): readonly string[] {
  const single = presetNames().filter((name) => !ruled.has(name));
  const ours = single.filter((name) => Object.hasOwn(own, name));
  return [...ours, ...taskFamilies, ...single.slice(ours.length)];
}

/** A copy of a preset by its name; undefined where there is none. */
export function presetOf(name: string): Preset | undefined {
  return structuredClone(presets.get(name));
}

/** Adds a preset; throws a TypeError where the name is taken, or is none. */
export function addPreset(name: string, preset: Preset): void {
  // A run's folder is called by it.
  if (!/^\w[\w.-]*$/.test(name)) {
    throw new TypeError(`register(): Expected a name of letters, digits, -, _ and . for a preset, got "${name}"`);
  }
  if (presets.has(name)) {
    throw new TypeError(`register(): Expected a name that is free for a preset, got "${name}": choose another`);
  }
  presets.set(name, preset);
}
