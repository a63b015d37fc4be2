/** What is measured of models whose images move, and how: types, and what is refused. */
import { whole } from "../../data/checks.ts";
import type { Dataset } from "../../data/dataset.ts";
import type { Normalization } from "../../data/normalize.ts";
import type { FloatName } from "../../ffi/codes.ts";
import { Module } from "../../nn/module.ts";
import {
  kindOf,
  requireChoice,
  requireFunction,
  requireKnownOptions,
  requireOptions,
  requireSignal,
  requireText,
} from "../../tensor/ops/checks.ts";
import { filledOptions } from "../statistics/options.ts";
import { type ShiftKind, shiftKinds, shiftMargin } from "./canvases.ts";
import type { ShiftComparison } from "./compare.ts";
import type { Consistency } from "./consistency.ts";
import type { MeanCurve } from "./curves.ts";
import { layersOf } from "./layers.ts";
import type { ShiftMap } from "./maps.ts";

/** A model to measure. */
export interface ShiftModel {
  /** What it is called in tables and figures; each model's is another. */
  readonly label: string;
  /** It gives logits for images [n, size, size, c]. */
  readonly model: Module;
  /** What it computes in; by default f32, and f64 where its weights are. */
  readonly dtype?: FloatName;
  /** What its images are brought to, as in its training; by default they stay from 0 to 1. */
  readonly normalize?: Normalization;
  /** Paths of the modules whose features are compared, as `modules()` gives them; by default blocks and layers. */
  readonly layers?: readonly string[];
}

/** What is under way: curves, then consistency, then the map. */
export type ShiftStage = "curves" | "consistency" | "map";

/** How far a measurement is. */
export interface ShiftProgress {
  /** The model's place in the list. */
  readonly model: number;
  /** Its label. */
  readonly label: string;
  /** What is under way. */
  readonly stage: ShiftStage;
  /** Images of this model and stage that are done; of a map images at a shift. */
  readonly done: number;
  /** How many there are. */
  readonly total: number;
}

/** How to measure. */
export interface MeasureShiftOptions {
  /** What comes into view as images move; by default `cropped` with `size`, else `padded`. */
  kind?: ShiftKind;
  /**
   * Height and width of what the models get, for `cropped`: they see windows of that size in the larger images of the data
   * set. Otherwise the models get what the images have.
   */
  size?: number;
  /**
   * Pixels by which images move along an axis, without `size`; by default a quarter of their width, as many to either side.
   * One less than their width is every circular shift.
   */
  shifts?: number;
  /** Images whose curves are told one by one, evenly spread; by default 4. */
  images?: number;
  /** Images whose curves the means are of, evenly spread; by default 32. */
  meanImages?: number;
  /** Pixels to either side of the maps, at most half the shifts; by default 0, for no maps. */
  square?: number;
  /** Images of the maps, evenly spread; by default 16. Of `bs` at a time the features of every layer are held, twice. */
  mapImages?: number;
  /** Random pairs of shifts of each kind for each image; by default 1. */
  pairs?: number;
  /** The pairs of shifts follow from it, and what is random in statistics; by default 0. */
  seed?: number;
  /** The chance of being wrong that intervals and verdicts take, 0.0001 to 0.5; by default 0.05. */
  alpha?: number;
  /** Only the first images; by default all. */
  limit?: number;
  /** Images at a time; by default 16, four windows of each. */
  bs?: number;
  /** Ends it early. */
  signal?: AbortSignal;
  /** Told after each batch. */
  onProgress?(state: ShiftProgress): void;
}

const optionNames = [
  "kind",
  "size",
  "shifts",
  "images",
  "meanImages",
  "square",
  "mapImages",
  "pairs",
  "seed",
  "alpha",
  "limit",
  "bs",
  "signal",
  "onProgress",
] as const satisfies readonly (keyof MeasureShiftOptions)[];

/** One model's measurements. */
export interface ModelShift extends Consistency {
  /** What it is called in tables and figures. */
  readonly label: string;
  /** Probability of the right class at each shift to the right, for each image of the curves. */
  readonly curves: readonly (readonly number[])[];
  /** The same at each shift down. */
  readonly verticalCurves: readonly (readonly number[])[];
  /** Means of more images' curves, with their bands. */
  readonly means: {
    /** At each shift to the right. */
    readonly horizontal: MeanCurve;
    /** At each shift down. */
    readonly vertical: MeanCurve;
  };
  /** What a square of shifts does; null where none was asked for. */
  readonly map: ShiftMap | null;
}

/** An image whose curves were taken. */
export interface ShiftedImage {
  /** Its number in the data set. */
  readonly sample: number;
  /** Its class. */
  readonly class: string;
}

/** How it was measured. */
export interface ShiftConditions {
  /** What came into view as images moved. */
  readonly kind: ShiftKind;
  /** Height and width of what the models got. */
  readonly size: number;
  /** Pixels by which images moved along an axis. */
  readonly margin: number;
  /** Pairs of shifts of each kind for each image. */
  readonly pairs: number;
  /** What the pairs followed from. */
  readonly seed: number;
  /** The chance of being wrong that intervals and verdicts take. */
  readonly alpha: number;
  /** The shifts of the curves, pixels to the right or down. */
  readonly shifts: readonly number[];
  /** The images of the curves. */
  readonly images: readonly ShiftedImage[];
  /** Every other model beside the first. */
  readonly comparisons: readonly ShiftComparison[];
}

/** What was measured. */
export interface ShiftMeasurement extends ShiftConditions {
  /** The models, in their order. */
  readonly models: readonly ModelShift[];
}

