/**
 * Optimizers and learning-rate schedules.
 *
 * @module
 */
export * from "./optimizer.ts";
export * from "./optimizers.ts";
export * from "./schedules.ts";
export { Ema, type EmaOptions } from "./ema.ts";
