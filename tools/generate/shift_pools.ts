/** What stands of shifts in `docs/experiments.md`, from `benchmarks/results/shift_pools.json` as `deno task bench:shift` writes it. */
import { points, pointsInterval } from "../../lib/study/shift/words.ts";
import { percent, short } from "../../lib/study/statistics/digits.ts";
import { markdownTable } from "../../lib/study/sweep/texts.ts";

interface Difference {
  readonly mean: number;
  readonly flips: { readonly low: number; readonly high: number } | null;
  readonly t: { readonly low: number; readonly high: number };
  readonly p: number;
  readonly n: number;
  readonly verdict: "better" | "worse" | "not decided";
}

interface TwoWays {
  readonly overSeeds: Difference | null;
  readonly overImages: Difference;
}

interface Measured {
  readonly images: number;
  readonly cells: readonly {
    readonly model: string;
    readonly pool: string;
    readonly consistency: number;
    readonly bySeed: readonly number[];
  }[];
  readonly gains: readonly (TwoWays & { readonly model: string })[];
  readonly before: readonly (TwoWays & { readonly than: string })[];
  readonly interactions: readonly (TwoWays & { readonly than: string })[];
}

interface Moved {
  readonly margin: number;
  readonly along: Measured;
  readonly diagonal: Measured;
}

/** The file's contents. */
export interface ShiftPools {
  readonly commit: string | null;
  readonly cpu: string;
  readonly isa: string;
  readonly cores: number;
  readonly trained: readonly string[];
  readonly model: string;
  readonly seeds: readonly number[];
  readonly usual: Moved;
  readonly pixel: Moved;
}

const claims = { better: "holds here", worse: "refuted here", "not decided": "not decided" } as const;

/** A difference's cells of a table: points, interval, p. */
function cellsOf({ overSeeds, overImages }: TwoWays): string[] {
  const { mean, flips, t, p } = overSeeds ?? overImages;
  return [points(mean), pointsInterval(flips ?? t) ?? "", short(p, 2)];
}

/** The table of how often answers agree, a row a network and pool. */
function sharesTable({ cells }: Measured): string {
  return markdownTable(
    ["network", "pool", "consistency", "of each seed"],
    cells.map(({ model, pool, consistency, bySeed }) => [
      model,
      pool,
      percent(consistency, 2),
      bySeed.map((each) => (100 * each).toFixed(2)).join(" "),
    ]),
  );
}

function differencesTable(model: string, { gains, before, interactions }: Measured): string {
  const rows = [
    ...gains.map((each) => [`blur above max, ${each.model}`, ...cellsOf(each)]),
    ...before.map((each) => [`${model} above ${each.than}, both with max`, ...cellsOf(each)]),
    ...interactions.map((each) => [`what ${model} gains above what ${each.than} gains`, ...cellsOf(each)]),
  ];
  return markdownTable(["difference, seed by seed", "points", "95 %", "p"], rows);
}

/** The part of the page. */
export function shiftPoolsText({ commit, cpu, isa, cores, trained, model, seeds, usual, pixel }: ShiftPools): string {
  const [decides] = usual.along.interactions;
  const found = decides!.overSeeds ?? decides!.overImages;
  const moves = (moved: Moved, measured: Measured, how: string): string[] => [
    `Shifts of up to ${moved.margin} pixel${moved.margin === 1 ? "" : "s"} ${how}, ${measured.images} images:`,
    sharesTable(measured),
    differencesTable(model, measured),
  ];
  return [
    `**${claims[found.verdict][0]!.toUpperCase()}${claims[found.verdict].slice(1)}**: ${model} gains ${
      points(found.mean)
    } points more than ${decides!.than} (95 % ${pointsInterval(found.flips ?? found.t)}), p = ${
      short(found.p, 2)
    } of ${found.n} seeds.`,
    `Seeds ${seeds.join(", ")}, trained by commit ${trained.map((each) => each.slice(0, 12)).join(", ")}; measured by ${
      commit?.slice(0, 12)
    } on ${cores} cores of ${cpu} (${isa}). Shares of pairs of shifts of an image that get the same answer.`,
    ...moves(usual, usual.along, "along both axes, which decides"),
    ...moves(usual, usual.diagonal, "on the diagonal, as Zhang has it, which only hints"),
    ...moves(pixel, pixel.along, "along both axes, which only hints"),
  ].join("\n\n");
}
