/** Every network by its name: the one place that recipes and commands look in. */
import type { Module } from "../nn/module.ts";
import type { Device } from "../tensor/device.ts";
import { type Registered, Registry } from "../registry/registry.ts";
import { archs, type ModelOptions } from "./family.ts";
import { mnistNet } from "./mnist_net.ts";
import { vgg11Bn } from "./vgg.ts";
import { type VggOptions, vggRecipeOptions } from "./vgg_options.ts";

/** What every network is told beside its own options. */
export interface ModelContext {
  /** Size of the output: how many classes there are. */
  readonly classes: number;
  /** Channels of the images. */
  readonly inChannels: number;
  /** What the initial weights follow from. */
  readonly seed: number;
  /** Where the parameters live. */
  readonly device: Device;
  /** What the parameters are: f64 for a run in f64, else f32. */
  readonly dtype: "f32" | "f64";
}

/** Makes a network from its own options and what every network is told. */
export type ModelBuilder = (options: ModelContext & { readonly [option: string]: unknown }) => Module;

/** The options of the xresnet family that a recipe may hold. */
const familyOptions = [
  "act",
  "pool",
  "blur",
  "sa",
  "sym",
  "stem",
  "stemStride",
  "stemPool",
  "widths",
  "widen",
  "groups",
  "form",
  "baseWidth",
  "reduction",
  "zeroGamma",
] as const satisfies readonly (keyof ModelOptions)[];

function member(build: (options: ModelOptions) => Module): Registered<ModelBuilder> {
  return { build: (options) => build(options as unknown as ModelOptions), options: familyOptions };
}

/** The networks by name. */
export const modelRegistry: Registry<ModelBuilder> = new Registry<ModelBuilder>(
  "model",
  {
    ...Object.fromEntries(Object.entries({ ...archs, mnistNet }).map(([name, build]) => [name, member(build)])),
    vgg11_bn: { build: (options) => vgg11Bn(options as unknown as VggOptions), options: vggRecipeOptions },
  },
);
