/** Whether what subsamples matters more to one network than to others: VGG beside residual networks, say. */
import { kindOf, requireChoice, requireNumber, requireOptionsOf, requireText } from "../../tensor/ops/checks.ts";
import { filledOptions } from "../statistics/options.ts";
import { holm } from "../statistics/holm.ts";
import { meanOf } from "../statistics/intervals.ts";
import { type Agreeing, agreementOf, differenceOf, type ShiftDifference, type ShiftMeasure } from "./compare.ts";

/** A run of a study of networks and pools, as `shiftRuns` gives it. */
export interface ShiftCase extends Agreeing {
  /** Its network's name. */
  readonly model: string;
  /** What subsamples in it. */
  readonly pool: string | null;
  /** The seed of its training: runs of one seed are compared with one another. */
  readonly seed: number | null;
}

/** What is asked. */
export interface InteractionOptions {
  /** The network that is compared with every other one, say `vgg11_bn`. */
  model: string;
  /** The pools: how much more consistent a network is with the second than with the first; by default `max`, `maxblur`. */
  pools?: readonly [before: string, after: string];
  /** By which share of agreeing pairs; by default `consistency`, along both axes. */
  measure?: ShiftMeasure;
  /** The chance of being wrong that intervals and verdicts take; by default 0.05. */
  alpha?: number;
  /** What random sign flips and the bootstrap follow from; by default 0. */
  seed?: number;
}

/** A difference, as other images would have it and as other seeds would. */
export interface TwoWayDifference {
  /** Over images, each with its mean over seeds: speaks of other images, and of these trainings alone. */
  readonly overImages: ShiftDifference;
  /** Over seeds, each with its mean over images: speaks of other trainings, and of these images; null of one seed. */
  readonly overSeeds: ShiftDifference | null;
  /** p over seeds, or over images where there is one seed, corrected for all differences of this kind (Holm 1979). */
  readonly pHolm: number;
}

/** One network with one pool. */
export interface ShiftCell {
  /** The network. */
  readonly model: string;
  /** What subsamples in it. */
  readonly pool: string;
  /** The share of agreeing pairs, mean over images and seeds, 0 to 1. */
  readonly consistency: number;
  /** That of each seed, in their order. */
  readonly bySeed: readonly number[];
}

/** What a network gains by the second pool. */
export interface PoolGain extends TwoWayDifference {
  /** The network. */
  readonly model: string;
}

/** The network that is asked about beside another one. */
export interface NetworkDifference extends TwoWayDifference {
  /** The other network. */
  readonly than: string;
}

/** What a study of networks and pools came to. */
export interface ShiftInteraction {
  /** The network that was asked about. */
  readonly model: string;
  /** The pools. */
  readonly pools: readonly [before: string, after: string];
  /** What was compared. */
  readonly measure: ShiftMeasure;
  /** The seeds that every network was trained with for each pool. */
  readonly seeds: readonly number[];
  /** Images. */
  readonly images: number;
  /** Every network with each pool. */
  readonly cells: readonly ShiftCell[];
  /** What each network gains by the second pool. */
  readonly gains: readonly PoolGain[];
  /** How much more the network is consistent than each other one with the first pool: below 0 where it is affected more. */
  readonly before: readonly NetworkDifference[];
  /** How much more the network gains by the second pool than each other one: the interaction of network and pool. */
  readonly interactions: readonly NetworkDifference[];
}

const caller = "shiftInteraction";

/** The share of agreeing pairs by seed and image of one network with one pool. */
type Shares = readonly (readonly number[])[];

