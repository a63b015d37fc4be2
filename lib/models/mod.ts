/**
 * Models: the xresnet family, and VGG-11 with batch norm.
 *
 * @module
 */
// Types of the rooms below that signatures here speak of, so that this room's documentation stands by itself.
export type {
  ActivationName,
  BlurFilter,
  BudgetSource,
  Device,
  DeviceMemory,
  DeviceStats,
  DtypeName,
  MemoryHolders,
  QueueStats,
  ReduceOptions,
  Tensor,
  TensorData,
  TensorMethods,
  Tensors,
  TypedArrayOf,
  VarianceOptions,
} from "../tensor/mod.ts";
export type {
  AdaptiveAvgPool2d,
  AnyModule,
  BatchNorm2d,
  Buffer,
  Conv2d,
  ConvNorm,
  FastaiEntry,
  FastaiNames,
  Linear,
  Module,
  ModuleOptions,
  NamedTensors,
  Parameter,
  Sequential,
  SimpleSelfAttention,
  SpectralLinear,
  SqueezeExcitation,
} from "../nn/mod.ts";
export {
  type ArchName,
  archNames,
  archs,
  type ModelFactory,
  type ModelOptions,
  xresnet101,
  xresnet18,
  xresnet34,
  xresnet50,
  xresnext101,
  xresnext18,
  xresnext34,
  xresnext50,
  xseResnet101,
  xseResnet18,
  xseResnet34,
  xseResnet50,
  xseResnext101,
  xseResnext18,
  xseResnext34,
  xseResnext50,
} from "./family.ts";
export { mnistNet, mnistNetOptions } from "./mnist_net.ts";
export { type ActName, actNames, blurNames, type PoolKind, poolKinds, type XResNetOptions } from "./options.ts";
export { type ResBlock, type Shortcut } from "./res_block.ts";
export { Vgg, vgg11Bn } from "./vgg.ts";
export { type VggOptions, type VggPool, vggPools } from "./vgg_options.ts";
export { XResNet } from "./xresnet.ts";
