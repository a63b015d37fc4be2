/** Batch transforms that mix pairs of samples, and their targets with them. */
import { arange } from "../tensor/create.ts";
import { isFloat } from "../ffi/codes.ts";
import { kindOf, requireOptionsOf } from "../tensor/ops/checks.ts";
import { sampleDraws } from "../tensor/ops/random.ts";
import { where } from "../tensor/ops/select.ts";
import { gatherRows, inDtype, oneHot } from "../tensor/ops/shape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { share } from "./checks.ts";
import type { BatchTransform, TransformContext, TransformInput } from "./transform.ts";

/** Options of {@linkcode mixup} and {@linkcode cutmix}. */
export interface MixOptions {
  /** How evenly two samples are mixed: shares are drawn from Beta(alpha, alpha); above 0. */
  alpha: number;
  /** Probability that a sample is mixed, 0 to 1; by default 1. */
  probability?: number;
  /** How many classes there are, where labels are places among them; by default as many as the data set has. */
  classes?: number;
}

/** The numbers of the draws, which keep those of one transform apart from another's. */
const draws = { mixup: 0, cutmix: 4 };

/** What a transform mixes by. */
interface Mix {
  /** f32 or f64 [n, 1]: the share that stays of each sample. */
  readonly kept: Tensor;
  /** i32 [n]: the sample of the batch that each is mixed with, each once. */
  readonly partner: Tensor;
}

/**
 * Mixup (Zhang 2018): x ← λ·x + (1 - λ)·x', and the same of the targets, where x' is another sample of the batch and
 * λ ~ Beta(alpha, alpha), no smaller than 1 - λ (as in fastai), is drawn for each sample. As a batch transform of a Trainer.
 *
 * Labels become shares f32 [n, classes], and cross entropy takes those; targets that are floats are mixed as they are.
 * Accuracy counts the class with the larger share, which is the sample's own. Draws follow from seed, epoch and the sample's
 * number: the same in a resumed training, others at each replay of a recorded step.
 *
 * @example
 * ```ts
 * import { data, models, optim, Trainer } from "@libtrain/libtrain";
 *
 * const { train, valid } = await data.mnist({ limit: 128 });
 * using model = models.mnistNet({ seed: 0 });
 * using trainer = new Trainer(model, {
 *   optimizer: optim.adamw(),
 *   schedule: optim.oneCycle({ lr: 1e-3 }),
 *   transformBatch: data.mixup({ alpha: 0.4 }),
 * });
 * await trainer.fit(train.batches(32), { epochs: 1, valid: valid.batches(64) });
 * ```
 */
export function mixup(options: MixOptions): BatchTransform {
  requireMix("mixup", options);
  return (batch, context) => {
    const { inputs } = batch;
    requireFloats("mixup", inputs);
    const { kept, partner } = mixOf(inputs, options, { ...context, first: draws.mixup });
    const mixed = (values: Tensor): Tensor => {
      const part = inDtype(kept, values.dtype).reshape([kept.shape[0]!, ...values.shape.slice(1).map(() => 1)]);
      const mixed = values.mul(part).add(gatherRows(values, partner).mul(part.affine(-1, 1)));
      // Where all of it stays, the partner does not matter, be it infinite.
      return where(part.less(1), mixed, values);
    };
    return { inputs: mixed(inputs), targets: mixed(sharesOf("mixup", batch, options, context)) };
  };
}

/**
 * CutMix (Yun 2019): a box of each image is that of another image of the batch, and the targets are mixed by the areas. The
 * box has the share 1 - λ of the image, λ ~ Beta(alpha, alpha), and its centre is anywhere; what lies outside is cut off.
 *
 * For images [n, h, w, c]; else as {@linkcode mixup}. Accuracy counts the class with the larger area.
 *
 * @example
 * ```ts
 * import { data } from "@libtrain/libtrain";
 *
 * const transformBatch = data.cutmix({ alpha: 1, probability: 0.5 }); // for `new Trainer(model, { transformBatch, … })`
 * console.log(typeof transformBatch); // function
 * ```
 */
export function cutmix(options: MixOptions): BatchTransform {
  requireMix("cutmix", options);
  return (batch, context) => {
    const { inputs } = batch;
    requireFloats("cutmix", inputs);
    if (inputs.rank !== 4) {
      throw new TypeError(`cutmix(): Expected images [n, h, w, c], got shape [${inputs.shape.join(", ")}]`);
    }
    const drawn = { ...context, first: draws.cutmix };
    const { kept, partner } = mixOf(inputs, options, drawn);
    const [n = 0, height = 0, width = 0] = inputs.shape;
    const side = kept.affine(-1, 1).sqrt();
    const centres = drawsOf(inputs, drawn, 3);
    const inside = [height, width].map((size, axis) => insideOf(centres.slice([0, axis], [n, 1]), side, size));
    const box = inside[0]!.reshape([n, height, 1, 1]).mul(inside[1]!.reshape([n, 1, width, 1]));
    const mixed = (values: Tensor, part: Tensor): Tensor =>
      values.mul(part.affine(-1, 1)).add(gatherRows(values, partner).mul(part));
    const targets = sharesOf("cutmix", batch, options, context);
    const area = inDtype(box.mean([1, 2, 3]), targets.dtype).reshape([n, ...targets.shape.slice(1).map(() => 1)]);
    return {
      inputs: where(box, gatherRows(inputs, partner), inputs),
      targets: where(area, mixed(targets, area), targets),
    };
  };
}

