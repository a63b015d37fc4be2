/** What a study of networks and pools found, as parts of a page. */
import { kindOf } from "../../tensor/ops/checks.ts";
import type { Figure, Section, Table } from "../report/page.ts";
import type { ShiftDifference } from "./compare.ts";
import type { NetworkDifference, PoolGain, ShiftInteraction, TwoWayDifference } from "./interaction.ts";
import { percent, short } from "../statistics/digits.ts";
import { points, pointsInterval } from "./words.ts";

/** Parts of a page on what {@linkcode shiftInteraction} found: every network with both pools, gains, and interactions. */
export function interactionSections(found: ShiftInteraction): Section[] {
  if (!Array.isArray((found as Partial<ShiftInteraction> | null | undefined)?.interactions)) {
    throw new TypeError(`interactionSections(): Expected what shiftInteraction gives, got ${kindOf(found)}`);
  }
  const { model, pools: [before, after], seeds, images, measure } = found;
  const along = measure === "consistency" ? "along both axes" : "along the diagonal";
  const trained = seeds.length === 1 ? `seed ${seeds[0]}` : `${seeds.length} seeds`;
  const how = seeds.length === 1
    ? "There is one seed of each, so verdicts speak of other images, and not of other trainings."
    : "Verdicts over images speak of these trainings on other images; those over seeds speak of other trainings.";
  return [{
    title: `Is ${model} particularly affected?`,
    text: [
      `Consistency ${along} of networks with pool ${before} and with ${after}, ${trained} of each, on the same shifts of ` +
      `${images.toLocaleString("en-US")} images. ${how}`,
      "Consistency says nothing of being right: a network that always gives the same answer has 100 %. Gains are compared in " +
      "points; near 100 % there is less room for them, so networks that start from different consistencies may gain " +
      "differently for that alone.",
    ],
    tables: [
      {
        title: "Consistency of each network and pool",
        columns: ["network", before, after],
        rows: [...new Set(found.cells.map((cell) => cell.model))].map((name) => [
          name,
          ...[before, after].map((pool) =>
            percent(found.cells.find((cell) => cell.model === name && cell.pool === pool)!.consistency, 2)
          ),
        ]),
      },
      differencesTable(`What ${after} adds to ${before}`, "network", found.gains, ({ model: name }: PoolGain) => name),
      differencesTable(
        `${model} with ${before}, above each other network`,
        "beside",
        found.before,
        ({ than }: NetworkDifference) => than,
      ),
      differencesTable(
        `How much more ${after} adds to ${model} than to each other network`,
        "beside",
        found.interactions,
        ({ than }: NetworkDifference) => than,
      ),
    ],
    figures: [cellsFigure(found)],
  }];
}

function differencesTable<Found extends TwoWayDifference>(
  title: string,
  name: string,
  found: readonly Found[],
  nameOf: (each: Found) => string,
): Table {
  const told = (difference: ShiftDifference | null): (string | null)[] =>
    difference === null ? [null, null] : [
      `${points(difference.mean)} (${pointsInterval(difference.flips ?? difference.t) ?? "no interval"})`,
      difference.words,
    ];
  return {
    title,
    columns: [name, "points over images", "verdict over images", "points over seeds", "verdict over seeds", "p (Holm)"],
    rows: found.map((each) => [
      nameOf(each),
      ...told(each.overImages),
      ...told(each.overSeeds),
      short(each.pHolm, 2),
    ]),
    note:
      "Points with the interval of the sign-flip test, Student's where there are fewer than six pairs or more than 20. A " +
      "pair is an image, or a seed, under both. p (Holm) is that over seeds where there are several, else over images, " +
      "corrected for the rows.",
  };
}

function cellsFigure({ cells, pools, seeds }: ShiftInteraction): Figure {
  return {
    name: "shift-interaction",
    title: "Consistency by network and pool",
    caption: seeds.length === 1
      ? "One training each; the steeper line gains more."
      : "Points are seeds, lines their means; the steeper line gains more.",
    spec: {
      encoding: {
        x: { field: "pool", type: "ordinal", title: null, sort: [...pools], axis: { labelAngle: 0 } },
        color: { field: "network", type: "nominal", title: null, sort: null },
        y: { field: "consistency", type: "quantitative", scale: { zero: false }, axis: { format: ".1~%" } },
      },
      layer: [
        { mark: { type: "line" }, encoding: { y: { field: "consistency", type: "quantitative", aggregate: "mean" } } },
        { mark: { type: "point" } },
      ],
    },
    rows: cells.flatMap(({ model, pool, bySeed }) =>
      bySeed.map((consistency, at) => ({ network: model, pool, seed: seeds[at]!, consistency }))
    ),
  };
}
