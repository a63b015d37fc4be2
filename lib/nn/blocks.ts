/** Modules made of others. */
import { ACTIVATION_CODES, type ActivationName } from "../ffi/codes.ts";
import { kindOf, requireWhole } from "../tensor/ops/checks.ts";
import { squeezeExcitation } from "../tensor/ops/squeeze_excitation.ts";
import { affine, unary } from "../tensor/ops/unary.ts";
import { ownedHere, scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { requireCounts, requireForward, requireImages } from "./checks.ts";
import { convNorm } from "./fold_norms.ts";
import { layerOptions, requireLayerOptions } from "./known_options.ts";
import { BatchNorm2d, Conv2d, type Conv2dLayerOptions, type LayerOptions, Linear } from "./layers.ts";
import { Module } from "./module.ts";

/** An activation by name. */
export function activate(x: Tensor, act: ActivationName): Tensor {
  requireActivation("activate", act);
  return act === "none" ? affine(x, 1, 0) : unary(act, x);
}

function requireActivation(op: string, act: unknown): void {
  if (typeof act === "string" && Object.hasOwn(ACTIVATION_CODES, act)) return;
  const names = Object.keys(ACTIVATION_CODES).join(", ");
  throw new RangeError(`${op}(): Expected \`act\` as one of ${names}, got ${kindOf(act)}`);
}

/** An activation as a layer. */
export class Activation extends Module {
  /** The activation. */
  readonly act: ActivationName;

  /** Makes the parameters. */
  constructor(act: ActivationName) {
    super();
    requireActivation("Activation", act);
    this.act = act;
  }

  /** The result for one batch. */
  override forward(x: Tensor): Tensor {
    return activate(x, this.act);
  }
}

/**
 * The result of modules one after the other. What one gave is let go once the next has taken it, so that without gradients
 * only two results live at a time.
 */
export function inTurn(layers: Iterable<{ forward(x: Tensor): Tensor }>, x: Tensor): Tensor {
  return scope(() => {
    let y = x;
    for (const layer of layers) {
      const input = y;
      y = scope(() => layer.forward(input));
      // A parameter, or the input itself, is not ours.
      if (y !== input && ownedHere(input)) input.dispose();
    }
    return y;
  });
}

/** Modules one after the other. */
export class Sequential extends Module {
  /** The modules, in order. */
  readonly layers: Module[];

  /** Makes the parameters. */
  constructor(...layers: Module[]) {
    super();
    layers.forEach((layer, index) => requireForward("Sequential", `layers[${index}]`, layer));
    this.layers = layers;
  }

  /** The result for one batch. */
  override forward(x: Tensor): Tensor {
    return inTurn(pairsOf(this.layers), x);
  }
}

/** Layers, of which a convolution and the batch norm right behind it are one. */
function pairsOf(layers: readonly Module[]): { forward(x: Tensor): Tensor }[] {
  return layers.flatMap((layer, at) => {
    const [before, next] = [layers[at - 1], layers[at + 1]];
    if (layer instanceof BatchNorm2d && before instanceof Conv2d) return [];
    if (!(layer instanceof Conv2d && next instanceof BatchNorm2d)) return [layer];
    return [{ forward: (x: Tensor): Tensor => convNorm(layer, next, x) }];
  });
}

/** Options of {@linkcode ConvNorm}. */
export interface ConvNormOptions extends Omit<Conv2dLayerOptions, "bias"> {
  /** By default none. */
  act?: ActivationName;
  /** Start with weight 0 in the norm. */
  zeroWeight?: boolean;
}

/** Convolution without bias, batch norm, activation; the last two in one pass. */
export class ConvNorm extends Module {
  /** The convolution. */
  readonly conv: Conv2d;
  /** The batch norm. */
  readonly norm: BatchNorm2d;

  /** Makes the parameters. */
  constructor(inChannels: number, outChannels: number, options: ConvNormOptions = {}) {
    super();
    requireLayerOptions("ConvNorm", options, {
      known: ["kernel", "stride", "padding", "groups", "act", "zeroWeight", ...layerOptions],
      example: "new ConvNorm(3, 16, { stride: 2 })",
    });
    const { act, zeroWeight, ...conv } = options;
    const { device, dtype } = options;
    this.conv = new Conv2d(inChannels, outChannels, { ...conv, bias: false });
    this.norm = new BatchNorm2d(outChannels, { act, zeroWeight, device, dtype });
  }

  /** With a residual, act(norm(conv(x)) + residual). */
  override forward(x: Tensor, residual: Tensor | null = null): Tensor {
    return convNorm(this.conv, this.norm, x, residual);
  }
}

/** Options of {@linkcode SqueezeExcitation}. */
export interface SqueezeExcitationLayerOptions extends LayerOptions {
  /** Channels over hidden ones; by default 16. */
  reduction?: number;
  /** Of the hidden layer; by default relu. */
  act?: ActivationName;
  /** Of the result; by default none. */
  endAct?: ActivationName;
}

/**
 * Squeeze-and-excitation (Hu 2018): endAct(x · sigmoid(expand(act(reduce(mean of x over the image)))) + residual), x and
 * residual [n, h, w, c].
 *
 * ```ts
 * import { nn, rand } from "@libtrain/libtrain";
 *
 * using squeeze = new nn.SqueezeExcitation(64, { endAct: "mish" });
 * using x = rand([2, 8, 8, 64]);
 * using y = squeeze.forward(x, x); // [2, 8, 8, 64]
 * ```
 */
export class SqueezeExcitation extends Module {
  /** The hidden layer's activation. */
  readonly act: ActivationName;
  /** The activation of the result. */
  readonly endAct: ActivationName;
  /** To the hidden width. */
  readonly reduce: Linear;
  /** Back to all channels. */
  readonly expand: Linear;

  /** The hidden width is channels / reduction, rounded up to a multiple of 8 as in fastai. */
  constructor(channels: number, options: SqueezeExcitationLayerOptions = {}) {
    super();
    requireCounts("SqueezeExcitation", { channels });
    requireLayerOptions("SqueezeExcitation", options, {
      known: ["reduction", "act", "endAct", ...layerOptions],
      example: "new SqueezeExcitation(64, { reduction: 16 })",
    });
    const { reduction = 16, act = "relu", endAct = "none", ...linear } = options;
    requireWhole("SqueezeExcitation", "reduction", reduction, 1);
    const hidden = Math.ceil(Math.floor(channels / reduction) / 8) * 8;
    if (hidden === 0) {
      throw new RangeError(
        `SqueezeExcitation(): Expected at least ${reduction} channels, got ${channels}`,
      );
    }
    this.act = act;
    this.endAct = endAct;
    this.reduce = new Linear(channels, hidden, linear);
    this.expand = new Linear(hidden, channels, linear);
  }

  /** The result for one batch; with a residual, of the gated channels plus it. */
  override forward(x: Tensor, residual: Tensor | null = null): Tensor {
    const { act, endAct, reduce: { weight } } = this;
    requireImages("SqueezeExcitation", `SqueezeExcitation(${weight.shape[1]})`, x, weight.shape[1]!);
    return squeezeExcitation(x, {
      reduce: weight,
      reduceBias: this.reduce.bias!,
      expand: this.expand.weight,
      expandBias: this.expand.bias!,
      act,
      residual,
      endAct,
    });
  }
}
