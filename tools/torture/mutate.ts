/** Damage done to bytes. */
import type { Random } from "./random.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** One bit is another. */
export function flipBit(bytes: Bytes, rng: Random): Bytes {
  const changed = bytes.slice();
  changed[rng.below(bytes.length)]! ^= 1 << rng.below(8);
  return changed;
}

/** The end is missing. */
export function cut(bytes: Bytes, rng: Random): Bytes {
  return bytes.slice(0, rng.below(bytes.length));
}

/** A bit flipped, or the end missing. */
export function flipOrCut(bytes: Bytes, rng: Random): Bytes {
  return rng.chance(0.75) ? flipBit(bytes, rng) : cut(bytes, rng);
}

/** Numbers at which sizes go wrong. */
const EDGES = [0, 1, 0x7f, 0x80, 0xff];

/** A part taken out, put in twice, overwritten with noise or an edge value; a bit flipped; the end missing. */
export function mutate(bytes: Bytes, rng: Random): Bytes {
  let changed = bytes;
  for (let times = rng.between(1, 4); times > 0; times--) changed = mutateOnce(changed, rng);
  return changed;
}

function mutateOnce(bytes: Bytes, rng: Random): Bytes {
  if (bytes.length === 0) return rng.bytes(rng.between(1, 16));
  const at = rng.below(bytes.length);
  const length = Math.min(rng.chance(0.5) ? rng.between(1, 8) : rng.between(1, 256), bytes.length - at);
  const part = bytes.subarray(at, at + length);
  const joined = (...parts: Uint8Array[]): Bytes => {
    const all = new Uint8Array(parts.reduce((sum, each) => sum + each.length, 0));
    let place = 0;
    for (const each of parts) {
      all.set(each, place);
      place += each.length;
    }
    return all;
  };
  switch (rng.below(6)) {
    case 0:
      return flipBit(bytes, rng);
    case 1:
      return joined(bytes.subarray(0, at), bytes.subarray(at + length));
    case 2:
      return joined(bytes.subarray(0, at), part, bytes.subarray(at));
    case 3:
      return joined(bytes.subarray(0, at), rng.bytes(length), bytes.subarray(at + length));
    case 4:
      return joined(bytes.subarray(0, at), Uint8Array.of(rng.pick(EDGES)), bytes.subarray(at + 1));
    default:
      return rng.chance(0.3) ? cut(bytes, rng) : flipBit(bytes, rng);
  }
}

/** Tokens at which readers of JSON go wrong. */
const TOKENS = [
  "0",
  "-1",
  "1e309",
  "1.5",
  "9007199254740993",
  "null",
  "true",
  '""',
  "[]",
  "{}",
  '"__proto__"',
  "[0]",
  "[[[]]]",
  '"\\ud800"',
];

/** A token of a text put in place of another, taken out, or put in twice; what is around it stays. */
export function mutateText(bytes: Bytes, rng: Random): Bytes {
  // Latin-1, so that what is no text comes out as it was.
  const text = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  const tokens = [...text.matchAll(/"[^"]*"|-?\d[\d.eE+-]*|true|false|null|[[\]{}:,]/g)];
  if (tokens.length === 0) return mutate(bytes, rng);
  const { 0: token, index } = rng.pick(tokens);
  const [before, after] = [text.slice(0, index), text.slice(index + token.length)];
  const other = rng.chance(0.5) ? rng.pick(TOKENS) : rng.pick(tokens)[0];
  const middle = rng.pick([other, "", token + token, `${token},${other}`]);
  return Uint8Array.from(before + middle + after, (char) => char.charCodeAt(0));
}
