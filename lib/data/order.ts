import { philox } from "./philox.ts";

/** Keeps these draws apart from others under the same seed and epoch; the text "shuf". */
const purpose = 0x73687566;

/**
 * The numbers from 0 to `length - 1` in an order that follows from seed and epoch alone (Fisher and Yates's shuffle with
 * Philox), so that a resumed run sees the samples that it would have seen.
 */
export function shuffledOrder(length: number, key: { seed: number; epoch: number }): Int32Array<ArrayBuffer> {
  const order = Int32Array.from({ length }, (_, index) => index);
  let block = philox([key.seed, key.epoch], [0, 0, 0, purpose]);
  for (let last = length - 1, draw = 0; last > 0; last--, draw++) {
    if (draw % 4 === 0) block = philox([key.seed, key.epoch], [draw / 4, 0, 0, purpose]);
    // Scaling favours some places by at most length / 2^32, far below what any training could notice.
    const place = Math.floor(block[draw % 4]! / 2 ** 32 * (last + 1));
    const moved = order[last]!;
    order[last] = order[place]!;
    order[place] = moved;
  }
  return order;
}
