/** What images show, by a trained model. */
import { decodeImage, type DecodeOptions } from "../data/decode.ts";
import { normalize } from "../data/normalize.ts";
import type { TargetKind } from "../data/targets.ts";
import { DataError, LateError, LibtrainError, OutOfMemoryError, StateError } from "../ffi/errors.ts";
import { FileError } from "../io/atomic_file.ts";
import { readRegularFile } from "../io/regular_file.ts";
import type { Module } from "../nn/module.ts";
import type { Device } from "../tensor/device.ts";
import { noGrad } from "../tensor/graph.ts";
import { kindOf } from "../tensor/ops/checks.ts";
import { slice } from "../tensor/ops/shape.ts";
import { softmax } from "../tensor/ops/softmax.ts";
import { sigmoid } from "../tensor/ops/unary.ts";
import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { TensorData } from "../tensor/typed_arrays.ts";
import { logitsOf } from "../train/precision.ts";
import { checkSetting } from "./check.ts";
import { masterDtype } from "./dtype.ts";
import { RecipeError, SettingError } from "./errors.ts";
import { advisePredicting } from "./memory_advice.ts";
import { normalizeOf } from "./normalize.ts";
import type { ComputeDtype, Named, NormalizeRecipe } from "./recipe.ts";
import { settingAt } from "./settings.ts";

/** How much of a prediction to give. */
export interface PredictOptions {
  /** Height and width that images are brought to; by default as in training. */
  size?: number;
  /** Classes to give for each image; by default 3. */
  top?: number;
  /** Whether an image whose file is damaged is not answered, though it can be decoded in part; by default false. */
  strict?: boolean;
}

/** One class that an image may show. */
export interface Guess {
  /** Its place among the classes. */
  readonly label: number;
  /** Its name, or its place where the names are not known. */
  readonly class: string;
  /**
   * 0 to 1. Those of all classes add up to 1; where each class was trained as a question of its own, by the loss
   * `bceWithLogits` or on several labels an image, each is answered by itself.
   */
  readonly probability: number;
}

/** What an image shows. */
export interface Prediction {
  /** Its path, or its place among the images where it was given as bytes. */
  readonly image: string;
  /** The likeliest classes, the likeliest first. */
  readonly guesses: readonly Guess[];
  /** What is wrong with the file, which was decoded as far as it goes; null for one that is whole. */
  readonly damage: string | null;
}

/** An image that could not be answered. */
export interface PredictFailure {
  /** Its path, or its place among the images where it was given as bytes. */
  readonly image: string;
  /** Why: what cannot be read or decoded, or an answer that is not finite. */
  readonly error: Error;
}

/** What images show, one by one: one that cannot be answered takes no answer from the others. */
export interface PredictResult {
  /** Those that were answered, in their order. */
  readonly predictions: readonly Prediction[];
  /** Those that were not, in their order; empty where all were. */
  readonly failures: readonly PredictFailure[];
}

/** A model, and what its images must be. */
interface Predictor {
  readonly path: string;
  readonly model: Module;
  readonly device: Device;
  readonly dtype: ComputeDtype;
  readonly classes: readonly string[];
  readonly size: number | undefined;
  readonly config: {
    readonly imageShape?: readonly number[];
    readonly transforms?: { readonly normalize?: NormalizeRecipe | null };
    readonly loss?: Named;
    readonly targets?: TargetKind;
  };
}

/** Whether each class was a question of its own: by the loss, or in a script, whose loss has no name, by the targets. */
function isEachByItself({ loss, targets }: Predictor["config"]): boolean {
  return loss === undefined ? targets === "labels" : loss.name === "bceWithLogits";
}

async function bytesOf(image: string | Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  if (typeof image !== "string") return image;
  try {
    return await readRegularFile(image);
  } catch (error) {
    if (error instanceof FileError) throw new RecipeError(`Expected an image: ${error.message}`, { cause: error });
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      throw new RecipeError(`Cannot find the image "${image}"`, { cause: error });
    }
    const reason = error instanceof Error ? error.message : String(error);
    throw new DataError(`Cannot read the image "${image}": ${reason}`, { cause: error });
  }
}

