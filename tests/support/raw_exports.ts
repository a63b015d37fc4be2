/** The exports of the library called as they are, past every check of `lib/ffi`. */
import { DTYPE_CODES } from "../../lib/ffi/codes.ts";
import type { Handle } from "../../lib/ffi/call.ts";
import { errorOf, type NativeError } from "../../lib/ffi/errors.ts";
import { SYMBOLS } from "../../lib/ffi/generated/symbols.ts";
import { symbols } from "../../lib/ffi/library.ts";
import { nativeErrorAt } from "../../lib/ffi/out.ts";
import { type OpRow, opRows, type ParamValue } from "./op_cases.ts";

/** An argument of a function that is no op: a number, or a buffer of numbers with its byte length after it. */
export interface RawArgument {
  readonly name: string;
  readonly buffer?: "u8" | "u32" | "f64";
}

/** A function of the library that is no op. */
export interface FunctionRow {
  readonly name: string;
  readonly queue: boolean;
  readonly args: readonly RawArgument[];
  readonly nonblocking: boolean;
}

const table: { functions: FunctionRow[] } = JSON.parse(
  Deno.readTextFileSync(new URL("../generated/ops.json", import.meta.url)),
);

/** Every function that is no op. */
export const functionRows: readonly FunctionRow[] = table.functions;

/** Every export, ops and functions. */
export const exportNames: readonly string[] = [
  ...functionRows.map(({ name }) => `lt_${name}`),
  ...opRows.map(({ name }) => `lt_${name}`),
];

/** Status and message of a raw call, and the words that it wrote. */
export interface RawResult {
  readonly status: number;
  /** Of the error, as TypeScript makes it. */
  readonly message: string;
  readonly error: NativeError;
  readonly out: Uint32Array;
}

type RawValue = number | BufferSource | null;

/** Calls an export with arguments as they stand, except for the result buffer, which is added. */
export async function rawCall(name: string, args: readonly RawValue[]): Promise<RawResult> {
  const out = new Uint32Array(1024);
  const status = await rawStatus(name, [...args, out, out.byteLength]);
  const error = status === 0 ? { status, reason: "" } : nativeErrorAt(status, out);
  return { status, message: status === 0 ? "" : errorOf(error).message, error, out };
}

/** Calls an export with all of its arguments, the result buffer among them. */
export async function rawStatus(name: string, args: readonly RawValue[]): Promise<number> {
  const call = symbols()[name as keyof typeof SYMBOLS] as unknown as (...args: RawValue[]) => number | Promise<number>;
  return await call(...args);
}

/** Throws the error of a raw result as `lib/ffi` would. */
export function errorFor({ error }: RawResult): Error {
  return errorOf(error);
}

/** Words of handles, (0, 0) for none. */
export function words(handles: readonly Handle[]): Uint32Array<ArrayBuffer> {
  return Uint32Array.from(handles.flatMap(({ slot, generation }) => [slot, generation]));
}

/** The arguments of an op's export: queue, inputs, parameters. */
export function opArguments(queue: Handle, inputs: readonly Handle[], params: readonly number[]): RawValue[] {
  const [from, values] = [words(inputs), Float64Array.from(params)];
  return [queue.slot, queue.generation, from, from.byteLength, values, values.byteLength];
}

/** An op's parameters as numbers in the order of the table; lists are spread. */
export function paramNumbers(row: OpRow, params: Readonly<Record<string, ParamValue>>): number[] {
  return row.params.flatMap(({ name }): number[] => {
    const value = params[name]!;
    if (typeof value === "object") return [...value];
    if (typeof value === "string") return [DTYPE_CODES[value as keyof typeof DTYPE_CODES] ?? 0];
    return [Number(value)];
  });
}

/** Arguments of a function: the queue's handle, `handle` for a slot and its generation, 1 for other numbers. */
export function functionArguments(row: FunctionRow, queue: Handle, handle: Handle): RawValue[] {
  const given: RawValue[] = row.queue ? [queue.slot, queue.generation] : [];
  for (const { name, buffer } of row.args) {
    if (name === "slot") given.push(handle.slot);
    else if (name === "generation") given.push(handle.generation);
    else if (buffer === undefined) given.push(1);
    else {
      const empty = buffer === "f64" ? new Float64Array(0) : buffer === "u8" ? new Uint8Array(0) : new Uint32Array(0);
      given.push(empty, 0);
    }
  }
  return given;
}
