/** What the runs of a sweep cost: known before anything runs, and how long that takes as far as runs of the same were made. */
import type { RunConfig } from "../../recipe/recipe.ts";
import { cpuFacts } from "../../recipe/machine.ts";
import { stepsOf } from "../../train/start.ts";
import type { Cell, Rehearsed } from "./cells.ts";
import type { Found } from "./found.ts";
import { hashOf, identityOf, withoutSeed } from "./identity.ts";

/** How long a run took, and where. */
export interface Speed {
  /** The hash of its arm's identity, which is that of its run but for the seed. */
  readonly arm: string;
  /** Time of all its steps. */
  readonly seconds: number | null;
  /** On which device. */
  readonly device: string;
  /** Of which processor. */
  readonly cpu: string | null;
}

/** What a run of an arm is. */
export interface ArmCost {
  /** The arm. */
  readonly arm: string;
  /** Epochs. */
  readonly epochs: number;
  /** Images that are trained on in each. */
  readonly images: number;
  /** Steps in all. */
  readonly steps: number;
  /** Mean time of the steps of runs of this arm on this kind of processor, of whatever seed; null where none is known. */
  readonly seconds: number | null;
  /** How many runs that is the mean of. */
  readonly measured: number;
}

/** The hash of what a run is of but for its seed. */
export function armHash(config: RunConfig): string {
  return hashOf(withoutSeed(identityOf(config)));
}

/** What a run of each arm is, and how long it took before. */
export function costsOf({ configs }: Rehearsed, found: Iterable<Found>): ArmCost[] {
  const { model } = cpuFacts();
  const times = new Map<string, number[]>();
  for (const { speed: { arm, seconds, device, cpu } } of found) {
    if (seconds === null || cpu !== model) continue;
    const key = `${arm} ${device}`;
    times.set(key, [...times.get(key) ?? [], seconds]);
  }
  return [...configs].map(([arm, config]) => {
    const { epochs, bs, accumulate, samples: { train: images }, device } = config;
    const own = times.get(`${armHash(config)} ${device}`) ?? [];
    return {
      ...{ arm, epochs, images, steps: epochs * stepsOf(Math.floor(images / bs), accumulate) },
      seconds: own.length === 0 ? null : own.reduce((sum, each) => sum + each, 0) / own.length,
      measured: own.length,
    };
  });
}

/**
 * About how long cells take, `jobs` at once; null where no arm's time is known. An arm of which none is known is taken to go
 * through images as fast as the others.
 */
export function secondsOf(costs: readonly ArmCost[], open: readonly Cell[], jobs: number): number | null {
  const known = costs.filter(({ seconds }) => seconds !== null);
  if (known.length === 0) return null;
  const sum = (all: readonly ArmCost[], of: (cost: ArmCost) => number): number =>
    all.reduce((total, each) => total + of(each), 0);
  const each = sum(known, ({ seconds }) => seconds!) / sum(known, ({ epochs, images }) => epochs * images);
  const byArm = new Map(costs.map((cost) => [cost.arm, cost.seconds ?? each * cost.epochs * cost.images]));
  // Arms of one recipe share a run.
  const runs = new Map(open.map(({ hash, arm }) => [hash, byArm.get(arm)!]));
  const total = [...runs.values()].reduce((all, one) => all + one, 0);
  return total / Math.max(1, Math.min(jobs, runs.size));
}
