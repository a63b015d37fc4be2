import { basename } from "@std/path";
import { type Command, type CommandContext, runCommand } from "../lib/cli/command.ts";
import { exitCodes } from "../lib/cli/exit_codes.ts";
import { type Flags, UsageError } from "../lib/cli/flags.ts";
import { formatPercent } from "../lib/cli/format.ts";
import { data, DataError, Device, noGrad, scope, softmax, type Tensor } from "../mod.ts";
import { slice } from "../lib/tensor/ops/shape.ts";
import { logitsOf } from "../lib/train/precision.ts";
import { dtypeFor, masterDtype, usedDtype } from "./dtype.ts";
import { headline } from "./machine.ts";
import { type ModelOptions, openModel } from "./trained_model.ts";

/** What to predict with, and how much of it to give. */
export interface PredictOptions extends ModelOptions {
  /** Height and width that images are brought to; by default as in training. */
  size?: number;
  /** Classes to give for each image; by default 3. */
  top?: number;
  device?: "auto" | "cpu" | "cuda";
  threads?: number;
  /** What to compute in; by default as in training. */
  dtype?: "f32" | "bf16";
  /** Told once everything is set up. */
  ready?(line: string): void;
}

/** One class that an image may show. */
export interface Guess {
  /** Its place among the classes. */
  readonly label: number;
  /** Its name, or its place where the names are not known. */
  readonly class: string;
  /** 0 to 1 */
  readonly probability: number;
}

/** What an image shows. */
export interface Prediction {
  readonly image: string;
  /** The likeliest classes, the likeliest first. */
  readonly guesses: readonly Guess[];
}

async function readImage(path: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return await Deno.readFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) throw new UsageError(`Cannot find the image "${path}"`);
    if (error instanceof Deno.errors.IsADirectory) throw new UsageError(`Expected an image, got the folder "${path}"`);
    throw error;
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

/** What images show, by the model of a run's folder or of a checkpoint. */
export async function predict(
  path: string,
  images: readonly string[],
  options: PredictOptions = {},
): Promise<Prediction[]> {
  const { top = 3 } = options;
  const files: Uint8Array<ArrayBuffer>[] = [];
  for (const image of images) files.push(await readImage(image));
  using device = new Device(options.device ?? "auto", { threads: options.threads });
  const { model: opened, config } = await openModel(path, device, options);
  using model = opened;
  model.eval();
  const size = options.size ?? config.imageShape?.[0];
  if (size === undefined) {
    throw new UsageError(`Expected --size, got none: the size that "${path}" was trained on is not known`);
  }
  const channels = config.model.options.inChannels ?? 3;
  const dtype = dtypeFor(path, config.dtype, options.dtype);
  options.ready?.(`${headline(device)} · ${dtype} · ${config.model.name} of ${path}`);
  const predictions: Prediction[] = [];
  for (const [at, image] of images.entries()) {
    using pixels = decoded(image, files[at]!, { size, device });
    using probabilities = noGrad(() =>
      scope(() => {
        const image = prepared(pixels, { size, channels, dtype: masterDtype(dtype) });
        return softmax(logitsOf(model, image, dtype));
      })
    );
    predictions.push({ image, guesses: likeliest(await probabilities.data(), config.classes, top) });
  }
  return predictions;
}

function decoded(image: string, bytes: Uint8Array<ArrayBuffer>, options: data.DecodeOptions): Tensor {
  try {
    return data.decodeImage(bytes, options);
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    throw new DataError(`Cannot use the image "${image}": ${error.message}`, { cause: error });
  }
}

function likeliest(probabilities: ArrayLike<number>, classes: readonly string[] | undefined, top: number): Guess[] {
  return Array.from(
    probabilities,
    (probability, label) => ({ label, class: classes?.[label] ?? `${label}`, probability }),
  )
    .sort((a, b) => b.probability - a.probability || a.label - b.label)
    .slice(0, top);
}

const flags = {
  top: { kind: "integer", min: 1, default: 3, help: "Classes to show for each image" },
  size: { kind: "integer", min: 8, max: 1024, help: "Height and width that images are brought to, as in training" },
  ema: { kind: "boolean", help: "Use the average of the weights" },
  device: { kind: "choice", choices: ["auto", "cpu", "cuda"], default: "auto", help: "Where to compute" },
  threads: { kind: "integer", min: 1, max: 256, help: "CPU threads, all unless given" },
  dtype: usedDtype,
} as const satisfies Flags;

async function run({ flags: options, words, report }: CommandContext<typeof flags>): Promise<number> {
  const [path, ...images] = words;
  if (path === undefined || images.length === 0) {
    throw new UsageError("Expected a run's folder or a checkpoint, and images after it, got too few words");
  }
  const predictions = await predict(path, images, {
    ...options,
    ready: (line) => report.line(line),
    note: (line) => report.note(line),
  });
  const width = Math.max(...images.map((image) => basename(image).length));
  for (const { image, guesses } of predictions) {
    const shown = guesses.map(({ class: name, probability }) => `${name} ${formatPercent(probability)}`);
    report.line(`${basename(image).padEnd(width)}  ${shown.join(" · ")}`);
  }
  report.result({ run: path, predictions });
  return exitCodes.done;
}

/** `deno task predict`. */
export const predictCommand: Command<typeof flags> = {
  name: "deno task predict",
  about: "Says what JPEG and PNG files show, by a trained model.",
  flags,
  words: { name: "run image", help: "A run's folder, or a checkpoint; then the images", max: 10_000, required: true },
  examples: ["deno task predict runs/20250131-120000-imagenette-128-5 photo.jpg --top 1"],
  run,
};

if (import.meta.main) Deno.exit(await runCommand(Deno.args, predictCommand));
