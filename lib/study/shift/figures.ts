/** Charts of moving images, as specifications and rows. */
import type { Json } from "../../registry/registry.ts";
import type { Figure } from "../report/page.ts";
import type { MeanCurve, ShiftAxis } from "./curves.ts";
import type { LayerShift } from "./maps.ts";
import type { ModelShift, ShiftMeasurement } from "./measurement.ts";
import { percent, short } from "../statistics/digits.ts";

type Spec = Figure["spec"];
type Rows = Figure["rows"];

/** How far a page lets a chart be wide, pixels; panels beside each other share it. */
const WIDTH = 640;

/** Which way a curve moves, in words. */
const directions: Readonly<Record<ShiftAxis, string>> = { horizontal: "to the right", vertical: "down" };

const model: Json = { field: "model", type: "nominal", title: null, sort: null };
const probability: Json = { field: "probability", type: "quantitative", scale: { domain: [0, 1] } };

function shiftX(axis: ShiftAxis): Json {
  const title = `shift ${directions[axis]}, pixels`;
  return { field: "shift", type: "quantitative", title, axis: { tickMinStep: 1, format: "d" } };
}

/** Panels in the order in which their names are given, which is not that of the alphabet. */
function panelsBy(field: string, names: readonly string[]): Json {
  return { field, type: "nominal", title: null, sort: [...new Set(names)] };
}

/** How consistent each model is, with intervals. */
export function consistencyFigure({ models, alpha }: ShiftMeasurement): Figure {
  const rows = models.flatMap(({ label, ...found }) => [
    { model: label, shifts: "both axes", consistency: found.consistency, ...found.consistencyInterval },
    { model: label, shifts: "diagonal", consistency: found.consistencyDiagonal, ...found.consistencyDiagonalInterval },
  ]);
  const shifts: Json = { field: "shifts", type: "nominal", title: "shifts along", sort: null };
  const place: Json = { field: "shifts", type: "nominal", sort: null };
  return {
    name: "shift-consistency",
    title: "Consistency",
    caption: `Share of pairs of random shifts of the same image that get the same answer, with ${percent(1 - alpha)} ` +
      "intervals over images.",
    spec: {
      height: { step: 22 },
      encoding: { y: model, yOffset: place, color: shifts },
      layer: [
        {
          mark: { type: "rule", strokeWidth: 2 },
          encoding: {
            x: {
              field: "low",
              type: "quantitative",
              title: "consistency",
              scale: { zero: false },
              axis: { format: ".1~%", tickCount: 6 },
            },
            x2: { field: "high" },
          },
        },
        { mark: { type: "point" }, encoding: { x: { field: "consistency", type: "quantitative" } } },
      ],
    },
    rows,
  };
}

function curveRows(label: string, shifts: readonly number[], curve: MeanCurve): Rows {
  const { mean, low, high } = curve;
  return shifts.map((shift, at) => ({
    ...{ model: label, shift, probability: mean[at]! },
    ...{ low: low?.[at] ?? null, high: high?.[at] ?? null },
  }));
}

/** The mean probability of the right class along one axis, with its band. */
export function meanFigure({ shifts, models, alpha }: ShiftMeasurement, axis: ShiftAxis): Figure {
  const n = models[0]?.means[axis].n ?? 0;
  const banded = n > 1;
  const band: Spec = {
    mark: { type: "area" },
    encoding: {
      y: { field: "low", type: "quantitative", title: "probability of the right class" },
      y2: { field: "high" },
    },
  };
  return {
    name: axis === "horizontal" ? "shift-mean-right" : "shift-mean-down",
    title: `Probability of the right class, moving ${directions[axis]}`,
    caption: `The mean of ${n} ${n === 1 ? "image" : "images"}` +
      (banded ? `, with the ${percent(1 - alpha)} interval for that mean over images.` : "."),
    spec: {
      encoding: { x: shiftX(axis), color: model },
      layer: [
        ...(banded ? [band] : []),
        {
          mark: { type: "line" },
          encoding: { y: { ...probability as Spec, title: "probability of the right class" } },
        },
      ],
    },
    rows: models.flatMap(({ label, means }) => curveRows(label, shifts, means[axis])),
  };
}

/** The probability of the right class of single images along one axis. */
export function imagesFigure({ shifts, images, models }: ShiftMeasurement, axis: ShiftAxis): Figure {
  const rows = models.flatMap(({ label, ...found }) =>
    images.flatMap(({ sample, class: name }, image) => {
      const curve = (axis === "horizontal" ? found.curves : found.verticalCurves)[image]!;
      return shifts.map((shift, at) => ({
        ...{ model: label, image: `image ${sample}: ${name}`, shift, probability: curve[at]! },
      }));
    })
  );
  const columns = Math.min(2, images.length);
  return {
    name: axis === "horizontal" ? "shift-images-right" : "shift-images-down",
    title: `Single images, moving ${directions[axis]}`,
    caption: "Probability of the right class for each image: jumps are what a pixel or two change.",
    spec: {
      facet: panelsBy("image", rows.map(({ image }) => image)),
      columns,
      spec: {
        ...{ width: Math.floor(WIDTH / columns) - 40, height: 150 },
        mark: { type: "line" },
        encoding: { x: shiftX(axis), y: { ...probability as Spec, title: "probability" }, color: model },
      },
    },
    rows,
  };
}

