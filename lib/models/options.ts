/** What an xresnet is made of. */
import type { ActivationName } from "../ffi/codes.ts";
import type { BlurFilter } from "../tensor/ops/pooling.ts";
import { requireChoice, requireFlag, requireNumber, requireNumbers, requireWhole } from "../tensor/ops/checks.ts";
import { requireCounts } from "../nn/checks.ts";
import { KaimingInit } from "../nn/init.ts";
import type { LayerOptions } from "../nn/layers.ts";
import { moduleOptions, requireLayerOptions } from "../nn/known_options.ts";
import type { ModuleOptions } from "../nn/module.ts";

/** The kinds of {@linkcode PoolKind}. */
export const poolKinds = ["max", "maxblur", "avg"] as const;

/** What subsamples: max pools, max pools with a blur (Zhang 2019), or fastai's default (max in the stem, mean in shortcuts). */
export type PoolKind = (typeof poolKinds)[number];

/** The filters of max pools with a blur (Zhang 2019): [1 1], [1 2 1] and [1 4 6 4 1] along each side. */
export const blurNames = ["rect2", "tri3", "bin5"] as const satisfies readonly BlurFilter[];

/** The activations that tasks offer. */
export const actNames = ["mish", "relu", "silu", "gelu"] as const;

/** An activation that tasks offer. */
export type ActName = (typeof actNames)[number];

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
  /** The filter of pools with a blur; by default tri3. */
  blur?: BlurFilter;
  /** Channels of the stem's three convolutions; by default [32, 32, 64]. */
  stem?: readonly number[];
  /** Stride of the stem's first convolution; by default 2. */
  stemStride?: number;
  /** Whether a pool follows the stem; by default true. */
  stemPool?: boolean;
  /** Width of each stage before the expansion; by default [64, 128, 256, 512]. */
  widths?: readonly number[];
  /** Multiplies the widths, rounded down; the stem keeps its own; by default 1. */
  widen?: number;
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
  /** Whether the first of the last four stages ends with simple self-attention; by default false. */
  sa?: boolean;
  /** Whether the attention's matrix is made symmetric; by default false. */
  sym?: boolean;
  /** Squeeze-and-excitation's reduction; 0 for none; by default 0. */
  reduction?: number;
  /** Whether the last norm of each block starts with weight 0; by default true. */
  zeroGamma?: boolean;
  /** The initial weights follow from it: normal of standard deviation √(2 / fanIn) (He 2015), biases 0, as in fastai. */
  seed?: number;
}

const optionNames = [
  "classes",
  "inChannels",
  "act",
  "pool",
  "blur",
  "stem",
  "stemStride",
  "stemPool",
  "widths",
  "widen",
  "blocks",
  "expansion",
  "groups",
  "form",
  "baseWidth",
  "sa",
  "sym",
  "reduction",
  "zeroGamma",
  "seed",
  ...moduleOptions,
] as const satisfies readonly (keyof XResNetOptions)[];

/** Options with nothing left open, and `widths` already widened. */
export type Filled = Required<Omit<XResNetOptions, "seed" | "device" | "dtype">> & LayerOptions;

/** What of the options every layer takes. */
export function partsOf({ init, device, dtype }: Filled): LayerOptions {
  return { init, device, dtype };
}

/** The options without those that are undefined, which would hide a default. */
export function withoutUndefined<Options extends object>(options: Options): Options {
  requireLayerOptions("XResNet", options, { known: optionNames, example: "{ classes: 10 }" });
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Options;
}

/** Throws for a filter that is none, or that no pool would have. */
export function requireBlurOf(op: string, { pool, blur }: { pool: string | undefined; blur: unknown }): void {
  if (blur === undefined) return;
  requireChoice(op, "blur", blur, blurNames);
  if (pool === "maxblur") return;
  throw new RangeError(`${op}(): Expected \`pool\` maxblur with \`blur\`, got ${pool ?? "none"}: leave \`blur\` out`);
}

/** Throws where an option is of another type. */
function requireKinds(options: XResNetOptions): void {
  const { stem, widths, blocks, stemPool, sa, zeroGamma, pool, blur, form, ...counts } = options;
  for (const [name, list] of Object.entries({ stem, widths, blocks })) {
    if (list !== undefined) requireNumbers("XResNet", name, list, `${name}: […]`);
  }
  if (blocks === undefined) throw new TypeError("XResNet(): Expected `blocks` as an array of numbers, got undefined");
  for (const [name, flag] of Object.entries({ stemPool, sa, zeroGamma })) {
    if (flag !== undefined) requireFlag("XResNet", name, flag);
  }
  if (pool !== undefined) requireChoice("XResNet", "pool", pool, poolKinds);
  requireBlurOf("XResNet", { pool, blur });
  if (form !== undefined) requireChoice("XResNet", "form", form, ["plain", "se", "resnext"]);
  requireWhole("XResNet", "classes", counts.classes, 1);
  requireCounts("XResNet", { classes: counts.classes });
  for (const name of ["inChannels", "stemStride", "expansion", "baseWidth"] as const) {
    if (counts[name] !== undefined) requireWhole("XResNet", name, counts[name], 1);
  }
  for (const [name, list] of Object.entries({ stem, blocks })) {
    list?.forEach((size, at) => requireWhole("XResNet", `${name}[${at}]`, size, 1));
  }
  if (counts.widen !== undefined) requireNumber("XResNet", "widen", counts.widen);
}

/** Fills in what was left out; throws a RangeError for what no network can be made of. */
export function withDefaults(options: XResNetOptions): Filled {
  requireKinds(withoutUndefined(options));
  const { device, dtype, seed, ...rest } = options;
  const filled = {
    inChannels: 3,
    act: "relu" as const,
    pool: "avg" as const,
    blur: "tri3" as const,
    stem: [32, 32, 64],
    stemStride: 2,
    stemPool: true,
    widths: [64, 128, 256, 512],
    groups: 1,
    form: "plain" as const,
    baseWidth: 4,
    reduction: 0,
    widen: 1,
    sa: false,
    sym: false,
    zeroGamma: true,
    ...withoutUndefined(rest),
    device,
    dtype,
    init: new KaimingInit({ seed }),
  };
  if (filled.blocks.length > filled.widths.length || filled.blocks.length === 0 || filled.stem.length === 0) {
    throw new RangeError(
      `XResNet: Expected a width for each of ${filled.blocks.length} stages, and a stem, got ${filled.widths.length} and ${filled.stem.length}`,
    );
  }
  if (!(filled.widen > 0 && filled.widen < Infinity)) {
    throw new RangeError(`XResNet: Expected \`widen\` above 0, got ${filled.widen}`);
  }
  const widths = filled.widths.map((width) => Math.floor(width * filled.widen));
  if (widths.some((width) => !(width >= 1))) {
    throw new RangeError(
      `XResNet: Expected widths from 1, got ${filled.widths.join(", ")} times ${filled.widen}: raise widen`,
    );
  }
  return { ...filled, widths };
}
