/** Layers' options, whose every name must be known: one that is not would be a setting without effect. */
import { ACTIVATION_CODES, DTYPE_CODES } from "../ffi/codes.ts";
import {
  kindOf,
  requireChoice,
  requireDevice,
  requireFlag,
  requireNumber,
  requireOptions,
  requireOptionsOf,
  requireWhole,
} from "../tensor/ops/checks.ts";
import type { Init } from "./init.ts";
import type { LayerOptions } from "./layers.ts";
import type { ModuleOptions } from "./module.ts";

/** What every module with parameters takes. */
export const moduleOptions = ["device", "dtype"] as const satisfies readonly (keyof ModuleOptions)[];

/** What every layer with weights takes. */
export const layerOptions = ["init", ...moduleOptions] as const satisfies readonly (keyof LayerOptions)[];

const images = "images are [n, h, w, c] here, always";

/** PyTorch's and Keras's names for what has another one here, or none. */
const elsewhere: Readonly<Record<string, string>> = {
  kernelSize: "it is called kernel here",
  kernel_size: "it is called kernel here",
  strides: "it is called stride here",
  padding_mode: "a convolution is padded with zeros",
  paddingMode: "a convolution is padded with zeros",
  dilation: "there is no dilation here",
  dilation_rate: "there is no dilation here",
  output_padding: "it is called outputPadding here",
  ceil_mode: "it is called ceilMode here",
  count_include_pad: "it is called countIncludePad here",
  output_size: "it is called size here",
  outputSize: "it is called size here",
  scale_factor: "it is called scale here",
  scaleFactor: "it is called scale here",
  align_corners: "corners are not aligned here",
  alignCorners: "corners are not aligned here",
  use_bias: "it is called bias here",
  useBias: "it is called bias here",
  activation: "it is called act here",
  epsilon: "it is called eps here",
  elementwise_affine: "it is called affine here",
  elementwiseAffine: "it is called affine here",
  affine: "it always has a weight and a bias here: requireGrad(false) keeps them as they are",
  track_running_stats: "running statistics are always kept here",
  trackRunningStats: "running statistics are always kept here",
  rate: "it is called p here",
  inplace: "no layer writes over its input here",
  negative_slope: "it is called negativeSlope here",
  alpha: "it is called negativeSlope here",
  padding_idx: "every row is learnt here",
  paddingIdx: "every row is learnt here",
  dropout: "put an nn.Dropout behind it",
  batch_first: "the batch always comes first here",
  batchFirst: "the batch always comes first here",
  is_causal: "it is called causal here",
  symmetric: "it is called sym here",
  sym: "it is called symmetric here",
  ratio: "it is called reduction here",
  data_format: images,
  memory_format: images,
  seed: "weights follow from init: new nn.UniformInit({ seed: 0 })",
  num_classes: "it is called classes here",
  numClasses: "it is called classes here",
  in_channels: "it is called inChannels here",
  pretrained: "loadWeights(model, path) reads weights",
};

function requireActivationOption(layer: string, name: string, value: unknown): void {
  requireChoice(layer, name, value, Object.keys(ACTIVATION_CODES));
}

/** What the options of layers are, where it is the same in each that has them. */
const kinds: Readonly<Record<string, (layer: string, name: string, value: unknown) => void>> = {
  ...Object.fromEntries(
    ["bias", "zeroWeight", "affine", "symmetric", "sym", "causal", "ceilMode", "countIncludePad"]
      .map((name) => [name, requireFlag]),
  ),
  groups: (layer, name, value) => requireWhole(layer, name, value, 1),
  // A network has none where it is 0.
  reduction: (layer, name, value) => requireWhole(layer, name, value),
  seed: (layer, name, value) => requireWhole(layer, name, value),
  stream: (layer, name, value) => requireWhole(layer, name, value),
  eps: (layer, name, value) =>
    requireNumber(layer, name, value, { fits: (eps) => eps >= 0 && eps < Infinity, wanted: "from 0" }),
  momentum: (layer, name, value) =>
    requireNumber(layer, name, value, { fits: (share) => share >= 0 && share <= 1, wanted: "from 0 to 1" }),
  act: requireActivationOption,
  endAct: requireActivationOption,
  dtype: (layer, name, value) => requireChoice(layer, name, value, Object.keys(DTYPE_CODES)),
  device: (layer, _, value) => requireDevice(layer, value),
  init: (layer, _, value) => requireInit(layer, value),
};

/** Throws where something draws no weights. */
function requireInit(layer: string, value: unknown): void {
  const { weight, bias } = (value ?? {}) as Partial<Init>;
  if (typeof value === "object" && typeof weight === "function" && typeof bias === "function") return;
  throw new TypeError(
    `${layer}(): Expected \`init\` as an Init, got ${kindOf(value)}: write new nn.UniformInit({ seed: 0 })`,
  );
}

/** Where and in what dtype something is made, of options that hold more. */
export function placeOf(options: ModuleOptions): ModuleOptions {
  requireOptions("init", options, "{ device, dtype }");
  const { device, dtype } = options;
  return { device, dtype };
}

/** Throws where a layer's options are none, set a name that is not among the known ones, or one to what it cannot be. */
export function requireLayerOptions(
  layer: string,
  options: object,
  { known, example }: { known: readonly string[]; example: string },
): void {
  requireOptionsOf(layer, options, { example, known, names: elsewhere });
  for (const [name, value] of Object.entries(options)) {
    // What was left out has a default.
    if (value !== undefined && value !== null) kinds[name]?.(layer, name, value);
  }
}
