/** Random numbers that follow from a seed: xoshiro128**, filled by splitmix32. */
export class Random {
  readonly #state: Uint32Array;

  constructor(seed: number) {
    let x = seed >>> 0;
    this.#state = Uint32Array.from({ length: 4 }, () => {
      x = (x + 0x9e3779b9) >>> 0;
      let z = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
      z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
      return (z ^ (z >>> 15)) >>> 0;
    });
  }

  /** Whole, 0 to 2³² - 1. */
  u32(): number {
    const s = this.#state;
    const rotated = (x: number, bits: number): number => (x << bits) | (x >>> (32 - bits));
    const result = Math.imul(rotated(Math.imul(s[1]!, 5), 7), 9) >>> 0;
    const t = s[1]! << 9;
    s[2]! ^= s[0]!;
    s[3]! ^= s[1]!;
    s[1]! ^= s[2]!;
    s[0]! ^= s[3]!;
    s[2]! ^= t;
    s[3] = rotated(s[3]!, 11);
    return result;
  }

  /** Whole, 0 to `below` - 1. */
  below(below: number): number {
    return Math.floor(this.u32() / 2 ** 32 * below);
  }

  /** Whole, `from` to `to`, both included. */
  between(from: number, to: number): number {
    return from + this.below(to - from + 1);
  }

  /** One of them. */
  pick<Item>(items: readonly Item[]): Item {
    return items[this.below(items.length)]!;
  }

  /** True so often. */
  chance(share: number): boolean {
    return this.u32() < share * 2 ** 32;
  }

  /** Random bytes. */
  bytes(length: number): Uint8Array<ArrayBuffer> {
    return Uint8Array.from({ length }, () => this.below(256));
  }

  /** Another source of numbers, by a name: what one check draws does not depend on the others. */
  static of(seed: number, name: string): Random {
    let hash = 0x811c9dc5 ^ seed;
    for (const char of name) hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193);
    return new Random((hash ^ Math.imul(seed, 0x9e3779b1)) >>> 0);
  }
}
