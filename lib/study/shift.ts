/** How much a model's answers depend on where in the image something is (Zhang 2019). */
import type { Batch } from "../data/dataset.ts";
import { Backpressure } from "../tensor/backpressure.ts";
import { philox } from "../data/philox.ts";
import type { FloatName } from "../ffi/codes.ts";
import { StateError } from "../ffi/errors.ts";
import type { Module } from "../nn/module.ts";
import { noGrad } from "../tensor/graph.ts";
import { concat, pad, slice } from "../tensor/ops/shape.ts";
import { softmax } from "../tensor/ops/softmax.ts";
import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { measuring } from "../train/evaluate.ts";
import { logitsOf } from "../train/precision.ts";

/** Keeps these draws apart from others under the same seed; the text "move". */
const purpose = 0x6d6f7665;

/** The upper left corner of a window in a larger image, pixels. */
export interface Corner {
  /** Rows above it. */
  readonly y: number;
  /** Columns left of it. */
  readonly x: number;
}

/** Where windows can be: `size` is their height and width, and each image is `margin` pixels larger. */
export interface WindowOptions {
  /** Height and width of the windows, which the model gets. */
  readonly size: number;
  /** Pixels by which a window can move. */
  readonly margin: number;
}

/** Zeros around images [n, h, w, c] so that windows of their size can move by `margin` pixels: content leaves the view. */
export function widen(images: Tensor, margin: number): Tensor {
  const before = margin >> 1;
  const after = margin - before;
  return pad(images, { before: [0, before, before, 0], after: [0, after, after, 0] });
}

/** Windows [k, size, size, c] of one image [1, h, w, c]. */
function windowsOf(image: Tensor, corners: readonly Corner[], size: number): Tensor[] {
  const channels = image.shape[3]!;
  return corners.map(({ y, x }) => slice(image, [0, y, x, 0], [1, size, size, channels]));
}

/** The two pairs of corners of a sample: one moved along both axes independently, one along the diagonal. */
export function shiftPairs(
  sample: number,
  { margin, seed }: { margin: number; seed: number },
): [both: [Corner, Corner], diagonal: [Corner, Corner]] {
  const place = (draw: number): number => Math.floor(draw / 2 ** 32 * (margin + 1));
  const [a, b, c, d] = philox([seed, 0], [sample, 0, 0, purpose]).map(place) as [number, number, number, number];
  const [e, f] = philox([seed, 0], [sample, 1, 0, purpose]).map(place) as [number, number, number, number];
  return [[{ y: a, x: b }, { y: c, x: d }], [{ y: e, x: e }, { y: f, x: f }]];
}

/** Which curve to take. */
export interface CurveOptions extends WindowOptions {
  /** The class whose probability is followed. */
  readonly label: number;
  /** What the model computes in; by default what the image comes in. */
  readonly dtype?: FloatName;
}

/** How often a model's answer stays the same. */
export interface Consistency {
  /** Share of images whose top-1 class agrees between two random shifts along both axes, 0 to 1. */
  readonly consistency: number;
  /** The same for shifts along the diagonal. */
  readonly consistencyDiagonal: number;
  /** Number of images. */
  readonly n: number;
}

/** How to measure it. */
export interface ShiftOptions extends WindowOptions {
  /** The pairs of shifts follow from it; by default 0. */
  seed?: number;
  /** What the model computes in; by default what the images come in. */
  dtype?: FloatName;
  /** Ends it early. */
  signal?: AbortSignal;
  /** Told how many samples are done. */
  onProgress?(samples: number): void;
}

/**
 * Zhang's classification consistency: how often a model gives two random windows of the same image the same class.
 *
 * The batches' images [n, size + margin, size + margin, c] are those that windows are cut from; the shifts follow from seed
 * and sample. All windows of a batch are one batch of the model.
 */
export async function shiftConsistency(
  model: Module,
  batches: AsyncIterable<Batch>,
  options: ShiftOptions,
): Promise<Consistency> {
  const { size, margin, seed = 0, dtype, signal, onProgress } = options;
  const same = { both: 0, diagonal: 0, n: 0 };
  let reading: Promise<void> = Promise.resolve();
  const count = async (read: Promise<ArrayLike<number>>, sum: Promise<number>, n: number): Promise<void> => {
    const [answers, total] = await Promise.all([read, sum]);
    if (!Number.isFinite(total)) throw notFinite("shiftConsistency");
    for (let at = 0; at < 4 * n; at += 4) {
      if (answers[at] === answers[at + 1]) same.both++;
      if (answers[at + 2] === answers[at + 3]) same.diagonal++;
    }
    same.n += n;
    onProgress?.(same.n);
  };
  await measuring(model, async () => {
    let backpressure: Backpressure | undefined;
    for await (const { images, index } of batches) {
      signal?.throwIfAborted();
      requireCanvas(images, size + margin);
      const { answers, sum } = noGrad(() =>
        scope(() => {
          const windows = [...index].flatMap((sample, at) =>
            windowsOf(images.narrow(at, 1), shiftPairs(sample, { margin, seed }).flat(), size)
          );
          const logits = logitsOf(model, concat(windows), dtype);
          // Not a number where the answers are none; a class that is masked by -Infinity is none.
          return { answers: logits.argmax().detachFromScope(), sum: softmax(logits).sum().detachFromScope() };
        })
      );
      await reading;
      reading = count(answers.data(), sum.item(), index.length);
      answers.dispose();
      sum.dispose();
      backpressure ??= new Backpressure(images.device);
      await backpressure.step();
    }
    await reading;
  });
  const { both, diagonal, n } = same;
  if (n === 0) throw new StateError("shiftConsistency(): Expected at least one batch, got none");
  return { consistency: both / n, consistencyDiagonal: diagonal / n, n };
}

/**
 * The probability of a class in each of the `margin + 1` windows of an image from left to right, in the middle of its
 * height: all of them are one batch. The image is [1, size + margin, size + margin, c].
 */
export async function shiftCurve(
  model: Module,
  image: Tensor,
  options: CurveOptions,
): Promise<number[]> {
  const { size, margin, label, dtype } = options;
  requireCanvas(image, size + margin);
  // A window further left shows the same thing further right.
  const corners = Array.from({ length: margin + 1 }, (_, shift) => ({ y: margin >> 1, x: margin - shift }));
  return await measuring(model, async () => {
    using probabilities = noGrad(() =>
      scope(() => softmax(logitsOf(model, concat(windowsOf(image, corners, size)), dtype)).to("f32"))
    );
    const classes = probabilities.shape[1]!;
    const values = await probabilities.data();
    const curve = corners.map((_, shift) => Number(values[shift * classes + label]));
    if (curve.every(Number.isFinite)) return curve;
    throw notFinite("shiftCurve");
  });
}

function notFinite(op: string): StateError {
  return new StateError(
    `${op}(): Expected answers that are finite, got others: the model's weights, or its images, are not finite`,
  );
}

function requireCanvas({ shape }: Tensor, size: number): void {
  if (shape[1] === size && shape[2] === size) return;
  throw new RangeError(`Expected images of ${size} x ${size} to move windows in, got ${shape[1]} x ${shape[2]}`);
}
