/** Right calls of tensors, devices and functional ops. */
import * as lib from "../../../mod.ts";
import { also, calling, making, type Row } from "./walk.ts";

const error = { none: "scripts catch errors of the library's, and make none" };
const internal = { none: "the library's own, no part of what scripts call" };
const alone = { none: "takes no argument" };

/** A method of x. */
const method =
  (name: string, shape: number[], ...args: unknown[]): Row => ({ x }) => [calling(x(...shape), name), ...args];
const withOther = (name: string): Row => also(["number"], ({ x }) => [calling(x(2, 3), name), x(2, 3)]);
const unary = (name: string): Row => ({ x }) => [calling(lib, name), x(2, 3)];
const reduction = (name: string): Row => also(["number"], ({ x }) => [calling(x(2, 3), name), [1], { keepDims: true }]);
const made = (device: lib.Device): lib.TensorOptions => ({ dtype: "f32", device });

export const tensorRows: Readonly<Record<string, Row>> = {
  Backpressure: ({ device }) => [making(lib.Backpressure), device],
  "Backpressure.step": alone,
  "Backpressure.drain": alone,
  DataError: error,
  DeviceError: error,
  DisposedError: error,
  InternalError: error,
  LateError: error,
  LibtrainError: error,
  OutOfMemoryError: error,
  "OutOfMemoryError.withAdvice": internal,
  StateError: error,
  Device: () => [making(lib.Device), "cpu", { threads: 1, debug: false, tf32: false, memory: "1G" }],
  "Device.synchronize": alone,
  "Device.wait": ({ device }) => [calling(device, "wait"), 0],
  "Device.recover": alone,
  "Device.afterRecovery": internal,
  "Device.stats": alone,
  "Device.plan": alone,
  "Device.usePlan": ({ device }) => [calling(device, "usePlan"), ""],
  "Device.trim": alone,
  "Device.remember": internal,
  "Device.dispose": alone,
  "Device.toString": alone,
  defaultDevice: alone,
  setDefaultDevice: (
    { device },
  ) => [(given: lib.Device) => void lib.setDefaultDevice(lib.setDefaultDevice(given)), device],
  deviceInfo: alone,
  libraryPath: () => [lib.libraryPath, "file:///lib/ffi/library.ts"],
  Tensor: internal,
  "Tensor.unowned": internal,
  "Tensor.release": ({ x }) => [lib.Tensor.release, x(2)],
  "Tensor.detachFromScope": alone,
  "Tensor.heldAs": internal,
  "Tensor.claimed": internal,
  "Tensor.dispose": alone,
  "Tensor.data": alone,
  "Tensor.item": alone,
  "Tensor.requireGrad": method("requireGrad", [2, 3], true),
  "Tensor.setGrad": ({ x, keep }) => {
    const self = keep(x(2, 3).clone());
    return [calling(self, "setGrad"), keep(x(2, 3).clone())];
  },
  "Tensor.takeGrad": alone,
  "Tensor.backward": ({ x, keep }) => {
    const y = keep(x(2, 3).requireGrad().mul(2));
    return [calling(y, "backward"), x(2, 3)];
  },
  "Tensor.detach": alone,
  "Tensor.assign": ({ x }) => [calling(x(2, 3), "assign"), x(2, 3)],
  "Tensor.fill": ({ x }) => [calling(x(2, 3), "fill"), 1],
  "Tensor.toString": alone,
  ...Object.fromEntries(
    ["add", "sub", "mul", "div", "maximum", "minimum", "equal", "greater", "greaterEqual", "less", "lessEqual"]
      .map((name) => [`Tensor.${name}`, withOther(name)]),
  ),
  ...Object.fromEntries(["sum", "mean", "max", "min"].map((name) => [`Tensor.${name}`, reduction(name)])),
  "Tensor.variance": also(
    ["number"],
    ({ x }) => [calling(x(2, 3), "variance"), [1], { keepDims: true, correction: 1 }],
  ),
  "Tensor.affine": method("affine", [2, 3], 2, 1),
  "Tensor.pow": method("pow", [2, 3], 2),
  "Tensor.clamp": method("clamp", [2, 3], 0, 1),
  ...Object.fromEntries(
    ["neg", "exp", "log", "sqrt", "abs", "sign", "relu", "sigmoid", "tanh", "clone"].map((
      name,
    ) => [`Tensor.${name}`, alone]),
  ),
  "Tensor.argmax": method("argmax", [2, 3], 1),
  "Tensor.reshape": method("reshape", [2, 3], [3, 2]),
  "Tensor.transpose": method("transpose", [2, 3], [1, 0]),
  "Tensor.broadcastTo": method("broadcastTo", [2, 3], [2, 2, 3]),
  "Tensor.slice": method("slice", [2, 3], [0, 1], [1, 2]),
  "Tensor.narrow": method("narrow", [2, 3], 0, 1),
  "Tensor.split": also(["number"], ({ x }) => [calling(x(2, 3), "split"), [1, 2], 1]),
  "Tensor.to": method("to", [2, 3], "f64"),
  "Tensor.matmul": ({ x }) => [calling(x(2, 3), "matmul"), x(3, 2)],
  arange: also(["object", "tensor"], ({ device }) => [lib.arange, 0, 4, { step: 2, ...made(device) }]),
  // Another tensor stands for its dtype and device.
  full: also(["tensor"], ({ device }) => [lib.full, [2, 3], 1, made(device)]),
  ones: also(["tensor"], ({ device }) => [lib.ones, [2, 3], made(device)]),
  zeros: also(["tensor"], ({ device }) => [lib.zeros, [2, 3], made(device)]),
  rand: also(["tensor"], ({ device }) => [lib.rand, [2, 3], { low: 0, high: 1, seed: 0, stream: 0, ...made(device) }]),
  randn: also(["tensor"], ({ device }) => [
    lib.randn,
    [2, 3],
    { mean: 0, std: 1, seed: 0, stream: 0, ...made(device) },
  ]),
  tensor: also(["number", "object", "tensor"], ({ device }) => [lib.tensor, [[1, 2], [3, 4]], [4], made(device)]),
  scope: () => [lib.scope, () => 1],
  scoped: ({ x }) => [(fn: never) => lib.scoped<[], lib.Tensor>(fn)(), () => x(2).mul(2)],
  noGrad: () => [lib.noGrad, () => 1],
  capture: (
    { keep, x },
  ) => [(step: never) => void keep(lib.capture<[lib.Tensor], lib.Tensor>(step))(x(2)), (x: lib.Tensor) => x.mul(2)],
  defineOp: ({ x }) => [(definition: never) => {
    const y = lib.defineOp<[lib.Tensor]>(definition)(x(2).requireGrad());
    y.sum().backward();
  }, { forward: (x: lib.Tensor) => x.mul(2), backward: (dy: lib.Tensor) => [dy.mul(2)], name: "twice" }],
  gradCheck: ({ keep, device }) => [
    lib.gradCheck,
    (x = keep(lib.ones([1], { dtype: "f64", device })).requireGrad()) => x.mul(x),
    [keep(lib.tensor([1, 2], { dtype: "f64", device }))],
    { eps: 1e-6, rtol: 1e-3, atol: 1e-5 },
  ],
  batchNorm: ({ x }) => [lib.batchNorm, x(2, 3), {
    weight: x(3),
    bias: x(3),
    eps: 1e-5,
    act: "relu",
    residual: x(2, 3),
    runningMean: x(3),
    runningVariance: x(3),
    training: true,
    momentum: 0.1,
  }],
  squeezeExcitation: ({ x }) => [lib.squeezeExcitation, x(1, 2, 2, 3), {
    reduce: x(2, 3),
    reduceBias: x(2),
    expand: x(3, 2),
    expandBias: x(3),
    act: "relu",
    residual: x(1, 2, 2, 3),
    endAct: "mish",
  }],
  conv2d: also(["number"], ({ x }) => [lib.conv2d, x(1, 4, 4, 2), x(2, 2, 2, 2), {
    stride: [1, 1],
    padding: [0, 0],
    groups: 1,
    bias: x(2),
  }]),
  convTranspose2d: also(["number"], ({ x }) => [lib.convTranspose2d, x(1, 4, 4, 2), x(2, 2, 2, 2), {
    stride: [2, 2],
    padding: [0, 0],
    outputPadding: [0, 0],
    groups: 1,
    bias: x(2),
  }]),
  scaledDotProductAttention: ({ x, i32 }) => [lib.scaledDotProductAttention, x(2, 3, 4), x(2, 3, 4), x(2, 3, 4), {
    causal: true,
    mask: i32([1, 1, 1], [3]),
    scale: 1,
  }],
  groupNorm: ({ x }) => [lib.groupNorm, x(2, 4), { groups: 2, weight: x(4), bias: x(4), eps: 1e-5 }],
  layerNorm: ({ x }) => [lib.layerNorm, x(2, 4), { shape: [4], weight: x(4), bias: x(4), eps: 1e-5 }],
  linear: ({ x }) => [lib.linear, x(2, 3), x(4, 3), { bias: x(4) }],
  matmul: ({ x }) => [lib.matmul, x(2, 3), x(4, 3), { transposeA: false, transposeB: true }],
  avgPool2d: also(["number"], ({ x }) => [lib.avgPool2d, x(1, 4, 4, 2), {
    kernel: [2, 2],
    stride: [2, 2],
    padding: [0, 0],
    ceilMode: false,
    countIncludePad: true,
  }]),
  maxPool2d: also(["number"], ({ x }) => [lib.maxPool2d, x(1, 4, 4, 2), {
    kernel: [2, 2],
    stride: [2, 2],
    padding: [0, 0],
    ceilMode: false,
  }]),
  blurPool: ({ x }) => [lib.blurPool, x(1, 4, 4, 2), { filter: "tri3", stride: 2, padding: "zeros" }],
  maxBlurPool: ({ x }) => [lib.maxBlurPool, x(1, 4, 4, 2), { kernel: 2, filter: "tri3", stride: 2, padding: "zeros" }],
  globalAvgPool2d: ({ x }) => [lib.globalAvgPool2d, x(1, 4, 4, 2)],
  adaptiveAvgPool2d: also(["number"], ({ x }) => [lib.adaptiveAvgPool2d, x(1, 4, 4, 2), { size: [2, 2] }]),
  upsample2d: also(["number"], ({ x }) => [lib.upsample2d, x(1, 4, 4, 2), { scale: [2, 2], mode: "nearest" }]),
  dropout: ({ x, i32 }) => [lib.dropout, x(2, 3), { p: 0.5, draw: i32([1, 0, 0]) }],
  stochasticDepth: ({ x, i32 }) => [lib.stochasticDepth, x(2, 3), { p: 0.5, draw: i32([1, 0, 0]) }],
  sampleDraws: (
    { i32 },
  ) => [lib.sampleDraws, i32([3, 1]), { seed: 0, epoch: i32([0], []), count: 2, first: 0, beta: [1, 1] }],
  causalSoftmax: unary("causalSoftmax"),
  softmax: unary("softmax"),
  logSoftmax: unary("logSoftmax"),
  crossEntropy: ({ x, i32 }) => [lib.crossEntropy, x(2, 3), i32([0, 2]), { labelSmoothing: 0.1 }],
  concat: ({ x }) => [lib.concat, [x(2, 3), x(2, 3)], 0],
  stack: ({ x }) => [lib.stack, [x(2, 3), x(2, 3)], 0],
  gatherRows: ({ x, i32 }) => [lib.gatherRows, x(4, 3), i32([1, 2])],
  oneHot: ({ i32 }) => [lib.oneHot, i32([1, 2]), { classes: 3, dtype: "f32" }],
  pad: ({ x }) => [lib.pad, x(2, 3), { before: [0, 1], after: [1, 0], value: 1 }],
  where: also(["number"], ({ x, i32 }) => [lib.where, i32([0, 1, 1]), x(2, 3), x(2, 3)]),
  gelu: unary("gelu"),
  leakyRelu: ({ x }) => [lib.leakyRelu, x(2, 3), { negativeSlope: 0.1 }],
  mish: unary("mish"),
  relu: unary("relu"),
  sigmoid: unary("sigmoid"),
  silu: unary("silu"),
  softplus: unary("softplus"),
  tanh: unary("tanh"),
};
