/**
 * Tensors, devices, autograd, and functional ops.
 *
 * @module
 */
export { type ActivationName, type DtypeName, type FloatName } from "../ffi/codes.ts";
export {
  DataError,
  DeviceError,
  DisposedError,
  InternalError,
  LateError,
  LibtrainError,
  OutOfMemoryError,
  StateError,
} from "../ffi/errors.ts";
export { libraryPath } from "../ffi/library.ts";
export { type BudgetSource, type MemoryHolders } from "../ffi/memory.ts";
export { type DeviceMemory, type DeviceStats, type QueueStats } from "../ffi/queue.ts";
export { type DeviceInfo, deviceInfo, type GpuInfo } from "./device_info.ts";
export { defaultDevice, Device, type DeviceKind, type DeviceOptions, setDefaultDevice } from "./device.ts";
export { Tensor } from "./tensor.ts";
export { type ReduceOptions, type TensorMethods, type VarianceOptions } from "./tensor_methods.ts";
export { type Tensors } from "./tensors.ts";
export { type TensorData, type TypedArrayOf } from "./typed_arrays.ts";
export {
  arange,
  type ArangeOptions,
  full,
  type Nested,
  ones,
  rand,
  randn,
  type RandomOptions,
  tensor,
  type TensorOptions,
  zeros,
} from "./create.ts";
export { scope, scoped } from "./scope.ts";
export { noGrad } from "./graph.ts";
export { capture, type Captured, type ManyOptions, type StepMemory, type StepResult } from "./capture.ts";
export { defineOp, type OpDefinition } from "./define_op.ts";
export { gradCheck, type GradCheckOptions } from "./grad_check.ts";
export { batchNorm, type BatchNormOptions } from "./ops/batch_norm.ts";
export { squeezeExcitation, type SqueezeExcitationOptions } from "./ops/squeeze_excitation.ts";
export { conv2d, type Conv2dOptions } from "./ops/conv2d.ts";
export { convTranspose2d, type ConvTranspose2dOptions } from "./ops/conv_transpose2d.ts";
export { type AttentionOptions, scaledDotProductAttention } from "./ops/attention.ts";
export {
  groupNorm,
  type GroupNormOptions,
  layerNorm,
  type LayerNormOptions,
  type NormOptions,
} from "./ops/group_norm.ts";
export { linear, matmul, type MatmulOptions } from "./ops/matmul.ts";
export { type Pair } from "./ops/pair.ts";
export {
  avgPool2d,
  type BlurFilter,
  blurPool,
  type BlurPoolOptions,
  globalAvgPool2d,
  maxBlurPool,
  maxPool2d,
  type Pool2dOptions,
} from "./ops/pooling.ts";
export { adaptiveAvgPool2d, upsample2d, type UpsampleMode, type UpsampleOptions } from "./ops/resample.ts";
export { dropout, type DropoutOptions, stochasticDepth } from "./ops/dropout.ts";
export { sampleDraws, type SampleDrawsOptions } from "./ops/random.ts";
export { causalSoftmax, crossEntropy, logSoftmax, softmax } from "./ops/softmax.ts";
export { concat, gatherRows, oneHot, pad, type PadOptions, stack } from "./ops/shape.ts";
export { where } from "./ops/select.ts";
export { gelu, leakyRelu, mish, relu, sigmoid, silu, softplus, tanh } from "./ops/unary.ts";
export { Backpressure } from "./backpressure.ts";
