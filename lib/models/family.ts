/** The xresnet family under fastai's names. */
import { allOrNothing } from "../tensor/scope.ts";
import { withoutUndefined, type XResNetOptions } from "./options.ts";
import { XResNet } from "./xresnet.ts";

/** Options of a member of the family: what its name fixes is left out. */
export type ModelOptions = Omit<XResNetOptions, "blocks" | "expansion">;

/** A function that makes a member of the family. */
export type ModelFactory = (options: ModelOptions) => XResNet;

/** Blocks a stage, and how many times its width a block gives, by depth. */
const depths = {
  18: { blocks: [2, 2, 2, 2], expansion: 1 },
  34: { blocks: [3, 4, 6, 3], expansion: 1 },
  50: { blocks: [3, 4, 6, 3], expansion: 4 },
  101: { blocks: [3, 4, 23, 3], expansion: 4 },
} as const;

/** What tells the four forms apart. */
const forms = {
  plain: {},
  resnext: { form: "resnext", groups: 32 },
  se: { form: "se", reduction: 16 },
  seResnext: { form: "resnext", groups: 32, reduction: 16 },
} as const;

function member(form: keyof typeof forms, depth: keyof typeof depths, options: ModelOptions): XResNet {
  return allOrNothing(() => new XResNet({ ...depths[depth], ...forms[form], ...withoutUndefined(options) }));
}

/** xresnet18: two 3x3 convolutions a block, 2 blocks in each of 4 stages. */
export function xresnet18(options: ModelOptions): XResNet {
  return member("plain", 18, options);
}

/** xresnet34: two 3x3 convolutions a block, 3, 4, 6 and 3 blocks. */
export function xresnet34(options: ModelOptions): XResNet {
  return member("plain", 34, options);
}

/** xresnet50: bottleneck blocks, 3, 4, 6 and 3. */
export function xresnet50(options: ModelOptions): XResNet {
  return member("plain", 50, options);
}

/** xresnet101: bottleneck blocks, 3, 4, 23 and 3. */
export function xresnet101(options: ModelOptions): XResNet {
  return member("plain", 101, options);
}

/** xresnext18: two 3x3 convolutions a block, 2 blocks in each of 4 stages, in 32 groups. */
export function xresnext18(options: ModelOptions): XResNet {
  return member("resnext", 18, options);
}

/** xresnext34: two 3x3 convolutions a block, 3, 4, 6 and 3 blocks, in 32 groups. */
export function xresnext34(options: ModelOptions): XResNet {
  return member("resnext", 34, options);
}

/** xresnext50: bottleneck blocks, 3, 4, 6 and 3, in 32 groups. */
export function xresnext50(options: ModelOptions): XResNet {
  return member("resnext", 50, options);
}

/** xresnext101: bottleneck blocks, 3, 4, 23 and 3, in 32 groups. */
export function xresnext101(options: ModelOptions): XResNet {
  return member("resnext", 101, options);
}

/** xse_resnet18: two 3x3 convolutions a block, 2 blocks in each of 4 stages, with squeeze-and-excitation. */
export function xseResnet18(options: ModelOptions): XResNet {
  return member("se", 18, options);
}

/** xse_resnet34: two 3x3 convolutions a block, 3, 4, 6 and 3 blocks, with squeeze-and-excitation. */
export function xseResnet34(options: ModelOptions): XResNet {
  return member("se", 34, options);
}

/** xse_resnet50: bottleneck blocks, 3, 4, 6 and 3, with squeeze-and-excitation. */
export function xseResnet50(options: ModelOptions): XResNet {
  return member("se", 50, options);
}

/** xse_resnet101: bottleneck blocks, 3, 4, 23 and 3, with squeeze-and-excitation. */
export function xseResnet101(options: ModelOptions): XResNet {
  return member("se", 101, options);
}

/** xse_resnext18: two 3x3 convolutions a block, 2 blocks in each of 4 stages, in 32 groups, with squeeze-and-excitation. */
export function xseResnext18(options: ModelOptions): XResNet {
  return member("seResnext", 18, options);
}

/** xse_resnext34: two 3x3 convolutions a block, 3, 4, 6 and 3 blocks, in 32 groups, with squeeze-and-excitation. */
export function xseResnext34(options: ModelOptions): XResNet {
  return member("seResnext", 34, options);
}

/**
 * xse_resnext50: bottleneck blocks, 3, 4, 6 and 3, in 32 groups, with squeeze-and-excitation.
 *
 * @example The winning entry's network
 * ```ts
 * import { models } from "@libtrain/libtrain";
 *
 * using model = models.xseResnext50({ classes: 10, act: "mish", sa: true, pool: "maxblur", seed: 0 });
 * console.log(String(model)); // XResNet(25,616,155 parameters, training)
 * ```
 */
export function xseResnext50(options: ModelOptions): XResNet {
  return member("seResnext", 50, options);
}

/** xse_resnext101: bottleneck blocks, 3, 4, 23 and 3, in 32 groups, with squeeze-and-excitation. */
export function xseResnext101(options: ModelOptions): XResNet {
  return member("seResnext", 101, options);
}

/** The family by fastai's names. */
export const archs = {
  xresnet18,
  xresnet34,
  xresnet50,
  xresnet101,
  xresnext18,
  xresnext34,
  xresnext50,
  xresnext101,
  xse_resnet18: xseResnet18,
  xse_resnet34: xseResnet34,
  xse_resnet50: xseResnet50,
  xse_resnet101: xseResnet101,
  xse_resnext18: xseResnext18,
  xse_resnext34: xseResnext34,
  xse_resnext50: xseResnext50,
  xse_resnext101: xseResnext101,
} as const satisfies Readonly<Record<string, ModelFactory>>;

/** fastai's name of a member. */
export type ArchName = keyof typeof archs;

/** All of fastai's names. */
export const archNames = Object.keys(archs) as readonly ArchName[];
