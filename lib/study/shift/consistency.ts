/** How often a model's answer stays the same wherever in the image something is (Zhang 2019). */
import type { Batch } from "../../data/dataset.ts";
import type { FloatName } from "../../ffi/codes.ts";
import { StateError } from "../../ffi/errors.ts";
import type { Module } from "../../nn/module.ts";
import { Backpressure } from "../../tensor/backpressure.ts";
import { noGrad } from "../../tensor/graph.ts";
import { requireSignal } from "../../tensor/ops/checks.ts";
import { concat } from "../../tensor/ops/shape.ts";
import { softmax } from "../../tensor/ops/softmax.ts";
import { scope } from "../../tensor/scope.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { whole } from "../../data/checks.ts";
import { measuring } from "../../train/evaluate.ts";
import { logitsOf } from "../../train/precision.ts";
import { clusteredInterval } from "../statistics/clustered.ts";
import type { Interval } from "../statistics/intervals.ts";
import { meanOf } from "../statistics/intervals.ts";
import { notFinite, requireCanvas, shiftPairs, type WindowOptions, windowsAt } from "./windows.ts";

/** How often a model's answer stays the same. */
export interface Consistency {
  /** Share of pairs of random shifts along both axes whose top-1 class agrees, 0 to 1. */
  readonly consistency: number;
  /** Where it lies: Wilson's interval over images, for the pairs of one image as a group. */
  readonly consistencyInterval: Interval;
  /** The same for shifts along the diagonal. */
  readonly consistencyDiagonal: number;
  /** Where that lies. */
  readonly consistencyDiagonalInterval: Interval;
  /** Share of right answers in all those windows, 0 to 1: a model that says one class of everything is consistent too. */
  readonly top1: number;
  /** Share of each image's pairs along both axes that agree, in the order of the images: 0 or 1 for one pair. */
  readonly agreement: readonly number[];
  /** The same for pairs along the diagonal. */
  readonly agreementDiagonal: readonly number[];
  /** Number of images. */
  readonly n: number;
}

/** How to measure it. */
export interface ShiftOptions extends WindowOptions {
  /** The pairs of shifts follow from it; by default 0. */
  seed?: number;
  /** Pairs of each kind for each image; by default 1. */
  pairs?: number;
  /** The chance of being wrong that intervals take; by default 0.05. */
  alpha?: number;
  /** What the model computes in; by default what the images come in. */
  dtype?: FloatName;
  /** Ends it early. */
  signal?: AbortSignal;
  /** Told how many samples are done. */
  onProgress?(samples: number): void;
}

/** Windows of a pair along both axes and of one along the diagonal. */
const WINDOWS = 4;

/** The answers to the windows of one batch, as they are counted. */
interface Answers {
  readonly answers: Tensor;
  readonly labels: Promise<ArrayLike<number>>;
  readonly sum: Tensor;
  readonly images: number;
  /** The place of the batch's first image. */
  readonly from: number;
}

/** Counts of agreement, image by image. */
class Agreement {
  readonly both: number[] = [];
  readonly diagonal: number[] = [];
  right = 0;

  async add({ answers, labels, sum, images, from }: Answers): Promise<void> {
    const [given, wanted, total] = await Promise.all([answers.data(), labels, sum.item()]);
    if (!Number.isFinite(total)) throw notFinite("shiftConsistency");
    for (let image = 0; image < images; image++) {
      const [a, b, c, d] = [0, 1, 2, 3].map((window) => given[WINDOWS * image + window]);
      const at = from + image;
      this.both[at] = (this.both[at] ?? 0) + Number(a === b);
      this.diagonal[at] = (this.diagonal[at] ?? 0) + Number(c === d);
      for (const answer of [a, b, c, d]) this.right += Number(answer === wanted[image]);
    }
  }

  result({ pairs, alpha }: { pairs: number; alpha: number | undefined }): Consistency {
    const n = this.both.length;
    if (n === 0) throw new StateError("shiftConsistency(): Expected at least one batch, got none");
    const [agreement, agreementDiagonal] = [this.both, this.diagonal].map((counts) =>
      counts.map((agreeing) => agreeing / pairs)
    ) as [number[], number[]];
    const options = { each: pairs, alpha };
    return {
      consistency: meanOf(agreement),
      consistencyInterval: clusteredInterval(agreement, options),
      consistencyDiagonal: meanOf(agreementDiagonal),
      consistencyDiagonalInterval: clusteredInterval(agreementDiagonal, options),
      top1: this.right / (WINDOWS * pairs * n),
      agreement,
      agreementDiagonal,
      n,
    };
  }
}

/**
 * Zhang's classification consistency (Zhang 2019): how often a model gives two random windows of the same
 * image the same class.
 *
 * The batches' images [n, size + margin, size + margin, c] are those that windows are cut from, their labels classes; the
 * shifts follow from seed and sample alone, so that every model sees the same. The four windows of a pair of shifts along
 * both axes and of one along the diagonal are one batch of the model, in evaluation with batch norms folded. Zhang's code
 * takes five pairs of an image along both axes (`pairs: 5`), one shift for the whole of a batch.
 *
 * Rejects with a StateError where answers are not finite or there is no batch, and with the signal's reason once it aborts.
 */
export async function shiftConsistency(
  model: Module,
  batches: AsyncIterable<Batch>,
  options: ShiftOptions,
): Promise<Consistency> {
  const { size, margin, seed = 0, pairs = 1, alpha, dtype, signal, onProgress } = options;
  whole("shiftConsistency", "pairs", pairs, 1, 1000);
  requireSignal("shiftConsistency", signal);
  const found = new Agreement();
  let reading: Promise<void> = Promise.resolve();
  let from = 0;
  const pass = async (): Promise<void> => {
    let backpressure: Backpressure | undefined;
    for await (const { images, labels, index } of batches) {
      requireCanvas(images, { size, margin });
      let wanted: Promise<ArrayLike<number>> | undefined;
      for (let pair = 0; pair < pairs; pair++) {
        signal?.throwIfAborted();
        const { answers, sum } = noGrad(() =>
          scope(() => {
            const windows = [...index].flatMap((sample, at) =>
              shiftPairs(sample, { margin, seed, pair }).flat().map((corner) =>
                windowsAt(images.narrow(at, 1), corner, size)
              )
            );
            const logits = logitsOf(model, concat(windows), dtype);
            // Not a number where the answers are none; a class that is masked by -Infinity is none.
            return { answers: logits.argmax().detachFromScope(), sum: softmax(logits).sum().detachFromScope() };
          })
        );
        await reading;
        wanted ??= labels.data();
        reading = found.add({ answers, labels: wanted, sum, images: index.length, from });
        // It is awaited at the next windows only, and must not count as unhandled until then.
        reading.catch(() => undefined);
        answers.dispose();
        sum.dispose();
        backpressure ??= new Backpressure(images.device);
        await backpressure.step();
      }
      from += index.length;
      onProgress?.(from);
    }
    await reading;
  };
  await measuring(model, pass);
  return found.result({ pairs, alpha });
}
