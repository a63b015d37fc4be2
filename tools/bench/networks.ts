/** The networks that are measured: here, and as benchmarks/peer/networks.py is told of them. */
import { type Device, models, nn, recipe } from "../../mod.ts";

/** A convolution with its batch norm and ReLU: channels out, kernel, stride, groups. */
export type ChainLayer = readonly [out: number, kernel: number, stride: number, groups: number];

/** A network by what it is. */
export type Network =
  /** That of a preset. */
  | { readonly preset: "mnist" | "imagenette-128-5" }
  /** One of the xresnet family with fastai's defaults. */
  | { readonly arch: models.ArchName }
  /** Convolutions one after the other, then the mean of the image and a linear layer. */
  | { readonly chain: readonly ChainLayer[] };

/** Classes of every network. */
export const classCount = 10;

const classes = Array.from({ length: classCount }, (_, index) => `${index}`);

/** Channels of a network's images. */
export function channelsOf(network: Network): number {
  return "preset" in network && network.preset === "mnist" ? 1 : 3;
}

/** What a network is in PyTorch, as benchmarks/peer/networks.py reads it. */
export function peerNetwork(network: Network): Record<string, unknown> {
  if ("chain" in network) return { chain: network.chain };
  if ("arch" in network) return { fastai: network.arch };
  if (network.preset === "imagenette-128-5") return { fastai: "xse_resnext50", act: "Mish", sa: true, blur: true };
  const { inChannels, stem, stemStride, widths, blocks, expansion, reduction, act, pool } = {
    ...models.mnistNetOptions,
    ...recipe.preset("mnist").model,
  };
  return {
    xresnet: {
      in_channels: inChannels,
      stem,
      stem_stride: stemStride,
      stages: widths,
      blocks,
      expansion,
      reduction,
      act,
      pool,
      classes: classCount,
    },
  };
}

/** Makes a network on a device, with weights in f32: it computes in what its images come in. */
export function buildNetwork(network: Network, size: number, device: Device): nn.Module {
  if ("chain" in network) return chain(network.chain, device);
  if ("arch" in network) return models.archs[network.arch]({ classes: classCount, seed: 0, device });
  const settings = recipe.preset(network.preset, { dtype: "f32" });
  const imageShape = [size, size, channelsOf(network)];
  return recipe.buildModel({ ...settings, dtype: "f32", classes, imageShape }, device);
}

function chain(layers: readonly ChainLayer[], device: Device): nn.Module {
  let channels = 3;
  const made: nn.Module[] = layers.map(([out, kernel, stride, groups]) => {
    const layer = new nn.ConvNorm(channels, out, { kernel, stride, groups, act: "relu", device });
    channels = out;
    return layer;
  });
  return new nn.Sequential(...made, new nn.GlobalAvgPool2d(), new nn.Linear(channels, classCount, { device }));
}

/** Of a chain: 3x3 convolutions of each channel by itself, and 1x1 convolutions, as MobileNet has them. */
export const depthwise: Network = {
  chain: [
    [32, 3, 2, 1],
    ...([[32, 64, 1], [64, 128, 2], [128, 128, 1], [128, 256, 2], [256, 256, 1], [256, 512, 2], [512, 512, 1]] as const)
      .flatMap(([inputs, out, stride]): ChainLayer[] => [[inputs, 3, stride, inputs], [out, 1, 1, 1]]),
  ],
};

/** Of a chain: channels that no vector's width divides. */
export const oddChannels: Network = {
  chain: [
    [33, 3, 2, 1],
    [33, 3, 1, 1],
    [65, 3, 2, 1],
    [65, 1, 1, 1],
    [97, 3, 2, 1],
    [97, 3, 1, 1],
    [97, 1, 1, 1],
    [195, 3, 2, 1],
  ],
};
