/**
 * Models: the xresnet family.
 *
 * @module
 */
export * from "./family.ts";
export * from "./mnist_net.ts";
export { type PoolKind, type XResNetOptions } from "./options.ts";
export * from "./res_block.ts";
export * from "./xresnet.ts";
