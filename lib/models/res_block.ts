/** Residual blocks of the xresnet family. */
import type { ActivationName } from "../ffi/codes.ts";
import { activate, ConvNorm, SqueezeExcitation } from "../nn/blocks.ts";
import { convNorm } from "../nn/fold_norms.ts";
import { BatchNorm2d, Conv2d } from "../nn/layers.ts";
import { Module } from "../nn/module.ts";
import { AvgPool2d, MaxBlurPool2d, MaxPool2d } from "../nn/pools.ts";
import { SimpleSelfAttention } from "../nn/self_attention.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type Filled, partsOf } from "./options.ts";

/** Where a block stands. */
export interface BlockPlace {
  /** Channels in. */
  from: number;
  /** The stage's width, before the expansion. */
  width: number;
  /** Of its 3x3 convolution and its shortcut. */
  stride: number;
  /** Whether self-attention ends it. */
  attention: boolean;
}

/** A residual block: act(attention(squeeze(convs(x))) + shortcut(x)). */
export class ResBlock extends Module {
  /** The activation after the sum. */
  readonly act: ActivationName;
  /** The convolutions with their norms. */
  readonly convs: ConvNorm[];
  /** Squeeze-and-excitation, where there is one. */
  readonly squeeze: SqueezeExcitation | null;
  /** Self-attention, where there is one. */
  readonly attention: SimpleSelfAttention | null;
  /** What the input goes through where its shape changes. */
  readonly shortcut: Shortcut | null;

  /** @internal Makes the parameters; the network calls it. */
  constructor(place: BlockPlace, options: Filled) {
    super();
    const { from, width, stride, attention } = place;
    const { act, expansion, groups, zeroGamma, reduction, sym } = options;
    const parts = partsOf(options);
    const out = width * expansion;
    const [first, second] = innerWidths(width, options);
    const fused = reduction === 0 && !attention;
    const last = { ...parts, act: fused ? act : "none" as const, zeroWeight: zeroGamma };
    this.act = act;
    this.convs = expansion === 1
      ? [
        new ConvNorm(from, second, { ...parts, act, kernel: 3, stride, groups }),
        new ConvNorm(second, out, { ...last, kernel: 3, groups: 1 }),
      ]
      : [
        new ConvNorm(from, first, { ...parts, act, kernel: 1, groups: 1 }),
        new ConvNorm(first, second, { ...parts, act, kernel: 3, stride, groups }),
        new ConvNorm(second, out, { ...last, kernel: 1, groups: 1 }),
      ];
    const endAct = attention ? "none" : act;
    this.squeeze = reduction > 0 ? new SqueezeExcitation(out, { ...parts, act, reduction, endAct }) : null;
    this.attention = attention ? new SimpleSelfAttention(out, { ...parts, sym }) : null;
    this.shortcut = from !== out || stride !== 1 ? new Shortcut({ from, out, stride }, options) : null;
  }

  /** The result for one batch. */
  override forward(x: Tensor): Tensor {
    const identity = this.shortcut?.forward(x) ?? x;
    const last = this.convs.length - 1;
    const inner = this.convs.slice(0, last).reduce((y, conv) => conv.forward(y), x);
    const end = this.convs[last]!;
    if (this.squeeze === null && this.attention === null) return end.forward(inner, identity);
    if (this.attention === null) return this.squeeze!.forward(end.forward(inner), identity);
    const squeezed = this.squeeze?.forward(end.forward(inner)) ?? end.forward(inner);
    return activate(this.attention.forward(squeezed).add(identity), this.act);
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

  /** @internal Makes the parameters; the block calls it. */
  constructor(channels: { from: number; out: number; stride: number }, options: Filled) {
    super();
    const { from, out, stride } = channels;
    const { device, dtype } = options;
    this.pool = stride === 1 ? null : shortcutPool(options, stride);
    this.conv = from === out ? null : new Conv2d(from, out, { ...partsOf(options), kernel: 1, bias: false });
    this.norm = from === out ? null : new BatchNorm2d(out, { device, dtype });
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
    return this.conv === null ? pooled : convNorm(this.conv, this.norm!, pooled);
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

function shortcutPool({ pool, blur }: Filled, stride: number): Module {
  switch (pool) {
    case "max":
      return new MaxPool2d({ kernel: stride, ceilMode: true });
    case "maxblur":
      return new MaxBlurPool2d({ stride, filter: blur });
    case "avg":
      return new AvgPool2d({ kernel: stride, ceilMode: true });
  }
}
