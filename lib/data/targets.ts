/** What samples are to be answered with: one class, several labels, or numbers. */
import { kindOf } from "../tensor/ops/checks.ts";
import { tensor } from "../tensor/create.ts";
import type { Device } from "../tensor/device.ts";
import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";

/**
 * What a data set's targets are: `classes`, i32 [n], one class a sample; `labels`, f32 [n, classes] of 0 and 1, any number
 * of labels a sample; `values`, f32 [n, k], numbers to predict.
 */
export type TargetKind = "classes" | "labels" | "values";

/** Targets as a script has them: classes by their place, or numbers by rows. */
export interface TargetArrays {
  /** n places in `classes`. */
  readonly labels?: ArrayLike<number>;
  /** n rows of numbers: those to predict or, with `classes`, a 0 or 1 for each class. */
  readonly targets?: ArrayLike<number>;
  /** The names of the classes, or how many there are. */
  readonly classes?: readonly string[] | number;
}

/** Targets on a device. */
export interface HeldTargets {
  readonly kind: TargetKind;
  /** i32 [n] or f32 [n, k]; belongs to whoever asked. */
  readonly tensor: Tensor;
  /** The names of the classes; of values none. */
  readonly classes: readonly string[];
}

/** The targets of `n` samples on a device; refuses what does not fit. */
export function holdTargets(caller: string, arrays: TargetArrays, options: { n: number; device: Device }): HeldTargets {
  const { n, device } = options;
  const { labels, targets, classes: given } = arrays;
  if ((labels === undefined) === (targets === undefined)) {
    throw new TypeError(
      `${caller}(): Expected \`labels\` or \`targets\`, got ${labels === undefined ? "none" : "both"}`,
    );
  }
  if (typeof given === "number" && !(Number.isInteger(given) && given >= 1 && given < 2 ** 32)) {
    throw new RangeError(`${caller}(): Expected \`classes\` as a whole number from 1, got ${given}`);
  }
  const classes = typeof given === "number" ? Array.from({ length: given }, (_, index) => `${index}`) : given ?? [];
  const hold = (values: Int32Array<ArrayBuffer> | Float32Array<ArrayBuffer>, shape: number[]): Tensor =>
    scope(() => tensor(values, shape, { device })).detachFromScope().heldAs("dataSet");
  if (labels !== undefined) {
    if (given === undefined) throw new TypeError(`${caller}(): Expected \`classes\` with \`labels\`, got none`);
    return { kind: "classes", tensor: hold(placesOf(caller, labels, classes.length), [labels.length]), classes };
  }
  const kind: TargetKind = given === undefined ? "values" : "labels";
  const width = kind === "labels" ? classes.length : targets!.length / n;
  if (!Number.isInteger(width) || width < 1 || width * n !== targets!.length) {
    const wanted = kind === "labels" ? `${n * width} numbers, ${width} for each of ${n} images` : `rows of ${n} images`;
    throw new TypeError(`${caller}(): Expected \`targets\` as ${wanted}, got ${targets!.length} numbers`);
  }
  const values = Float32Array.from(targets!);
  const allowed = kind === "labels" ? (value: number): boolean => value === 0 || value === 1 : Number.isFinite;
  const wrong = values.findIndex((value) => !allowed(value));
  if (wrong >= 0) {
    const wanted = kind === "labels" ? "0 or 1 for each class" : "finite numbers";
    throw new RangeError(
      `${caller}(): Expected \`targets\` as ${wanted}, got ${targets![wrong]} for image ${Math.floor(wrong / width)}`,
    );
  }
  return { kind, tensor: hold(values, [n, width]), classes };
}

/** Labels as the device wants them; refuses what is no class. */
export function placesOf(caller: string, labels: ArrayLike<number>, classes: number): Int32Array<ArrayBuffer> {
  if (typeof labels !== "object" || labels === null || Array.from(labels).some((label) => typeof label !== "number")) {
    throw new TypeError(`${caller}(): Expected \`labels\` as numbers, got ${kindOf(labels)}`);
  }
  const places = Int32Array.from(labels);
  const wrong = places.findIndex((place, index) => !(labels[index] === place && place >= 0 && place < classes));
  if (wrong < 0) return places;
  throw new RangeError(
    `${caller}(): Expected labels from 0 to ${classes - 1}, got ${labels[wrong]} for image ${wrong}`,
  );
}

/** What the targets are, in words, for a data set's print. */
export function describeTargets(kind: TargetKind, classes: readonly string[], width: number): string {
  if (kind === "classes") return `${classes.length} classes`;
  if (kind === "labels") return `any of ${classes.length} labels each`;
  return `${width} value${width === 1 ? "" : "s"} each`;
}
