/**
 * Modules: layers with parameters, and what is built of them.
 *
 * @module
 */
export * from "./module.ts";
export * from "./replace.ts";
export * from "./init.ts";
export * from "./layers.ts";
export * from "./pools.ts";
export * from "./blocks.ts";
export * from "./spectral_norm.ts";
export * from "./self_attention.ts";
export * from "./summary.ts";
export { type FastaiEntry, type FastaiNames } from "./fastai_names.ts";