/**
 * Whether the pool matters more to one network than to others, by runs of each with both pools and the same seeds on the same
 * windows: consistency of every cell, the gain of each network, and how much more the one gains than each other one, image by
 * image and seed by seed.
 *
 * A difference over images says what other images of the kind would show of these very trainings; one over seeds what other
 * trainings would show. Six seeds are the fewest that can decide at 0.05.
 *
 * Rejects with a RangeError where a cell is missing, has other seeds or images than the rest, or a seed twice.
 *
 * @example
 * ```ts
 * import { study } from "@libtrain/libtrain";
 *
 * const run = (model: string, pool: string, agreement: number[]) => ({
 *   ...{ model, pool, seed: 0, agreement, agreementDiagonal: agreement },
 * });
 * const { interactions: [vgg] } = study.shiftInteraction([
 *   run("vgg11_bn", "max", [1, 0, 0, 0]),
 *   run("vgg11_bn", "maxblur", [1, 1, 1, 0]),
 *   run("xresnet18", "max", [1, 1, 0, 0]),
 *   run("xresnet18", "maxblur", [1, 1, 0, 1]),
 * ], { model: "vgg11_bn" });
 * console.log(vgg!.than, vgg!.overImages.mean, vgg!.overImages.verdict); // xresnet18 0.25 not decided
 * ```
 */
export function shiftInteraction(runs: readonly ShiftCase[], options: InteractionOptions): ShiftInteraction {
  const { model, pools, measure, alpha, seed } = checked(runs, options);
  const models = [...new Set(runs.map((run) => run.model))];
  if (!models.includes(model) || models.length < 2) {
    throw new RangeError(
      `${caller}(): Expected runs of \`model\` ${model} and of at least one other network, got ${
        models.join(", ") || "none"
      }`,
    );
  }
  const { shares, seeds, images } = cellsOf(runs, models, { pools, measure });
  const how = { alpha, seed };
  const of = (name: string, pool: string): Shares => shares.get(name)!.get(pool)!;
  const [before, after] = pools;
  const gainOf = (name: string): Shares => minus(of(name, after), of(name, before));
  const others = models.filter((other) => other !== model);
  return {
    ...{ model, pools, measure, seeds, images },
    cells: models.flatMap((name) =>
      pools.map((pool) => {
        const bySeed = of(name, pool).map(meanOf);
        return { model: name, pool, consistency: meanOf(bySeed), bySeed };
      })
    ),
    gains: corrected(models.map((name) => ({ model: name, ...twoWays(gainOf(name), how) }))),
    before: corrected(others.map((than) => ({ than, ...twoWays(minus(of(model, before), of(than, before)), how) }))),
    interactions: corrected(others.map((than) => ({ than, ...twoWays(minus(gainOf(model), gainOf(than)), how) }))),
  };
}

function checked(runs: readonly ShiftCase[], options: InteractionOptions): Required<InteractionOptions> {
  requireOptionsOf(caller, options, {
    example: `${caller}(runs, { model: "vgg11_bn" })`,
    known: ["model", "pools", "measure", "alpha", "seed"],
  });
  const { model, pools = ["max", "maxblur"], measure = "consistency" } = options;
  requireText(caller, "model", model);
  requireChoice(caller, "measure", measure, ["consistency", "consistencyDiagonal"]);
  if (!Array.isArray(pools) || pools.length !== 2 || pools.some((pool) => typeof pool !== "string")) {
    throw new TypeError(`${caller}(): Expected \`pools\` as two names, got ${kindOf(pools)}: write ["max", "maxblur"]`);
  }
  if (pools[0] === pools[1]) throw new RangeError(`${caller}(): Expected two \`pools\`, got ${pools[0]} twice`);
  if (!Array.isArray(runs)) {
    throw new TypeError(`${caller}(): Expected \`runs\` as an array, those that shiftRuns gives, got ${kindOf(runs)}`);
  }
  runs.forEach((run, at) => checkRun(run, at, measure));
  const { alpha, seed } = filledOptions(caller, { alpha: options.alpha, seed: options.seed }, ["alpha", "seed"]);
  return { model, pools, measure, alpha, seed };
}

