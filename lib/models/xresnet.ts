/** The xresnet family: ResNet with the tricks of He 2018 ("Bag of Tricks"), as in fastai. */
import type { ActivationName } from "../ffi/codes.ts";
import { activate, ConvNorm, SqueezeExcitation } from "../nn/blocks.ts";
import { Init } from "../nn/init.ts";
import { BatchNorm2d, Conv2d, type LayerOptions, Linear } from "../nn/layers.ts";
import { Module, type ModuleOptions } from "../nn/module.ts";
import { AvgPool2d, MaxBlurPool2d, MaxPool2d } from "../nn/pools.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** What subsamples: max pools, max pools with a blur (Zhang 2019), or fastai's default (max in the stem, mean in shortcuts). */
export type PoolKind = "max" | "maxblur" | "avg";

/** Options of {@linkcode XResNet}. */
export interface XResNetOptions extends ModuleOptions {
  /** Size of the output. */
  classes: number;
  /** Channels of the images; by default 3. */
  inChannels?: number;
  /** The activation; by default relu. */
  act?: ActivationName;
  /** What subsamples; by default avg, as in fastai. */
  pool?: PoolKind;
  /** Channels of the stem's three convolutions; by default [32, 32, 64]. */
  stem?: readonly number[];
  /** Stride of the stem's first convolution; by default 2. */
  stemStride?: number;
  /** Whether a pool follows the stem; by default true. */
  stemPool?: boolean;
  /** Width of each stage before the expansion; by default [64, 128, 256, 512]. */
  widths?: readonly number[];
  /** Blocks of each stage. */
  blocks: readonly number[];
  /** 1: two 3x3 convolutions a block; 4: 1x1, 3x3, 1x1 with four times the width out. */
  expansion: number;
  /** Groups of the 3x3 convolution; by default 1. */
  groups?: number;
  /** Inner width of a block: "plain" and "se" follow fastai's ResBlock and SEBlock, "resnext" its SEResNeXtBlock. */
  form?: "plain" | "se" | "resnext";
  /** For "resnext": inner width is ⌊width · baseWidth / 64⌋ · groups; by default 4. */
  baseWidth?: number;
  /** Squeeze-and-excitation's reduction; 0 for none; by default 0. */
  reduction?: number;
  /** Whether the last norm of each block starts with weight 0; by default true. */
  zeroGamma?: boolean;
  /** The initial weights follow from it. */
  seed?: number;
}

type Filled = Required<Omit<XResNetOptions, "seed" | "device" | "dtype">> & LayerOptions;

/** A residual block: act(convs(x) + shortcut(x)). */
export class ResBlock extends Module {
  /** The activation after the sum. */
  readonly act: ActivationName;
  /** The convolutions with their norms. */
  readonly convs: ConvNorm[];
  /** Squeeze-and-excitation, where there is one. */
  readonly squeeze: SqueezeExcitation | null;
  /** What the input goes through where its shape changes. */
  readonly shortcut: Shortcut | null;

  /** Makes the parameters. */
  constructor(channels: { from: number; width: number; stride: number }, options: Filled) {
    super();
    const { from, width, stride } = channels;
    const { act, expansion, groups, zeroGamma, reduction } = options;
    const out = width * expansion;
    const [first, second] = innerWidths(width, options);
    const inner = { ...options, activation: act };
    const last = { ...options, activation: reduction > 0 ? "none" as const : act, zeroWeight: zeroGamma };
    this.act = act;
    this.convs = expansion === 1
      ? [
        new ConvNorm(from, second, { ...inner, kernel: 3, stride, groups }),
        new ConvNorm(second, out, { ...last, kernel: 3, groups: 1 }),
      ]
      : [
        new ConvNorm(from, first, { ...inner, kernel: 1, groups: 1 }),
        new ConvNorm(first, second, { ...inner, kernel: 3, stride, groups }),
        new ConvNorm(second, out, { ...last, kernel: 1, groups: 1 }),
      ];
    this.squeeze = reduction > 0 ? new SqueezeExcitation(out, { ...options, reduction, activation: act }) : null;
    this.shortcut = from !== out || stride !== 1 ? new Shortcut({ from, out, stride }, options) : null;
  }

  /** The result for one batch. */
  override forward(x: Tensor): Tensor {
    const identity = this.shortcut?.forward(x) ?? x;
    const last = this.convs.length - 1;
    const inner = this.convs.slice(0, last).reduce((y, conv) => conv.forward(y), x);
    if (this.squeeze === null) return this.convs[last]!.forward(inner, identity);
    return activate(this.squeeze.forward(this.convs[last]!.forward(inner)).add(identity), this.act);
  }
}

/** A block's input in the shape of its output: pool, then 1x1 convolution. */
export class Shortcut extends Module {
  /** What subsamples, where there is a stride. */
  readonly pool: Module | null;
  /** The convolution. */
  readonly conv: Conv2d | null;
  /** The batch norm. */
  readonly norm: BatchNorm2d | null;

  /** Makes the parameters. */
  constructor(channels: { from: number; out: number; stride: number }, options: Filled) {
    super();
    const { from, out, stride } = channels;
    this.pool = stride === 1 ? null : shortcutPool(options.pool, stride);
    this.conv = from === out ? null : new Conv2d(from, out, { ...options, kernel: 1, groups: 1, bias: false });
    this.norm = from === out ? null : new BatchNorm2d(out, options);
  }

