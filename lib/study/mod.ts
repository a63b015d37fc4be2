/**
 * Studies: what is measured of trained models beside their accuracy.
 *
 * @module
 */
export { type Consistency, shiftConsistency, shiftCurve } from "./shift.ts";
