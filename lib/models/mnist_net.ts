/** A small network for digits. */
import { allOrNothing } from "../tensor/scope.ts";
import type { ModelOptions } from "./family.ts";
import { withoutUndefined, type XResNetOptions } from "./options.ts";
import { XResNet } from "./xresnet.ts";

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
  return allOrNothing(() => new XResNet({ ...mnistNetOptions, ...withoutUndefined(options) }));
}
