/** What a VGG is made of, with nothing left open, and how its weights start. */
import type { ActivationName } from "../ffi/codes.ts";
import { kindOf, requireChoice, requireNumber, requireNumbers, requireWhole } from "../tensor/ops/checks.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { BlurFilter } from "../tensor/ops/pooling.ts";
import { zeros } from "../tensor/create.ts";
import { Init } from "../nn/init.ts";
import { moduleOptions, placeOf, requireLayerOptions } from "../nn/known_options.ts";
import type { ModuleOptions } from "../nn/module.ts";
import { requireBlurOf } from "./options.ts";

/** The kinds of {@linkcode VggPool}. */
export const vggPools = ["max", "maxblur"] as const;

/** What halves the images of a VGG. */
export type VggPool = (typeof vggPools)[number];

/** Options of a VGG. */
export interface VggOptions extends ModuleOptions {
  /** Size of the output. */
  classes: number;
  /** Channels of the images; by default 3. */
  inChannels?: number;
  /** The activation; by default relu. */
  act?: ActivationName;
  /** What ends each stage: a max pool of 2 x 2, or one with a blur (Zhang 2019); by default max. */
  pool?: VggPool;
  /** The filter of pools with a blur; by default tri3. */
  blur?: BlurFilter;
  /** Channels of the 3x3 convolutions of each stage; by default [[64], [128], [256, 256], [512, 512], [512, 512]]. */
  stages?: readonly (readonly number[])[];
  /**
   * Height and width that the last stage's result is averaged to, and by which the classifier knows where something is; by
   * default 1. torchvision's is 7, for images of 224: of smaller ones the average repeats what there is.
   */
  headSize?: number;
  /** Widths of the classifier's hidden layers; by default none. torchvision's are [4096, 4096]. */
  hidden?: readonly number[];
  /** The probability of the dropout behind each hidden layer; by default 0.5. */
  dropout?: number;
  /** The initial weights follow from it. */
  seed?: number;
}

/** The options that a recipe may hold. */
export const vggRecipeOptions = [
  "act",
  "pool",
  "blur",
  "stages",
  "headSize",
  "hidden",
  "dropout",
] as const satisfies readonly (keyof VggOptions)[];

/** Options with nothing left open. */
export type FilledVgg = Required<Omit<VggOptions, "seed" | "device" | "dtype">> & ModuleOptions & { init: Init };

/** torchvision's for its VGGs: convolutions normal of √(2 / fanOut), linear layers normal of 0.01, biases 0. */
class VggInit extends Init {
  override weight(shape: readonly number[], _fanIn: number, options: ModuleOptions): Tensor {
    // Of a convolution [out, kh, kw, in], which sums over kh · kw · out gradients.
    const [out = 0, kh = 0, kw = 0] = shape;
    const std = shape.length === 4 ? Math.sqrt(2 / (out * kh * kw)) : 0.01;
    return this.normal(shape, { ...placeOf(options), std });
  }

  override bias(shape: readonly number[], _fanIn: number, options: ModuleOptions): Tensor {
    return zeros(shape, placeOf(options));
  }
}

function requireKinds({ classes, inChannels, pool, stages, headSize, hidden, dropout }: FilledVgg): void {
  requireWhole("Vgg", "classes", classes, 1);
  requireWhole("Vgg", "inChannels", inChannels, 1);
  requireChoice("Vgg", "pool", pool, vggPools);
  if (!Array.isArray(stages) || stages.length === 0) {
    throw new TypeError(
      `Vgg(): Expected \`stages\` as the channels of the convolutions of each, got ${kindOf(stages)}: write ` +
        "stages: [[64], [128, 128]]",
    );
  }
  for (const [at, widths] of stages.entries()) {
    const name = `stages[${at}]`;
    requireNumbers("Vgg", name, widths, "stages: [[64], […]]");
    if (widths.length === 0) {
      throw new RangeError(`Vgg(): Expected \`${name}\` with at least one convolution, got none`);
    }
    widths.forEach((width, index) => requireWhole("Vgg", `${name}[${index}]`, width, 1));
  }
  requireWhole("Vgg", "headSize", headSize, 1);
  requireNumbers("Vgg", "hidden", hidden, "hidden: […]");
  hidden.forEach((width, at) => requireWhole("Vgg", `hidden[${at}]`, width, 1));
  requireNumber("Vgg", "dropout", dropout, { fits: (p) => p >= 0 && p <= 1, wanted: "from 0 to 1" });
}

/** Fills in what was left out; throws for what no network can be made of. */
export function withVggDefaults(options: VggOptions): FilledVgg {
  requireLayerOptions("Vgg", options, {
    known: ["classes", "inChannels", "seed", ...vggRecipeOptions, ...moduleOptions],
    example: "{ classes: 10 }",
  });
  requireBlurOf("Vgg", { pool: options.pool ?? "max", blur: options.blur });
  const { seed, ...given } = options;
  const filled: FilledVgg = {
    inChannels: 3,
    act: "relu",
    pool: "max",
    blur: "tri3",
    stages: [[64], [128], [256, 256], [512, 512], [512, 512]],
    headSize: 1,
    hidden: [],
    dropout: 0.5,
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as typeof given,
    init: new VggInit({ seed }),
  };
  requireKinds(filled);
  return filled;
}
