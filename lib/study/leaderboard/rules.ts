/** The rules of the leaderboards (github.com/fastai/imagenette, "Here's the rules"), and which of them a run breaks. */
import {
  leaderboardEpochs,
  leaderboardNoises,
  leaderboardSizes,
  type LeaderboardTask,
} from "../../recipe/image_presets.ts";
import type { FoundRun } from "./found_run.ts";

/** What a run can break: all but `recipe` follow from the run alone. */
export type RuleName =
  | "row"
  | "testTimeAugmentation"
  | "validationSize"
  | "randomWeights"
  | "wholeData"
  | "code"
  | "top1"
  | "recipe";

/** A run that is on no leaderboard, and why. */
export interface Refused {
  /** The run's folder, or the file with its result. */
  readonly path: string;
  /** The rule. */
  readonly rule: RuleName;
  /** The rule and what the run has, in words. */
  readonly reason: string;
}

/** Runs of which an entry is the mean, at least; of fewer it is provisional. */
export const fewestRuns = 5;

/** Images of each set's parts. */
const images: Readonly<Record<LeaderboardTask["set"], { readonly train: number; readonly valid: number }>> = {
  imagenette: { train: 9469, valid: 3925 },
  imagewoof: { train: 9025, valid: 3929 },
};

/** The row of a run; undefined where there is none of its size, epochs and labels. */
export function taskOf({ set, size, epochs, noise }: FoundRun): LeaderboardTask | undefined {
  const has = (known: readonly number[], value: number | null): boolean => value !== null && known.includes(value);
  const fits = has(leaderboardSizes, size) && has(leaderboardEpochs, epochs) && has(leaderboardNoises, noise);
  return fits ? { set, size, epochs, noise } as LeaderboardTask : undefined;
}

/** What a run of images has, and what there would have to be; null where it has that. */
const rules: readonly { readonly rule: RuleName; readonly broken: (run: FoundRun) => string | null }[] = [
  {
    rule: "row",
    broken: (run): string | null =>
      taskOf(run) !== undefined
        ? null
        : `Expected one of the leaderboard's rows (${leaderboardSizes.join(", ")} px; ${
          leaderboardEpochs.join(", ")
        } ` +
          `epochs; ${
            leaderboardNoises.join(", ")
          } % wrong labels), got ${run.size} px, ${run.epochs} epochs, ${run.noise} %`,
  },
  {
    rule: "testTimeAugmentation",
    broken: ({ testTimeAugmentation }): string | null =>
      testTimeAugmentation
        ? "Expected one view of each image, got an average over several (test-time augmentation)"
        : null,
  },
  {
    rule: "validationSize",
    broken: ({ size, validSize }): string | null =>
      size === null || validSize === null || validSize <= size
        ? null
        : `Expected a validation size of at most the training size, ${size} px, got ${validSize} px`,
  },
  {
    rule: "randomWeights",
    broken: ({ weights, script }): string | null =>
      weights !== null
        ? `Expected random initial weights, got those of "${weights}"`
        : script
        ? "Expected random initial weights, got a network of a script, which may have begun from any: train it by a recipe"
        : null,
  },
  {
    rule: "wholeData",
    broken: ({ set, part, n }): string | null =>
      part !== null
        ? `Expected all images of ${set}, got a part of them (${part})`
        : n !== images[set].valid
        ? `Expected top-1 over the ${images[set].valid} validation images of ${set}, got it over ${
          n ?? "an unknown number"
        }`
        : null,
  },
  {
    rule: "code",
    broken: ({ commit, dirty }): string | null =>
      commit === null
        ? "Expected code of a commit, which the entry names, got none"
        : dirty !== false
        ? `Expected code as committed, got ${dirty === null ? "code that may be" : "code that was"} changed since ${
          commit.slice(0, 7)
        }`
        : null,
  },
  {
    rule: "top1",
    broken: ({ top1 }): string | null => top1 === null ? "Expected a top-1 after the last epoch, got none" : null,
  },
];

/** The first rule that a run breaks; undefined where it keeps all of them. */
export function brokenRule(run: FoundRun): Refused | undefined {
  for (const { rule, broken } of rules) {
    const reason = broken(run);
    if (reason !== null) return { path: run.path, rule, reason };
  }
  return undefined;
}