  /** The result for one batch. */
  override forward(x: Tensor): Tensor {
    const [, height = 0, width = 0] = x.shape;
    if (this.pool instanceof MaxBlurPool2d && (height % 2 === 1 || width % 2 === 1)) {
      throw new RangeError(
        `XResNet: Expected images whose size stays even until the last stride with pool maxblur, got ${height} x ${width} ` +
          `before one: pad them, or use pool avg or max`,
      );
    }
    const pooled = this.pool?.forward(x) ?? x;
    return this.conv === null ? pooled : this.norm!.forward(this.conv.forward(pooled));
  }
}

/** The widths inside a block: before its 3x3 convolution and after it. */
function innerWidths(width: number, options: Filled): [number, number] {
  const { form, expansion, baseWidth, groups } = options;
  if (form === "se") return [width * 2, width * expansion];
  if (form === "plain") return [width, width];
  const inner = Math.floor(width * baseWidth / 64) * groups;
  if (inner === 0) {
    throw new RangeError(
      `XResNet: Expected an inner width from 1, got ⌊${width} · ${baseWidth} / 64⌋ · ${groups} = 0: raise baseWidth`,
    );
  }
  return [inner, inner];
}

function shortcutPool(kind: PoolKind, stride: number): Module {
  switch (kind) {
    case "max":
      return new MaxPool2d({ kernel: stride, ceilMode: true });
    case "maxblur":
      return new MaxBlurPool2d({ stride });
    case "avg":
      return new AvgPool2d({ kernel: stride, ceilMode: true });
  }
}

/**
 * A residual network for images [n, h, w, c] to logits [n, classes].
 *
 * @example
 * ```ts
 * import { models } from "@libtrain/libtrain";
 *
 * using model = new models.XResNet({ classes: 10, blocks: [1, 1], widths: [16, 32], expansion: 1, stem: [8, 8, 16], seed: 0 });
 * ```
 */
export class XResNet extends Module {
  /** The first convolutions. */
  readonly stem: ConvNorm[];
  /** The pool after the stem, where there is one. */
  readonly stemPool: Module | null;
  /** The blocks of each stage. */
  readonly stages: ResBlock[][];
  /** The classifier. */
  readonly head: Linear;

  /** Makes the parameters. */
  constructor(options: XResNetOptions) {
    super();
    const filled = fill(options);
    const { stem, widths, blocks, expansion } = filled;
    this.stem = stem.map((width, index) =>
      new ConvNorm(index === 0 ? filled.inChannels : stem[index - 1]!, width, {
        ...filled,
        groups: 1,
        kernel: 3,
        stride: index === 0 ? filled.stemStride : 1,
        activation: filled.act,
      })
    );
    this.stemPool = !filled.stemPool
      ? null
      : filled.pool === "maxblur"
      ? new MaxBlurPool2d({ stride: 2 })
      : new MaxPool2d({ kernel: 3, stride: 2, padding: 1 });
    let from = stem.at(-1)!;
    this.stages = blocks.map((count, stage) =>
      Array.from({ length: count }, (_, block) => {
        const width = widths[stage]!;
        const stride = stage > 0 && block === 0 ? 2 : 1;
        const made = new ResBlock({ from, width, stride }, filled);
        from = width * expansion;
        return made;
      })
    );
    this.head = new Linear(from, filled.classes, filled);
  }

  /** The result for one batch. */
  override forward(x: Tensor): Tensor {
    let y = this.stem.reduce((y, conv) => conv.forward(y), x);
    y = this.stemPool?.forward(y) ?? y;
    for (const stage of this.stages) y = stage.reduce((y, block) => block.forward(y), y);
    return this.head.forward(y.mean([1, 2]));
  }
}

/** The options that were given: an undefined one must not take a default's place. */
export function given<Options extends object>(options: Options): Options {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Options;
}

function fill(options: XResNetOptions): Filled {
  const { device, dtype, seed, ...rest } = options;
  const filled = {
    inChannels: 3,
    act: "relu" as const,
    pool: "avg" as const,
    stem: [32, 32, 64],
    stemStride: 2,
    stemPool: true,
    widths: [64, 128, 256, 512],
    groups: 1,
    form: "plain" as const,
    baseWidth: 4,
    reduction: 0,
    zeroGamma: true,
    ...given(rest),
    device,
    dtype,
    init: new Init(seed),
  };
  if (!["max", "maxblur", "avg"].includes(filled.pool)) {
    throw new RangeError(`XResNet: Expected \`pool\` as max, maxblur or avg, got "${filled.pool}"`);
  }
  if (filled.blocks.length > filled.widths.length || filled.blocks.length === 0 || filled.stem.length === 0) {
    throw new RangeError(
      `XResNet: Expected a width for each of ${filled.blocks.length} stages, and a stem, got ${filled.widths.length} and ${filled.stem.length}`,
    );
  }
  if (!Number.isInteger(filled.classes) || filled.classes < 1) {
    throw new RangeError(`XResNet: Expected \`classes\` as a whole number from 1, got ${filled.classes}`);
  }
  return filled as Filled;
}
