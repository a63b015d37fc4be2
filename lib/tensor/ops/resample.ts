/** Images of another size: adaptive pooling and upsampling, and their gradient. */
import { applyOne } from "../apply.ts";
import type { GradientRule } from "../rules.ts";
import type { Tensor } from "../tensor.ts";
import { kindOf, requireOptionsOf, requireTensor } from "./checks.ts";
import { type Pair, pair } from "./pair.ts";

/** How pixels of an enlarged image are found. */
export type UpsampleMode = "nearest" | "bilinear";

/** Options of {@linkcode upsample2d}: a size or a scale. */
export interface UpsampleOptions {
  /** Height and width of the result. */
  size?: Pair;
  /** Results to a pixel, above 0, or [down, across]; the size is that times the image's, rounded down. */
  scale?: number | readonly [down: number, across: number];
  /** By default nearest. */
  mode?: UpsampleMode;
}

/** The op's codes of its rules. */
const RULES = { mean: 0, nearest: 1, bilinear: 2 } as const;

/**
 * The mean of the pixels that each of `size` results overlaps: x [n, h, w, c] to [n, height, width, c], whatever the image's
 * size. `torch.nn.functional.adaptive_avg_pool2d`, channels last.
 *
 * @example
 * ```ts
 * import { adaptiveAvgPool2d, randn } from "@libtrain/libtrain";
 *
 * using x = randn([2, 7, 9, 16]);
 * using y = adaptiveAvgPool2d(x, { size: [2, 3] });
 * console.log(y.shape); // [2, 2, 3, 16]
 * ```
 */
export function adaptiveAvgPool2d(x: Tensor, options: { size: Pair }): Tensor {
  requireImages("adaptiveAvgPool2d", x);
  requireOptionsOf("adaptiveAvgPool2d", options, { example: "adaptiveAvgPool2d(x, { size: 1 })", known: ["size"] });
  const [height, width] = sizeOf("adaptiveAvgPool2d", options.size);
  return applyOne("resample2d", [x], { height, width, rule: RULES.mean, scaleH: 0, scaleW: 0 });
}

/**
 * Images of another size: x [n, h, w, c] to [n, height, width, c]. Nearest repeats pixels, bilinear mixes the nearest four by
 * their distances, corners not aligned: `torch.nn.functional.interpolate`, channels last.
 *
 * @example
 * ```ts
 * import { randn, upsample2d } from "@libtrain/libtrain";
 *
 * using x = randn([2, 8, 8, 16]);
 * using y = upsample2d(x, { scale: 2, mode: "bilinear" });
 * console.log(y.shape); // [2, 16, 16, 16]
 * ```
 */
export function upsample2d(x: Tensor, options: UpsampleOptions): Tensor {
  requireImages("upsample2d", x);
  requireUpsample("upsample2d", options);
  const { size, scale, mode = "nearest" } = options;
  const rule = RULES[mode];
  if (size !== undefined) {
    const [height, width] = sizeOf("upsample2d", size);
    return applyOne("resample2d", [x], { height, width, rule, scaleH: 0, scaleW: 0 });
  }
  const [scaleH, scaleW] = scalesOf("upsample2d", scale);
  const [height, width] = [Math.floor(x.shape[1]! * scaleH), Math.floor(x.shape[2]! * scaleW)];
  return applyOne("resample2d", [x], { height, width, rule, scaleH, scaleW });
}

/** Throws where options say no size or two, or no mode that there is. */
export function requireUpsample(op: string, options: UpsampleOptions): void {
  requireOptionsOf(op, options, { example: `${op}(…, { scale: 2 })`, known: ["size", "scale", "mode"] });
  const { size, scale, mode = "nearest" } = options;
  if ((size === undefined) === (scale === undefined)) {
    throw new TypeError(`${op}(): Expected either \`size\` or \`scale\`, got ${size === undefined ? "none" : "both"}`);
  }
  if (mode !== "nearest" && mode !== "bilinear") {
    throw new RangeError(`${op}(): Expected \`mode\` as nearest or bilinear, got ${kindOf(mode)}`);
  }
  if (size === undefined) scalesOf(op, scale);
  else sizeOf(op, size);
}

/** Throws where a size is none from 1. */
export function sizeOf(op: string, size: Pair): [height: number, width: number] {
  const both = pair(op, "size", size);
  if (both.some((number) => number === 0)) {
    throw new RangeError(`${op}(): Expected \`size\` from 1, got ${kindOf(size)}`);
  }
  return both;
}

function scalesOf(op: string, scale: UpsampleOptions["scale"]): [down: number, across: number] {
  const both: readonly unknown[] = typeof scale === "number" ? [scale, scale] : Array.isArray(scale) ? scale : [];
  const fine = both.length === 2 && both.every((number) => Number.isFinite(number) && (number as number) > 0);
  if (!fine) throw new RangeError(`${op}(): Expected \`scale\` as a number above 0 or two, got ${kindOf(scale)}`);
  return both as [number, number];
}

function requireImages(op: string, x: Tensor): void {
  requireTensor(op, "x", x);
  if (x.rank === 4) return;
  throw new TypeError(`${op}(): Expected \`x\` with 4 axes [n, h, w, c], got shape [${x.shape.join(", ")}]`);
}

export const resample2dRule: GradientRule<"resample2d"> = {
  backward: ([dy], { params: { rule, scaleH, scaleW }, inputShapes: [[, height = 0, width = 0] = []] }) => [
    applyOne("resample2d_backward", [dy!], { height, width, rule, scaleH, scaleW }),
  ],
};
