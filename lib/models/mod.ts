/**
 * Models: the xresnet family.
 *
 * @module
 */
import { given, XResNet, type XResNetOptions } from "./xresnet.ts";

export { type PoolKind, ResBlock, Shortcut, XResNet, type XResNetOptions } from "./xresnet.ts";

/** Options of a member of the family: what its name fixes is left out. */
export type ModelOptions = Omit<XResNetOptions, "blocks" | "expansion">;

/** xresnet18: two 3x3 convolutions a block, 2 blocks a stage. */
export function xresnet18(options: ModelOptions): XResNet {
  return new XResNet({ blocks: [2, 2, 2, 2], expansion: 1, ...options });
}

/** xresnet34: two 3x3 convolutions a block, 3, 4, 6, 3 blocks. */
export function xresnet34(options: ModelOptions): XResNet {
  return new XResNet({ blocks: [3, 4, 6, 3], expansion: 1, ...options });
}

/** xresnet50: bottleneck blocks, 3, 4, 6, 3. */
export function xresnet50(options: ModelOptions): XResNet {
  return new XResNet({ blocks: [3, 4, 6, 3], expansion: 4, ...options });
}

/** xse_resnext50: bottlenecks of 32 groups with squeeze-and-excitation. */
export function xseResnext50(options: ModelOptions): XResNet {
  return new XResNet({ blocks: [3, 4, 6, 3], expansion: 4, form: "resnext", groups: 32, reduction: 16, ...options });
}

/** What {@linkcode mnistNet} is made of. */
export const mnistNetOptions = {
  classes: 10,
  inChannels: 1,
  act: "mish",
  pool: "maxblur",
  stem: [8, 8, 16],
  stemStride: 1,
  widths: [32, 64],
  blocks: [1, 1],
  expansion: 1,
  form: "se",
  reduction: 16,
} as const satisfies XResNetOptions;

/** A small network for 28 x 28 digits: squeeze-and-excitation, blur pools, Mish. */
export function mnistNet(options: Partial<ModelOptions> = {}): XResNet {
  return new XResNet({ ...mnistNetOptions, ...given(options) });
}
