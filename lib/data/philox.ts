/** The high 32 bits of the product of two whole numbers below 2^32. */
function high(a: number, b: number): number {
  const aHigh = a >>> 16;
  const aLow = a & 0xffff;
  const bHigh = b >>> 16;
  const bLow = b & 0xffff;
  // Each sum stays below 2^32: 32-bit arithmetic throughout, which is what makes this fast.
  const low = Math.imul(aLow, bLow) >>> 16;
  const first = (Math.imul(aHigh, bLow) + low) >>> 0;
  const second = (Math.imul(aLow, bHigh) + (first & 0xffff)) >>> 0;
  return (Math.imul(aHigh, bHigh) + (first >>> 16) + (second >>> 16)) >>> 0;
}

/** Four random numbers from 0 to 2^32 - 1. */
export type PhiloxBlock = readonly [number, number, number, number];

/**
 * Philox4x32-10 (Salmon 2011): four random 32-bit numbers that follow from a key and a counter alone, so any place in the
 * sequence can be had at once, and nothing but the two has to be stored to go on.
 */
export function philox(key: readonly [number, number], counter: PhiloxBlock): PhiloxBlock {
  // An epoch's order takes thousands of blocks while the event loop waits, so no round makes an array.
  let k0 = key[0];
  let k1 = key[1];
  let c0 = counter[0];
  let c1 = counter[1];
  let c2 = counter[2];
  let c3 = counter[3];
  for (let round = 0; round < 10; round++) {
    const high0 = high(0xd2511f53, c0);
    const low0 = Math.imul(0xd2511f53, c0) >>> 0;
    const high1 = high(0xcd9e8d57, c2);
    const low1 = Math.imul(0xcd9e8d57, c2) >>> 0;
    c0 = (high1 ^ c1 ^ k0) >>> 0;
    c1 = low1;
    c2 = (high0 ^ c3 ^ k1) >>> 0;
    c3 = low0;
    k0 = (k0 + 0x9e3779b9) >>> 0;
    k1 = (k1 + 0xbb67ae85) >>> 0;
  }
  return [c0, c1, c2, c3];
}