const caller = "measureShift";

/** Refuses what cannot be measured, before anything is. */
export function checkMeasurement(models: readonly ShiftModel[], set: Dataset, options: MeasureShiftOptions): void {
  if (!Array.isArray(models)) {
    throw new TypeError(`${caller}(): Expected \`models\` as an array of { label, model }, got ${kindOf(models)}`);
  }
  checkSet(set);
  requireOptions(caller, options, `${caller}(models, set, { shifts: 8 })`);
  requireKnownOptions(caller, options, optionNames);
  requireSignal(caller, options.signal);
  if (options.onProgress !== undefined) requireFunction(caller, "onProgress", options.onProgress);
  checkNumbers(options);
  checkMoves(set, options);
  checkModels(models);
}

function checkModels(models: readonly ShiftModel[]): void {
  if (models.length === 0) {
    throw new RangeError(`${caller}(): Expected at least one model, got none: give [{ label, model }]`);
  }
  const seen = new Set<string>();
  for (const [at, each] of models.entries()) {
    requireOptions(caller, each, `${caller}([{ label: "max", model }], set)`);
    requireText(caller, `models[${at}].label`, each.label);
    if (!(each.model instanceof Module)) {
      throw new TypeError(`${caller}(): Expected \`models[${at}].model\` as a model, got ${kindOf(each.model)}`);
    }
    if (seen.has(each.label)) {
      throw new RangeError(
        `${caller}(): Expected each label once, got ${
          kindOf(each.label)
        } twice: name models apart, as curves and tables do`,
      );
    }
    seen.add(each.label);
    if (each.layers !== undefined) layersOf(each.model, each.layers);
  }
}

function checkSet(set: Dataset): void {
  if (typeof (set as Partial<Dataset> | undefined)?.batches !== "function") {
    throw new TypeError(`${caller}(): Expected \`set\` as a data set, got ${kindOf(set)}`);
  }
  if (set.length === 0) throw new RangeError(`${caller}(): Expected at least one image, got a data set of none`);
  if (set.targets !== undefined && set.targets !== "classes") {
    throw new TypeError(
      `${caller}(): Expected data whose targets are classes, got ${set.targets}: a consistent answer is a class`,
    );
  }
  const [height, width] = set.imageShape;
  if (height !== width) throw new RangeError(`${caller}(): Expected square images to move, got ${height} x ${width}`);
}

function checkNumbers(options: MeasureShiftOptions): void {
  const { shifts = 1, images = 4, meanImages = 1, mapImages = 1, pairs = 1, seed = 0, limit = 1, bs = 1 } = options;
  whole(caller, "shifts", shifts, 1, 4096);
  whole(caller, "images", images, 1, Infinity);
  whole(caller, "meanImages", meanImages, 1, Infinity);
  whole(caller, "square", options.square ?? 0, 0, 2048);
  whole(caller, "mapImages", mapImages, 1, Infinity);
  whole(caller, "pairs", pairs, 1, 1000);
  whole(caller, "seed", seed, 0, 2 ** 32 - 1);
  whole(caller, "limit", limit, 1, Infinity);
  whole(caller, "bs", bs, 1, Infinity);
  filledOptions(caller, { alpha: options.alpha }, ["alpha"]);
}

/** Refuses moves that the images have no room for. */
function checkMoves(set: Dataset, { kind, size, shifts, square = 0 }: MeasureShiftOptions): void {
  const side = set.imageShape[0];
  if (kind !== undefined) requireChoice(caller, "kind", kind, shiftKinds);
  if (size !== undefined) {
    whole(caller, "size", size, 1, Infinity);
    if (size >= side) {
      throw new RangeError(`${caller}(): Expected \`size\` below the ${side} pixels of the images, got ${size}`);
    }
    if (shifts !== undefined) {
      throw new TypeError(
        `${caller}(): Expected no \`shifts\` with \`size\`, got ${kindOf(shifts)}: windows move by the ${
          side - size
        } pixels that the images are larger`,
      );
    }
    if (kind !== undefined && kind !== "cropped") {
      throw new TypeError(
        `${caller}(): Expected no \`size\` with \`kind\` ${kind}, got ${size}: the models get all ${side} pixels then`,
      );
    }
  } else if (kind === "cropped") {
    throw new TypeError(
      `${caller}(): Expected \`size\` with \`kind\` cropped, got none: say which part of the ${side} pixels the models get`,
    );
  }
  const margin = size === undefined ? shifts ?? shiftMargin(side) : side - size;
  const wrong = wrongRoom({ kind: kind ?? (size === undefined ? "padded" : "cropped"), side, margin, square });
  if (wrong !== undefined) throw new RangeError(`${caller}(): ${wrong}`);
}

/** What is wrong with moves that images have no room for, if anything; `side` is what the models get. */
export function wrongRoom(
  { kind, side, margin, square }: { kind: ShiftKind; side: number; margin: number; square: number },
): string | undefined {
  if (kind === "circular" && margin >= side) {
    return `Expected \`shifts\` below the ${side} pixels of the images, got ${margin}: a circular shift by all of them is none`;
  }
  if (kind === "padded" && margin - (margin >> 1) >= side) {
    return `Expected \`shifts\` up to ${
      2 * side - 2
    } for images of ${side} pixels, got ${margin}: half of them go to ` +
      "either side, and would leave nothing in view";
  }
  if (square <= margin >> 1) return undefined;
  return `Expected \`square\` up to ${
    margin >> 1
  }, as images move by ${margin} pixels, half of them to either side, got ` +
    `${square}: lower it, or let images move further by \`shifts\``;
}
