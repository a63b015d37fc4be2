/** Arguments that no program of ours would give, for every export of the library. */
import type { Handle } from "../../lib/ffi/call.ts";
import { SYMBOLS } from "../../lib/ffi/generated/symbols.ts";
import type { FunctionRow } from "../../tests/support/raw_exports.ts";
import type { Random } from "./random.ts";

/** A value as the ABI takes it. */
export type RawValue = number | Uint8Array<ArrayBuffer> | Uint32Array<ArrayBuffer> | Float64Array<ArrayBuffer> | null;

/** Live handles to draw from. */
export interface Live {
  readonly queue: Handle;
  readonly other: Handle;
  readonly tensors: readonly Handle[];
}

/** No sizes between these and 2^31: what could be made would take the machine's time, and is no wrong argument. */
const WORDS = [0, 1, 2, 3, 4, 7, 9, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff];
const NUMBERS = [
  0,
  -0,
  1,
  2,
  3,
  4,
  8,
  0.5,
  1.5,
  -1,
  5e-324,
  1e300,
  NaN,
  Infinity,
  -Infinity,
  2 ** 31,
  2 ** 32,
  2 ** 53,
  -(2 ** 31),
];
const TEXTS = ["", "\0", "a", "./", "none/at/all", "\xff\xfe", "../".repeat(50), "x".repeat(5000), "set.tgz", "a\0b"];

function word(rng: Random, live: Live): number {
  if (rng.chance(0.1)) return rng.u32();
  const handles = [live.queue, live.other, ...live.tensors];
  if (rng.chance(0.3)) return rng.chance(0.5) ? rng.pick(handles).slot : rng.pick(handles).generation;
  return rng.pick(WORDS);
}

function number(rng: Random): number {
  return rng.chance(0.1) ? rng.u32() / 2 ** 24 - 128 : rng.pick(NUMBERS);
}

/** A buffer and what is said of its bytes: never more than it has, as nothing behind a pointer says how long it is. */
function sized(rng: Random, buffer: RawValue & object): [RawValue, number] {
  if (rng.chance(0.05)) return [null, rng.pick([0, 4, 8, 64])];
  const bytes = buffer.byteLength;
  if (rng.chance(0.1) && bytes > 1) return [new Uint8Array(buffer.buffer, 1, bytes - 1), bytes - 1];
  return [buffer, rng.chance(0.2) ? rng.below(bytes + 1) : bytes];
}

function handlesIn(rng: Random, live: Live): Uint32Array<ArrayBuffer> {
  const known = [...live.tensors, live.queue];
  const some = Array.from(
    { length: rng.below(9) },
    (): Handle => rng.chance(0.8) ? rng.pick(known) : { slot: word(rng, live), generation: word(rng, live) },
  );
  return Uint32Array.from(some.flatMap(({ slot, generation }) => [slot, generation]));
}

function numbersIn(rng: Random): Float64Array<ArrayBuffer> {
  return Float64Array.from({ length: rng.below(14) }, () => number(rng));
}

/** A queue's handle: mostly the live one. */
function queueOf(rng: Random, live: Live): [number, number] {
  if (rng.chance(0.8)) return [live.queue.slot, live.queue.generation];
  if (rng.chance(0.5)) return [live.other.slot, live.other.generation];
  return [word(rng, live), word(rng, live)];
}

/** The result buffer: mostly one with room. */
function outOf(rng: Random): [RawValue, number] {
  return rng.chance(0.9) ? [new Uint32Array(1024), 4096] : sized(rng, new Uint32Array(rng.below(16)));
}

/** Arguments of an op's export. */
export function wildOpArguments(rng: Random, live: Live): RawValue[] {
  return [...queueOf(rng, live), ...sized(rng, handlesIn(rng, live)), ...sized(rng, numbersIn(rng)), ...outOf(rng)];
}

/** Arguments of a function that is no op. */
export function wildFunctionArguments(rng: Random, row: FunctionRow, live: Live): RawValue[] {
  const given: RawValue[] = row.queue ? queueOf(rng, live) : [];
  for (const { name, buffer } of row.args) {
    if (buffer === undefined) {
      given.push(name === "slot" && rng.chance(0.5) ? rng.pick(live.tensors).slot : word(rng, live));
    } else if (buffer === "u32") given.push(...sized(rng, handlesIn(rng, live)));
    else if (buffer === "f64") given.push(...sized(rng, numbersIn(rng)));
    else {given.push(
        ...sized(rng, rng.chance(0.5) ? rng.bytes(rng.below(200)) : new TextEncoder().encode(rng.pick(TEXTS))),
      );}
  }
  return [...given, ...outOf(rng)];
}

/** Calls an export with as many arguments as it has, at one place in the code: only such a call becomes hot. */
export type Caller = (call: unknown, given: readonly RawValue[]) => number | Promise<number>;

/** A caller of its own for an export: shared by several, none of their calls would be made directly. */
export function callerOf(name: string): Caller {
  const { parameters } = SYMBOLS[name as keyof typeof SYMBOLS];
  const given = parameters.map((_, at) => `given[${at}]`).join(", ");
  return new Function("call", "given", `return call(${given});`) as Caller;
}
