/** The probability of a class while an image moves along one axis. */
import type { FloatName } from "../../ffi/codes.ts";
import type { Module } from "../../nn/module.ts";
import { noGrad } from "../../tensor/graph.ts";
import { requireChoice } from "../../tensor/ops/checks.ts";
import { concat } from "../../tensor/ops/shape.ts";
import { softmax } from "../../tensor/ops/softmax.ts";
import { scope } from "../../tensor/scope.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { measuring } from "../../train/evaluate.ts";
import { logitsOf } from "../../train/precision.ts";
import { whole } from "../../data/checks.ts";
import { meanOf, studentInterval } from "../statistics/intervals.ts";
import {
  cornerOf,
  notFinite,
  requireCanvas,
  requireLabel,
  shiftsOf,
  type WindowOptions,
  windowsAt,
} from "./windows.ts";

/** Along which axis an image moves. */
export type ShiftAxis = "horizontal" | "vertical";

/** Which curve to take. */
export interface CurveOptions extends WindowOptions {
  /** The class whose probability is followed. */
  readonly label: number;
  /** Along which axis the image moves; by default `horizontal`, from left to right; `vertical` is from top to bottom. */
  readonly axis?: ShiftAxis;
  /** Windows at a time; by default all. */
  readonly bs?: number;
  /** What the model computes in; by default what the image comes in. */
  readonly dtype?: FloatName;
}

/** The mean of several images' curves. */
export interface MeanCurve {
  /** The mean at each shift, 0 to 1. */
  readonly mean: readonly number[];
  /** The lower end of Student's interval over images for that mean, from 0; null of one image. */
  readonly low: readonly number[] | null;
  /** Its upper end, to 1. */
  readonly high: readonly number[] | null;
  /** Images. */
  readonly n: number;
}

/**
 * The probability of a class in each of the `margin + 1` windows of an image along one axis, in the middle of the other one,
 * at the shifts from `margin >> 1` minus `margin` to `margin >> 1` pixels to the right or down. The image is
 * [1, size + margin, size + margin, c].
 */
export async function shiftCurve(
  model: Module,
  image: Tensor,
  options: CurveOptions,
): Promise<number[]> {
  const { size, margin, label, axis = "horizontal", dtype } = options;
  requireCanvas(image, { size, margin });
  requireChoice("shiftCurve", "axis", axis, ["horizontal", "vertical"]);
  const shifts = shiftsOf(margin);
  const { bs = shifts.length } = options;
  whole("shiftCurve", "bs", bs, 1, Infinity);
  const curve: number[] = [];
  await measuring(model, async () => {
    for (let from = 0; from < shifts.length; from += bs) {
      const corners = shifts.slice(from, from + bs).map((shift) =>
        cornerOf(axis === "horizontal" ? { dy: 0, dx: shift } : { dy: shift, dx: 0 }, margin)
      );
      using probabilities = noGrad(() =>
        scope(() => {
          const windows = concat(corners.map((corner) => windowsAt(image, corner, size)));
          return softmax(logitsOf(model, windows, dtype)).to("f32");
        })
      );
      const classes = probabilities.shape[1]!;
      requireLabel("shiftCurve", label, classes);
      const values = await probabilities.data();
      curve.push(...corners.map((_, at) => Number(values[at * classes + label])));
    }
  });
  if (curve.every(Number.isFinite)) return curve;
  throw notFinite("shiftCurve");
}

/** The mean of curves with its band. */
export function meanCurve(curves: readonly (readonly number[])[], alpha: number): MeanCurve {
  const at = curves[0]!.map((_, shift) => curves.map((curve) => curve[shift]!));
  const n = curves.length;
  const mean = at.map(meanOf);
  if (n < 2) return { mean, low: null, high: null, n };
  const bands = at.map((values) => studentInterval(values, alpha));
  return {
    mean,
    low: bands.map(({ low }) => Math.max(0, low)),
    high: bands.map(({ high }) => Math.min(1, high)),
    n,
  };
}
