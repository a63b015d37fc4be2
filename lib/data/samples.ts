/** Data sets from anything that gives images one after the other. */
import { DataError } from "../ffi/errors.ts";
import { tensor } from "../tensor/create.ts";
import { defaultDevice, type Device } from "../tensor/device.ts";
import { kindOf, requireOptions } from "../tensor/ops/checks.ts";
import { scope } from "../tensor/scope.ts";
import { whole } from "./checks.ts";
import type { Dataset } from "./dataset.ts";
import { decodeImage } from "./decode.ts";
import { ImageDataset } from "./image_set.ts";
import { sortedNames } from "./names.ts";
import { holdTargets, placesOf, type TargetArrays } from "./targets.ts";

/** Pixels as they are. */
export interface RawImage {
  /** h · w · 3 bytes, RGB, row-major. */
  readonly data: Uint8Array<ArrayBuffer>;
  /** [h, w, 3] */
  readonly shape: readonly [number, number, 3];
}

/** One image with its class, its labels or its values; all samples of a set have the same of these. */
export interface Sample {
  /** The bytes of a JPEG, PNG or WebP file, or pixels. */
  readonly image: Uint8Array<ArrayBuffer> | RawImage;
  /** A class's name, or its place among the classes. */
  readonly label?: string | number;
  /** Any number of labels: names of classes, or their places. */
  readonly labels?: readonly (string | number)[];
  /** What is to be predicted: a number, or as many as every sample has. */
  readonly target?: number | readonly number[];
}

/** How to collect samples. */
export interface SamplesOptions {
  /** Height and width of the images in a batch, pixels; the shorter side of encoded images is resized to it. */
  size: number;
  /** The names of the classes; by default the labels' own, by code points as Python sorts them, or as many as numbers need. */
  classes?: readonly string[];
  /** Whether its batches are shuffled unless told otherwise; by default false. */
  training?: boolean;
  /** By default the default device. */
  device?: Device;
  /** Whether an image whose file is damaged is an error, though it can be decoded in part; by default false. */
  strict?: boolean;
  /** Is told, in one line, how many images are damaged, and why the first. */
  onWarning?: (message: string) => void;
}

/** Bytes of a row of the pixels' tensor. */
const page = 4096;

/**
 * A data set from any iterable or async iterable of samples: files listed by the script's own rules, rows of a database, a
 * generator. The images are kept in memory, decoded.
 *
 * Throws a DataError for bytes that are no image, a RangeError for labels that are no class, and a TypeError for samples
 * with unlike targets.
 *
 * @example
 * ```ts
 * import { data } from "@libtrain/libtrain";
 *
 * async function* samples() {
 *   for (const [name, label] of [["baseline_420", "colour"], ["grey", "grey"]] as const) {
 *     yield { image: await Deno.readFile(`tests/fixtures/images/${name}.jpg`), label };
 *   }
 * }
 * using set = await data.fromSamples(samples(), { size: 32 });
 * console.log(set.classes); // ["colour", "grey"]
 * for await (const { images } of set.batches(2)) console.log(images.shape); // [2, 32, 32, 3]
 * ```
 */
export async function fromSamples(
  samples: Iterable<Sample> | AsyncIterable<Sample>,
  options: SamplesOptions,
): Promise<Dataset> {
  const given = samples as Partial<Iterable<Sample> & AsyncIterable<Sample>> | null;
  if (typeof (given?.[Symbol.asyncIterator] ?? given?.[Symbol.iterator]) !== "function") {
    throw new TypeError(`fromSamples(): Expected \`samples\` as an array or an iterable, got ${kindOf(samples)}`);
  }
  requireOptions("fromSamples", options, "fromSamples(samples, { size: 128 })");
  const { size, training = false, device = defaultDevice() } = options;
  whole("fromSamples", "size", size, 1, 4096);
  const images: RawImage[] = [];
  const answers: Omit<Sample, "image">[] = [];
  const damaged: string[] = [];
  const onDamage = (at: number) => (reason: string): void => void damaged.push(`image ${at}: ${reason}`);
  for await (const sample of samples) {
    const at = answers.length;
    const { image, ...answer } = (sample ?? {}) as Sample;
    images.push(
      image instanceof Uint8Array
        ? await pixelsOf(image, at, { ...options, onDamage: onDamage(at) })
        : checkImage(image, at),
    );
    answers.push(answer);
  }
  if (images.length === 0) throw new DataError("fromSamples(): Expected at least one sample, got none");
  if (damaged.length > 0) {
    options.onWarning?.(
      `${damaged.length} of ${images.length} images are damaged, and were decoded as far as they go; the first, ${
        damaged[0]
      }`,
    );
  }
  const { kind, tensor: targets, classes } = holdTargets("fromSamples", targetsOf(answers, options.classes), {
    n: images.length,
    device,
  });
  const { pixels, table } = pack(images);
  const hold = (
    values: Uint8Array<ArrayBuffer> | Int32Array<ArrayBuffer>,
    shape: number[],
  ): ReturnType<typeof tensor> => scope(() => tensor(values, shape, { device })).detachFromScope().heldAs("dataSet");
  return new ImageDataset({
    pixels: hold(pixels, [pixels.length / page, page]),
    table: hold(table, [images.length, 4]),
    labels: targets,
    targets: kind,
    classes,
    size,
    training,
  });
}

