/** What images show, by a trained model. */
import { LibtrainError } from "../ffi/errors.ts";
import { kindOf } from "../tensor/ops/checks.ts";
import { Answering, type Decoded, type Predictor, requireTop } from "./answering.ts";

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

/** Refuses what is no list of images, say one path alone. */
function requireImages(images: unknown): asserts images is readonly (string | Uint8Array<ArrayBuffer>)[] {
  const wanted = "predict(): Expected `images` as an array of paths, or of files' bytes";
  if (!Array.isArray(images)) throw new TypeError(`${wanted}, got ${kindOf(images)}: predict(["photo.jpg"])`);
  const wrong = images.findIndex((image) => typeof image !== "string" && !(image instanceof Uint8Array));
  if (wrong >= 0) throw new TypeError(`${wanted}, got ${kindOf(images[wrong])} at place ${wrong}`);
}

/** What images show, in their order. */
export async function predictImages(
  predictor: Predictor,
  images: readonly (string | Uint8Array<ArrayBuffer>)[],
  { size, top = 3, strict }: PredictOptions,
): Promise<PredictResult> {
  requireImages(images);
  requireTop(top);
  const answering = new Answering(predictor, { size, strict });
  const predictions: Prediction[] = [];
  const failures: PredictFailure[] = [];
  for (const [at, image] of images.entries()) {
    const name = typeof image === "string" ? image : `${at}`;
    let decoded: Decoded;
    try {
      decoded = await answering.decode(image, name);
    } catch (error) {
      if (!(error instanceof LibtrainError)) throw error;
      failures.push({ image: name, error });
      continue;
    }
    using _pixels = decoded.pixels;
    const [probabilities] = await answering.answer([decoded]);
    const answer = answering.prediction(decoded, probabilities!, top);
    if (answer instanceof Error) failures.push({ image: name, error: answer });
    else predictions.push(answer);
  }
  return { predictions, failures };
}
