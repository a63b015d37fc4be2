/** Training images as a training sees them: cut, moved, mirrored, erased and mixed, each with its label. */
import { kindOf, requireOptions, requireOptionsOf, requireWhole } from "../../tensor/ops/checks.ts";
import type { Dataset } from "../../data/dataset.ts";
import type { Normalization } from "../../data/normalize.ts";
import { transformed } from "../../data/transform.ts";
import { batchTransform, trainBatches } from "../../recipe/build.ts";
import { masterDtype } from "../../recipe/dtype.ts";
import { normalizeOf } from "../../recipe/normalize.ts";
import type { ComputeDtype, Recipe } from "../../recipe/recipe.ts";
import { tensor } from "../../tensor/create.ts";
import { noGrad } from "../../tensor/graph.ts";
import { scope } from "../../tensor/scope.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { rgb } from "../answers/pictures.ts";
import type { Picture } from "../report/page.ts";

/** Which images. */
export interface AugmentedOptions {
  /** How many, from the first batch of the epoch on; 1 to 1000, by default 24. */
  count?: number;
  /** The epoch, from 0; by default 0. */
  epoch?: number;
}

/** What of a recipe says how training images look. */
export type AugmentingRecipe = Pick<Recipe, "bs" | "transforms" | "seed"> & { readonly dtype: ComputeDtype };

/** The least share of a class that a label tells. */
const leastShare = 0.005;

/** A label for a reader: a class, the shares of several, or numbers. */
function labelOf(values: readonly number[], set: Dataset): string {
  const { classes, targets = "classes" } = set;
  const name = (at: number): string => classes[at] ?? `${at}`;
  if (targets === "values") return values.map((value) => value.toPrecision(4)).join(", ");
  if (targets === "labels" || values.length > 1) {
    const shares = values.map((share, at) => ({ share, at })).filter(({ share }) => share >= leastShare)
      .sort((a, b) => b.share - a.share || a.at - b.at);
    const whole = shares.every(({ share }) => share === 1);
    return shares.map(({ share, at }) => whole ? name(at) : `${name(at)} ${share.toFixed(2)}`).join(" + ") || "none";
  }
  return name(values[0]!);
}

/** Brings pixels back to 0 to 1. */
function plain(values: ArrayLike<number>, channels: number, statistics: Normalization | undefined): ArrayLike<number> {
  if (statistics === undefined) return values;
  const { mean, std } = statistics;
  return Float32Array.from(values, (value, at) => {
    const channel = mean.length === 1 ? 0 : at % channels;
    return value * std[channel]! + mean[channel]!;
  });
}

/** A batch as the step gets it. */
async function seen(
  recipe: AugmentingRecipe,
  set: Dataset,
  { images, labels, index, epoch }: { images: Tensor; labels: Tensor; index: Int32Array; epoch: number },
): Promise<{ pixels: ArrayLike<number>; shape: readonly number[]; targets: ArrayLike<number>; width: number }> {
  const transform = batchTransform(recipe.transforms);
  const { device } = images;
  const made = noGrad(() =>
    scope(() => {
      if (transform === undefined) return [images.clone(), labels.clone()];
      const { inputs, targets } = transformed({ inputs: images, targets: labels }, transform, {
        seed: recipe.seed,
        epoch: tensor(Int32Array.of(epoch), [], { device }),
        index: tensor(Int32Array.from(index), [index.length], { device }),
        classes: set.classes.length === 0 ? undefined : set.classes.length,
      });
      return [inputs.clone(), targets.clone()];
    })
  );
  using inputs = made[0]!;
  using targets = made[1]!;
  return {
    pixels: await inputs.data(),
    shape: inputs.shape,
    targets: await targets.data(),
    width: targets.rank === 1 ? 1 : targets.size / index.length,
  };
}

/**
 * The first images of an epoch of training as the training step gets them: through crops, flips, shifts, erasing and the
 * recipe's batch transforms, by its seed, and back to 0 to 1. A label tells the shares of classes where images are mixed.
 *
 * Rejects as `recipe.trainBatches` does for a recipe that does not fit the data.
 *
 * @example
 * ```ts
 * import { data, recipe, study } from "@libtrain/libtrain";
 *
 * const { train, valid } = await data.mnist({ limit: 64 });
 * valid.dispose();
 * using set = train;
 * const mine = { ...recipe.preset("mnist", { bs: 32 }), dtype: "f32" as const };
 * const pictures = await study.augmentedPictures(mine, set, { count: 8 });
 * console.log(pictures.map(({ label }) => label));
 * ```
 */
export async function augmentedPictures(
  recipe: AugmentingRecipe,
  set: Dataset,
  options: AugmentedOptions = {},
): Promise<Picture[]> {
  requireOptions("augmentedPictures", recipe, "augmentedPictures(recipe, set, { count: 24 })");
  requireOptionsOf("augmentedPictures", options, {
    example: "augmentedPictures(recipe, set, { count: 24 })",
    known: ["count", "epoch"],
  });
  const { count = 24, epoch = 0 } = options;
  requireWhole("augmentedPictures", "count", count, 1);
  if (count > 1000) throw new RangeError(`augmentedPictures(): Expected \`count\` up to 1000, got ${kindOf(count)}`);
  requireWhole("augmentedPictures", "epoch", epoch);
  const statistics = normalizeOf(recipe.transforms?.normalize);
  const pictures: Picture[] = [];
  for await (const batch of trainBatches({ ...recipe, dtype: masterDtype(recipe.dtype) }, set).at({ epoch })) {
    const { pixels, shape: [n = 0, height = 0, width = 0, channels = 0], targets, width: own } = await seen(
      recipe,
      set,
      batch,
    );
    const each = height * width * channels;
    for (let at = 0; at < n && pictures.length < count; at++) {
      const values = plain(
        Float32Array.from({ length: each }, (_, place) => pixels[at * each + place]!),
        channels,
        statistics,
      );
      const label = labelOf(Array.from({ length: own }, (_, place) => targets[at * own + place]!), set);
      pictures.push({ pixels: rgb(values, channels), height, width, label });
    }
    if (pictures.length === count) break;
  }
  return pictures;
}
