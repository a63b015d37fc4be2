/** Random numbers of statistics, which follow from a seed: the same figures are told again. */
import { philox, type PhiloxBlock } from "../../data/philox.ts";

/** What draws are for, so that two purposes share none under one seed; the texts "boot", "flip" and "cali". */
const purposes = { bootstrap: 0x626f6f74, signFlip: 0x666c6970, calibration: 0x63616c69 } as const;

/** Whole numbers below 2^32, one after the other. */
export class Draws {
  readonly #seed: number;
  readonly #purpose: number;
  #block: PhiloxBlock = [0, 0, 0, 0];
  #drawn = 0;

  /** Those of a seed below 2^32 for one purpose. */
  constructor(seed: number, purpose: keyof typeof purposes) {
    this.#seed = seed;
    this.#purpose = purposes[purpose];
  }

  /** The next one. */
  next(): number {
    const at = this.#drawn++;
    if (at % 4 === 0) {
      const block = at / 4;
      this.#block = philox([this.#seed, 0], [block % 2 ** 32, Math.floor(block / 2 ** 32), 0, this.#purpose]);
    }
    return this.#block[at % 4]!;
  }
}
