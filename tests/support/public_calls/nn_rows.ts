/** Right calls of layers, losses, optimizers, schedules and models. */
import * as lib from "../../../mod.ts";
import { also, calling, making, open, type Parts, type Row, whole } from "./walk.ts";

const { nn, optim, models } = lib;

const internal = { none: "the library's own, no part of what scripts call" };
const alone = { none: "takes no argument" };

const initOf = (): lib.nn.Init => new nn.UniformInit({ seed: 0 });
const weights = ({ device }: Parts): lib.nn.LayerOptions => ({ init: initOf(), device, dtype: "f32" });
const linear = ({ device, keep }: Parts): lib.nn.Linear => keep(new nn.Linear(3, 2, { device }));

/** The options of a layer that is made with them, and the input of its forward. */
// deno-lint-ignore no-explicit-any
type Maker = new (...args: any[]) => lib.nn.Module;

/** A layer's constructor and its forward. */
function layer(
  name: string,
  make: Maker,
  args: (parts: Parts) => unknown[],
  shape: number[],
  options: { also?: readonly ("number" | "array")[] } = {},
): Record<string, Row> {
  return {
    [`nn.${name}`]: also(options.also ?? [], (parts) => [making(make), ...args(parts)]),
    [`nn.${name}.forward`]: (parts: Parts) => [
      calling(parts.keep(new make(...args(parts))), "forward"),
      parts.x(...shape),
    ],
  };
}

const noise = (parts: Parts): unknown[] => [{ p: 0.5, seed: 0, stream: 0, init: initOf(), device: parts.device }];
const window = { kernel: [2, 2], stride: [2, 2], padding: [0, 0], ceilMode: false };

const layers: Record<string, Row> = {
  ...layer("Activation", nn.Activation, () => ["relu"], [2, 3]),
  ...layer("AdaptiveAvgPool2d", nn.AdaptiveAvgPool2d, () => [{ size: [2, 2] }], [1, 4, 4, 2], { also: ["number"] }),
  ...layer("AvgPool2d", nn.AvgPool2d, () => [{ ...window, countIncludePad: true }], [1, 4, 4, 2], { also: ["number"] }),
  ...layer("MaxPool2d", nn.MaxPool2d, () => [window], [1, 4, 4, 2], { also: ["number"] }),
  ...layer("BlurPool2d", nn.BlurPool2d, () => [{ filter: "tri3", stride: 2, padding: "zeros" }], [1, 4, 4, 2]),
  ...layer("MaxBlurPool2d", nn.MaxBlurPool2d, () => [{ kernel: 2, filter: "tri3", stride: 2, padding: "zeros" }], [
    1,
    4,
    4,
    2,
  ]),
  ...layer("GlobalAvgPool2d", nn.GlobalAvgPool2d, () => [], [1, 4, 4, 2]),
  ...layer("Flatten", nn.Flatten, () => [], [2, 3]),
  ...layer("LeakyReLU", nn.LeakyReLU, () => [{ negativeSlope: 0.1 }], [2, 3]),
  ...layer("BatchNorm2d", nn.BatchNorm2d, ({ device }) => [
    3,
    { eps: 1e-5, momentum: 0.1, act: "relu", zeroWeight: false, device, dtype: "f32" },
  ], [2, 3]),
  ...layer(
    "Conv2d",
    nn.Conv2d,
    (parts) => [2, 2, {
      kernel: [3, 3],
      stride: [1, 1],
      padding: [1, 1],
      groups: 1,
      bias: true,
      ...weights(parts),
    }],
    [1, 4, 4, 2],
    { also: ["number"] },
  ),
  ...layer(
    "ConvNorm",
    nn.ConvNorm,
    (parts) => [2, 2, {
      kernel: [3, 3],
      stride: [1, 1],
      padding: [1, 1],
      groups: 1,
      act: "relu",
      zeroWeight: false,
      ...weights(parts),
    }],
    [1, 4, 4, 2],
    { also: ["number"] },
  ),
  ...layer(
    "ConvTranspose2d",
    nn.ConvTranspose2d,
    (parts) => [2, 2, {
      kernel: [2, 2],
      stride: [2, 2],
      padding: [0, 0],
      outputPadding: [0, 0],
      groups: 1,
      bias: true,
      ...weights(parts),
    }],
    [1, 4, 4, 2],
    { also: ["number"] },
  ),
  ...layer("Dropout", nn.Dropout, noise, [2, 3]),
  ...layer("StochasticDepth", nn.StochasticDepth, noise, [2, 3]),
  ...layer(
    "GroupNorm",
    nn.GroupNorm,
    ({ device }) => [2, 4, { eps: 1e-5, affine: true, bias: true, device, dtype: "f32" }],
    [
      2,
      4,
    ],
  ),
  ...layer(
    "LayerNorm",
    nn.LayerNorm,
    ({ device }) => [[4], { eps: 1e-5, affine: true, bias: true, device, dtype: "f32" }],
    [
      2,
      4,
    ],
    { also: ["number"] },
  ),
  ...layer("Linear", nn.Linear, (parts) => [3, 2, { bias: true, ...weights(parts) }], [2, 3]),
  ...layer("SpectralLinear", nn.SpectralLinear, (parts) => [3, 3, { symmetric: true, ...weights(parts) }], [2, 3]),
  ...layer("MultiHeadAttention", nn.MultiHeadAttention, (parts) => [
    4,
    2,
    { causal: false, bias: true, ...weights(parts) },
  ], [2, 3, 4]),
  ...layer("SimpleSelfAttention", nn.SimpleSelfAttention, (parts) => [4, { sym: true, ...weights(parts) }], [
    1,
    2,
    2,
    4,
  ]),
  ...layer("SqueezeExcitation", nn.SqueezeExcitation, (parts) => [
    4,
    { reduction: 2, act: "relu", endAct: "mish", ...weights(parts) },
  ], [1, 2, 2, 4]),
  ...layer("Upsample", nn.Upsample, () => [{ scale: [2, 2], mode: "nearest" }], [1, 4, 4, 2], { also: ["number"] }),
};

