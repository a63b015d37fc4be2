/** Data sets and batch transforms by name: what recipes and commands look in before they look for files. */
import { type JsonOptions, Registry } from "../registry/registry.ts";
import type { Device } from "../tensor/device.ts";
import { cutmix, type MixOptions, mixup } from "./mixing.ts";
import { mnist, type Splits } from "./mnist.ts";
import type { OpenOptions } from "./open.ts";
import type { BatchTransform } from "./transform.ts";

/** What a data set is told beside its own options. */
export interface DataSetContext extends Pick<OpenOptions, "cache" | "signal"> {
  /** Where it is to live. */
  readonly device: Device;
  /** Height and width of the images, pixels; null where a recipe leaves that to the data. */
  readonly size: number | null;
  /** Only so many images of each part; undefined for all. */
  readonly limit: number | undefined;
}

/** Opens a data set from its own options and what every one is told. */
export type DataSetBuilder = (options: JsonOptions, context: DataSetContext) => Splits | Promise<Splits>;

/** The data sets by name; image files need none: they are found by their path. */
export const dataSetRegistry: Registry<DataSetBuilder> = new Registry<DataSetBuilder>("data set", {
  mnist: {
    build: (_, { device, size, limit }) => {
      if (size !== null && size !== 28) {
        throw new RangeError(`mnist has images of 28 x 28 only, got \`size\` ${size}`);
      }
      return mnist({ device, limit });
    },
    options: [],
  },
});

/** Makes a batch transform from its options; undefined where they ask for none. */
export type TransformBuilder = (options: JsonOptions) => BatchTransform | undefined;

/** A transform that mixes samples; an `alpha` of 0 asks for none. */
function mixing(mix: (options: MixOptions) => BatchTransform): TransformBuilder {
  return (options) => {
    const { alpha = 0, probability } = options as Partial<MixOptions>;
    return alpha === 0 ? undefined : mix({ alpha, probability });
  };
}

/** The batch transforms by name: a recipe's `transforms` holds their options under it. */
export const transformRegistry: Registry<TransformBuilder> = new Registry<TransformBuilder>("transform", {
  mixup: { build: mixing(mixup), options: ["alpha", "probability"] },
  cutmix: { build: mixing(cutmix), options: ["alpha", "probability"] },
});
