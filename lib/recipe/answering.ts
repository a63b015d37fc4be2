/** Answers of one model: images decoded one by one, and answered in batches of any size. */
import { decodeImage, type DecodeOptions } from "../data/decode.ts";
import { normalize } from "../data/normalize.ts";
import type { TargetKind } from "../data/targets.ts";
import { DataError, LateError, OutOfMemoryError, StateError } from "../ffi/errors.ts";
import { FileError } from "../io/atomic_file.ts";
import { readRegularFile } from "../io/regular_file.ts";
import type { Module } from "../nn/module.ts";
import type { Device } from "../tensor/device.ts";
import { noGrad } from "../tensor/graph.ts";
import { concat, slice } from "../tensor/ops/shape.ts";
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
import type { Guess, Prediction } from "./predict.ts";
import type { ComputeDtype, Named, NormalizeRecipe } from "./recipe.ts";
import { settingAt } from "./settings.ts";

/** A model, and what its images must be. */
export interface Predictor {
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

/** The middle square of an image, u8 [1, size, size, 3]: what the model was measured on. */
function middleOf(pixels: Tensor, size: number): Tensor {
  const [height = 0, width = 0] = pixels.shape;
  return slice(pixels, [(height - size) >> 1, (width - size) >> 1, 0], [size, size, 3]).reshape([1, size, size, 3]);
}

/** An image's pixels, which are the caller's to dispose of. */
export interface Decoded {
  /** What it is called. */
  readonly name: string;
  /** u8 [height, width, 3]; its shorter side is the model's size. */
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
    return { name, pixels, damage };
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

/** How images are brought to a model. */
export interface AnsweringOptions {
  readonly size?: number;
  readonly strict?: boolean;
}

/** Decodes images as a model wants them, and answers them. */
export class Answering {
  /** Height and width that images are brought to. */
  readonly size: number;
  readonly #predictor: Predictor;
  readonly #strict: boolean;
  readonly #channels: number;
  readonly #byItself: boolean;
  readonly #statistics: ReturnType<typeof normalizeOf>;

  constructor(predictor: Predictor, { size = predictor.size, strict = false }: AnsweringOptions = {}) {
    if (size === undefined) {
      const why = `the size that "${predictor.path}" was trained on is not known`;
      throw new SettingError("size", `Expected \`size\`, got none: ${why}`);
    }
    checkSetting(settingAt("size")!, size);
    this.size = size;
    this.#predictor = predictor;
    this.#strict = strict;
    const { imageShape, transforms } = predictor.config;
    this.#channels = imageShape?.[2] ?? 3;
    this.#byItself = isEachByItself(predictor.config);
    this.#statistics = normalizeOf(transforms?.normalize);
  }

  /** Decodes a path or a file's bytes. Rejects with a LibtrainError for what is no image, is not there or is too large. */
  async decode(image: string | Uint8Array<ArrayBuffer>, name: string, signal?: AbortSignal): Promise<Decoded> {
    const { device } = this.#predictor;
    try {
      return await decoded(image, name, { size: this.size, device, strict: this.#strict, signal });
    } catch (error) {
      throw advisePredicting(error, this.size);
    }
  }

  #probabilities(images: readonly Decoded[]): Tensor {
    const { model, dtype } = this.#predictor;
    return noGrad(() =>
      scope(() => {
        const squares = images.map(({ pixels }) => middleOf(pixels, this.size));
        const batch = (squares.length === 1 ? squares[0]! : concat(squares)).to(masterDtype(dtype)).div(255);
        const shown = this.#channels === 1 ? batch.mean(3, { keepDims: true }) : batch;
        const logits = logitsOf(
          model,
          this.#statistics === undefined ? shown : normalize(shown, this.#statistics),
          dtype,
        );
        return this.#byItself ? sigmoid(logits) : softmax(logits);
      })
    );
  }

  /** The probabilities of each image's classes, of all in one batch. Rejects where memory runs out. */
  async answer(images: readonly Decoded[]): Promise<TensorData[]> {
    const { device, classes } = this.#predictor;
    const read = async (): Promise<TensorData> => {
      using probabilities = this.#probabilities(images);
      return await probabilities.data();
    };
    const values = await read().catch(async (error: unknown) => {
      const noMemory = error instanceof LateError && error.cause instanceof OutOfMemoryError;
      if (noMemory) await device.recover();
      throw advisePredicting(noMemory ? error.cause : error, this.size);
    });
    return images.map((_, at) => values.subarray(at * classes.length, (at + 1) * classes.length));
  }

  /** The likeliest classes of an image, or why its answer is none. */
  prediction({ name, damage }: Decoded, probabilities: TensorData, top: number): Prediction | StateError {
    const { classes, path } = this.#predictor;
    if (probabilities.every((value) => Number.isFinite(value))) {
      return { image: name, guesses: likeliest(probabilities, classes, top), damage };
    }
    return new StateError(
      `Expected finite probabilities for the image "${name}", got others: are the weights of "${path}" finite?`,
    );
  }
}

/** Refuses a number of classes that is none. */
export function requireTop(top: unknown): asserts top is number {
  if (Number.isInteger(top) && (top as number) >= 1) return;
  throw new RangeError(`predict(): Expected \`top\` as a whole number from 1, got ${top}`);
}