/** The middle square of an image as a batch of one, f32 or f64 [1, size, size, c]: what the model was measured on. */
function prepared(pixels: Tensor, options: { size: number; channels: number; dtype: "f32" | "f64" }): Tensor {
  const { size, channels, dtype } = options;
  const [height = 0, width = 0] = pixels.shape;
  const middle = slice(pixels, [(height - size) >> 1, (width - size) >> 1, 0], [size, size, 3]);
  const image = middle.to(dtype).div(255).reshape([1, size, size, 3]);
  return channels === 1 ? image.mean(3, { keepDims: true }) : image;
}

/** An image's pixels, which are the caller's to dispose of. */
interface Decoded {
  readonly pixels: Tensor;
  readonly damage: string | null;
}

async function decoded(
  image: string | Uint8Array<ArrayBuffer>,
  name: string,
  options: DecodeOptions,
): Promise<Decoded> {
  const bytes = await bytesOf(image);
  let damage: string | null = null;
  try {
    const pixels = await decodeImage(bytes, { ...options, onDamage: (reason) => void (damage = reason) });
    return { pixels, damage };
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    throw new DataError(`Cannot use the image "${name}": ${error.message}`, { cause: error });
  }
}

function likeliest(probabilities: ArrayLike<number>, classes: readonly string[], top: number): Guess[] {
  return Array.from(
    probabilities,
    (probability, label) => ({ label, class: classes[label] ?? `${label}`, probability }),
  )
    .sort((a, b) => b.probability - a.probability || a.label - b.label)
    .slice(0, top);
}

/** Refuses what is no list of images, say one path alone. */
function requireImages(images: unknown): asserts images is readonly (string | Uint8Array<ArrayBuffer>)[] {
  const wanted = "predict(): Expected `images` as an array of paths, or of files' bytes";
  if (!Array.isArray(images)) throw new TypeError(`${wanted}, got ${kindOf(images)}: predict(["photo.jpg"])`);
  const wrong = images.findIndex((image) => typeof image !== "string" && !(image instanceof Uint8Array));
  if (wrong >= 0) throw new TypeError(`${wanted}, got ${kindOf(images[wrong])} at place ${wrong}`);
}

/** What images show, in their order. */
export async function predictImages(
  { path, model, device, dtype, classes, size: own, config }: Predictor,
  images: readonly (string | Uint8Array<ArrayBuffer>)[],
  { size = own, top = 3, strict = false }: PredictOptions,
): Promise<PredictResult> {
  requireImages(images);
  if (!Number.isInteger(top) || top < 1) {
    throw new RangeError(`predict(): Expected \`top\` as a whole number from 1, got ${top}`);
  }
  if (size === undefined) {
    throw new SettingError("size", `Expected \`size\`, got none: the size that "${path}" was trained on is not known`);
  }
  checkSetting(settingAt("size")!, size);
  const { imageShape, transforms } = config;
  const byItself = isEachByItself(config);
  const statistics = normalizeOf(transforms?.normalize);
  const options = { size, channels: imageShape?.[2] ?? 3, dtype: masterDtype(dtype) };
  const predictions: Prediction[] = [];
  const failures: PredictFailure[] = [];
  for (const [at, image] of images.entries()) {
    const name = typeof image === "string" ? image : `${at}`;
    let file: Decoded;
    try {
      file = await decoded(image, name, { size, device, strict });
    } catch (error) {
      if (!(error instanceof LibtrainError)) throw error;
      failures.push({ image: name, error: advisePredicting(error, size) as Error });
      continue;
    }
    using pixels = file.pixels;
    const answer = async (): Promise<TensorData> => {
      using probabilities = noGrad(() =>
        scope(() => {
          const batch = prepared(pixels, options);
          const logits = logitsOf(model, statistics === undefined ? batch : normalize(batch, statistics), dtype);
          return byItself ? sigmoid(logits) : softmax(logits);
        })
      );
      return await probabilities.data();
    };
    const values = await answer().catch(async (error: unknown) => {
      const noMemory = error instanceof LateError && error.cause instanceof OutOfMemoryError;
      if (noMemory) await device.recover();
      throw advisePredicting(noMemory ? error.cause : error, size);
    });
    if (values.every((value) => Number.isFinite(value))) {
      predictions.push({ image: name, guesses: likeliest(values, classes, top), damage: file.damage });
      continue;
    }
    const error = new StateError(
      `Expected finite probabilities for the image "${name}", got others: are the weights of "${path}" finite?`,
    );
    failures.push({ image: name, error });
  }
  return { predictions, failures };
}