/** Cells of a square of shifts, in panels. */
function squareSpec(
  panels: string,
  names: readonly string[],
  color: Json,
): Spec {
  // Four panels are a square themselves.
  const columns = names.length === 4 ? 2 : Math.min(3, names.length);
  const side = Math.min(240, Math.floor(WIDTH / columns) - 30);
  const axis = (field: string, title: string): Json => ({
    ...{ field, type: "ordinal", title },
    axis: { labelOverlap: true, labelAngle: 0, ticks: false, domain: false },
    scale: { paddingInner: 0, paddingOuter: 0 },
  });
  return {
    facet: panelsBy(panels, names),
    columns,
    spec: {
      ...{ width: side, height: side },
      mark: { type: "rect" },
      encoding: { x: axis("right", "to the right, pixels"), y: axis("down", "down, pixels"), color },
    },
  };
}

/** The values of a square of shifts by place. */
function squareRows<Names extends Rows[number]>(
  names: Names,
  { shifts, values, as }: { shifts: readonly number[]; values: readonly (readonly number[])[]; as: string },
): Rows {
  return shifts.flatMap((down, y) => shifts.map((right, x) => ({ ...names, right, down, [as]: values[y]![x]! })));
}

/** The probability of the right class at every shift of a square. */
export function mapFigure({ models }: ShiftMeasurement): Figure {
  const mapped = models.flatMap(({ label, map }) => map === null ? [] : [{ label, map }]);
  const all = mapped.flatMap(({ map }) => map.probability.flat());
  const [low, high] = [Math.min(...all), Math.max(...all)];
  return {
    name: "shift-map",
    title: "Probability of the right class at each shift",
    caption:
      `The mean of ${mapped[0]?.map.n ?? 0} images, moved to every place of a square; all of one colour is a model ` +
      `that does not mind. Colours go from ${short(low)} to ${
        short(high)
      }, the lowest and the highest value here, while ` +
      "the curves above have all of 0 to 1.",
    spec: squareSpec("model", mapped.map(({ label }) => label), {
      ...{ field: "probability", type: "quantitative", title: "mean probability of the right class" },
    }),
    rows: mapped.flatMap(({ label, map: { shifts, probability: values } }) =>
      squareRows({ model: label }, { shifts, values, as: "probability" })
    ),
  };
}

/** Layers by depth, where all models have the same in one chart, else in a panel a model. */
export function layersFigure({ models, alpha }: ShiftMeasurement): Figure {
  const mapped = models.flatMap(({ label, map }) => map === null ? [] : [{ label, layers: map.layers }]);
  const rows = mapped.flatMap(({ label, layers }) =>
    layers.map(({ layer, distance, interval, downsampling }) => ({
      ...{ model: label, layer, distance, low: interval?.low ?? null, high: interval?.high ?? null },
      downsampling,
    }))
  );
  const lists = mapped.map(({ layers }) => layers.map(({ layer }) => layer).join("\n"));
  const alike = new Set(lists).size <= 1;
  const x: Json = {
    ...{ field: "layer", type: "ordinal", title: null, sort: null },
    axis: { labelAngle: -50, labelLimit: 160, labelOverlap: true },
  };
  const y: Json = { field: "distance", type: "quantitative", title: "cosine distance" };
  const chart: Spec = {
    encoding: { x, color: model },
    layer: [
      {
        mark: { type: "rule", strokeWidth: 2 },
        encoding: { y: { field: "low", type: "quantitative", title: "cosine distance" }, y2: { field: "high" } },
      },
      { mark: { type: "line", point: true }, encoding: { y } },
    ],
  };
  return {
    name: "shift-layers",
    title: "Feature distance by layer",
    caption:
      "Cosine distance between the features of the moved image and the features moved as far, mean over images and " +
      `shifts, with ${percent(1 - alpha)} intervals over images: 0 is a layer that moves with its input.`,
    spec: alike ? chart : {
      facet: panelsBy("model", mapped.map(({ label }) => label)),
      columns: 1,
      resolve: { scale: { x: "independent" } },
      spec: { ...chart, width: WIDTH, height: 200 },
    },
    rows,
  };
}

/** The layers at which maps become smaller, and the network's end: the last of each size. */
export function lastOfEachSize(layers: readonly LayerShift[]): readonly LayerShift[] {
  return layers.filter(({ downsampling }, at) => layers[at + 1]?.downsampling !== downsampling);
}

/** Feature distances of one model's layers at every shift of a square, beside those of two different images. */
export function layerMapsFigure({ label, map }: ModelShift, place: number, layers: readonly LayerShift[]): Figure {
  const named = (layer: LayerShift): string =>
    layer.downsampling === null ? layer.layer : `${layer.layer} [${Number(layer.downsampling.toFixed(2))}]`;
  const scaled = layers.every(({ between }) => between !== null && between > 0);
  const value = scaled ? "relative" : "distance";
  return {
    name: `shift-layer-maps-${place + 1}`,
    title: `Feature distance at each shift: ${label}`,
    caption: "In brackets by how much a layer's maps are smaller than the image. " +
      (scaled
        ? "Distances are shares of the layer's mean distance between two different images; half of that and more has the " +
          "last colour, as in Zhang 2019."
        : "Cosine distances; there is no second image to compare them with."),
    spec: squareSpec("layer", layers.map(named), {
      ...{ field: value, type: "quantitative" },
      title: scaled ? "share of the distance between two images" : "cosine distance",
      scale: scaled ? { domain: [0, 0.5], clamp: true } : { zero: true },
    }),
    rows: layers.flatMap((layer) =>
      squareRows({ layer: named(layer) }, {
        shifts: map!.shifts,
        values: scaled ? layer.map.map((row) => row.map((distance) => distance / layer.between!)) : layer.map,
        as: value,
      })
    ),
  };
}
