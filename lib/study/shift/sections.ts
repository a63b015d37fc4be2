/** What was measured of moving images, as parts of a page. */
import { kindOf, requireOptionsOf } from "../../tensor/ops/checks.ts";
import type { Figure, Section, Table } from "../report/page.ts";
import {
  consistencyFigure,
  imagesFigure,
  lastOfEachSize,
  layerMapsFigure,
  layersFigure,
  mapFigure,
  meanFigure,
} from "./figures.ts";
import type { LayerShift } from "./maps.ts";
import type { ModelShift, ShiftMeasurement } from "./measurement.ts";
import type { ShiftRunsResult } from "./runs.ts";
import { percent, short } from "../statistics/digits.ts";
import { points, pointsInterval, shares, views } from "./words.ts";

/** Which layers get a map of every shift. */
export interface ShiftSectionsOptions {
  /** Names of layers, as a measurement has them; by default the last of each size, and the network's end. */
  layers?: readonly string[];
}

/**
 * Parts of a page on what {@linkcode measureShift} or {@linkcode shiftRuns} found: consistency with intervals and verdicts,
 * curves of the right class's probability with their bands, maps of it, and feature distances by layer and shift.
 *
 * @example
 * ```ts
 * import { data, models, study } from "@libtrain/libtrain";
 *
 * const { train, valid } = await data.mnist({ limit: 32 });
 * train.dispose();
 * using set = valid;
 * using model = models.mnistNet({ seed: 0 });
 * const found = await study.measureShift([{ label: "untrained", model }], set, { square: 1, mapImages: 2 });
 * for (const { title, figures = [] } of study.shiftSections(found)) console.log(title, figures.map(({ name }) => name));
 * ```
 */
export function shiftSections(
  result: ShiftMeasurement | ShiftRunsResult,
  options: ShiftSectionsOptions = {},
): Section[] {
  requireOptionsOf("shiftSections", options, {
    example: 'shiftSections(found, { layers: ["head"] })',
    known: ["layers"],
  });
  const found = measurementOf(result);
  const mapped = found.models.filter(({ map }) => map !== null);
  return [
    consistencySection(found),
    probabilitySection(found, mapped.length > 0),
    ...(mapped.length > 0 ? [featuresSection(found, mapped, options)] : []),
  ];
}

function measurementOf(result: ShiftMeasurement | ShiftRunsResult): ShiftMeasurement {
  const { runs, models } = (result ?? {}) as Partial<ShiftRunsResult & ShiftMeasurement>;
  if (Array.isArray(runs)) return { ...result as ShiftRunsResult, models: runs };
  if (Array.isArray(models)) return result as ShiftMeasurement;
  throw new TypeError(
    `shiftSections(): Expected what measureShift or shiftRuns gives, got ${kindOf(result)}`,
  );
}

function consistencySection(found: ShiftMeasurement): Section {
  const { kind, size, margin, pairs, models, comparisons } = found;
  const n = models[0]?.n ?? 0;
  const each = pairs === 1 ? "one random pair" : `${pairs} random pairs`;
  return {
    title: "Consistency under shifts",
    text: [
      `How often a model gives two random shifts of the same image the same class (Zhang 2019): ${
        n.toLocaleString("en-US")
      } ` +
      `images of ${size} x ${size} moved by up to ${margin} pixels along an axis, ${
        views[kind]
      }; for each image ${each} of ` +
      "shifts along both axes, and along the diagonal. All models saw the same windows.",
      "Intervals and verdicts speak of other images of the kind, and of these trained models alone: what other seeds would " +
      "give takes several trainings. A model that says one class of everything is consistent too, so top-1 is told beside.",
    ],
    tables: [consistencyTable(found), ...(comparisons.length > 0 ? [comparisonsTable(found)] : [])],
    figures: [consistencyFigure(found)],
  };
}

function consistencyTable({ models, alpha }: ShiftMeasurement): Table {
  const interval = `${percent(1 - alpha)} interval`;
  return {
    title: "Consistency of each model",
    columns: ["model", "both axes", interval, "diagonal", `${interval} (diagonal)`, "top-1 of moved images", "images"],
    rows: models.map((model) => [
      model.label,
      percent(model.consistency, 2),
      shares(model.consistencyInterval),
      percent(model.consistencyDiagonal, 2),
      shares(model.consistencyDiagonalInterval),
      percent(model.top1, 2),
      model.n,
    ]),
    note: "Wilson's intervals, for the pairs of one image as a group.",
  };
}