const small = ({ device }: Parts): lib.models.ModelOptions => ({
  classes: 2,
  inChannels: 1,
  act: "relu",
  pool: "max",
  stem: [4, 4, 4],
  stemStride: 2,
  stemPool: true,
  widths: [4, 4],
  reduction: 2,
  sa: false,
  sym: false,
  zeroGamma: false,
  seed: 0,
  device,
  dtype: "f32",
});

const schedule = (): lib.optim.Schedule => whole(optim.constant({ lr: 0.1 }));

export const nnRows: Readonly<Record<string, Row>> = {
  ...layers,
  "nn.Embedding": (parts) => [
    making(nn.Embedding),
    4,
    3,
    { std: 1, ...weights(parts) },
  ],
  "nn.Embedding.forward": (
    { keep, device, i32 },
  ) => [calling(keep(new nn.Embedding(4, 3, { device })), "forward"), i32([1, 2])],
  "nn.AvgPool2d.stride": alone,
  "nn.MaxPool2d.stride": alone,
  "nn.Buffer": internal,
  "nn.Buffer.of": ({ x }) => [(values: never) => void nn.Buffer.of(values).dispose(), x(2)],
  "nn.Parameter": internal,
  "nn.Parameter.of": (
    { x },
  ) => [(values: never, options: never) => void nn.Parameter.of(values, options).dispose(), x(2), {
    decays: true,
  }],
  "nn.Init": { none: "abstract" },
  "nn.Init.normal": open(({ device }) => [calling(initOf(), "normal"), [2], {
    std: 1,
    device,
    dtype: "f32",
  }], ["tensor"]),
  "nn.Init.kaimingNormal": open(({ device }) => [calling(initOf(), "kaimingNormal"), [2], 3, {
    device,
    dtype: "f32",
  }], ["tensor"]),
  "nn.Init.fanInUniform": open(({ device }) => [calling(initOf(), "fanInUniform"), [2], 3, {
    device,
    dtype: "f32",
  }], ["tensor"]),
  "nn.Init.counterKey": alone,
  "nn.KaimingInit": () => [making(nn.KaimingInit), { seed: 0 }],
  "nn.UniformInit": () => [making(nn.UniformInit), { seed: 0 }],
  ...Object.fromEntries(
    [nn.KaimingInit, nn.UniformInit].flatMap((kind) =>
      (["weight", "bias"] as const).map((name): [string, Row] => [
        `nn.${kind.name}.${name}`,
        // A layer hands all of its options on.
        open(({ device }) => [calling(new kind({ seed: 0 }), name), [2], 3, { device, dtype: "f32" }], ["tensor"]),
      ])
    ),
  ),
  "nn.Module": { none: "abstract" },
  "nn.Module.modeOf": internal,
  "nn.Module.hold": internal,
  "nn.Module.requireGrad": (parts) => [(on: never) => void linear(parts).requireGrad(on), true],
  "nn.Module.train": (parts) => [(on: never) => void linear(parts).train(on), true],
  "nn.Module.eval": alone,
  "nn.Module.children": alone,
  "nn.Module.modules": (parts) => [(path: never) => void [...linear(parts).modules(path)], "path"],
  "nn.Module.namedParameters": alone,
  "nn.Module.namedBuffers": alone,
  "nn.Module.state": alone,
  "nn.Module.dispose": alone,
  "nn.Module.toString": alone,
  "nn.Noise": { none: "abstract" },
  "nn.Noise.forward": { none: "as nn.Dropout.forward" },
  "nn.Dropout.drop": internal,
  "nn.StochasticDepth.drop": internal,
  "nn.SpectralLinear.normalized": alone,
  "nn.RandomCounter": internal,
  "nn.RandomCounter.make": ({ device }) => [(options: never) => void nn.RandomCounter.make(options).dispose(), {
    seed: 0,
    stream: 0,
    init: initOf(),
    device,
  }],
  "nn.RandomCounter.next": alone,
  "nn.RandomCounter.recovered": internal,
  "nn.RandomCounter.rand": ({ device, keep }) => {
    const counter = keep(nn.RandomCounter.make({ seed: 0, device }));
    return [calling(counter, "rand"), [2], { low: 0, high: 1, dtype: "f32" }];
  },
  "nn.RandomCounter.randn": ({ device, keep }) => {
    const counter = keep(nn.RandomCounter.make({ seed: 0, device }));
    return [calling(counter, "randn"), [2], { mean: 0, std: 1, dtype: "f32" }];
  },
  "nn.Sequential": (parts) => [(...given: never[]) => void new nn.Sequential(...given), linear(parts)],
  "nn.Sequential.forward": (parts) => [calling(new nn.Sequential(linear(parts)), "forward"), parts.x(2, 3)],
  "nn.activate": ({ x }) => [nn.activate, x(2), "relu"],
  "nn.bceWithLogits": also(["number"], ({ x }) => [nn.bceWithLogits, x(2, 3), x(2, 3), { posWeight: x(3) }]),
  "nn.crossEntropyLoss": ({ x, i32 }) => [
    (options: never) => nn.crossEntropyLoss(options)(x(2, 3), { labels: i32([0, 1]) }),
    { labelSmoothing: 0.1, weights: [1, 1, 1] },
  ],
  "nn.distillationLoss": ({ x }) => [nn.distillationLoss, x(2, 3), x(2, 3), { temperature: 2 }],
  "nn.klDivergence": ({ x }) => [nn.klDivergence, x(2, 3), x(2, 3), { logTarget: false }],
  "nn.l1Loss": ({ x }) => [nn.l1Loss, x(2, 3), x(2, 3)],
  "nn.mseLoss": ({ x }) => [nn.mseLoss, x(2, 3), x(2, 3)],
  "nn.labelAccuracy": open(({ x }) => [nn.labelAccuracy, x(2, 3), { targets: x(2, 3) }]),
  "nn.meanAbsoluteError": open(({ x }) => [nn.meanAbsoluteError, x(2, 3), { targets: x(2, 3) }]),
  "nn.rootMeanSquareError": open(({ x }) => [nn.rootMeanSquareError, x(2, 3), { targets: x(2, 3) }]),
  "nn.noGradOf": also(["object"], (parts) => [nn.noGradOf, [linear(parts)], () => 1]),
  "nn.foldNorms": (parts) => [(model: never) => nn.foldNorms(model).dispose(), linear(parts)],
  "nn.convNorm": (parts) => [
    nn.convNorm,
    parts.keep(new nn.Conv2d(2, 2, { device: parts.device })),
    parts.keep(new nn.BatchNorm2d(2, { device: parts.device })),
    parts.x(1, 2, 2, 2),
    parts.x(1, 2, 2, 2),
  ],
  "nn.replaceModules": (parts) => {
    const root = parts.keep(new nn.Sequential(new nn.Linear(2, 2, { device: parts.device }), new nn.Flatten()));
    return [nn.replaceModules, root, nn.Linear, () => new nn.Linear(2, 2, { device: parts.device })];
  },
  "nn.spectralNorm": ({ x }) => [nn.spectralNorm, x(3, 2), { u: x(3), v: x(2), training: true, eps: 1e-6 }],
  "nn.summary": also([], (parts) => [nn.summary, linear(parts), [1, 3], { dtype: "f32" }]),
  "nn.summaryRows": also([], (parts) => [nn.summaryRows, linear(parts), [1, 3], { dtype: "f32" }]),

  "models.mnistNet": (parts) => [(options: never) => void models.mnistNet(options).dispose(), small(parts)],
  "models.xresnet18": (parts) => [
    (options: never) => void models.xresnet18(options).dispose(),
    { ...small(parts), widths: [4, 4, 4, 4] },
  ],
  ...Object.fromEntries(
    Object.values(models.archs).filter(({ name }) => name !== "xresnet18")
      .map(({ name }): [string, Row] => [`models.${name}`, { none: "takes its options as models.xresnet18 does" }]),
  ),
  "models.Vgg": (parts) => [making(models.Vgg), {
    classes: 2,
    inChannels: 1,
    act: "relu",
    pool: "max",
    stages: [[4]],
    headSize: 1,
    hidden: [4],
    dropout: 0.5,
    seed: 0,
    device: parts.device,
    dtype: "f32",
  }],
  "models.Vgg.forward": (parts) => {
    const model = parts.keep(new models.Vgg({ classes: 2, inChannels: 1, stages: [[4]], device: parts.device }));
    return [calling(model, "forward"), parts.x(2, 8, 8, 1)];
  },
  "models.vgg11Bn": { none: "takes its options as models.Vgg does" },
  "models.XResNet": (parts) => [
    making(models.XResNet),
    { ...small(parts), blocks: [1, 1], expansion: 1, groups: 1, widen: 1, form: "plain" },
  ],
  "models.XResNet.fastaiEntries": alone,
  "models.XResNet.forward": (parts) => {
    const model = parts.keep(models.mnistNet(small(parts)));
    return [calling(model, "forward"), parts.x(2, 8, 8, 1)];
  },

  "optim.Ema": (parts) => [making(optim.Ema), linear(parts), {
    decay: 0.9,
  }],
  "optim.Ema.update": alone,
  "optim.Ema.restart": alone,
  "optim.Ema.state": alone,
  "optim.Ema.during": (parts) => {
    const ema = parts.keep(new optim.Ema(linear(parts), { decay: 0.9 }));
    return [calling(ema, "during"), () => Promise.resolve(1)];
  },
  "optim.Ema.dispose": alone,
  "optim.Ema.toString": alone,
  "optim.adamw": () => [optim.adamw, { mom: 0.9, sqrMom: 0.99, eps: 1e-5, wd: 0.01 }],
  "optim.sgd": () => [optim.sgd, { mom: 0.9, dampening: false, nesterov: true, wd: 0.01 }],
  "optim.ranger": () => [optim.ranger, {
    mom: 0.9,
    sqrMom: 0.99,
    eps: 1e-5,
    wd: 0.01,
    rectify: true,
    k: 6,
    alpha: 0.5,
    centralise: false,
  }],
  "optim.muon": () => [optim.muon, { mom: 0.9, nesterov: true, wd: 0.01 }],
  "optim.rmsprop": () => [optim.rmsprop, { sqrMom: 0.99, mom: 0, eps: 1e-8, wd: 0.01, centered: false }],
  "optim.together": also(["function"], () => [optim.together, { optimizer: optim.adamw(), lrScale: 1, match: /a/ }]),
  "optim.clipGradNorm": also(["object", "tensor"], (parts) => {
    const module = linear(parts);
    parts.keep(lib.scope(() => module.forward(parts.x(2, 3)).sum())).backward();
    return [optim.clipGradNorm, [module], 1];
  }),
  "optim.defineOptimizer": (parts) => {
    const model = parts.keep(new nn.Linear(2, 2, { device: parts.device }));
    return [(definition: never) => {
      const opt = (optim.defineOptimizer(definition) as () => lib.optim.Optimizer)().bind(model);
      try {
        model.forward(parts.x(1, 2)).sum().backward();
        opt.step();
      } finally {
        opt.dispose();
      }
    }, {
      name: "own",
      states: ["a"],
      copies: ["a"],
      options: whole({ mom: 0.9, wd: 0 }),
      limits: { mom: [0, 1] },
      takes: () => true,
      update: ({ value }: lib.optim.ParameterUpdate) => void value.assign(value.mul(2)),
    }];
  },
  "optim.constant": () => [optim.constant, { lr: 0.1 }],
  "optim.cosine": () => [optim.cosine, { lr: 0.1, end: 0 }],
  "optim.flatCos": () => [optim.flatCos, { lr: 0.1, start: 0.5, divFinal: 10 }],
  "optim.linearWarmup": () => [optim.linearWarmup, { lr: 0.1, warmup: 0.1, div: 10, then: schedule() }],
  "optim.multiStepDecay": () => [optim.multiStepDecay, { lr: 0.1, milestones: [0.5], gamma: 0.1 }],
  "optim.oneCycle": () => [optim.oneCycle, { lr: 0.1, start: 0.25, div: 10, divFinal: 10 }],
  "optim.stepDecay": () => [optim.stepDecay, { lr: 0.1, every: 0.5, gamma: 0.1 }],
  "optim.defineSchedule": open(() => [
    (config: never, at: never) => optim.defineSchedule(config, at).over(10)(3),
    { name: "own" },
    () => 0.1,
  ]),
};
