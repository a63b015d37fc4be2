/** The high 32 bits of the product of two whole numbers below 2^32. */
function high(a: number, b: number): number {
  const [aHigh, aLow, bHigh, bLow] = [a >>> 16, a & 0xffff, b >>> 16, b & 0xffff];
  // The middle sum stays below 2^50, so doubles hold it exactly.
  const middle = aHigh * bLow + aLow * bHigh + ((aLow * bLow) >>> 16);
  return (aHigh * bHigh + Math.floor(middle / 2 ** 16)) >>> 0;
}

/** Four random numbers from 0 to 2^32 - 1. */
export type PhiloxBlock = readonly [number, number, number, number];

/**
 * Philox4x32-10 (Salmon 2011): four random 32-bit numbers that follow from a key and a counter alone, so any place in the
 * sequence can be had at once, and nothing but the two has to be stored to go on.
 */
export function philox(key: readonly [number, number], counter: PhiloxBlock): PhiloxBlock {
  let [k0, k1] = key;
  let [c0, c1, c2, c3] = counter;
  for (let round = 0; round < 10; round++) {
    const [high0, low0] = [high(0xd2511f53, c0), Math.imul(0xd2511f53, c0)];
    const [high1, low1] = [high(0xcd9e8d57, c2), Math.imul(0xcd9e8d57, c2)];
    c0 = (high1 ^ c1 ^ k0) >>> 0;
    c1 = low1 >>> 0;
    c2 = (high0 ^ c3 ^ k1) >>> 0;
    c3 = low0 >>> 0;
    k0 = (k0 + 0x9e3779b9) >>> 0;
    k1 = (k1 + 0xbb67ae85) >>> 0;
  }
  return [c0, c1, c2, c3];
}
