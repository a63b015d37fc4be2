/** What the library writes to the buffer of a call: texts, and errors in fields. */
import { errorOf, type NativeError } from "./errors.ts";
import { holdersAt, MEMORY_WORDS, sourceOf } from "./memory.ts";
import { u64In } from "./words.ts";

/** Words in front of an error's texts; `Out::error` in `core-rs/src/abi/buffers.rs` writes them. */
const ERROR_HEAD = 11;
const LOST = 1, FREE_KNOWN = 2, MEMORY = 4;

const decoder = new TextDecoder();

function bytesAt(words: Uint32Array, word: number, offset: number, length: number): string {
  return decoder.decode(new Uint8Array(words.buffer, words.byteOffset + 4 * word + offset, length));
}

/** The text that the library wrote from a word on: [byte length, UTF-8 …]. */
export function textAt(words: Uint32Array, word: number): string {
  return bytesAt(words, word + 1, 0, words[word] ?? 0);
}

/**
 * The error that the library wrote: [bytes of the op's name, bytes of the text, flags, record, asked, held, free], the last
 * four as u64, where memory was refused [budget, source, bytes by holder …], as u64, then both in UTF-8. Without room for
 * these the status is all there is.
 */
export function nativeErrorAt(status: number, words: Uint32Array): NativeError {
  if (words.length < ERROR_HEAD) return { status, reason: `The native library failed with status ${status}` };
  const [opBytes = 0, textBytes = 0, flags = 0] = words;
  const ofMemory = (flags & MEMORY) !== 0;
  const texts = ERROR_HEAD + (ofMemory ? MEMORY_WORDS : 0);
  const budget = ofMemory ? u64In(words, ERROR_HEAD) : 0;
  return {
    status,
    reason: bytesAt(words, texts, opBytes, textBytes),
    ...(opBytes > 0 ? { op: bytesAt(words, texts, 0, opBytes) } : {}),
    record: u64In(words, 3),
    lost: (flags & LOST) !== 0,
    asked: u64In(words, 5),
    held: u64In(words, 7),
    ...((flags & FREE_KNOWN) !== 0 ? { free: u64In(words, 9) } : {}),
    ...(budget > 0 ? { budget } : {}),
    ...(ofMemory
      ? { source: sourceOf(u64In(words, ERROR_HEAD + 2)), holders: holdersAt(words, ERROR_HEAD + 4), ofMemory }
      : {}),
  };
}

/** Throws the error of a status that is not 0. */
export function check(status: number, words: Uint32Array): void {
  if (status !== 0) throw errorOf(nativeErrorAt(status, words));
}