async function pixelsOf(
  bytes: Uint8Array<ArrayBuffer>,
  at: number,
  { size, device, strict, onDamage }: SamplesOptions & { onDamage: (reason: string) => void },
): Promise<RawImage> {
  try {
    using pixels = await decodeImage(bytes, { size, device, strict, onDamage });
    const [height = 0, width = 0] = pixels.shape;
    return { data: await pixels.data() as Uint8Array<ArrayBuffer>, shape: [height, width, 3] };
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    throw new DataError(`fromSamples(): Cannot use image ${at}: ${error.message}`, { cause: error });
  }
}

function checkImage(image: RawImage, at: number): RawImage {
  if (!Array.isArray(image?.shape) || !(image.data instanceof Uint8Array)) {
    throw new TypeError(
      `fromSamples(): Expected image ${at} as the bytes of a file or as { data, shape }, got ${kindOf(image)}`,
    );
  }
  const [height, width, channels] = image.shape;
  const sides = [height, width].every((side) => Number.isInteger(side) && side >= 1 && side <= 65_535);
  if (!sides || channels !== 3 || image.data.length !== height * width * 3) {
    throw new TypeError(
      `fromSamples(): Expected image ${at} as [h, w, 3] with as many bytes, got ${image.data.length} bytes for [${
        image.shape.join(", ")
      }]`,
    );
  }
  return image;
}

/** The targets of all samples together. */
function targetsOf(answers: readonly Omit<Sample, "image">[], given: readonly string[] | undefined): TargetArrays {
  const kinds = ["label", "labels", "target"] as const;
  const [kind, ...others] = kinds.filter((name) => answers[0]![name] !== undefined);
  const unlike = answers.findIndex((answer) => kinds.some((name) => (answer[name] !== undefined) !== (name === kind)));
  if (kind === undefined || others.length > 0 || unlike >= 0) {
    throw new TypeError(
      `fromSamples(): Expected one of ${kinds.join(", ")}, the same for every sample, got another for image ${
        Math.max(unlike, 0)
      }`,
    );
  }
  if (kind === "target") return { targets: valuesOf(answers.map(({ target }) => target!)) };
  const named = answers.map(({ label, labels }) => labels ?? [label!]);
  const classes = given ?? classesOf(named.flat());
  const places = named.map((labels, image) =>
    labels.map((label) => {
      const place = typeof label === "number" ? label : classes.indexOf(label);
      if (typeof label === "number" || place >= 0) return place;
      throw new RangeError(
        `fromSamples(): Expected labels among ${classes.join(", ")}, got "${label}" for image ${image}`,
      );
    })
  );
  if (kind === "label") return { labels: places.map(([place]) => place!), classes };
  const targets = new Uint8Array(answers.length * classes.length);
  places.forEach((own, image) => {
    for (const place of placesOf("fromSamples", own, classes.length)) targets[image * classes.length + place] = 1;
  });
  return { targets, classes };
}

/** Rows of as many values each. */
function valuesOf(targets: readonly (number | readonly number[])[]): number[] {
  const rows = targets.map((target) => typeof target === "number" ? [target] : target);
  const width = rows[0]!.length;
  const unlike = rows.findIndex((row) => row.length !== width);
  if (unlike < 0) return rows.flat();
  throw new TypeError(
    `fromSamples(): Expected ${width} values a sample, got ${rows[unlike]!.length} for image ${unlike}`,
  );
}

function classesOf(labels: readonly (string | number)[]): string[] {
  if (labels.every((label) => typeof label === "string")) return sortedNames(new Set(labels));
  if (labels.every((label) => typeof label === "number")) {
    const highest = labels.reduce((most, label) => Math.max(most, label), 0);
    return Array.from({ length: highest + 1 }, (_, place) => `${place}`);
  }
  throw new TypeError("fromSamples(): Expected `classes` where some labels are names and some numbers, got none");
}

/** All pixels in one buffer, and where each image is in it. */
function pack(images: readonly RawImage[]): { pixels: Uint8Array<ArrayBuffer>; table: Int32Array<ArrayBuffer> } {
  const bytes = images.reduce((sum, { data }) => sum + data.length, 0);
  const pixels = new Uint8Array(Math.ceil(bytes / page) * page);
  const table = new Int32Array(4 * images.length);
  let offset = 0;
  images.forEach(({ data, shape: [height, width] }, at) => {
    pixels.set(data, offset);
    table.set([Math.floor(offset / 2 ** 32), offset | 0, height, width], 4 * at);
    offset += data.length;
  });
  return { pixels, table };
}