function comparisonsTable({ comparisons, alpha }: ShiftMeasurement): Table {
  return {
    title: `Beside ${comparisons[0]!.baseline}`,
    columns: ["model", "shifts along", "points", `${percent(1 - alpha)} interval`, "p", "p (Holm)", "verdict"],
    rows: comparisons.map((each) => [
      each.other,
      each.measure === "consistency" ? "both axes" : "diagonal",
      points(each.mean),
      pointsInterval(each.flips ?? each.t),
      short(each.p, 2),
      short(each.pHolm, 2),
      each.words,
    ]),
    note:
      "Differences in consistency, image by image on the same shifts, by the sign-flip test, in whose words a pair is an " +
      "image under both models; the interval of more than 20 images is Student's. p (Holm) is corrected for all rows.",
  };
}

function probabilitySection(found: ShiftMeasurement, mapped: boolean): Section {
  const { images } = found;
  const axes = ["horizontal", "vertical"] as const;
  return {
    title: "Probability of the right class",
    text: [`Images move pixel by pixel; ${views[found.kind]}.`],
    figures: [
      ...axes.map((axis) => meanFigure(found, axis)),
      ...(images.length > 0 ? axes.map((axis) => imagesFigure(found, axis)) : []),
      ...(mapped ? [mapFigure(found)] : []),
    ],
  };
}

function featuresSection(
  found: ShiftMeasurement,
  mapped: readonly ModelShift[],
  { layers }: ShiftSectionsOptions,
): Section {
  const maps: Figure[] = mapped.map((model) => {
    const place = found.models.indexOf(model);
    return layerMapsFigure(
      model,
      place,
      layers === undefined ? lastOfEachSize(model.map!.layers) : named(model, layers),
    );
  });
  return {
    title: "Features inside",
    text: [
      "By how much a layer's features differ between moving them and moving the image (Zhang 2019): 1 minus the cosine " +
      "between the vectors of channels, mean over pixels, each with the features of the cell it lies in. Where a layer is " +
      "smaller than the image by N, only shifts by multiples of N can leave it 0; what has no place in the image, as the " +
      "probabilities, should not change at all." +
      (found.kind === "circular" ? "" : " Only what both images show is compared.") +
      " Whatever a network pads its maps with differs near their edges, where it has downsampled or not.",
    ],
    tables: mapped.map((model) => layersTable(model, found)),
    figures: [layersFigure(found), ...maps],
  };
}

/** Layers of a model by name; throws where it has none of that name. */
function named({ label, map }: ModelShift, names: readonly string[]): LayerShift[] {
  return names.map((name) => {
    const layer = map!.layers.find((each) => each.layer === name);
    if (layer !== undefined) return layer;
    throw new RangeError(
      `shiftSections(): Expected \`layers\` of ${label} among ${
        map!.layers.map((each) => each.layer).join(", ")
      }, got ` +
        kindOf(name),
    );
  });
}

function layersTable({ label, map }: ModelShift, { alpha }: ShiftMeasurement): Table {
  const { layers, shifts, n } = map!;
  return {
    title: `Layers of ${label}`,
    columns: [
      ...["layer", "kind", "features", "smaller by", "distance", `${percent(1 - alpha)} interval`],
      ...["two images", "share of it"],
    ],
    rows: layers.map(({ layer, kind, shape, downsampling, distance, interval, between }) => [
      layer,
      kind,
      shape.join(" x "),
      downsampling === null ? null : Number(downsampling.toFixed(2)),
      short(distance),
      interval === null ? null : `${short(interval.low)} to ${short(interval.high)}`,
      between === null ? null : short(between),
      between === null || between === 0 ? null : percent(distance / between, 1),
    ]),
    note: `Mean over ${n} ${n === 1 ? "image" : "images"} and the ${shifts.length ** 2 - 1} shifts of a square of ` +
      `${shifts.length} x ${shifts.length} but none; \`two images\` is the mean distance of different images.`,
  };
}
