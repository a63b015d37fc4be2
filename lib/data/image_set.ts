/** Data sets of images of any size, decoded to bytes. */
import { applyOne } from "../tensor/apply.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { CacheCheck } from "./cache_file.ts";
import { share, whole } from "./checks.ts";
import type { BatchesConfig, BatchOptions, CropKind, DataSource } from "./dataset.ts";
import { type Augmentation, DeviceDataset, type DeviceSetParts } from "./device_set.ts";

/** What it is made of. */
export interface ImageSetParts extends Omit<DeviceSetParts, "tensors" | "imageShape"> {
  /** u8 [pages, 4096]: RGB rows, one image after the other. */
  readonly pixels: Tensor;
  /** i32 [n, 4]: byte offset (upper half, lower half), height and width of each. */
  readonly table: Tensor;
  /** Height and width of the images in a batch. */
  readonly size: number;
  /** What it was read from. */
  readonly source?: DataSource;
  /** The file of each image. */
  readonly names?: readonly string[];
  /** The check of the file that the pixels are mapped from. */
  readonly check?: CacheCheck;
}

/** The op's code of each crop. */
const crops = { centre: 0, random: 1, resized: 2 } as const satisfies Record<CropKind, number>;

/** Images that are cut, resized and mirrored as batches are made of them. */
export class ImageDataset extends DeviceDataset {
  /** What it was read from. */
  readonly source?: DataSource;
  /** The file of each image, below the set's folder. */
  readonly names?: readonly string[];
  readonly #pixels: Tensor;
  readonly #table: Tensor;
  readonly #check: CacheCheck | undefined;

  /** Takes the tensors over. */
  constructor({ pixels, table, size, source, names, check, ...parts }: ImageSetParts) {
    super({ ...parts, imageShape: [size, size, 3], tensors: [pixels, table] });
    this.source = source;
    this.names = names;
    this.#pixels = pixels;
    this.#table = table;
    this.#check = check;
  }

  /** @internal Throws where the file that the images come from is known to be damaged. */
  override look(): void {
    this.#check?.look();
  }

  /** @internal Waits until all of that file was checked. */
  override async checked(): Promise<void> {
    await this.#check?.done();
  }

  /** Lets go of what it holds on the device. */
  override dispose(): void {
    super.dispose();
    this.#check?.dispose();
  }

  /** What its batches do to images. */
  protected override augmentation(options: BatchOptions): Augmentation {
    const { crop = this.training ? "random" : "centre", flip = 0, shift = 0, erase = 0, eraseCount = 1 } = options;
    const { minScale = crop === "resized" ? 0.35 : 1 } = options;
    if (shift !== 0) {
      throw new TypeError(`batches(): Expected no \`shift\` for image files, got ${shift}: it is for images in arrays`);
    }
    if (!Object.hasOwn(crops, crop)) {
      throw new TypeError(`batches(): Expected \`crop\` as one of ${Object.keys(crops).join(", ")}, got "${crop}"`);
    }
    if (crop !== "resized" && options.minScale !== undefined) {
      throw new TypeError(`batches(): Expected \`minScale\` with the crop resized, got it with ${crop}`);
    }
    if (!(minScale > 0 && minScale <= 1)) {
      throw new RangeError(`batches(): Expected \`minScale\` above 0 to 1, got ${minScale}`);
    }
    share("batches", "erase", erase);
    whole("batches", "eraseCount", eraseCount, 1, 16);
    return { shift, flip, crop, minScale, erase, eraseCount };
  }

  /** Enqueues the images of some samples. */
  protected override images(rows: Tensor, config: BatchesConfig, epoch: number): Tensor {
    const { seed, flip, crop = "centre", minScale = 1, erase = 0, eraseCount = 1 } = config;
    const size = this.imageShape[0];
    const mode = crops[crop];
    return applyOne("crop_batch", [this.#pixels, this.#table, rows], {
      seed,
      epoch,
      size,
      mode,
      minScale,
      flip,
      erase,
      eraseCount,
    });
  }
}
