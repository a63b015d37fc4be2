/**
 * Modules: layers with parameters, and what is built of them.
 *
 * @module
 */
// Types of the rooms below that signatures here speak of, so that this room's documentation stands by itself.
export type {
  ActivationName,
  AttentionOptions,
  BlurFilter,
  BudgetSource,
  Device,
  DeviceMemory,
  DeviceStats,
  DropoutOptions,
  DtypeName,
  FloatName,
  MemoryHolders,
  Pair,
  Pool2dOptions,
  QueueStats,
  ReduceOptions,
  Tensor,
  TensorData,
  TensorMethods,
  Tensors,
  TypedArrayOf,
  UpsampleMode,
  UpsampleOptions,
  VarianceOptions,
} from "../tensor/mod.ts";
export { type AnyModule, Buffer, Module, type ModuleOptions, type NamedTensors, Parameter } from "./module.ts";
export { convNorm, type FoldedNorms, foldNorms } from "./fold_norms.ts";
export { noGradOf } from "./no_grad_of.ts";
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
export { GroupNorm, LayerNorm, type NormLayerOptions } from "./norms.ts";
export { MultiHeadAttention, type MultiHeadAttentionOptions } from "./attention.ts";
export { ConvTranspose2d, type ConvTranspose2dLayerOptions, Upsample } from "./upsample.ts";
export { AdaptiveAvgPool2d, AvgPool2d, BlurPool2d, GlobalAvgPool2d, MaxBlurPool2d, MaxPool2d } from "./pools.ts";
export { crossEntropyLoss, type CrossEntropyOptions, type Loss, type LossBatch, type LossTargets } from "./losses.ts";
export {
  type BceOptions,
  bceWithLogits,
  distillationLoss,
  type DistillationOptions,
  klDivergence,
  type KlDivergenceOptions,
  l1Loss,
  mseLoss,
} from "./loss_functions.ts";
export { Embedding, type EmbeddingOptions } from "./embedding.ts";
export { Flatten, LeakyReLU } from "./elementary.ts";
export { labelAccuracy, meanAbsoluteError, type Metric, type Metrics, rootMeanSquareError } from "./metrics.ts";
export {
  activate,
  Activation,
  ConvNorm,
  type ConvNormOptions,
  Sequential,
  SqueezeExcitation,
  type SqueezeExcitationLayerOptions,
} from "./blocks.ts";
export { SpectralLinear, type SpectralLinearOptions, spectralNorm, type SpectralNormOptions } from "./spectral_norm.ts";
export { type SelfAttentionOptions, SimpleSelfAttention } from "./self_attention.ts";
export { type Shapes, summary, type SummaryOptions, type SummaryRow, summaryRows } from "./summary.ts";
export { type FastaiEntry, type FastaiNames } from "./fastai_names.ts";
