/** Numbers in the words of a call's buffer. */

/** A u64; exact below 2^53. */
export function u64In(words: Uint32Array, word: number): number {
  return words[word]! + words[word + 1]! * 2 ** 32;
}
