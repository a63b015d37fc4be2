/**
 * Modules: layers with parameters, and what is built of them.
 *
 * @module
 */
// Types of the rooms below that signatures here speak of, so that this room's documentation stands by itself.
export type {
  ActivationName,
  BlurFilter,
  Device,
  DropoutOptions,
  DtypeName,
  FloatName,
  Pair,
  Pool2dOptions,
  QueueStats,
  ReduceOptions,
  Tensor,
  TensorData,
  TensorMethods,
  TypedArrayOf,
} from "../tensor/mod.ts";
export { Buffer, Module, type ModuleOptions, type NamedTensors, Parameter } from "./module.ts";
export { Dropout, type DropoutLayerOptions, Noise, StochasticDepth } from "./dropout.ts";
export { RandomCounter, type RandomCounterOptions } from "./random_counter.ts";
export { replaceModules } from "./replace.ts";
export { Init, type InitOptions, KaimingInit, UniformInit } from "./init.ts";
export {
  BatchNorm2d,
  type BatchNormLayerOptions,
  Conv2d,
  type Conv2dLayerOptions,
  type LayerOptions,
  Linear,
} from "./layers.ts";
export { crossEntropyLoss, type CrossEntropyOptions, type Loss, type LossTargets } from "./losses.ts";
export { AvgPool2d, BlurPool2d, GlobalAvgPool2d, MaxBlurPool2d, MaxPool2d } from "./pools.ts";
export { activate, Activation, ConvNorm, type ConvNormOptions, Sequential, SqueezeExcitation } from "./blocks.ts";
export { SpectralLinear, type SpectralLinearOptions, spectralNorm, type SpectralNormOptions } from "./spectral_norm.ts";
export { type SelfAttentionOptions, SimpleSelfAttention } from "./self_attention.ts";
export { summary, type SummaryRow, summaryRows } from "./summary.ts";
export { type FastaiEntry, type FastaiNames } from "./fastai_names.ts";