function requireMix(caller: string, options: MixOptions): void {
  requireOptionsOf(caller, options, {
    example: `${caller}({ alpha: 0.4 })`,
    known: ["alpha", "probability", "classes"],
  });
  const { alpha, probability = 1, classes = 1 } = options;
  if (!(Number.isFinite(alpha) && alpha > 0)) {
    throw new RangeError(
      `${caller}(): Expected \`alpha\` above 0, got ${kindOf(alpha)}: leave the transform out for none`,
    );
  }
  share(caller, "probability", probability);
  if (!Number.isInteger(classes) || classes < 1) {
    throw new RangeError(`${caller}(): Expected \`classes\` as a whole number from 1, got ${kindOf(classes)}`);
  }
}

function requireFloats(caller: string, inputs: unknown): asserts inputs is Tensor {
  if (inputs instanceof Tensor && (inputs.dtype === "f32" || inputs.dtype === "f64")) return;
  const got = inputs instanceof Tensor ? inputs.dtype : "several tensors";
  throw new TypeError(
    `${caller}(): Expected inputs as one tensor of f32 or f64, got ${got}: mix them in a transform of your own`,
  );
}

/** Where the draws of one transform begin. */
type Drawing = TransformContext & { readonly first: number };

/** Uniform numbers [n, count] of each sample, in the dtype of the inputs: `count` are two for the number 3, else one. */
function drawsOf(inputs: Tensor, { index, seed, epoch, first }: Drawing, number: number): Tensor {
  const count = number === 3 ? 2 : 1;
  return inDtype(sampleDraws(index, { seed, epoch, first: first + number, count }), inputs.dtype);
}

function mixOf(inputs: Tensor, { alpha, probability = 1 }: MixOptions, drawing: Drawing): Mix {
  const { index, seed, epoch, first } = drawing;
  const n = inputs.shape[0]!;
  const drawn = inDtype(sampleDraws(index, { seed, epoch, first, beta: [alpha, alpha] }), inputs.dtype);
  const larger = drawn.maximum(drawn.affine(-1, 1));
  const kept = probability === 1
    ? larger
    // Above every share where it is not mixed: all of it stays.
    : larger.maximum(drawsOf(inputs, drawing, 2).greater(probability));
  const order = drawsOf(inputs, drawing, 1);
  // Its place among the draws of the batch: an order at random. Two equal draws, in one batch of some hundred, share a partner.
  const partner = order.greater(order.reshape([1, n])).sum(1).to("i32");
  return { kept, partner };
}

/** Targets as shares: labels as 1 at their class, floats as they are. */
function sharesOf(
  caller: string,
  { inputs, targets }: TransformInput,
  { classes }: MixOptions,
  context: TransformContext,
): Tensor {
  if (!(targets instanceof Tensor)) {
    throw new TypeError(
      `${caller}(): Expected targets as one tensor, got ${targets === undefined ? "none" : "several"}`,
    );
  }
  if (isFloat(targets.dtype)) return targets;
  const count = classes ?? context.classes;
  if (count === undefined || targets.dtype !== "i32" || targets.rank !== 1) {
    throw new TypeError(
      `${caller}(): Expected labels i32 [n] and the number of their classes, got ${targets.dtype} [${
        targets.shape.join(", ")
      }] and ${count ?? "none"}: give \`classes\``,
    );
  }
  return oneHot(targets, { classes: count, dtype: inputs.dtype });
}

/** 1 where a place along an axis is in a box, else 0: [n, size]. `centres` are 0 to 1, `side` the box's share of the axis. */
function insideOf(centres: Tensor, side: Tensor, size: number): Tensor {
  const { dtype, device } = centres;
  const places = arange(size, { dtype, device }).reshape([1, size]);
  const whole = (values: Tensor): Tensor => values.to("i32").to(values.dtype);
  const [centre, half] = [whole(centres.mul(size)), whole(side.mul(size / 2))];
  const from = places.greater(centre.sub(half).sub(0.5));
  return from.mul(places.greater(centre.add(half).sub(0.5)).affine(-1, 1));
}