function checkRun(run: ShiftCase, at: number, measure: ShiftMeasure): void {
  const name = `runs[${at}]`;
  if (typeof run !== "object" || run === null) {
    throw new TypeError(`${caller}(): Expected \`${name}\` as a run that shiftRuns gives, got ${kindOf(run)}`);
  }
  requireText(caller, `${name}.model`, run.model);
  if (run.pool !== null) requireText(caller, `${name}.pool`, run.pool);
  const shares: unknown = run[agreementOf[measure]];
  const path = `${name}.${agreementOf[measure]}`;
  if (!Array.isArray(shares)) {
    throw new TypeError(`${caller}(): Expected \`${path}\` as shares, one an image, got ${kindOf(shares)}`);
  }
  for (const [image, share] of shares.entries()) {
    requireNumber(caller, `${path}[${image}]`, share, {
      fits: (value) => value >= 0 && value <= 1,
      wanted: "as a share from 0 to 1",
    });
  }
}

/** The shares of every network with every pool, by seed in one order; refuses what cannot be compared. */
function cellsOf(
  runs: readonly ShiftCase[],
  models: readonly string[],
  { pools, measure }: { pools: readonly string[]; measure: ShiftMeasure },
): { shares: Map<string, Map<string, Shares>>; seeds: number[]; images: number } {
  const first = runs.find(({ pool }) => pool !== null && pools.includes(pool));
  const images = first?.[agreementOf[measure]].length ?? 0;
  let seeds: number[] | undefined;
  const shares = new Map<string, Map<string, Shares>>();
  for (const model of models) {
    const own = new Map<string, Shares>();
    for (const pool of pools) {
      const cell = runs.filter((run) => run.model === model && run.pool === pool);
      const where = `${model} with pool ${pool}`;
      const trained = cell.map(({ seed }) => requireSeed(seed, where)).sort((a, b) => a - b);
      requireSeeds(trained, where, seeds);
      seeds ??= trained;
      own.set(
        pool,
        trained.map((seed) => {
          const found = cell.find((run) => run.seed === seed)![agreementOf[measure]];
          if (found.length === images && images > 0) return found;
          throw new RangeError(
            `${caller}(): Expected the same images for all runs, at least one, got ${images} and ${found.length} for ` +
              `${where} and seed ${seed}: measure all in one call of shiftRuns`,
          );
        }),
      );
    }
    shares.set(model, own);
  }
  return { shares, seeds: seeds!, images };
}

function requireSeed(seed: number | null, where: string): number {
  if (Number.isSafeInteger(seed)) return seed!;
  throw new TypeError(`${caller}(): Expected the seed of each run, got ${kindOf(seed)} for ${where}: leave it out`);
}

function requireSeeds(trained: readonly number[], where: string, seeds: readonly number[] | undefined): void {
  const twice = trained.find((seed, at) => trained[at + 1] === seed);
  if (twice !== undefined) {
    throw new RangeError(`${caller}(): Expected each seed once for ${where}, got ${twice} twice: leave one out`);
  }
  const wanted = seeds ?? trained;
  if (trained.length > 0 && String(trained) === String(wanted)) return;
  throw new RangeError(
    `${caller}(): Expected ${
      seeds === undefined ? "at least one run" : `runs of the seeds ${seeds.join(", ")}`
    } for ${where}, ` +
      `got ${trained.join(", ") || "none"}: train what is missing, or leave it out everywhere`,
  );
}

function minus(a: Shares, b: Shares): Shares {
  return a.map((shares, seed) => shares.map((share, image) => share - b[seed]![image]!));
}

function twoWays(
  differences: Shares,
  how: { alpha: number; seed: number },
): Omit<TwoWayDifference, "pHolm"> {
  const byImage = differences[0]!.map((_, image) => meanOf(differences.map((shares) => shares[image]!)));
  return {
    overImages: differenceOf(byImage, how),
    overSeeds: differences.length > 1 ? differenceOf(differences.map(meanOf), how) : null,
  };
}

function corrected<Found extends Omit<TwoWayDifference, "pHolm">>(found: Found[]): (Found & { pHolm: number })[] {
  const pValues = holm(found.map(({ overImages, overSeeds }) => (overSeeds ?? overImages).p));
  return found.map((each, at) => ({ ...each, pHolm: pValues[at]! }));
}
