/** Op calls: numbers checked and packed, results unpacked. */
import { ACTIVATION_CODES, type ActivationName, DTYPE_CODES, type DtypeName, dtypeOf } from "./codes.ts";
import { type OpDescriptor, type OpName, type OpParams, OPS } from "./generated/symbols.ts";
import { symbols } from "./library.ts";
import { shown } from "./shown.ts";
import { check } from "./out.ts";
import { u64In } from "./words.ts";

/** A handle of the library: a slot and the generation of what it holds. */
export interface Handle {
  readonly slot: number;
  readonly generation: number;
}

/** A tensor as the library describes it. */
export interface RawTensor extends Handle {
  readonly dtype: DtypeName;
  readonly shape: readonly number[];
}

/** What an op call returns. */
export interface OpResult {
  /** The number of the command in the queue; 0 for a view, which runs nothing. */
  readonly ticket: number;
  readonly outputs: RawTensor[];
}

/** Results and messages; every synchronous call uses it in turn. */
export const out: Uint32Array<ArrayBuffer> = new Uint32Array(64 * 1024);

let inputWords = new Uint32Array(64);
let paramValues = new Float64Array(64);

type OpSymbol = (typeof OPS)[OpName]["symbol"];

/** Calls an op on a queue; throws what the library refuses. */
export function callOp<Name extends OpName>(
  queue: Handle,
  name: Name,
  inputs: readonly (Handle | null)[],
  params: OpParams[Name],
): OpResult {
  const op: OpDescriptor = OPS[name];
  const words = packInputs(inputs);
  const count = packParams(name, op.params, params as Record<string, unknown>);
  const call = symbols()[op.symbol as OpSymbol];
  const status = call(queue.slot, queue.generation, inputWords, words * 4, paramValues, count * 8, out, out.byteLength);
  check(status, out);
  return readResult();
}

/** Reads what an op or a replay wrote: ticket, count, tensors. */
export function readResult(): OpResult {
  const ticket = u64At(0);
  const outputs: RawTensor[] = [];
  let word = 3;
  for (let i = 0; i < out[2]!; i++) {
    const tensor = tensorAt(word);
    outputs.push(tensor);
    word += 4 + tensor.shape.length;
  }
  return { ticket, outputs };
}

/** A u64 in `out`; exact below 2^53. */
export function u64At(word: number, words: Uint32Array = out): number {
  return u64In(words, word);
}

/** A tensor in `out`: slot, generation, dtype, rank, sizes. */
export function tensorAt(word: number): RawTensor {
  const shape = Array.from(out.subarray(word + 4, word + 4 + out[word + 3]!));
  return { slot: out[word]!, generation: out[word + 1]!, dtype: dtypeOf(out[word + 2]!), shape };
}

/** Handles as pairs of words, for calls that take a list of them. */
export function handleWords(handles: readonly Handle[]): Uint32Array<ArrayBuffer> {
  const words = new Uint32Array(2 * handles.length);
  handles.forEach(({ slot, generation }, i) => words.set([slot, generation], 2 * i));
  return words;
}

function packInputs(inputs: readonly (Handle | null)[]): number {
  if (inputWords.length < 2 * inputs.length) inputWords = new Uint32Array(4 * inputs.length);
  let word = 0;
  for (const input of inputs) {
    inputWords[word++] = input?.slot ?? 0;
    inputWords[word++] = input?.generation ?? 0;
  }
  return word;
}

function packParams(op: string, kinds: OpDescriptor["params"], params: Record<string, unknown>): number {
  let count = 0;
  for (const [name, kind] of kinds) {
    const value = params[name];
    if (!kind.endsWith("[]")) {
      if (count >= paramValues.length) growParams(count + 1);
      paramValues[count++] = numberOf(op, name, kind, value);
      continue;
    }
    if (!Array.isArray(value)) {
      throw new TypeError(`${op}(): Expected \`${name}\` as an array of numbers, got ${shown(value)}`);
    }
    const list = value as readonly number[];
    if (count + list.length > paramValues.length) growParams(count + list.length);
    for (const [i, element] of list.entries()) {
      paramValues[count++] = numberOf(op, `${name}[${i}]`, kind.slice(0, -2), element);
    }
  }
  return count;
}

function growParams(needed: number): void {
  const larger = new Float64Array(2 * needed);
  larger.set(paramValues);
  paramValues = larger;
}

/** Checks a parameter by its kind: a hot FFI call would wrap a wrong number silently. */
function numberOf(op: string, name: string, kind: string, value: unknown): number {
  switch (kind) {
    case "u32":
      return whole(op, name, value, 0, 2 ** 32 - 1);
    case "i32":
      return whole(op, name, value, -(2 ** 31), 2 ** 31 - 1);
    case "bool":
      if (typeof value !== "boolean") {
        throw new TypeError(`${op}(): Expected \`${name}\` as a boolean, got ${shown(value)}`);
      }
      return value ? 1 : 0;
    case "dtype":
      return codeOf(op, name, DTYPE_CODES, value as DtypeName);
    case "activation":
      return codeOf(op, name, ACTIVATION_CODES, value as ActivationName);
    default:
      if (typeof value !== "number") {
        throw new TypeError(`${op}(): Expected \`${name}\` as a number, got ${shown(value)}`);
      }
      if (!Number.isFinite(value)) {
        throw new RangeError(`${op}(): Expected \`${name}\` as a finite number, got ${value}`);
      }
      return value;
  }
}

function whole(op: string, name: string, value: unknown, low: number, high: number): number {
  if (typeof value !== "number") {
    throw new TypeError(`${op}(): Expected \`${name}\` as a whole number, got ${shown(value)}`);
  }
  if (!Number.isInteger(value) || value < low || value > high) {
    throw new RangeError(`${op}(): Expected \`${name}\` as a whole number from ${low} to ${high}, got ${value}`);
  }
  return value;
}

function codeOf<Name extends string>(op: string, name: string, codes: Record<Name, number>, value: Name): number {
  if (typeof value !== "string" || !Object.hasOwn(codes, value)) {
    throw new RangeError(
      `${op}(): Expected \`${name}\` as one of ${Object.keys(codes).join(", ")}, got ${shown(value)}`,
    );
  }
  return codes[value];
}
