/** Windows in images that are larger than what a model gets: what moves is the window, and so what it shows. */
import { philox } from "../../data/philox.ts";
import { StateError } from "../../ffi/errors.ts";
import { concat, pad, slice } from "../../tensor/ops/shape.ts";
import { scope } from "../../tensor/scope.ts";
import type { Tensor } from "../../tensor/tensor.ts";

/** Keeps these draws apart from others under the same seed; the text "move". */
const purpose = 0x6d6f7665;

/** The upper left corner of a window in a larger image, pixels. */
export interface Corner {
  /** Rows above it. */
  readonly y: number;
  /** Columns left of it. */
  readonly x: number;
}

/** How far what is seen has moved, pixels. */
export interface Shift {
  /** Down. */
  readonly dy: number;
  /** To the right. */
  readonly dx: number;
}

/** Where windows can be: `size` is their height and width, and each image is `margin` pixels larger. */
export interface WindowOptions {
  /** Height and width of the windows, which the model gets. */
  readonly size: number;
  /** Pixels by which a window can move. */
  readonly margin: number;
}

/** Pixels left and above, and right and below, of the window in the middle. */
function sides(margin: number): { before: number; after: number } {
  const before = margin >> 1;
  return { before, after: margin - before };
}

/** Zeros around images [n, h, w, c] so that windows of their size can move by `margin` pixels: content leaves the view. */
export function widen(images: Tensor, margin: number): Tensor {
  const { before, after } = sides(margin);
  return pad(images, { before: [0, before, before, 0], after: [0, after, after, 0] });
}

/** The images themselves around images [n, h, w, c], so that what leaves a window on one side comes in on the other. */
export function wrap(images: Tensor, margin: number): Tensor {
  const { before, after } = sides(margin);
  const along = (x: Tensor, axis: number): Tensor => {
    const side = x.shape[axis]!;
    const part = (start: number, size: number): Tensor =>
      slice(x, x.shape.map((_, at) => at === axis ? start : 0), x.shape.with(axis, size));
    const parts = [
      ...(before > 0 ? [part(side - before, before)] : []),
      x,
      ...(after > 0 ? [part(0, after)] : []),
    ];
    return parts.length === 1 ? x : concat(parts, axis);
  };
  return scope(() => along(along(images, 1), 2));
}

/** Windows [n, size, size, c] at one place of images [n, h, w, c]. */
export function windowsAt(images: Tensor, { y, x }: Corner, size: number): Tensor {
  const [n = 0, , , channels = 0] = images.shape;
  return slice(images, [0, y, x, 0], [n, size, size, channels]);
}

/** The window that shows the image moved by so much: one further left shows the same thing further right. */
export function cornerOf({ dy, dx }: Shift, margin: number): Corner {
  const { before } = sides(margin);
  return { y: before - dy, x: before - dx };
}

/** Every shift along one axis that a margin allows, rising. */
export function shiftsOf(margin: number): number[] {
  return Array.from({ length: margin + 1 }, (_, at) => at - sides(margin).after);
}

/** The two pairs of corners of a sample: one moved along both axes independently, one along the diagonal. */
export function shiftPairs(
  sample: number,
  { margin, seed, pair = 0 }: { margin: number; seed: number; pair?: number },
): [both: [Corner, Corner], diagonal: [Corner, Corner]] {
  const place = (draw: number): number => Math.floor(draw / 2 ** 32 * (margin + 1));
  const draws = (block: number): number[] => philox([seed, 0], [sample, block, 0, purpose]).map(place);
  const [a, b, c, d] = draws(2 * pair) as [number, number, number, number];
  const [e, f] = draws(2 * pair + 1) as [number, number];
  return [[{ y: a, x: b }, { y: c, x: d }], [{ y: e, x: e }, { y: f, x: f }]];
}

/** Throws where images are not as large as windows of a size need to move by a margin. */
export function requireCanvas({ shape }: Tensor, { size, margin }: WindowOptions): void {
  const side = size + margin;
  if (shape[1] === side && shape[2] === side) return;
  throw new RangeError(`Expected images of ${side} x ${side} to move windows in, got ${shape[1]} x ${shape[2]}`);
}

/** What is thrown where a model's answers, or its features, are not finite. */
export function notFinite(op: string, what = "answers"): StateError {
  return new StateError(
    `${op}(): Expected ${what} that are finite, got others: the model's weights, or its images, are not finite`,
  );
}

/** Throws where an image's class is none that a model answers with. */
export function requireLabel(op: string, label: number, classes: number): void {
  if (Number.isInteger(label) && label >= 0 && label < classes) return;
  throw new RangeError(
    `${op}(): Expected images of the ${classes} classes that the model has logits for, got class ${label}: give data of ` +
      "its classes",
  );
}
